"""Layers that centre and scale over batches and over samples."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter


class NormBase(Module[[Tensor], Tensor]):
    """What batch and instance normalisation have: a scale and a shift per channel, and running statistics."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_parameters(affine and bias, device, dtype)

    def _make_parameters(self, bias: bool, device: tw.device | str | None, dtype: tw.dtype | None) -> None:
        def filled(value: float) -> Tensor:
            return tw.full((self.num_features,), value, device=device, dtype=dtype or tw.get_default_dtype())

        self.register_parameter("weight", Parameter(filled(1.0)) if self.affine else None)
        self.register_parameter("bias", Parameter(filled(0.0)) if bias else None)
        self.register_buffer("running_mean", filled(0.0) if self.track_running_stats else None)
        self.register_buffer("running_var", filled(1.0) if self.track_running_stats else None)
        self._make_counter(device)

    def _make_counter(self, device: tw.device | str | None) -> None:
        count = tw.tensor(0, dtype=tw.int64, device=device) if self.track_running_stats else None
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
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNormBase(NormBase):
    """Normalisation over the batch and all positions of each channel (Ioffe and Szegedy 2015)."""

    ranks: ClassVar[tuple[int, ...]]

    def _check_rank(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            ranks = " or ".join(f"{rank}-D" for rank in self.ranks)
            raise ValueError(
                f"{type(self).__name__}: expected {ranks} input, got {input.ndim}-D of shape {list(input.shape)}"
            )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with the batch's statistics in training (and when none are tracked), else with the running ones."""
        self._check_rank(input)
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


class BatchNorm1d(BatchNormBase):
    """Batch normalisation of [N, C] or [N, C, L]: each channel to mean 0 and variance 1, then scaled and shifted.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics; None for their plain average.
        affine: learn a scale and a shift per channel.
        track_running_stats: keep running statistics for evaluation.
        bias: learn the shift, if ``affine``.

    Example:
        >>> BatchNorm1d(3)(tw.randn(4, 3)).shape
        (4, 3)
    """

    ranks: ClassVar[tuple[int, ...]] = (2, 3)


class BatchNorm2d(BatchNormBase):
    """Batch normalisation of images [N, C, H, W]; arguments as ``BatchNorm1d``.

    Example:
        >>> BatchNorm2d(3)(tw.randn(4, 3, 5, 5)).shape
        (4, 3, 5, 5)
    """

    ranks: ClassVar[tuple[int, ...]] = (4,)


class BatchNorm3d(BatchNormBase):
    """Batch normalisation of volumes [N, C, D, H, W]; arguments as ``BatchNorm1d``.

    Example:
        >>> BatchNorm3d(3)(tw.randn(4, 3, 2, 5, 5)).shape
        (4, 3, 2, 5, 5)
    """

    ranks: ClassVar[tuple[int, ...]] = (5,)


class SyncBatchNorm(BatchNormBase):
    """Batch normalisation over the batches of all processes; evaluates like ``BatchNorm2d``.

    Training needs a process group, which tensorwright-distributed will provide: without one it is refused.

    Args:
        num_features: C of [N, C, ...].
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics; None for their plain average.
        affine: learn a scale and a shift per channel.
        track_running_stats: keep running statistics for evaluation.
        process_group: the processes that take part; all if None.
        bias: learn the shift, if ``affine``.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: object | None = None,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_rank(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"SyncBatchNorm: expected at least 2-D input, got shape {list(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with the running statistics.

        Raises:
            RuntimeError: in training, and where no statistics are tracked: there is no process group.
        """
        if self.training or self.running_mean is None:
            raise RuntimeError(
                "SyncBatchNorm: training needs a process group, and there is none; use BatchNorm in a single process"
            )
        return super().forward(input)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: object | None = None) -> Module:
        """``module`` with every batch normalisation below it replaced by one over all processes, sharing its state."""
        converted = module
        if isinstance(module, BatchNormBase) and not isinstance(module, SyncBatchNorm):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            converted._parameters.update(module._parameters)
            converted._buffers.update(module._buffers)
            converted.training = module.training
        for name, child in module._modules.items():
            if child is not None:
                converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


class InstanceNormBase(NormBase):
    """Normalisation over all positions of each channel of each sample (Ulyanov et al. 2016)."""

    dims: ClassVar[int]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check(self, input: Tensor) -> None:
        name = type(self).__name__
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise ValueError(
                f"{name}: expected {self.dims + 1}-D or {self.dims + 2}-D input, got {input.ndim}-D of shape "
                f"{list(input.shape)}"
            )
        channels = input.shape[-self.dims - 1]
        if channels != self.num_features:
            if self.affine:
                raise ValueError(f"{name}: expected {self.num_features} channels, got shape {list(input.shape)}")
            warnings.warn(
                f"{name}: input has {channels} channels instead of {self.num_features}, which is of no use here and "
                "can be left out",
                stacklevel=4,
            )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with each sample's statistics, or in evaluation with the running ones where they are tracked."""
        self._check(input)
        batched: Any = input if input.ndim == self.dims + 2 else input.unsqueeze(0)
        use_input = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        result = F.instance_norm(
            batched, self.running_mean, self.running_var, self.weight, self.bias, use_input, momentum, self.eps
        )
        return result if batched is input else result.squeeze(0)


class InstanceNorm1d(InstanceNormBase):
    """Instance normalisation of [N, C, L] or [C, L]: each channel of each sample to mean 0 and variance 1.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        affine: learn a scale and a shift per channel.
        track_running_stats: keep running statistics for evaluation.
        bias: learn the shift, if ``affine``.

    Example:
        >>> InstanceNorm1d(3)(tw.randn(4, 3, 5)).shape
        (4, 3, 5)
    """

    dims = 1


class InstanceNorm2d(InstanceNormBase):
    """Instance normalisation of images [N, C, H, W] or [C, H, W]; arguments as ``InstanceNorm1d``.

    Example:
        >>> InstanceNorm2d(3)(tw.randn(4, 3, 5, 5)).shape
        (4, 3, 5, 5)
    """

    dims = 2


class InstanceNorm3d(InstanceNormBase):
    """Instance normalisation of volumes [N, C, D, H, W] or [C, D, H, W]; arguments as ``InstanceNorm1d``.

    Example:
        >>> InstanceNorm3d(3)(tw.randn(4, 3, 2, 5, 5)).shape
        (4, 3, 2, 5, 5)
    """

    dims = 3
