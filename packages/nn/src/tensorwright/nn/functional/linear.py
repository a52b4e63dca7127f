"""Affine maps."""

from __future__ import annotations

from tensorwright import Tensor, ops


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``: [..., in], [out, in], [out] to [..., out].

    Example:
        >>> import tensorwright as tw
        >>> linear(tw.tensor([1.0, 2.0]), tw.tensor([[3.0, 4.0]]), tw.tensor([0.5])).tolist()
        [11.5]
    """
    return ops.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sums of products of two vectors' elements: [..., in1], [..., in2], [out, in1, in2] to [..., out]."""
    return ops.bilinear(input1, input2, weight, bias)
