"""Layers that centre and scale over features and channels of single samples."""

from __future__ import annotations

from collections.abc import Sequence

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter


class LayerNorm(Module[[Tensor], Tensor]):
    """Normalisation over the last dimensions of each element (Ba, Kiros and Hinton 2016).

    Args:
        normalized_shape: the last dimensions, as one number or several.
        eps: added to the variance.
        elementwise_affine: learn a scale (and, if ``bias``, a shift) of that shape.

    Example:
        >>> LayerNorm(4)(tw.randn(2, 3, 4)).shape
        (2, 3, 4)
    """

    weight: Parameter | None
    bias: Parameter | None
    normalized_shape: tuple[int, ...]
    eps: float
    elementwise_affine: bool

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine

        def learned(wanted: bool) -> Parameter | None:
            return Parameter(tw.empty(self.normalized_shape, device=device, dtype=dtype)) if wanted else None

        self.register_parameter("weight", learned(elementwise_affine))
        self.register_parameter("bias", learned(elementwise_affine and bias))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        bias = self.bias is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={bias}"


class RMSNorm(Module[[Tensor], Tensor]):
    """Division by the root of the mean square over the last dimensions (Zhang and Sennrich 2019).

    Args:
        normalized_shape: the last dimensions, as one number or several.
        eps: added to the mean square; the dtype's rounding step by default.
        elementwise_affine: learn a scale of that shape.

    Example:
        >>> RMSNorm(4)(tw.randn(2, 3, 4)).shape
        (2, 3, 4)
    """

    weight: Parameter | None
    normalized_shape: tuple[int, ...]
    eps: float | None
    elementwise_affine: bool

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        scale = Parameter(tw.empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", scale)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module[[Tensor], Tensor]):
    """Normalisation over groups of channels of each sample (Wu and He 2018).

    Args:
        num_groups: groups of neighbouring channels that are normalised together.
        num_channels: C of [N, C, ...], which the groups divide.
        eps: added to the variance.
        affine: learn a scale and a shift per channel.
        bias: learn the shift, if ``affine``.

    Example:
        >>> GroupNorm(2, 4)(tw.randn(3, 4, 5)).shape
        (3, 4, 5)
    """

    weight: Parameter | None
    bias: Parameter | None
    num_groups: int
    num_channels: int
    eps: float
    affine: bool

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups != 0:
            raise ValueError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine

        def learned(wanted: bool) -> Parameter | None:
            return Parameter(tw.empty(num_channels, device=device, dtype=dtype)) if wanted else None

        self.register_parameter("weight", learned(affine))
        self.register_parameter("bias", learned(affine and bias))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input, [N, C, ...]."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module[[Tensor], Tensor]):
    """Divides by (k + alpha * mean of squares of ``size`` neighbouring channels)^beta (Krizhevsky et al. 2012).

    Example:
        >>> LocalResponseNorm(2)(tw.ones(1, 4, 3, 3)).shape
        (1, 4, 3, 3)
    """

    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input, [N, C, ...]."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """``LocalResponseNorm`` of images [N, C, H, W] under its former name."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)
