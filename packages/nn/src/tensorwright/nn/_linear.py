"""Affine maps."""

from __future__ import annotations

import math

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter


class Linear(Module[[Tensor], Tensor]):
    """y = x W^T + b over the last dimension.

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: learn an additive bias.

    Shapes: input [..., in_features], weight [out_features, in_features], bias [out_features], output
    [..., out_features]. Both are drawn from U(-1/sqrt(in_features), 1/sqrt(in_features)).

    Example:
        >>> Linear(3, 2)(tw.ones(5, 3)).shape
        (5, 2)
    """

    bias: Parameter | None
    in_features: int
    out_features: int
    weight: Parameter

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(tw.empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(tw.empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Map [..., in_features] to [..., out_features]."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module[[Tensor, Tensor], Tensor]):
    """y = x1^T A x2 + b, for each output with a matrix of its own.

    Args:
        in1_features: size of the last dimension of the first input.
        in2_features: size of the last dimension of the second input.
        out_features: size of the last dimension of the output.
        bias: learn an additive bias.

    Example:
        >>> Bilinear(3, 4, 2)(tw.ones(5, 3), tw.ones(5, 4)).shape
        (5, 2)
    """

    bias: Parameter | None
    in1_features: int
    in2_features: int
    out_features: int
    weight: Parameter

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be positive, got {in1_features}")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(tw.empty(out_features, in1_features, in2_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(tw.empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Map [..., in1_features] and [..., in2_features] to [..., out_features]."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
