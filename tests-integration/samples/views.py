"""Rows of views, of their inverses and copies, of copies and conversions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import BOOL, COMPLEX, FLOAT, REAL, Array, Case, Make, case, refused, row

ALL = REAL + BOOL + COMPLEX


def strided(x: Array, size: Any, stride: Any, storage_offset: int | None = None) -> Array:
    """What as_strided shows of a contiguous array that fills its storage."""
    steps = [s * x.itemsize for s in stride]
    return np.lib.stride_tricks.as_strided(x.reshape(-1)[storage_offset or 0 :], size, steps)


def equals(reference: Callable[..., Any]) -> Callable[..., None]:
    """A check for calls that depend on the strides of their argument: only contiguous ones are compared."""

    def check(result: Any, *args: Any, **kwargs: Any) -> None:
        np.testing.assert_array_equal(np.asarray(result), reference(*args, **kwargs))

    return check


# ---- shapes ---------------------------------------------------------------------------------------------------


@row("Tensor.view", dtypes=ALL, reference=lambda x, *s: x.reshape(*s), check=equals(lambda x, *s: x.reshape(*s)))
def view(make: Make) -> Iterator[Case]:
    yield case(make(2, 6), 3, -1)
    yield case(make(2, 6), [12])
    yield case(make(), [1, 1])
    yield case(make(0, 3), [3, 0])
    yield refused(make(2, 3), [4, 2], error=ValueError, match="does not hold")
    yield refused(make(2, 3), [-1, -1], error=ValueError, match="one -1")


@row("reshape", dtypes=ALL, reference=np.reshape)
def reshape(make: Make) -> Iterator[Case]:
    yield case(make(2, 6), (3, -1))
    yield case(make(1), ())
    yield case(make(0, 3), (0,))
    yield refused(make(2, 3), (5,), error=ValueError, match="does not hold")
    yield refused(make(0, 3), (-1, 0), error=ValueError, match="could be any")


def like(reference: Callable[[Array, Array], Array]) -> Callable[[Make], Iterator[Case]]:
    def samples(make: Make) -> Iterator[Case]:
        yield case(make(1, 6), make(2, 3)) if reference is reshaped_like else case(make(1, 3), make(2, 3))
        yield case(make(), make(1, 1))

    return samples


def reshaped_like(x: Array, other: Array) -> Array:
    return x.reshape(other.shape)


row("Tensor.view_as", dtypes=ALL, check=equals(reshaped_like), grad=(0,))(like(reshaped_like))
row("Tensor.reshape_as", dtypes=ALL, reference=reshaped_like, grad=(0,))(like(reshaped_like))
row("Tensor.expand_as", dtypes=ALL, reference=lambda x, o: np.broadcast_to(x, o.shape), grad=(0,))(like(np.add))


def flattened(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    first, last = start_dim % max(x.ndim, 1), end_dim % max(x.ndim, 1)
    return x.reshape(x.shape[:first] + (int(np.prod(x.shape[first : last + 1])),) + x.shape[last + 1 :])


@row("flatten", dtypes=ALL, reference=flattened)
def flatten(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4))
    yield case(make(2, 3, 4), 1)
    yield case(make(2, 3, 4), start_dim=0, end_dim=-2)
    yield case(make(2, 0, 4), 0, 1)
    yield refused(make(2, 3), 1, 0, error=ValueError, match="comes after")
    yield refused(make(2, 3), 2, error=IndexError, match="out of range")


@row("ravel", dtypes=ALL, reference=np.ravel)
def ravel(make: Make) -> Iterator[Case]:
    yield case(make(2, 3))
    yield case(make())
    yield case(make(2, 0))


@row("unflatten", dtypes=ALL, reference=lambda x, d, s: x.reshape(x.shape[:d] + tuple(s) + x.shape[d + 1 :]))
def unflatten(make: Make) -> Iterator[Case]:
    yield case(make(2, 12), 1, (3, -1))
    yield case(make(6, 2), 0, (3, 2))
    yield case(make(2, 0), 1, (0, 3))
    yield refused(make(2, 12), 1, (5, 2), error=ValueError, match="does not make up")
    yield refused(make(2, 4), 1, (2**62, 4), error=ValueError, match="does not make up")
    yield refused(make(2, 4), 1, (-1, -1), error=ValueError, match="does not make up")
    yield refused(make(2, 0), 1, (-1, 0), error=ValueError, match="does not make up")
    yield refused(make(2, 1), 1, (), error=ValueError, match="must not be empty")
    yield refused(make(), 0, (1, 1), error=ValueError, match="a dimension to split")
    yield refused(make(2, 12), 2, (5, 2), error=IndexError, match="out of range")


@row("permute", dtypes=ALL, reference=np.transpose)
def permute(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), (2, 0, 1))
    yield case(make(2, 3, 4), (-1, 1, 0))
    yield case(make(), ())
    yield refused(make(2, 3), (0, 0), error=(ValueError), match="named once|twice")
    yield refused(make(2, 3), (0,), error=ValueError, match="named once")


@row("permute_copy", dtypes=ALL, reference=np.transpose)
def permute_copy(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), (2, 0, 1))
    yield case(make(), ())


def transposes(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), 0, -1)
    yield case(make(2, 3), 0, 1)
    yield case(make(3), 0, 0)
    yield case(make(0, 2), 0, 1)
    yield refused(make(2, 3), 0, 2, error=IndexError, match="out of range")


for name in ("transpose", "swapaxes", "swapdims"):
    row(name, dtypes=ALL, reference=np.swapaxes)(transposes)


def matrices(make: Make) -> Iterator[Case]:
    yield case(make(2, 3))
    yield case(make(3))
    yield case(make())


row("t", dtypes=ALL, reference=np.transpose)(matrices)
row("Tensor.T", dtypes=ALL, reference=np.transpose)(matrices)
row("t_copy", dtypes=ALL, reference=np.transpose)(matrices)
row("alias_copy", dtypes=ALL, reference=np.copy)(matrices)
row("detach", dtypes=ALL, reference=np.copy, grad=False)(matrices)
row("detach_copy", dtypes=ALL, reference=np.copy, grad=False)(matrices)
row("transpose_copy", dtypes=ALL, reference=np.swapaxes)(transposes)


def swapped(x: Array) -> Array:
    return np.swapaxes(x, -2, -1)


def of_matrices(make: Make) -> Iterator[Case]:
    for shape in ((2, 3), (4, 2, 3), (0, 2)):
        yield case(make(*shape))
    yield refused(make(3), error=ValueError, match="at least 2 dimensions|must be a matrix")


row("Tensor.mT", dtypes=ALL, reference=swapped)(of_matrices)
row("matrix_transpose", dtypes=ALL, reference=swapped, torch="Tensor.mT")(of_matrices)


def moves(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), 0, -1)
    yield case(make(2, 3, 4), (0, 1), (2, 0))
    yield case(make(), 0, -1)
    yield refused(make(2, 3), (0, 1), (0,), error=ValueError, match="equally many")
    yield refused(make(2, 3), (0, 0), (0, 1), error=ValueError, match="twice")


def moved(x: Array, source: Any, destination: Any) -> Array:
    return np.moveaxis(x, source, destination) if x.ndim else x


row("movedim", dtypes=ALL, reference=moved)(moves)
row("moveaxis", dtypes=ALL, reference=moved)(moves)


# ---- broadcasting ---------------------------------------------------------------------------------------------


def expanded(x: Array, size: Any, implicit: bool = False) -> Array:
    lead = len(size) - x.ndim
    return np.broadcast_to(x, [x.shape[i - lead] if s == -1 else s for i, s in enumerate(size)])


def expansions(make: Make) -> Iterator[Case]:
    yield case(make(3, 1), (2, 3, 4))
    yield case(make(3, 1), (-1, 5))
    yield case(make(), (2, 2))
    yield case(make(1, 3), (0, 3))
    yield refused(make(3), (4,), error=ValueError, match="does not expand")
    yield refused(make(3, 3), (3,), error=ValueError, match="fewer dimensions")
    yield refused(make(3), (-1, 3), error=ValueError, match="does not expand")


row("Tensor.expand", dtypes=ALL, reference=expanded)(expansions)
row("expand_copy", dtypes=ALL, reference=expanded)(expansions)
row("broadcast_to", dtypes=ALL, reference=expanded)(expansions)


@row("broadcast_tensors", dtypes=ALL, reference=np.broadcast_arrays)
def broadcast_tensors(make: Make) -> Iterator[Case]:
    yield case(make(2, 1), make(3))
    yield case(make(), make(0, 2))
    yield refused(make(2), make(3), error=ValueError, match="broadcast")


@row("Tensor.sum_to_size", dtypes=FLOAT + COMPLEX, reference=lambda x, *s: x.sum(0, keepdims=True).sum(1).reshape(s))
def sum_to_size(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 1)
    yield case(make(2, 3), 1, 1)
    yield refused(make(2, 3), 2, 3, 1, error=ValueError, match="broadcast")


# ---- dimensions of size 1 ---------------------------------------------------------------------------------------


def squeezed(x: Array, dim: Any = None) -> Array:
    if dim is None:
        return np.squeeze(x)
    dims = [d % max(x.ndim, 1) for d in ([dim] if isinstance(dim, int) else dim)]
    return np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1))


def squeezes(make: Make) -> Iterator[Case]:
    yield case(make(1, 3, 1))
    yield case(make(1, 3, 1), 0)
    yield case(make(1, 3, 1), 1)
    yield case(make(1, 3, 1), (0, -1))
    yield case(make(1, 0))
    yield refused(make(1, 3), 2, error=IndexError, match="out of range")
    yield refused(make(1, 3), (0, 0), error=ValueError, match="twice")


row("squeeze", dtypes=ALL, reference=squeezed)(squeezes)
row("squeeze_copy", dtypes=ALL, reference=squeezed)(squeezes)


def unsqueezes(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 1)
    yield case(make(2, 3), -1)
    yield case(make(), 0)
    yield case(make(0), -2)
    yield refused(make(2, 3), 3, error=IndexError, match="out of range")


row("unsqueeze", dtypes=ALL, reference=np.expand_dims)(unsqueezes)
row("unsqueeze_copy", dtypes=ALL, reference=np.expand_dims)(unsqueezes)


# ---- parts ------------------------------------------------------------------------------------------------------


def narrowed(x: Array, dim: int, start: int, length: int) -> Array:
    first = start % x.shape[dim] if start < 0 else start
    return np.take(x, range(first, first + length), dim)


def narrows(make: Make) -> Iterator[Case]:
    yield case(make(2, 5), 1, 1, 3)
    yield case(make(2, 5), -1, -3, 2)
    yield case(make(2, 5), 0, 2, 0)
    yield refused(make(2, 5), 1, 3, 3, error=ValueError, match="exceeds")
    yield refused(make(2, 5), 1, 0, -1, error=ValueError, match="negative")
    yield refused(make(2, 5), 1, 6, 0, error=ValueError, match="outside")


row("narrow", dtypes=ALL, reference=narrowed)(narrows)
row("narrow_copy", dtypes=ALL, reference=narrowed)(narrows)


def selects(make: Make) -> Iterator[Case]:
    yield case(make(2, 5), 1, -1)
    yield case(make(2, 5), 0, 1)
    yield case(make(3), 0, 0)
    yield refused(make(2, 5), 1, 5, error=IndexError, match="out of range")
    yield refused(make(), 0, 0, error=ValueError, match="0-dimensional")


row("select", dtypes=ALL, reference=lambda x, d, i: np.take(x, i, d))(selects)
row("ops.select_copy", dtypes=ALL, reference=lambda x, d, i: np.take(x, i, d), torch="select_copy")(selects)


def sliced(x: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    return np.moveaxis(np.moveaxis(x, dim, 0)[start:end:step], 0, dim)


def slices(make: Make) -> Iterator[Case]:
    yield case(make(7))
    yield case(make(2, 5), 1, 1, 5, 2)
    yield case(make(2, 5), -1, -3)
    yield case(make(2, 5), 0, 5, 9)
    yield case(make(2, 5), 1, None, -1, 3)
    yield refused(make(2, 5), 1, 0, 5, 0, error=ValueError, match="positive")


row("ops.slice", dtypes=ALL, reference=sliced, torch="ops.aten.slice")(slices)
row("ops.slice_copy", dtypes=ALL, reference=sliced, torch="slice_copy")(slices)


def diagonals(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(3, 4), 1)
    yield case(make(3, 4), -2)
    yield case(make(3, 4), 9)
    yield case(make(2, 3, 4), 1, 2, 0)
    yield refused(make(3), error=ValueError, match="two dimensions")
    yield refused(make(3, 3), 0, 1, -1, error=ValueError, match="same dimension")


row("diagonal", dtypes=ALL, reference=np.diagonal)(diagonals)
row("diagonal_copy", dtypes=ALL, reference=np.diagonal)(diagonals)


def windows(x: Array, dimension: int, size: int, step: int) -> Array:
    if x.ndim == 0:
        return x.reshape(1)[:size]
    every = np.lib.stride_tricks.sliding_window_view(x, size, dimension)
    return sliced(every, dimension % x.ndim, None, None, step)


def unfolds(make: Make) -> Iterator[Case]:
    yield case(make(7), 0, 3, 2)
    yield case(make(2, 5), -1, 2, 1)
    yield case(make(2, 5), 0, 2, 3)
    yield refused(make(3), 0, 4, 1, error=ValueError, match="longer")
    yield refused(make(3), 0, 1, 0, error=ValueError, match="positive")


row("Tensor.unfold", dtypes=ALL, reference=windows)(unfolds)
row("unfold_copy", dtypes=ALL, reference=windows)(unfolds)


def strides(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), (2, 2), (1, 5), 1)
    yield case(make(6), (3, 2), (1, 1))
    yield case(make(6), (2, 3), (0, 2))
    yield case(make(6), (), ())
    yield refused(make(6), (7,), (1,), error=ValueError, match="outside the storage")
    yield refused(make(6), (2,), (-1,), 3, error=ValueError, match="negative")
    yield refused(make(6), (2,), (1,), 5, error=ValueError, match="outside the storage")
    yield refused(make(6), (2, 2), (1,), error=ValueError, match="same length")


row("as_strided", dtypes=ALL, check=equals(strided))(strides)
row("as_strided_copy", dtypes=ALL, check=equals(strided))(strides)


@row("view_copy", dtypes=ALL, check=equals(np.reshape))
def view_copy(make: Make) -> Iterator[Case]:
    yield case(make(2, 6), (3, -1))
    yield case(make(), (1,))


# ---- views undone -----------------------------------------------------------------------------------------------


def with_part(x: Array, src: Array, where: Callable[[Array], Array]) -> Array:
    places = where(np.arange(x.size).reshape(x.shape))
    result = x.copy().reshape(-1)
    result[places.reshape(-1)] = src.reshape(-1)
    return result.reshape(x.shape)


@row("select_scatter", dtypes=ALL, reference=lambda x, s, d, i: with_part(x, s, lambda p: np.take(p, i, d)))
def select_scatter(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3), 1, -1)
    yield case(make(3, 4), make(4), 0, 1)
    yield refused(make(3, 4), make(4), 1, 0, error=ValueError, match="shape of one slice")
    yield refused(make(3, 4), make(3), 1, 4, error=IndexError, match="out of range")


@row("slice_scatter", dtypes=ALL, reference=lambda x, s, *rest: with_part(x, s, lambda p: sliced(p, *rest)))
def slice_scatter(make: Make) -> Iterator[Case]:
    yield case(make(7, 2), make(3, 2), 0, 1, 6, 2)
    yield case(make(3, 4), make(3, 2), -1, -2)
    yield case(make(4), make(4))
    yield case(make(4), make(0), 0, 3, 2)
    yield refused(make(4), make(1), 0, 0, 2, error=ValueError, match="slice")
    yield refused(make(4), make(4), 0, 0, 4, -1, error=ValueError, match="positive")


@row("diagonal_scatter", dtypes=ALL, reference=lambda x, s, *rest: with_part(x, s, lambda p: np.diagonal(p, *rest)))
def diagonal_scatter(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3), 1)
    yield case(make(2, 3, 3), make(2, 2), -1, 1, 2)
    yield case(make(3, 2), make(0), 5)
    yield refused(make(3, 4), make(2), error=ValueError, match="long as the diagonal")


def as_strided_scattered(x: Array, src: Array, *rest: Any) -> Array:
    return with_part(x, src, lambda p: strided(p, *rest))


@row("as_strided_scatter", dtypes=ALL, check=equals(as_strided_scattered))
def as_strided_scatter(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(2, 2), (2, 2), (1, 5), 1)
    yield case(make(6), make(3), (3,), (2,))
    yield refused(make(6), make(3), (2,), (2,), error=ValueError, match="shape")
    yield refused(make(6), make(4), (4,), (2,), error=ValueError, match="outside the storage")


@row("slice_inverse", dtypes=FLOAT, check=lambda *arguments: None)
def slice_inverse(make: Make) -> Iterator[Case]:
    yield case(make(4), make(4), 0, 0, 4)
    yield refused(make(3), make(4), 0, 0, 4, error=ValueError, match="shape of the slice|slice of src")


def embedded(x: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    size = x.shape[-1] + abs(offset)
    result = np.zeros((*x.shape[:-1], size, size), x.dtype)
    index = np.arange(x.shape[-1])
    result[..., index + max(-offset, 0), index + max(offset, 0)] = x
    return np.moveaxis(result, (-2, -1), (dim1, dim2))


@row("diag_embed", dtypes=ALL, reference=embedded)
def diag_embed(make: Make) -> Iterator[Case]:
    yield case(make(3))
    yield case(make(2, 3), 1)
    yield case(make(2, 3), -2, 0, 2)
    yield case(make(0))
    yield refused(make(), error=ValueError, match="at least one")
    yield refused(make(3), 0, 1, 1, error=ValueError, match="same dimension")


@row("diagflat", dtypes=ALL, reference=lambda x, offset=0: np.diagflat(x, offset))
def diagflat(make: Make) -> Iterator[Case]:
    yield case(make(3))
    yield case(make(2, 2), 1)
    yield case(make(), -1)


def filled_diagonal(x: Array, value: float, wrap: bool = False) -> Array:
    result = x.copy()
    np.fill_diagonal(result, value, wrap)
    return result


@row("Tensor.fill_diagonal_", dtypes=ALL, reference=filled_diagonal, grad=False)
def fill_diagonal_(make: Make) -> Iterator[Case]:
    yield case(make(3, 3), 1)
    yield case(make(5, 2), 1, True)
    yield case(make(5, 2), 1)
    yield case(make(2, 5), 0)
    yield case(make(2, 2, 2), 1)
    yield refused(make(3), 1, error=ValueError, match="two dimensions")
    yield refused(make(2, 2, 3), 1, error=ValueError, match="one size")


# ---- copies and conversions ---------------------------------------------------------------------------------------

row("clone", dtypes=ALL, reference=np.copy)(matrices)
row("Tensor.contiguous", dtypes=ALL, reference=np.copy)(matrices)


@row("fill", dtypes=ALL, reference=lambda x, v: np.full_like(x, v), grad=False)
def fill(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 1)
    yield case(make(), 1)
    yield case(make(0, 2), 1)


@row("Tensor.copy_", dtypes=ALL, reference=lambda x, src: np.broadcast_to(src, x.shape).copy(), grad=False)
def copy_(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(2, 3))
    yield case(make(2, 3), make(1, 3))
    yield case(make(2, 3), make())
    yield refused(make(3), make(2), error=ValueError, match="broadcast")


row("zero_", dtypes=ALL, reference=np.zeros_like, grad=False)(matrices)

CONVERSIONS = {
    "bool": "bool", "byte": "uint8", "char": "int8", "short": "int16", "int": "int32", "long": "int64",
    "half": "float16", "float": "float32", "double": "float64", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


def conversions(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, low=0.0, high=3.0))
    yield case(make())


def converted(dtype: str) -> Callable[[Array], Array]:
    drops_imag = np.dtype(dtype).kind not in "bc"
    return lambda x: (x.real if drops_imag else x).astype(dtype)


for name, dtype in CONVERSIONS.items():
    sources = ALL if dtype in BOOL + COMPLEX else REAL + BOOL  # a complex number is no real one
    row(f"Tensor.{name}", dtypes=sources, reference=converted(dtype), grad=False)(conversions)
row("Tensor.bfloat16", dtypes=FLOAT, grad=False)(conversions)


@row("Tensor.type_as", dtypes=FLOAT, reference=lambda x, o: x.astype(o.dtype), grad=(0,))
def type_as(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make.integers(1))
    yield case(make(2, 3), make(1))


# ---- reversed -------------------------------------------------------------------------------------------------------


@row("fliplr", dtypes=ALL, reference=np.fliplr)
def fliplr(make: Make) -> Iterator[Case]:
    yield case(make(2, 3))
    yield case(make(2, 0, 3))
    yield refused(make(3), error=ValueError, match="two dimensions")


@row("flipud", dtypes=ALL, reference=np.flipud)
def flipud(make: Make) -> Iterator[Case]:
    yield case(make(2, 3))
    yield case(make(3))
    yield refused(make(), error=ValueError, match="one dimension")


# ---- methods --------------------------------------------------------------------------------------------------------


@row("Tensor.where", dtypes=ALL, reference=lambda x, c, y: np.where(c, x, y))
def chosen(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make.bools(2, 3), make(2, 3))
    yield case(make(3), make.bools(2, 1), make())


def viewed(reference: Callable[..., Array], *calls: tuple[tuple[int, ...], tuple[Any, ...]]) -> dict[str, Any]:
    """The options and samples of a view in place."""

    def samples(make: Make) -> Iterator[Case]:
        for shape, rest in calls:
            yield case(make(*shape), *rest)

    return {"samples": samples, "reference": reference}


IN_PLACE = {
    "squeeze_": viewed(squeezed, ((1, 3, 1), ()), ((1, 3, 1), (0,))),
    "unsqueeze_": viewed(np.expand_dims, ((2, 3), (1,)), ((), (0,))),
    "transpose_": viewed(np.swapaxes, ((2, 3, 4), (0, -1))),
    "swapaxes_": viewed(np.swapaxes, ((2, 3), (0, 1))),
    "swapdims_": viewed(np.swapaxes, ((2, 3), (0, 1))),
    "t_": viewed(np.transpose, ((2, 3), ()), ((3,), ())),
}
for name, options in IN_PLACE.items():
    row(f"Tensor.{name}", dtypes=ALL, reference=options["reference"], grad=False)(options["samples"])


@row("Tensor.as_strided_", dtypes=ALL, check=equals(strided), grad=False)
def as_strided_(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), (2, 2), (1, 5), 1)
    yield refused(make(6), (7,), (1,), error=ValueError, match="outside the storage")


@row("Tensor.resize_", dtypes=ALL, check=equals(lambda x, *s: x.reshape(-1)[: int(np.prod(s))].reshape(s)), grad=False)
def resize_(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 3, 2)
    yield case(make(2, 3), 2)
    yield refused(make(3), -1, error=ValueError, match="negative")
    yield refused(make(3), 2**62, error=ValueError, match="too large")


@row(
    "Tensor.resize_as_",
    dtypes=ALL,
    check=equals(lambda x, like: x.reshape(-1)[: like.size].reshape(like.shape)),
    grad=False,
)
def resize_as_(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 2))


@row("Tensor.set_", dtypes=ALL, check=equals(lambda x, source, *part: strided(source, *part[1:], part[0])), grad=False)
def set_(make: Make) -> Iterator[Case]:
    yield case(make(0), make(6), 1, (2, 2), (2, 1))
    yield refused(make(0), make(6), 4, (3,), (1,), error=ValueError, match="outside the storage")


@row("Tensor.new", dtypes=ALL, reference=lambda x, data: np.asarray(data, x.dtype), grad=False)
def new(make: Make) -> Iterator[Case]:
    yield case(make(2), [1, 0, 1])


@row("Tensor.item", dtypes=ALL, reference=lambda x: x.item(), grad=False)
def item(make: Make) -> Iterator[Case]:
    yield case(make())
    yield case(make(1, 1))
    yield refused(make(2), error=ValueError, match="exactly one element")
    yield refused(make(0), error=ValueError, match="exactly one element")


@row("Tensor.to", dtypes=FLOAT, reference=lambda x, other: x.astype(other.dtype), grad=(0,))
def to(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make.integers(1))
    yield case(make(2, 3), make(1))
