"""Images in other sizes, channels exchanged for pixels, and columns of patches."""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor

from . import functional as F
from ._module import Module

Ints = int | Sequence[int]
Scales = float | Sequence[float]


class Upsample(Module[[Tensor], Tensor]):
    """Signals [N, C, L], images [N, C, H, W] or volumes [N, C, D, H, W] in another size.

    Args:
        size: of the result, one number or one per dimension; or
        scale_factor: how many times the input's size.
        mode: as of ``functional.interpolate``.
        align_corners: place the first and last values at the ends, instead of the outer edges of the pixels.
        recompute_scale_factor: place values by the ratio of the sizes instead of ``scale_factor``.

    Example:
        >>> import tensorwright as tw
        >>> Upsample(scale_factor=2, mode="bilinear")(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 8, 8)
    """

    size: Ints | None
    mode: str
    align_corners: bool | None

    def __init__(
        self,
        size: Ints | None = None,
        scale_factor: Scales | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        self.scale_factor: float | tuple[float, ...] | None
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, *sizes] to [N, C, *sizes']."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """Constructor arguments."""
        size = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """``Upsample`` of images in mode ``"nearest"``."""

    def __init__(self, size: Ints | None = None, scale_factor: Scales | None = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """``Upsample`` of images in mode ``"bilinear"`` with ``align_corners``."""

    def __init__(self, size: Ints | None = None, scale_factor: Scales | None = None) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


class PixelShuffle(Module[[Tensor], Tensor]):
    """[..., C * r * r, H, W] as an image r times as large, [..., C, H * r, W * r] (Shi et al. 2016).

    Example:
        >>> import tensorwright as tw
        >>> PixelShuffle(2)(tw.ones(1, 8, 3, 3)).shape
        (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Map [..., C * r * r, H, W] to [..., C, H * r, W * r]."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module[[Tensor], Tensor]):
    """[..., C, H * r, W * r] as an image r times as small, [..., C * r * r, H, W].

    Example:
        >>> import tensorwright as tw
        >>> PixelUnshuffle(2)(tw.ones(1, 2, 6, 6)).shape
        (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Map [..., C, H * r, W * r] to [..., C * r * r, H, W]."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module[[Tensor], Tensor]):
    """Channels of ``groups`` groups interleaved (Zhang et al. 2018).

    Example:
        >>> import tensorwright as tw
        >>> ChannelShuffle(2)(tw.arange(4).reshape(1, 4, 1)).flatten().tolist()
        [0, 2, 1, 3]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input, [N, C, ...]."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"groups={self.groups}"


class Unfold(Module[[Tensor], Tensor]):
    """The patches of images [N, C, H, W] that a convolution would read, as columns [N, C * kH * kW, patches].

    Example:
        >>> import tensorwright as tw
        >>> Unfold(2)(tw.ones(1, 3, 4, 4)).shape
        (1, 12, 9)
    """

    kernel_size: Ints
    dilation: Ints
    padding: Ints
    stride: Ints

    def __init__(self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C * kH * kW, patches]."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module[[Tensor], Tensor]):
    """The sum of patches [N, C * kH * kW, patches] at their places in images [N, C, *output_size].

    Example:
        >>> import tensorwright as tw
        >>> Fold((4, 4), 2)(tw.ones(1, 12, 9)).shape
        (1, 3, 4, 4)
    """

    output_size: Ints
    kernel_size: Ints
    dilation: Ints
    padding: Ints
    stride: Ints

    def __init__(
        self, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C * kH * kW, patches] to [N, C, *output_size]."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
