"""Convolutions and transposed convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter

Ints = int | Sequence[int]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def numbers(value: Ints, count: int) -> tuple[int, ...]:
    """One number for each dimension."""
    return (value,) * count if isinstance(value, int) else tuple(value)


class ConvolutionBase(Module[..., Tensor]):
    """What all convolutions have: weight [out, in / groups, *kernel], transposed [in, out / groups, *kernel], and bias.

    Both are drawn from U(-k, k), k = 1 / sqrt(weight.shape[1] * kernel positions).
    """

    dims: ClassVar[int]
    in_channels: int
    out_channels: int
    groups: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    padding: str | tuple[int, ...]

    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints,
        padding: Ints | str,
        dilation: Ints,
        output_padding: Ints,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: tw.device | str | None,
        dtype: tw.dtype | None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = numbers(kernel_size, self.dims), numbers(stride, self.dims)
        self.dilation, self.output_padding = numbers(dilation, self.dims), numbers(output_padding, self.dims)
        self.padding = padding if isinstance(padding, str) else numbers(padding, self.dims)
        self.padding_mode = padding_mode
        self._check()
        self._make_parameters(bias, device, dtype)

    def _check(self) -> None:
        name, groups = type(self).__name__, self.groups
        if groups < 1 or self.in_channels % groups or self.out_channels % groups:
            raise ValueError(
                f"{name}: groups={groups} must be positive and divide in_channels={self.in_channels} "
                f"and out_channels={self.out_channels}"
            )
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding must be numbers, 'same' or 'valid', got {self.padding!r}")
        if self.padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{name}: padding='same' needs stride 1, got stride={self.stride}")
        if self.padding_mode not in _PADDING_MODES[: 1 if self.transposed else None]:
            allowed = "'zeros'" if self.transposed else ", ".join(map(repr, _PADDING_MODES))
            raise ValueError(f"{name}: padding_mode must be {allowed}, got {self.padding_mode!r}")

    def _weight_shape(self) -> tuple[int, ...]:
        channels = self.in_channels, self.out_channels
        first, second = channels if self.transposed else channels[::-1]
        return (first, second // self.groups, *self.kernel_size)

    def _make_parameters(self, bias: bool, device: tw.device | str | None, dtype: tw.dtype | None) -> None:
        self.weight = Parameter(tw.empty(self._weight_shape(), device=device, dtype=dtype))
        learned = Parameter(tw.empty(self.out_channels, device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", learned)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in > 0:
            init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def extra_repr(self) -> str:
        """Constructor arguments that differ from their defaults."""
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class ForwardConvolution(ConvolutionBase):
    """What Conv1d, Conv2d and Conv3d have in common."""

    def __init__(
        self,
        in_channels: int,
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
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _border(self) -> list[int]:
        """For `pad`: zeros before and after the last dimension, then the one before it, ..."""
        border: list[int] = []
        for d in reversed(range(self.dims)):
            if self.padding == "same":
                total = self.dilation[d] * (self.kernel_size[d] - 1)
                border += [total // 2, total - total // 2]
            elif isinstance(self.padding, str):
                border += [0, 0]
            else:
                border += [self.padding[d]] * 2
        return border

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, in_channels, *sizes] (or without N) to [N, out_channels, *sizes']."""
        convolve = _CONVOLUTIONS[self.dims - 1]
        padding: Ints | str = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._border(), self.padding_mode), 0
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


_CONVOLUTIONS: tuple[Callable[..., Tensor], ...] = (F.conv1d, F.conv2d, F.conv3d)


class Conv1d(ForwardConvolution):
    """Cross-correlation of signals [N, C, L] with learned kernels [out_channels, C / groups, k]; see ``Conv2d``.

    Example:
        >>> Conv1d(1, 8, 3, padding=1)(tw.ones(2, 1, 8)).shape
        (2, 8, 8)
    """

    dims = 1


