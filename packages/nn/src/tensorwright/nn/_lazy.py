"""Modules that learn their input's channels from the first input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.extend import check_tensor

from ._batch_norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    NormBase,
)
from ._conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvolutionBase,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    ForwardConvolution,
    PaddingMode,
    TransposedConvolution,
)
from ._linear import Linear
from ._module import Module
from ._parameter import Parameter
from ._uninitialized import UninitializedBuffer, UninitializedParameter, is_uninitialized

Ints = int | Sequence[int]


class LazyModule(Module):
    """Has no shapes until its first call, or a state that is loaded, gives them; then it is what ``becomes`` says."""

    becomes: ClassVar[type[Module]]

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_uninitialized, (*self._parameters.values(), *self._buffers.values())))

    def initialize_parameters(self, input: Tensor) -> None:
        """Give all parameters and buffers the shapes that ``input`` needs, and their first values."""
        raise NotImplementedError

    def _own_shapes_known(self) -> None:
        """A loaded state has given the shapes: take over from them what the constructor was not told."""

    def _lacks_shapes(self) -> bool:
        return self.has_uninitialized_params()

    def _become_ordinary(self) -> None:
        if not self.has_uninitialized_params():
            self._own_shapes_known()
            self.__class__ = self.becomes  # type: ignore[assignment]

    def _state_loaded(self) -> None:
        self._become_ordinary()

    if not TYPE_CHECKING:  # for checkers it is what `becomes` is

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            try:
                self._take_shapes_from(args, kwargs)
            except Exception as error:
                self._call_failed(error, args, kwargs)
                raise
            return self(*args, **kwargs)

    def _take_shapes_from(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._lacks_shapes():
            first: Any = args[0] if args else next(iter(kwargs.values()), None)
            check_tensor(type(self).__name__, "input", first)
            self.initialize_parameters(first)
        self._become_ordinary()


class LazyLinear(LazyModule, Linear):
    """A ``Linear`` whose in_features are the size of the last dimension of its first input.

    Example:
        >>> layer = LazyLinear(2)
        >>> layer(tw.ones(5, 3)).shape, layer.in_features
        ((5, 2), 3)
    """

    out_features: int
    weight: UninitializedParameter
    in_features: int

    becomes: ClassVar[type[Module]] = Linear

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        Module.__init__(self)
        self.in_features, self.out_features = 0, out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        learned = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", learned)

    def initialize_parameters(self, input: Tensor) -> None:
        """Weight and bias for the size of the last dimension of ``input``."""
        self.in_features = input.shape[-1]
        _materialize(self.weight, (self.out_features, self.in_features))
        _materialize(self.bias, (self.out_features,))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, if their shapes are known."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def _own_shapes_known(self) -> None:
        self.in_features = self.weight.shape[1]


def _materialize(value: Tensor | None, shape: tuple[int, ...]) -> None:
    if isinstance(value, UninitializedParameter | UninitializedBuffer):
        value.materialize(shape)


# ---- convolutions ---------------------------------------------------------------------------------------


class _LazyConvolutionBase(LazyModule, ConvolutionBase):
    weight: Parameter
    in_channels: int

    def _make_parameters(self, bias: bool, device: tw.device | str | None, dtype: tw.dtype | None) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.register_parameter("bias", UninitializedParameter(device=device, dtype=dtype) if bias else None)

    def reset_parameters(self) -> None:
        """Draw new weights, if their shapes are known."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Weight and bias for the channels of ``input``."""
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise RuntimeError(
                f"{type(self).__name__}: expected {self.dims + 1}-D or {self.dims + 2}-D input, got {input.ndim}-D of "
                f"shape {list(input.shape)}"
            )
        self.in_channels = input.shape[-self.dims - 1]
        self._check()
        _materialize(self.weight, self._weight_shape())
        _materialize(self.bias, (self.out_channels,))
        self.reset_parameters()

    def _own_shapes_known(self) -> None:
        shape = self.weight.shape
        self.in_channels = shape[0] if self.transposed else shape[1] * self.groups


class _LazyConvolution(_LazyConvolutionBase, ForwardConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        ForwardConvolution.__init__(
            self, 0, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )


class _LazyTransposedConvolution(_LazyConvolutionBase, TransposedConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: PaddingMode = "zeros",
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        TransposedConvolution.__init__(
            self,
            0,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias,
            dilation,
            padding_mode,
            device,
            dtype,
        )


class LazyConv1d(_LazyConvolution, Conv1d):
    """A ``Conv1d`` whose in_channels are those of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = Conv1d


class LazyConv2d(_LazyConvolution, Conv2d):
    """A ``Conv2d`` whose in_channels are those of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = Conv2d


class LazyConv3d(_LazyConvolution, Conv3d):
    """A ``Conv3d`` whose in_channels are those of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = Conv3d


class LazyConvTranspose1d(_LazyTransposedConvolution, ConvTranspose1d):
    """A ``ConvTranspose1d`` whose in_channels are those of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposedConvolution, ConvTranspose2d):
    """A ``ConvTranspose2d`` whose in_channels are those of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposedConvolution, ConvTranspose3d):
    """A ``ConvTranspose3d`` whose in_channels are those of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = ConvTranspose3d


# ---- normalisation --------------------------------------------------------------------------------------


class _LazyNorm(LazyModule, NormBase):
    """Has a scale, a shift and statistics for the channels of its first input."""

    num_features: int

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        NormBase.__init__(self, 0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _make_parameters(self, bias: bool, device: tw.device | str | None, dtype: tw.dtype | None) -> None:
        def parameter(wanted: bool) -> UninitializedParameter | None:
            return UninitializedParameter(device=device, dtype=dtype) if wanted else None

        def buffer() -> UninitializedBuffer | None:
            return UninitializedBuffer(device=device, dtype=dtype) if self.track_running_stats else None

        self.register_parameter("weight", parameter(self.affine))
        self.register_parameter("bias", parameter(bias))
        self.register_buffer("running_mean", buffer())
        self.register_buffer("running_var", buffer())
        self._make_counter(device)

    def _lacks_shapes(self) -> bool:
        return self.has_uninitialized_params() or not self._own_tensors()

    def _own_tensors(self) -> list[Tensor]:
        return [t for t in (self.weight, self.bias, self.running_mean, self.running_var) if t is not None]

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no statistics, if their shapes are known."""
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Everything for the channels of ``input``."""
        self.num_features = self._channels_of(input)
        for value in self._own_tensors():
            _materialize(value, (self.num_features,))
        self.reset_parameters()

    def _channels_of(self, input: Tensor) -> int:
        return input.shape[1]

    def _own_shapes_known(self) -> None:
        if self._own_tensors():
            self.num_features = self._own_tensors()[0].shape[0]

    def _state_loaded(self) -> None:
        if self._own_tensors():
            super()._state_loaded()


class _LazyInstanceNorm(_LazyNorm):
    dims: ClassVar[int]

    def _channels_of(self, input: Tensor) -> int:
        return input.shape[-self.dims - 1]


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A ``BatchNorm1d`` whose num_features are the channels of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A ``BatchNorm2d`` whose num_features are the channels of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A ``BatchNorm3d`` whose num_features are the channels of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = BatchNorm3d


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """A ``InstanceNorm1d`` whose num_features are the channels of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """A ``InstanceNorm2d`` whose num_features are the channels of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """A ``InstanceNorm3d`` whose num_features are the channels of its first input; the other arguments are the same."""

    becomes: ClassVar[type[Module]] = InstanceNorm3d
