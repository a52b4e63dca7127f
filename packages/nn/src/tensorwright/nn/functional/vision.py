"""Images in other sizes, at the points of a grid, and as columns of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorwright import Tensor, ops
from tensorwright.extend import check_tensor

Ints = int | Sequence[int]
Scales = float | Sequence[float]

# ---- other sizes ----------------------------------------------------------------------------------------

# The dimensions that a mode is for, and its name in ops.resample.
_MODES = {
    "nearest": ((1, 2, 3), "nearest"),
    "nearest-exact": ((1, 2, 3), "nearest-exact"),
    "area": ((1, 2, 3), None),
    "linear": ((1,), "linear"),
    "bilinear": ((2,), "linear"),
    "trilinear": ((3,), "linear"),
    "bicubic": ((2,), "cubic"),
}


def interpolate(
    input: Tensor,
    size: Ints | None = None,
    scale_factor: Scales | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Signals [N, C, L], images [N, C, H, W] or volumes [N, C, D, H, W] in another size.

    Args:
        input: a floating tensor.
        size: of the result, one number or one per dimension; or
        scale_factor: how many times the input's size, rounded down.
        mode: ``nearest`` (of the values, by the lower corner), ``nearest-exact`` (by the centre), ``linear``,
            ``bilinear``, ``trilinear`` (by the number of dimensions), ``bicubic``, or ``area`` (means).
        align_corners: place the first and last values at the ends, instead of the outer edges of the pixels.
        recompute_scale_factor: place values by the ratio of the sizes instead of ``scale_factor``.
        antialias: with ``bilinear`` and ``bicubic`` average what shrinking would drop.

    Example:
        >>> import tensorwright as tw
        >>> interpolate(tw.tensor([[[0.0, 1.0]]]), 4, mode="linear").tolist()
        [[[0.0, 0.25, 0.75, 1.0]]]
    """
    check_tensor("interpolate", "input", input)
    dims = input.ndim - 2
    ranks, kind = _MODES.get(mode, ((), None))
    if mode not in _MODES:
        raise NotImplementedError(f"interpolate: mode must be one of {', '.join(_MODES)}, got {mode!r}")
    if dims not in ranks:
        raise NotImplementedError(
            f"interpolate: mode {mode!r} is for inputs with {' or '.join(str(r + 2) for r in ranks)} dimensions, got "
            f"shape {list(input.shape)}"
        )
    if align_corners is not None and kind not in ("linear", "cubic"):
        raise ValueError(f"interpolate: align_corners has no meaning with mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate: antialias is for modes 'bilinear' and 'bicubic', got {mode!r}")
    sizes, scales = _sizes_and_scales(input, size, scale_factor, recompute_scale_factor or mode == "area", dims)
    if size is not None and recompute_scale_factor:
        raise ValueError("interpolate: recompute_scale_factor has no meaning with a size")
    if kind is None:
        means = (ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d)
        return means[dims - 1](input, sizes)
    return ops.upsample(input, sizes, kind, bool(align_corners), scales, antialias)


def _sizes_and_scales(
    input: Tensor, size: Ints | None, scale_factor: Scales | None, recompute: bool, dims: int
) -> tuple[list[int], list[float] | None]:
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give one of size and scale_factor")
    if scale_factor is None:
        assert size is not None
        sizes = [size] * dims if isinstance(size, int) else list(size)
        if len(sizes) != dims:
            raise ValueError(f"interpolate: size must be one number or {dims}, got {sizes}")
        return sizes, None
    factors = [float(scale_factor)] * dims if isinstance(scale_factor, int | float) else [*map(float, scale_factor)]
    if len(factors) != dims or not all(0 < factor < math.inf for factor in factors):
        raise ValueError(f"interpolate: scale_factor must be one positive number or {dims}, got {scale_factor}")
    return [int(input.shape[2 + d] * factor) for d, factor in enumerate(factors)], None if recompute else factors


def upsample(
    input: Tensor,
    size: Ints | None = None,
    scale_factor: Scales | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The former name of ``interpolate``."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Ints | None = None, scale_factor: Scales | None = None) -> Tensor:
    """``interpolate`` in mode ``nearest``."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Ints | None = None, scale_factor: Scales | None = None) -> Tensor:
    """``interpolate`` of images in mode ``bilinear`` with ``align_corners``."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


# ---- grids ----------------------------------------------------------------------------------------------

_GRID_MODES = ("bilinear", "nearest", "bicubic")
_GRID_PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Values of [N, C, H, W] at points [N, H', W', 2], or of [N, C, D, H, W] at points [N, D', H', W', 3].

    Args:
        input: images or volumes.
        grid: points (x, y) or (x, y, z); -1 and 1 are the ends of the image.
        mode: ``bilinear`` (of volumes trilinear), ``nearest``, or of images ``bicubic``.
        padding_mode: outside the image there are ``zeros``, the ``border``'s values, or ``reflection`` of the inside.
        align_corners: -1 and 1 are the centres of the first and last pixels instead of their outer edges.
    """
    if mode not in _GRID_MODES:
        raise ValueError(f"grid_sample: mode must be one of {', '.join(_GRID_MODES)}, got {mode!r}")
    if padding_mode not in _GRID_PADDINGS:
        raise ValueError(f"grid_sample: padding_mode must be one of {', '.join(_GRID_PADDINGS)}, got {padding_mode!r}")
    modes = _GRID_MODES.index(mode), _GRID_PADDINGS.index(padding_mode)
    return ops.grid_sampler(input, grid, *modes, bool(align_corners))


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points that affine maps [N, 2, 3] send the pixels of images [N, C, H, W] to, for ``grid_sample``.

    Of volumes [N, C, D, H, W] the maps are [N, 3, 4].
    """
    return ops.affine_grid_generator(theta, list(size), bool(align_corners))


# ---- patches --------------------------------------------------------------------------------------------


def unfold(input: Tensor, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> Tensor:
    """The patches of images [N, C, H, W] that a convolution would read, as columns [N, C * kH * kW, patches]."""
    return ops.im2col(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """The sum of patches [N, C * kH * kW, patches] at their places in images of ``output_size``."""
    return ops.col2im(input, output_size, kernel_size, dilation, padding, stride)
