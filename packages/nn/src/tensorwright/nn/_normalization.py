"""Layers that centre and scale."""

from __future__ import annotations

from collections.abc import Sequence

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter


class _BatchNorm(Module):
    """Normalisation over the batch and all positions of each channel (Ioffe and Szegedy 2015)."""

    ranks: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats

        def filled(value: float) -> Tensor:
            return tw.full((num_features,), value, device=device, dtype=dtype or tw.get_default_dtype())

        self.register_parameter("weight", Parameter(filled(1.0)) if affine else None)
        self.register_parameter("bias", Parameter(filled(0.0)) if affine else None)
        self.register_buffer("running_mean", filled(0.0) if track_running_stats else None)
        self.register_buffer("running_var", filled(1.0) if track_running_stats else None)
        count = tw.tensor(0, dtype=tw.int64, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Forget the statistics gathered so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1.0)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the statistics; weight 1, bias 0."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with the batch's statistics in training (and when none are tracked), else with the running ones."""
        if input.ndim not in self.ranks:
            ranks = " or ".join(f"{rank}-D" for rank in self.ranks)
            raise ValueError(
                f"{type(self).__name__}: expected {ranks} input, got {input.ndim}-D of shape {list(input.shape)}"
            )
        use_batch = self.training or self.running_mean is None
        tracking = self.training and self.num_batches_tracked is not None
        factor = 0.0 if self.momentum is None else self.momentum
        if tracking and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # cumulative average
                factor = 1.0 / float(self.num_batches_tracked.item())
        # in training the running statistics are updated by the op; without tracking they are not handed over
        statistics = (self.running_mean, self.running_var) if not use_batch or tracking else (None, None)
        return F.batch_norm(input, *statistics, self.weight, self.bias, use_batch, factor, self.eps)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of [N, C] or [N, C, L]: each channel to mean 0 and variance 1, then scaled and shifted.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics; None for their plain average.
        affine: learn a scale and a shift per channel.
        track_running_stats: keep running statistics for evaluation.

    Example:
        >>> BatchNorm1d(3)(tw.randn(4, 3)).shape
        (4, 3)
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images [N, C, H, W]; arguments as ``BatchNorm1d``.

    Example:
        >>> BatchNorm2d(3)(tw.randn(4, 3, 5, 5)).shape
        (4, 3, 5, 5)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes [N, C, D, H, W]; arguments as ``BatchNorm1d``."""

    ranks = (5,)


class LayerNorm(Module):
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
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
