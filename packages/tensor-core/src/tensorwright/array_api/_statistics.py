"""Sums, extremes, moments, and tests of all elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorwright as tw
from tensorwright.array_api._types import Axis, Dtype, Tensor, axes_of

__all__ = [
    "all", "any", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip


def sum_dtype(x: Tensor, dtype: Dtype | None) -> Dtype:
    """What sums and products accumulate in: integers in the widest of their signedness."""
    if dtype is not None:
        return dtype
    if x.dtype.is_floating_point or x.dtype.is_complex:
        return x.dtype
    return tw.int64 if x.dtype.is_signed or x.dtype == tw.bool else tw.uint64


def _reduced(op: Callable[..., Tensor], x: Tensor, axis: Axis, keepdims: bool, **kwargs: Any) -> Tensor:
    """``axis=()`` reduces nothing, which PyTorch's functions take for everything."""
    if x.ndim and axis == ():
        return op(x.unsqueeze(-1), [x.ndim], False, **kwargs)
    return op(x, axes_of(axis, x.ndim), keepdims, **kwargs)


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true."""
    return _reduced(tw.all, x, axis, keepdims)


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true."""
    return _reduced(tw.any, x, axis, keepdims)


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; NaN if there is one."""
    return _reduced(tw.amax, x, axis, keepdims)


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; NaN if there is one."""
    return _reduced(tw.amin, x, axis, keepdims)


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean."""
    return _reduced(tw.mean, x, axis, keepdims)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: Dtype | None = None, keepdims: bool = False) -> Tensor:
    """The product of the elements."""
    return _reduced(tw.prod, x, axis, keepdims, dtype=sum_dtype(x, dtype))


def sum(x: Tensor, /, *, axis: Axis = None, dtype: Dtype | None = None, keepdims: bool = False) -> Tensor:
    """The sum of the elements."""
    return _reduced(tw.sum, x, axis, keepdims, dtype=sum_dtype(x, dtype))


def std(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The standard deviation; the squares are divided by their number less ``correction``."""
    return tw.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def var(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance; the squares are divided by their number less ``correction``."""
    if x.ndim and axis == ():
        return tw.var(x.unsqueeze(-1), [x.ndim], correction=correction)
    return tw.var(x, axes_of(axis, x.ndim), correction=correction, keepdim=keepdims)


def _cumulative(
    op: Callable[..., Tensor], name: str, x: Tensor, axis: int | None, dtype: Dtype, initial: int | None
) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"{name}: x has {x.ndim} axes; axis must say along which to go")
        axis = 0
    out = op(x, axis, dtype=dtype)
    if initial is None:
        return out
    shape = list(x.shape)
    shape[axis] = 1
    return tw.concat([tw.full(shape, initial, dtype=dtype, device=x.device), out], axis)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Dtype | None = None, include_initial: bool = False
) -> Tensor:
    """The products of the elements up to each; ``include_initial`` begins with 1."""
    initial = 1 if include_initial else None
    return _cumulative(tw.cumprod, "cumulative_prod", x, axis, sum_dtype(x, dtype), initial)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Dtype | None = None, include_initial: bool = False
) -> Tensor:
    """The sums of the elements up to each; ``include_initial`` begins with 0."""
    initial = 0 if include_initial else None
    return _cumulative(tw.cumsum, "cumulative_sum", x, axis, sum_dtype(x, dtype), initial)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences of neighbours along an axis, taken ``n`` times."""
    parts = [part for part in (prepend, x, append) if part is not None]
    out = tw.concat(parts, axis) if len(parts) > 1 else x
    for _ in range(n):
        length = out.shape[axis]
        if length == 0:
            break
        after, before = tw.narrow(out, axis, 1, length - 1), tw.narrow(out, axis, 0, length - 1)
        out = after ^ before if out.dtype == tw.bool else after - before
    return out
