"""Rows of elements chosen and written by index or mask, and of rearrangement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .table import ALL, BOOL, COMPLEX, FLOAT, REAL, Array, Case, Make, case, refused, row

MOVED = ALL  # elements are only moved


def np_gather(x: Array, dim: int, index: Array) -> Array:
    if x.ndim == 0:
        return x.reshape(index.shape)
    part = x[tuple(slice(None) if d == dim % x.ndim else slice(n) for d, n in enumerate(index.shape))]
    return np.take_along_axis(part, index, dim)


@row("gather", dtypes=MOVED, reference=np_gather)
def gather(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, 1, make.integers(3, 2, high=4))
    yield case(x, 0, make.integers(5, 4, high=3))
    yield case(x, -1, make.integers(2, 6, high=4))
    yield case(make(), 0, make.integers(high=1))
    yield case(x, 1, make.integers(3, 0))
    yield case(x, 0, make.integers(2, 0))
    yield refused(x, 1, make.integers(3), error=ValueError, match="dimensions")
    yield refused(x, 1, make.integers(3, 2, low=4, high=6), error=IndexError, match="dimension 1 of size 4")


def np_scatter(
    x: Array, dim: int, index: Array, src: Any, reduce: str = "assign", *, include_self: bool = True
) -> Array:
    """The definition, element by element."""
    out = np.array(x, dtype=np.float64 if x.dtype.kind == "f" else x.dtype)
    values = np.broadcast_to(src, index.shape) if np.ndim(src) == 0 else src
    reached: dict[Any, list[Any]] = {}
    for at in np.ndindex(index.shape):
        to = tuple(index[at] if d == dim % max(x.ndim, 1) else i for d, i in enumerate(at))
        reached.setdefault(to, [out[to]] if include_self else []).append(values[at])
    combine: dict[str, Callable[[list[Any]], Any]] = {
        "assign": lambda v: v[-1], "add": sum, "sum": sum, "prod": np.prod, "multiply": np.prod,
        "amax": max, "amin": min,
        "mean": lambda v: sum(v) / len(v) if out.dtype.kind == "f" else sum(map(int, v)) // len(v),
    }  # fmt: skip
    for to, items in reached.items():
        result = combine[reduce](items)
        out[to] = result if out.dtype.kind == "f" else np.int64(result).astype(out.dtype)
    return out.astype(x.dtype)


def _np_scatter_add(x: Array, dim: int, index: Array, src: Any) -> Array:
    return np_scatter(x, dim, index, src, "add")


def permuted_places(make: Make) -> Array:
    """Indices [2, 4] along the first dimension of three, none twice in a column."""
    return np.stack([make.permutation(3)[:2] for _ in range(4)], axis=1)


@row("scatter", dtypes=REAL, reference=np_scatter)
def scatter(make: Make) -> Iterator[Case]:
    x, index = make(3, 4), permuted_places(make)
    yield case(x, 0, index, make(2, 4))
    yield case(x, 0, index[:, :2], make(3, 4))
    yield case(x, 1, np.asarray([[3, 1], [0, 2]]), make(2, 2))
    yield case(x, -2, index, 1)
    yield case(x, 0, make.integers(2, 0), make(2, 0))
    if not make.is_float or make.dtype in FLOAT:
        yield case(x, 0, index, make(2, 4), reduce="add")
    yield case(x, 0, index, 2, reduce="multiply")
    yield refused(x, 0, index, make(1, 4), error=ValueError, match="larger than src")
    yield refused(x, 0, index + 3, make(2, 4), error=IndexError, match="dimension 0 of size 3")


@row("scatter_add", dtypes=REAL, reference=_np_scatter_add, rtol=2e-2, atol=2e-2)  # 16-bit sums round at each step
def scatter_add(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, 0, make.integers(2, 4, high=3), make(2, 4))
    yield case(x, 1, make.integers(3, 6, high=4), make(3, 7))
    yield case(make(2), 0, make.integers(0), make(0))
    yield case(x, 0, make.integers(2, 0), make(2, 0))
    yield refused(x, 0, make.integers(2, 4), make(2, 4, 1), error=ValueError, match="dimensions")


@row("scatter_reduce", dtypes=REAL, reference=np_scatter, rtol=2e-2, atol=2e-2)  # 16-bit results round at each step
def scatter_reduce(make: Make) -> Iterator[Case]:
    x, index = make(3, 4), make.integers(5, 4, high=3)
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        yield case(x, 0, index, make(5, 4), reduce)
        yield case(x, 0, index[:3], make(3, 4), reduce, include_self=False)
    yield case(make(3), 0, make.integers(2, high=3), make(4), "sum")
    yield refused(x, 0, index, make(5, 4), "median", error=ValueError, match="reduce must be")


def np_along(x: Array, dim: int, index: Array, write: Callable[[Array, Array], None]) -> Array:
    out = np.array(x)
    write(np.moveaxis(out, dim, 0) if x.ndim else out.reshape(1), index)
    return out


def np_index_reduce(
    x: Array, dim: int, index: Array, source: Array, reduce: str, *, include_self: bool = True
) -> Array:
    along = [1] * x.ndim
    along[dim] = -1
    places = np.broadcast_to(index.reshape(along), source.shape)
    return np_scatter(x, dim, places, source, reduce, include_self=include_self)


@row("index_reduce", dtypes=REAL, reference=np_index_reduce, rtol=2e-2, atol=2e-2)  # as scatter_reduce
def index_reduce(make: Make) -> Iterator[Case]:
    for reduce in ("prod", "mean", "amax", "amin"):
        yield case(make(3, 4), 0, make.integers(5, high=3), make(5, 4), reduce)
        yield case(make(3, 4), 1, np.asarray([0, 2]), make(3, 2), reduce, include_self=False)
    yield refused(make(3), 0, make.integers(2), make(3), "prod", error=ValueError, match="one slice per index")


def moved(source: Array, dim: int) -> Array:
    return np.moveaxis(source, dim, 0) if source.ndim else np.asarray(source).reshape(1)


def np_index_add(x: Array, dim: int, index: Array, source: Array, *, alpha: float = 1) -> Array:
    return np_along(x, dim, index, lambda to, at: np.add.at(to, at, moved(alpha * source, dim).astype(x.dtype)))


@row("index_add", dtypes=REAL + COMPLEX, reference=np_index_add, rtol=2e-2, atol=2e-2)  # 16-bit sums round at each step
def index_add(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, 0, make.integers(5, high=3), make(5, 4))
    yield case(x, 1, np.asarray([3, 0]), make(3, 2), alpha=2)
    yield case(x, -1, make.integers(0), make(3, 0))
    yield case(make(), 0, np.asarray([0]), make())
    yield refused(x, 0, make.integers(2), make(3, 4), error=ValueError, match="one slice per index")
    yield refused(x, 0, np.asarray([3]), make(1, 4), error=IndexError, match="dimension 0 of size 3")


def np_index_copy(x: Array, dim: int, index: Array, source: Array) -> Array:
    return np_along(x, dim, index, lambda to, at: to.__setitem__(at, moved(source, dim)))


@row("index_copy", dtypes=MOVED, reference=np_index_copy)
def index_copy(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, 0, np.asarray([2, 0]), make(2, 4))
    yield case(x, 1, np.asarray([3, 1, 0]), make(3, 3))
    yield case(x, 0, make.integers(0), make(0, 4))
    yield case(make(), 0, np.asarray([0]), make())
    yield refused(x, 0, np.asarray([2, 0]), make(3, 4), error=ValueError, match="one slice per index")


def np_index_fill(x: Array, dim: int, index: Array, value: Any) -> Array:
    return np_along(x, dim, index, lambda to, at: to.__setitem__(at, value))


@row("index_fill", dtypes=MOVED, reference=np_index_fill)
def index_fill(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, 0, np.asarray([2, 0]), 1)
    yield case(x, -1, np.asarray([1]), make())
    yield case(make(), 0, np.asarray([0]), 1)
    yield refused(x, 0, np.asarray([3]), 1, error=IndexError, match="dimension 0")


@row("index_select", dtypes=MOVED, reference=lambda x, dim, index: np.take(x, index, axis=dim) if x.ndim else x)
def index_select(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, 0, np.asarray([2, 0, 2]))
    yield case(x, -1, make.integers(0))
    yield case(x, 1, make.integers(6, high=4))
    yield case(make(), 0, np.asarray([0]))
    yield refused(x, 0, np.asarray([3]), error=IndexError, match="dimension 0 of size 3")
    yield refused(x, 2, np.asarray([0]), error=IndexError, match="out of range")


def np_index_put(x: Array, indices: tuple[Array, ...], values: Array, accumulate: bool = False) -> Array:
    out = np.array(x)
    if accumulate:
        np.add.at(out, indices, values)
    else:
        out[indices] = values
    return out


@row("index_put", dtypes=REAL + COMPLEX, reference=np_index_put, rtol=2e-2, atol=2e-2)  # 16-bit sums round at each step
def index_put(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, (np.asarray([2, 0]), np.asarray([1, 1])), make(2))
    yield case(x, (np.asarray([2, 0]),), make(4))
    yield case(x, (np.asarray([0, 0, 2]), np.asarray([1, 1, 3])), make(3), accumulate=True)
    mask = np.zeros((3, 4), bool)
    mask[1, ::2] = True
    yield case(x, (mask,), make(2))
    yield refused(x, (np.asarray([3]),), make(4), error=IndexError, match="dimension 0 of size 3")
    yield refused(x, (np.asarray([0, 1]),), make(3), error=ValueError, match="broadcast")


@row("take", dtypes=MOVED, reference=lambda x, index: np.take(np.asarray(x), index))
def take(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.integers(2, 3, high=12))
    yield case(make(), make.integers(2, high=1))
    yield case(make(3), make.integers(0))
    yield refused(make(3), np.asarray([3]), error=IndexError, match="size 3")


def np_put(x: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    return np_index_put(np.array(x).reshape(-1), (index.reshape(-1),), source.reshape(-1), accumulate).reshape(x.shape)


@row("put", dtypes=REAL + COMPLEX, reference=np_put, rtol=2e-2, atol=2e-2)  # 16-bit sums round at each step
def put(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), np.asarray([[3, 11], [0, 5]]), make(2, 2))
    yield case(make(3), np.asarray([1, 1]), make(2), accumulate=True)
    yield refused(make(3), np.asarray([1, 1]), make(3), error=ValueError, match="one element per index")


def np_take_along_dim(x: Array, indices: Array, dim: int | None = None) -> Array:
    if dim is None:
        return np.take(np.asarray(x).reshape(-1), indices.reshape(-1))
    return np.take_along_axis(x, indices, dim)


@row("take_along_dim", dtypes=MOVED, reference=np_take_along_dim)
def take_along_dim(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.integers(3, 2, high=4), 1)
    yield case(make(3, 4), make.integers(1, 4, high=3), dim=0)
    yield case(make(3, 4), make.integers(2, 2, high=12))
    yield refused(make(3, 4), make.integers(3), 1, error=ValueError, match="dimensions")


@row("masked_fill", dtypes=MOVED, reference=lambda x, mask, value: np.where(mask, np.asarray(value, x.dtype), x))
def masked_fill(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.bools(3, 4), 1)
    yield case(make(3, 4), make.bools(4), 0)
    yield case(make(0), make.bools(0), 1)


def np_masked_select(x: Array, mask: Array) -> Array:
    both = np.broadcast_arrays(x, mask)
    return np.asarray(both[0][both[1]])


@row("masked_select", dtypes=ALL, reference=np_masked_select)
def masked_select(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.bools(3, 4))
    yield case(make(3, 1), make.bools(4))
    yield case(make(3), np.zeros(3, bool))
    yield refused(make(3), make.integers(3), error=TypeError, match="bool")


def np_masked_scatter(x: Array, mask: Array, source: Array) -> Array:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    out, mask = np.array(np.broadcast_to(x, shape)), np.broadcast_to(mask, shape)
    out[mask] = source.reshape(-1)[: mask.sum()]
    return out


@row("masked_scatter", dtypes=MOVED, reference=np_masked_scatter)
def masked_scatter(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.bools(3, 4), make(12))
    yield case(make(3, 4), make.bools(4), make(3, 5))
    yield case(make(4), make.bools(3, 4), make(12))
    yield refused(make(3), np.ones(3, bool), make(2), error=ValueError, match="3 places")


row("nonzero", dtypes=ALL, grad=False, reference=lambda x: np.argwhere(x))(
    lambda make: iter([case(make(3, 4)), case(np.zeros_like(make(3))), case(make(0, 2))])
)
row("argwhere", dtypes=ALL, grad=False, reference=np.argwhere)(
    lambda make: iter([case(make(3, 4)), case(np.zeros_like(make(3))), case(make(0, 2))])
)


def np_nonzero_static(x: Array, *, size: int, fill_value: int = -1) -> Array:
    found = np.argwhere(x)[:size]
    return np.concatenate([found, np.full((size - len(found), x.ndim), fill_value)])


@row("nonzero_static", dtypes=REAL + BOOL, grad=False, reference=np_nonzero_static)
def nonzero_static(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), size=3)
    yield case(make(3, 4), size=20, fill_value=7)
    yield refused(make(3), size=-1, error=ValueError, match="negative")


def np_segment_reduce(
    data: Array, reduce: str, *, lengths: Any = None, offsets: Any = None, axis: int = 0, initial: Any = None
) -> Array:
    ends = offsets if offsets is not None else np.concatenate([[0], np.cumsum(lengths)])
    empty = {"sum": 0.0, "mean": np.nan, "max": -np.inf, "min": np.inf, "prod": 1.0}[reduce]
    rows = []
    for start, end in pairwise(ends):
        part = data[start:end]
        if initial is not None and reduce != "mean":
            part = np.concatenate([np.full_like(data[:1], initial), part])
        function = getattr(np, reduce)
        rows.append(function(part, axis=0) if len(part) else np.full_like(data[0], empty))
    return np.asarray(np.stack(rows), data.dtype)


@row("segment_reduce", dtypes=FLOAT, grad=(0,), reference=np_segment_reduce)
def segment_reduce(make: Make) -> Iterator[Case]:
    x = make(6, 2)
    for reduce in ("sum", "mean", "max", "min", "prod"):
        yield case(x, reduce, lengths=np.asarray([2, 1, 3]))
    yield case(x, "sum", lengths=np.asarray([2, 0, 4]))
    yield case(x, "max", offsets=np.asarray([0, 4, 6]), initial=0.5)
    yield refused(x, "sum", lengths=np.asarray([2, 1]), error=ValueError, match="cover")
    yield refused(x, "sum", error=ValueError, match="lengths or offsets")


# ---- rearrangement --------------------------------------------------------------------------------------------


def triangles(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 4, 3), 1)
    yield case(make(3, 4), diagonal=-2)
    yield case(make(0, 3))
    yield refused(make(3), error=ValueError, match="matri")


row("tril", dtypes=MOVED, reference=lambda x, diagonal=0: np.tril(x, diagonal))(triangles)
row("triu", dtypes=MOVED, reference=lambda x, diagonal=0: np.triu(x, diagonal))(triangles)


@row("flip", dtypes=MOVED, reference=lambda x, dims: np.flip(x, dims))
def flip(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), (0, -1))
    yield case(make(3), (0,))
    yield case(make(2, 3), ())
    yield refused(make(2, 3), (0, 0), error=ValueError, match="twice")
    yield refused(make(2, 3), (2,), error=IndexError, match="out of range")


@row("roll", dtypes=MOVED, reference=lambda x, shifts, dims=(): np.roll(x, shifts, dims if dims != () else None))
def roll(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 2)
    yield case(make(2, 3), 4, 1)
    yield case(make(2, 3), (1, -2), (0, 1))
    yield case(make(0), 1)
    yield refused(make(2, 3), (1, 2), (0,), error=ValueError, match="one shift per dimension")


@row("rot90", dtypes=MOVED, reference=lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims))
def rot90(make: Make) -> Iterator[Case]:
    for k in (0, 1, 2, 3, -1):
        yield case(make(2, 3), k)
    yield case(make(2, 3, 4), 1, (1, 2))
    yield refused(make(3), error=ValueError, match="two dimensions")


@row("Tensor.repeat", dtypes=MOVED, reference=lambda x, *repeats: np.tile(x, repeats))
def repeat(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 2, 1)
    yield case(make(3), 2, 2, 2)
    yield case(make(), 3)
    yield refused(make(2, 3), 2, error=ValueError, match="one number per dimension")


@row("tile", dtypes=MOVED, reference=np.tile)
def tile(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), (2, 1))
    yield case(make(2, 3), (2,))
    yield case(make(3), (2, 2, 2))


@row("repeat_interleave", dtypes=MOVED, reference=lambda x, repeats, dim=None: np.repeat(x, repeats, dim))
def repeat_interleave(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 2)
    yield case(make(2, 3), 2, 1)
    yield case(make(2, 3), np.asarray([1, 0, 2]), dim=1)
    yield refused(make(3), -1, error=ValueError, match="negative")
    yield refused(make(), 2, 0, error=ValueError, match="there are no dimensions")
    yield refused(make(), np.asarray([2]), 0, error=ValueError, match="there are no dimensions")


@row("diag", dtypes=MOVED, reference=lambda x, diagonal=0: np.diag(x, diagonal))
def diag(make: Make) -> Iterator[Case]:
    yield case(make(3))
    yield case(make(3), -1)
    yield case(make(3, 4), 1)
    yield case(make(0), 2)
    yield refused(make(), error=ValueError, match="vector or a matrix")
    yield refused(make(3), 2**63 - 1, error=ValueError, match="overflows")