class Conv2d(ForwardConvolution):
    """Cross-correlation of images [N, C, H, W] with learned kernels [out_channels, C / groups, kH, kW].

    Args:
        in_channels: C.
        out_channels: number of kernels.
        kernel_size: kH and kW, one number or two; likewise the others below.
        stride: step of the kernel.
        padding: zeros on each side; or ``"valid"`` (none), ``"same"`` (output as large as the input; stride 1).
        dilation: distance of the kernel's points.
        groups: independent groups of channels.
        bias: learn an additive bias per output channel.
        padding_mode: what the padding consists of: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Raises:
        ValueError: channels that groups does not divide, an unknown padding, ``"same"`` with a stride.

    Example:
        >>> Conv2d(1, 8, 3, padding=1)(tw.ones(2, 1, 8, 8)).shape
        (2, 8, 8, 8)
    """

    dims = 2


class Conv3d(ForwardConvolution):
    """Cross-correlation of volumes [N, C, D, H, W] with kernels [out_channels, C / groups, kD, kH, kW]; see ``Conv2d``.

    Example:
        >>> Conv3d(1, 8, 3, padding=1)(tw.ones(2, 1, 4, 4, 4)).shape
        (2, 8, 4, 4, 4)
    """

    dims = 3


class TransposedConvolution(ConvolutionBase):
    """What ConvTranspose1d, ConvTranspose2d and ConvTranspose3d have in common."""

    transposed = True
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
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
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> list[int]:
        """What reaches `output_size`: one of the sizes that a convolution maps to the input's."""
        if output_size is None:
            return list(self.output_padding)
        name = type(self).__name__
        if len(output_size) not in (self.dims, input.ndim):
            raise ValueError(f"{name}: output_size must have {self.dims} or {input.ndim} numbers, got {output_size}")
        extra = []
        for d, wanted in enumerate(list(output_size)[-self.dims :]):
            least = (
                (input.shape[d - self.dims] - 1) * self.stride[d]
                - 2 * self.padding[d]
                + self.dilation[d] * (self.kernel_size[d] - 1)
                + 1
            )
            if not least <= wanted < least + self.stride[d]:
                raise ValueError(
                    f"{name}: output_size {list(output_size)} is not possible; dimension {d} must lie between {least} "
                    f"and {least + self.stride[d] - 1}"
                )
            extra.append(wanted - least)
        return extra

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Map [N, in_channels, *sizes] (or without N) to [N, out_channels, *sizes'].

        With a stride several sizes are possible: ``output_size`` picks one, in place of ``output_padding``.
        """
        extra = self._output_padding(input, output_size)
        return _TRANSPOSED[self.dims - 1](
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


_TRANSPOSED: tuple[Callable[..., Tensor], ...] = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


class ConvTranspose1d(TransposedConvolution):
    """The transpose of a ``Conv1d`` from out_channels to in_channels, as a layer; see ``ConvTranspose2d``.

    Example:
        >>> ConvTranspose1d(1, 8, 2, stride=2)(tw.ones(2, 1, 4)).shape
        (2, 8, 8)
    """

    dims = 1


class ConvTranspose2d(TransposedConvolution):
    """The transpose of a ``Conv2d`` from out_channels to in_channels, as a layer.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: one number or two; likewise the others below.
        stride: distance of what two neighbouring inputs write to.
        padding: how much the output is cut on each side.
        output_padding: how much the output grows on one side.
        groups: independent groups of channels.
        bias: learn an additive bias per output channel.
        dilation: distance of the kernel's points.
        padding_mode: ``"zeros"``.

    Example:
        >>> ConvTranspose2d(1, 8, 2, stride=2)(tw.ones(2, 1, 4, 4)).shape
        (2, 8, 8, 8)
    """

    dims = 2


class ConvTranspose3d(TransposedConvolution):
    """The transpose of a ``Conv3d`` from out_channels to in_channels, as a layer; see ``ConvTranspose2d``.

    Example:
        >>> ConvTranspose3d(1, 8, 2, stride=2)(tw.ones(2, 1, 2, 2, 2)).shape
        (2, 8, 4, 4, 4)
    """

    dims = 3
