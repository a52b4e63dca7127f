"""Products that are also in the main namespace."""

from __future__ import annotations

from collections.abc import Sequence

import tensorwright as tw
from tensorwright.array_api._types import Tensor

__all__ = ["matmul", "matrix_transpose", "tensordot", "vecdot"]


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    dtype = tw.result_type(x1, x2)
    return tw.matmul(x1.to(dtype), x2.to(dtype))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """A view with the last two axes swapped."""
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over some axes of both."""
    dtype = tw.result_type(x1, x2)
    a, b = x1.to(dtype), x2.to(dtype)
    return tw.tensordot(a, b, axes if isinstance(axes, int) else (list(axes[0]), list(axes[1])))


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The products of vectors along an axis, counted from the end; those of ``x1`` are conjugated."""
    if axis >= 0 and x1.ndim != x2.ndim:
        raise ValueError(f"vecdot: axis {axis} counts from the front, but x1 has {x1.ndim} axes and x2 {x2.ndim}")
    dtype = tw.result_type(x1, x2)
    first, second = (tw.moveaxis(x.to(dtype), axis, -1) for x in (x1, x2))
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"vecdot: axis {axis} has sizes {first.shape[-1]} and {second.shape[-1]}")
    first = tw.conj_physical(first) if dtype.is_complex else first
    return tw.matmul(first.unsqueeze(-2), second.unsqueeze(-1)).squeeze((-2, -1))
