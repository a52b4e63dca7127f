"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor, ops

IntPair = int | Sequence[int]


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntPair = 1,
    padding: IntPair | str = 0,
    dilation: IntPair = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of [N, C, H, W] with [out, C / groups, kH, kW]."""
    return ops.conv2d(input, weight, bias, stride, padding, dilation, groups)
