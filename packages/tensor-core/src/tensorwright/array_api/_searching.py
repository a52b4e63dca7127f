"""Functions that find or sort elements."""

from __future__ import annotations

from typing import Literal

import tensorwright as tw
from tensorwright.array_api._elementwise import operands
from tensorwright.array_api._types import Axis, Number, Tensor, axes_of

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "nonzero", "searchsorted", "sort", "take", "take_along_axis",
    "where",
]  # fmt: skip


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first maximum."""
    return _flat_index(tw.argmax(x.reshape(-1)), x, keepdims) if axis is None else tw.argmax(x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first minimum."""
    return _flat_index(tw.argmin(x.reshape(-1)), x, keepdims) if axis is None else tw.argmin(x, axis, keepdims)


def _flat_index(index: Tensor, x: Tensor, keepdims: bool) -> Tensor:
    return index.reshape((1,) * x.ndim) if keepdims else index


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort ``x``."""
    return tw.argsort(x, axis, descending, stable=stable)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis."""
    return tw.sort(x, axis, descending, stable=stable)[0]


def count_nonzero(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements are not zero."""
    return tw.sum(x != 0, axes_of(axis, x.ndim), keepdims)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not zero, an array for each axis."""
    if x.ndim == 0:
        raise ValueError("nonzero: x must have at least one axis")
    return tuple(tw.unbind(tw.nonzero(x), 1))


def searchsorted(
    x1: Tensor, x2: Tensor, /, *, side: Literal["left", "right"] = "left", sorter: Tensor | None = None
) -> Tensor:
    """Where the elements of ``x2`` would stand in the sorted vector ``x1``."""
    dtype = tw.result_type(x1, x2)
    ordered = x1 if sorter is None else take(x1, sorter.to(tw.int64), axis=0)
    return tw.searchsorted(ordered.to(dtype), x2.to(dtype), right=side == "right")


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices at some indices along an axis."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: x has {x.ndim} axes; axis must say along which to take")
        axis = 0
    taken = tw.index_select(x, axis, indices.reshape(-1))
    before = axis % x.ndim
    return taken.reshape((*x.shape[:before], *indices.shape, *x.shape[before + 1 :]))


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """The elements at indices that differ from place to place."""
    return tw.take_along_dim(x, indices.to(tw.int64), axis)


def where(condition: Tensor, x1: Tensor | Number, x2: Tensor | Number, /) -> Tensor:
    """Elements of ``x1`` where the condition holds, else of ``x2``."""
    if not isinstance(x1, Tensor) and not isinstance(x2, Tensor):
        return tw.where(condition, tw.tensor(x1), tw.tensor(x2))
    return tw.where(condition, *operands("where", x1, x2))
