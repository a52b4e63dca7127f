"""Rows of what joins, splits, repeats and combines tensors, and of what makes new ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .table import BOOL, COMPLEX, FLOAT, INTEGER, REAL, Array, Case, Make, case, refused, row

ALL = REAL + BOOL + COMPLEX
# ---- joined -----------------------------------------------------------------------------------------------------


def joined(make: Make) -> Iterator[Case]:
    yield case([make(2, 3), make(4, 3)])
    yield case([make(2, 1), make(2, 3), make(2, 0)], 1)
    yield case([make(2, 3)], -1)
    yield case([make(0), make(2, 3), make(2, 2), make(0)], -1)  # empty vectors fit beside any shape
    yield case([make(0), make(0)])
    yield refused([make(2, 3), make(0, 2)], error=ValueError, match="same shape")
    yield refused([make(2, 3), make(4, 2)], error=ValueError, match="same shape")
    yield refused([make(), make()], error=ValueError, match="zero-dimensional")
    yield refused([], error=ValueError, match="nothing to join")


def concatenated(arrays: Sequence[Array], dim: int = 0) -> Array:
    """NumPy takes no empty vectors beside others, but their dtypes count."""
    filled = [array for array in arrays if array.shape != (0,)] or arrays
    return np.concatenate(filled, dim).astype(np.result_type(*arrays))


for name in ("cat", "concat", "concatenate"):
    row(name, dtypes=ALL, reference=concatenated)(joined)


@row("stack", dtypes=ALL, reference=np.stack)
def stack(make: Make) -> Iterator[Case]:
    yield case([make(2, 3), make(2, 3)])
    yield case([make(2, 3), make(2, 3)], -1)
    yield case([make(), make(), make()])
    yield refused([make(2), make(3)], error=ValueError, match="same shape")


def stacked(*shapes: Sequence[tuple[int, ...]]) -> Callable[[Make], Iterator[Case]]:
    def samples(make: Make) -> Iterator[Case]:
        for group in shapes:
            yield case([make(*shape) for shape in group])
        yield refused([], error=ValueError, match="nothing")

    return samples


row("hstack", dtypes=ALL, reference=np.hstack)(stacked([(2,), (3,)], [(2, 1), (2, 3)], [(), (2,)]))
row("vstack", dtypes=ALL, reference=np.vstack)(stacked([(3,), (3,)], [(2, 3), (3,)], [(), ()]))
row("row_stack", dtypes=ALL, reference=np.vstack)(stacked([(3,), (3,)], [(2, 3), (3,)], [(), ()]))
row("dstack", dtypes=ALL, reference=np.dstack)(stacked([(3,), (3,)], [(2, 3), (2, 3)], [(), ()], [(2, 3, 1), (2, 3)]))
row("column_stack", dtypes=ALL, reference=np.column_stack)(stacked([(3,), (3,)], [(3, 2), (3,)], [(), (1,)]))


def at_least(reference: Callable[..., Any]) -> Callable[[Make], Iterator[Case]]:
    def samples(make: Make) -> Iterator[Case]:
        for shape in ((), (3,), (2, 3), (2, 3, 4), (0,)):
            yield case(make(*shape))
        yield case(make(), make(2))
        yield case((make(), make(2, 3)))

    return samples


def each(reference: Callable[[Array], Array]) -> Callable[..., Any]:
    def of(*arrays: Any) -> Any:
        many = arrays[0] if isinstance(arrays[0], tuple) else arrays
        return tuple(map(reference, many)) if len(many) > 1 else reference(many[0])

    return of


for reference in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    row(reference.__name__, dtypes=ALL, reference=each(reference))(at_least(reference))


def blocks(*arrays: Array) -> Array:
    parts = [np.atleast_2d(x) for x in arrays]
    result = np.zeros(np.sum([x.shape for x in parts], 0), np.result_type(*parts))
    position = np.zeros(2, int)
    for x in parts:
        end = position + x.shape
        result[position[0] : end[0], position[1] : end[1]] = x
        position = end
    return result


@row("block_diag", dtypes=ALL, reference=blocks)
def block_diag(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(1, 2), make())
    yield case(make(3), make(0, 2))
    yield refused(make(1, 1, 1), error=ValueError, match="matrices")


@row("meshgrid", dtypes=ALL, reference=lambda *x, indexing="ij": [g.copy() for g in np.meshgrid(*x, indexing=indexing)])
def meshgrid(make: Make) -> Iterator[Case]:
    yield case(make(2), make(3), indexing="ij")
    yield case(make(2), make(3), make(4), indexing="xy")
    yield case(make(2), make(), indexing="xy")
    yield case(make(0), make(2), indexing="ij")
    yield refused(make(2, 2), indexing="ij", error=ValueError, match="vectors")
    yield refused(make(2), indexing="yx", error=ValueError, match="'ij' or 'xy'")


@row("cartesian_prod", dtypes=ALL, reference=lambda *x: x[0] if len(x) == 1 else np.array(list(itertools.product(*x))))
def cartesian_prod(make: Make) -> Iterator[Case]:
    yield case(make(2), make(3))
    yield case(make(2), make(1), make(2))
    yield case(make(3))
    yield refused(make(2, 2), error=ValueError, match="vectors")


def chosen(x: Array, r: int = 2, with_replacement: bool = False) -> Array:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(x, r))
    return np.array(rows, x.dtype).reshape((len(rows), r) if r else (0,))


@row("combinations", dtypes=ALL, reference=chosen)
def combinations(make: Make) -> Iterator[Case]:
    yield case(make(4))
    yield case(make(4), 3)
    yield case(make(3), 2, True)
    yield case(make(2), r=4, with_replacement=True)
    yield case(make(2), 3)
    yield case(make(2), 0)
    yield refused(make(2), -1, error=ValueError, match="negative")
    yield refused(make(2, 2), error=ValueError, match="vector")


@row(
    "vander",
    dtypes=FLOAT + COMPLEX + INTEGER,
    reference=lambda x, N=None, increasing=False: vandermonde(x, N, increasing),
)
def vander(make: Make) -> Iterator[Case]:
    yield case(make(3))
    yield case(make(3), 2)
    yield case(make(2), N=4, increasing=True)
    yield case(make(2), 0)
    yield case(make(2), 1)
    yield refused(make(2, 2), error=ValueError, match="vector")
    yield refused(make(2), -1, error=ValueError, match="negative")


def vandermonde(x: Array, columns: int | None, increasing: bool) -> Array:
    return np.vander(x.astype(np.int64) if x.dtype.kind in "iu" else x, columns, increasing)


# ---- split --------------------------------------------------------------------------------------------------------


def sized(x: Array, sizes: Sequence[int], dim: int = 0) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], dim)


def in_parts(x: Array, size: Any, dim: int = 0) -> list[Array]:
    if not isinstance(size, int):
        return sized(x, size, dim)
    length = x.shape[dim]
    return sized(x, [min(size, length - i) for i in range(0, max(length, 1), max(size, 1))], dim)


def splits(make: Make) -> Iterator[Case]:
    yield case(make(5, 2), 2)
    yield case(make(2, 4), 2, -1)
    yield case(make(2), 9)
    yield case(make(0), 0)
    yield refused(make(2), 0, error=ValueError, match="at least one")
    yield refused(make(), 1, error=ValueError, match="0-dimensional")


def sized_splits(make: Make) -> Iterator[Case]:
    yield case(make(5, 2), (1, 4))
    yield case(make(2, 5), (1, 0, 4), 1)
    yield refused(make(5), (1, 3), error=ValueError, match="add up")
    yield refused(make(5), (6, -1), error=ValueError, match="negative")


def both_splits(make: Make) -> Iterator[Case]:
    yield from splits(make)
    yield from sized_splits(make)


row("split", dtypes=ALL, reference=in_parts)(both_splits)
row("unsafe_split", dtypes=ALL, reference=in_parts)(splits)
row("ops.split_copy", dtypes=ALL, reference=in_parts, torch="split_copy")(splits)
for name in ("split_with_sizes", "unsafe_split_with_sizes"):
    row(name, dtypes=ALL, reference=sized)(sized_splits)
row("ops.split_with_sizes_copy", dtypes=ALL, reference=sized, torch="split_with_sizes_copy")(sized_splits)


def chunked(x: Array, chunks: int, dim: int = 0) -> list[Array]:
    size = x.shape[dim]
    return in_parts(x, -(-size // chunks), dim) if size else [x] * chunks


def chunkings(make: Make) -> Iterator[Case]:
    yield case(make(5, 2), 2)
    yield case(make(2, 7), 3, 1)
    yield case(make(2), 5)
    yield case(make(0, 2), 3)
    yield refused(make(2), 0, error=ValueError, match="positive")


row("chunk", dtypes=ALL, reference=chunked)(chunkings)
row("unsafe_chunk", dtypes=ALL, reference=chunked)(chunkings)


def cut(x: Array, at: Any, dim: int = 0) -> list[Array]:
    return np.array_split(x, at if isinstance(at, int) else np.asarray(at).tolist(), dim)


@row("tensor_split", dtypes=ALL, reference=cut)
def tensor_split(make: Make) -> Iterator[Case]:
    yield case(make(7, 2), 3)
    yield case(make(2, 5), (1, -2), 1)
    yield case(make(3), (2, 1, 9))
    yield case(make(2), 4)
    yield refused(make(3), 0, error=ValueError, match="positive")
    yield refused(make(), 1, error=ValueError, match="0-dimensional")


def even(reference: Callable[..., Any], *shape: int) -> Callable[[Make], Iterator[Case]]:
    def samples(make: Make) -> Iterator[Case]:
        yield case(make(*shape), 2)
        yield case(make(*shape), (1, 3))
        yield refused(make(*shape), 3, error=ValueError, match="does not divide")
        yield refused(make(), 1, error=ValueError, match="at least")

    return samples


row("hsplit", dtypes=ALL, reference=lambda x, n: np.hsplit(x, n))(even(np.hsplit, 3, 4))
row("vsplit", dtypes=ALL, reference=lambda x, n: np.vsplit(x, n))(even(np.vsplit, 4, 3))
row("dsplit", dtypes=ALL, reference=lambda x, n: np.dsplit(x, n))(even(np.dsplit, 2, 1, 4))


def slices_of(x: Array, dim: int = 0) -> list[Array]:
    return [np.take(x, i, dim) for i in range(x.shape[dim])]


def unbinds(make: Make) -> Iterator[Case]:
    yield case(make(3, 2))
    yield case(make(3, 2), -1)
    yield case(make(3))
    yield refused(make(), error=ValueError, match="0-dimensional")


row("unbind", dtypes=ALL, reference=slices_of)(unbinds)
row("ops.unbind_copy", dtypes=ALL, reference=slices_of, torch="unbind_copy")(unbinds)

# ---- made -----------------------------------------------------------------------------------------------------------


def sized_factories(make: Make) -> Iterator[Case]:
    yield case(2, 3, dtype=make.dtype)
    yield case((0, 2), dtype=make.dtype)
    yield case((), dtype=make.dtype)
    yield refused(-1, error=ValueError, match="negative")
    yield refused((2**62, 4), error=ValueError, match="too large")


def shape_of(*size: Any) -> tuple[int, ...]:
    return tuple(size[0]) if size and not isinstance(size[0], int) else size


def made(filler: Callable[..., Array]) -> Callable[..., Array]:
    return lambda *size, dtype: filler(shape_of(*size), dtype)


for filler in (np.zeros, np.ones, np.empty):
    row(
        filler.__name__,
        dtypes=tuple(d for d in ALL if d != "bfloat16"),
        reference=made(filler),
        random=filler is np.empty,
        grad=False,
    )(sized_factories)


@row(
    "full",
    dtypes=tuple(d for d in ALL if d != "bfloat16"),
    reference=lambda s, v, dtype: np.full(s, v, dtype),
    grad=False,
)
def full(make: Make) -> Iterator[Case]:
    yield case((2, 3), 1, dtype=make.dtype)
    yield case((), 1, dtype=make.dtype)


def likes(make: Make) -> Iterator[Case]:
    for shape in ((2, 3), (), (0, 2)):
        yield case(make(*shape))


for name in ("zeros_like", "ones_like", "empty_like"):
    row(name, dtypes=ALL, reference=getattr(np, name), random=name == "empty_like", grad=False)(likes)


@row("full_like", dtypes=ALL, reference=np.full_like, grad=False)
def full_like(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 1)
    yield case(make(), 1)


def news(make: Make) -> Iterator[Case]:
    yield case(make(2), (2, 3))
    yield case(make(), ())
    yield refused(make(2), (-1,), error=ValueError, match="negative")


def made_after(filler: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, size: filler(size, x.dtype)


for filler in (np.zeros, np.ones, np.empty):
    row(
        f"Tensor.new_{filler.__name__}", dtypes=ALL, reference=made_after(filler), random=filler is np.empty, grad=False
    )(news)


@row("Tensor.new_full", dtypes=ALL, reference=lambda x, size, v: np.full(size, v, x.dtype), grad=False)
def new_full(make: Make) -> Iterator[Case]:
    yield case(make(2), (2, 3), 1)


@row("Tensor.new_empty_strided", dtypes=ALL, random=True, grad=False)
def new_empty_strided(make: Make) -> Iterator[Case]:
    yield case(make(2), (2, 3), (1, 2))
    yield refused(make(2), (2, 3), (1,), error=ValueError, match="same length")


@row("empty_strided", dtypes=FLOAT, random=True, grad=False)
def empty_strided(make: Make) -> Iterator[Case]:
    yield case((2, 3), (1, 2), dtype=make.dtype)
    yield case((2, 0), (5, 1), dtype=make.dtype)
    yield refused((2, 3), (1,), error=ValueError, match="same length")
    yield refused((2, 3), (-1, 1), error=ValueError, match="negative")
    yield refused((2**40, 2), (2**40, 1), error=ValueError, match="too large")


@row("empty_permuted", dtypes=FLOAT, random=True, grad=False)
def empty_permuted(make: Make) -> Iterator[Case]:
    yield case((2, 3, 4), (0, 2, 1), dtype=make.dtype)
    yield refused((2, 3), (0, 0), error=ValueError, match="twice")


NUMBERS = ("float32", "float64", "int32", "int64")


@row("arange", dtypes=NUMBERS, reference=lambda *x, dtype: np.arange(*x).astype(dtype), grad=False)
def arange(make: Make) -> Iterator[Case]:
    yield case(5, dtype=make.dtype)
    yield case(1, 7, 2, dtype=make.dtype)
    yield case(5, 0, -2, dtype=make.dtype)
    yield case(1, 1, dtype=make.dtype)
    yield refused(0, 5, 0, error=ValueError, match="zero")


@row(
    "range", dtypes=NUMBERS, reference=lambda a, b, s=1, *, dtype: np.arange(a, b + s / 2, s).astype(dtype), grad=False
)
def range_(make: Make) -> Iterator[Case]:
    yield case(1, 4, dtype=make.dtype)
    yield case(0, 5, 2, dtype=make.dtype)
    yield case(3, 1, -1, dtype=make.dtype)
    yield refused(0, -1, error=ValueError, match="do not lead")
    yield refused(0, 1, 0, error=ValueError, match="zero")


@row("linspace", dtypes=FLOAT, reference=np.linspace, grad=False)
def linspace(make: Make) -> Iterator[Case]:
    yield case(0, 1, 5, dtype=make.dtype)
    yield case(-2.5, 4, 3, dtype=make.dtype)
    yield case(0, 1, 1, dtype=make.dtype)
    yield case(0, 1, 0, dtype=make.dtype)
    yield refused(0, 1, -1, error=ValueError, match="negative")


@row(
    "logspace",
    dtypes=FLOAT,
    reference=lambda a, b, n, base=10.0, dtype=None: np.logspace(a, b, n, True, base, dtype),
    grad=False,
)
def logspace(make: Make) -> Iterator[Case]:
    yield case(0, 2, 3, dtype=make.dtype)
    yield case(0, 2, 5, 2.0, dtype=make.dtype)


@row("eye", dtypes=FLOAT + INTEGER, reference=lambda n, m=None, dtype=None: np.eye(n, m, dtype=dtype), grad=False)
def eye(make: Make) -> Iterator[Case]:
    yield case(3, dtype=make.dtype)
    yield case(2, 4, dtype=make.dtype)
    yield case(4, 2, dtype=make.dtype)
    yield case(0, dtype=make.dtype)
    yield refused(-1, error=ValueError, match="negative")


@row("scalar_tensor", dtypes=FLOAT + INTEGER, reference=lambda v, dtype: np.asarray(v, dtype), grad=False)
def scalar_tensor(make: Make) -> Iterator[Case]:
    yield case(3, dtype=make.dtype)


def triangle(indices: Callable[..., Any]) -> Callable[..., Array]:
    return lambda rows, cols, offset=0, dtype="int64": np.array(indices(rows, offset, cols), dtype)


def triangles(make: Make) -> Iterator[Case]:
    yield case(3, 3)
    yield case(2, 4, 1)
    yield case(4, 2, offset=-1, dtype=make.dtype)
    yield case(0, 3)
    yield case(3, 3, 9)
    yield case(2, 3, -1)
    yield refused(-1, 3, error=ValueError, match="negative")
    yield refused(2**62, 2**62, error=ValueError, match="too many")


row("tril_indices", dtypes=("int32", "int64"), reference=triangle(np.tril_indices), grad=False)(triangles)
row("triu_indices", dtypes=("int32", "int64"), reference=triangle(np.triu_indices), grad=False)(triangles)


@row("unravel_index", dtypes=("int32", "int64"), reference=np.unravel_index, grad=False)
def unravel_index(make: Make) -> Iterator[Case]:
    yield case(make.integers(2, 3, low=0, high=24), (2, 3, 4))
    yield case(make.integers(3, low=0, high=4), 4)
    yield refused(make.integers(3, low=6, high=9), (2, 3), error=IndexError, match="out of range")


@row("broadcast_shapes", check=lambda result, *shapes: compare_shapes(result, shapes), grad=False)
def broadcast_shapes(make: Make) -> Iterator[Case]:
    yield case((2, 1), (3,))
    yield case(3, (2, 1))
    yield case()
    yield refused((2,), (3,), error=ValueError, match="broadcast")


def compare_shapes(result: Any, shapes: Any) -> None:
    assert tuple(result) == np.broadcast_shapes(*shapes)
