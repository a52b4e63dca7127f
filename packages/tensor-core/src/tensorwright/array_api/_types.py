"""Types that signatures of the namespace name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from tensorwright._C import Tensor
from tensorwright._C import device as Device
from tensorwright._C import dtype as Dtype

Number: TypeAlias = bool | int | float | complex
Axis: TypeAlias = int | tuple[int, ...] | None
Shape: TypeAlias = int | Sequence[int]

__all__ = ["Any", "Axis", "Device", "Dtype", "Number", "Shape", "Tensor"]


def axes_of(axis: Axis, ndim: int) -> list[int]:
    """The axes of a reduction, not negative; None means all."""
    if axis is None:
        return list(range(ndim))
    given = (axis,) if isinstance(axis, int) else axis
    return [i + ndim if i < 0 else i for i in given]
