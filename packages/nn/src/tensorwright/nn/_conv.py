"""Convolutions."""

from __future__ import annotations

import math

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._module import Module
from ._parameter import Parameter

IntPair = int | tuple[int, int]


def _pair(value: IntPair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class Conv2d(Module):
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
        padding_mode: only ``"zeros"`` in this version.

    Raises:
        ValueError: channels that groups does not divide, an unknown padding, ``"same"`` with a stride.

    Example:
        >>> Conv2d(1, 8, 3, padding=1)(tw.ones(2, 1, 8, 8)).shape
        (2, 8, 8, 8)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntPair,
        stride: IntPair = 1,
        padding: IntPair | str = 0,
        dilation: IntPair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups={groups} must be positive and divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"Conv2d: padding must be numbers, 'same' or 'valid', got {padding!r}")
        if padding == "same" and _pair(stride) != (1, 1):
            raise ValueError(f"Conv2d: padding='same' needs stride 1, got stride={stride}")
        if padding_mode != "zeros":
            raise ValueError(f"Conv2d: padding_mode must be 'zeros', got {padding_mode!r}; pad the input beforehand")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = _pair(kernel_size), _pair(stride), _pair(dilation)
        self.padding = padding if isinstance(padding, str) else _pair(padding)
        self.padding_mode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(tw.empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(tw.empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights from U(-k, k), k = 1 / sqrt(in_channels / groups * kH * kW)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = self.in_channels // self.groups * self.kernel_size[0] * self.kernel_size[1]
        if self.bias is not None and fan_in > 0:
            init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, H, W] (or [C, H, W]) to [N, out_channels, H', W']."""
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Constructor arguments that differ from their defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0, 0):
            text += f", padding={self.padding!r}" if isinstance(self.padding, str) else f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text
