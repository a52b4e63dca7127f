"""Rows of images in other sizes, at the points of a grid, and as columns of patches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from .convolution import SIZES, numbers
from .pooling import adaptive_mean
from .table import FLOAT, LOW, Array, Case, Make, case, refused, row

ANY_FLOAT = FLOAT + LOW


def keys(x: Array, a: float = -0.75) -> Array:
    """The cubic convolution kernel (Keys 1981) at distance x, with slope `a` at 1."""
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


# ---- other sizes: each dimension is multiplied by a matrix ------------------------------------------------


def matrix(mode: str, n: int, m: int, align: bool, scale: float | None, antialias: bool) -> Array:
    """[m, n]: how m results are made of n values."""
    rows, columns = np.arange(m), np.arange(n)
    step = ((n - 1) / max(m - 1, 1)) if align else n / m if scale is None else 1 / scale
    places = rows * step if align else (rows + 0.5) * step - 0.5
    if antialias:
        width, distances = max(step, 1.0), columns - (rows[:, None] + 0.5) * step + 0.5
        x = distances / width
        weights = np.maximum(1 - np.abs(x), 0) if mode == "bilinear" else keys(x, -0.5)
        return weights / weights.sum(1, keepdims=True)
    if mode.startswith("nearest"):
        places = np.floor((rows + (0.5 if mode == "nearest-exact" else 0)) * step)
        return np.eye(n)[np.clip(places, 0, n - 1).astype(int)]
    if mode != "bicubic":  # linear between the values, constant beyond the ends
        return np.stack([np.interp(places, columns, value) for value in np.eye(n)], 1)
    result = np.zeros((m, n))
    for k in range(-1, 3):
        at = np.floor(places) + k
        np.add.at(result, (rows, np.clip(at, 0, n - 1).astype(int)), keys(places - at))
    return result


def resized(
    x: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    dims = x.ndim - 2
    scales = [None] * dims
    if scale_factor is not None:
        factors = numbers(scale_factor, dims) if not isinstance(scale_factor, float) else (scale_factor,) * dims
        size = [int(n * f) for n, f in zip(x.shape[2:], factors, strict=True)]
        scales = [None if recompute_scale_factor else f for f in factors]
    sizes = numbers(size, dims)
    if mode == "area":
        return np.asarray(adaptive_mean(dims)(x, sizes), x.dtype)
    for d, (m, scale) in enumerate(zip(sizes, scales, strict=True)):
        weights = matrix(mode, x.shape[2 + d], m, bool(align_corners), scale, antialias)
        x = np.moveaxis(np.tensordot(weights.astype(x.dtype), x, (1, 2 + d)), 0, 2 + d)
    return x


@row("nn.functional.interpolate", dtypes=ANY_FLOAT, reference=resized)
def interpolate(make: Make) -> Iterator[Case]:
    signals, images, volumes = make(2, 3, 5), make(1, 2, 4, 5), make(1, 2, 2, 3, 4)
    yield case(signals, 7)
    yield case(images, scale_factor=1.7)
    yield case(volumes, (3, 2, 6), mode="nearest-exact")
    yield case(images, (3, 9), mode="area")
    yield case(signals, scale_factor=2.0, mode="area")
    yield case(signals, 8, mode="linear", align_corners=True)
    yield case(images, (3, 9), mode="bilinear")
    yield case(images, scale_factor=(0.6, 1.9), mode="bilinear")
    yield case(images, scale_factor=0.7, mode="bilinear", recompute_scale_factor=True)
    yield case(images, 1, mode="bilinear", align_corners=True)
    yield case(images, (2, 11), mode="bilinear", antialias=True)
    yield case(images, (7, 3), mode="bicubic")
    yield case(images, scale_factor=1.6, mode="bicubic", align_corners=True)
    yield case(images, (2, 3), mode="bicubic", antialias=True)
    yield case(volumes, (3, 2, 6), mode="trilinear")
    yield refused(images, error=ValueError, match="one of size and scale_factor")
    yield refused(images, (3,), error=ValueError, match="size must be one number or 2")
    yield refused(images, 3, mode="linear", error=NotImplementedError, match="for inputs with 3 dimensions")
    yield refused(images, 3, mode="lanczos", error=NotImplementedError, match="mode must be one of")
    yield refused(images, 3, align_corners=True, error=ValueError, match="align_corners has no meaning")
    yield refused(images, 3, antialias=True, error=ValueError, match="antialias is for modes")
    yield refused(images, scale_factor=0.0, error=ValueError, match="scale_factor must be")
    yield refused(images, 0, error=ValueError, match="sizes must be positive")


@row("nn.functional.upsample", reference=resized)
def upsample(make: Make) -> Iterator[Case]:
    yield case(make(1, 2, 3, 4), scale_factor=2)
    yield case(make(1, 2, 3, 4), (5, 3), mode="bilinear", align_corners=True)


row("nn.functional.upsample_nearest", reference=resized)(
    lambda make: [case(make(1, 2, 3, 4), 5), case(make(1, 2, 3, 4), scale_factor=3)]
)
row(
    "nn.functional.upsample_bilinear",
    reference=lambda x, size=None, scale_factor=None: resized(x, size, scale_factor, "bilinear", True),
)(lambda make: [case(make(1, 2, 3, 4), 5), case(make(1, 2, 3, 4), scale_factor=3)])


# ---- grids --------------------------------------------------------------------------------------------

MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def cubic_at(image: Array, points: Array, padding: str, align: bool) -> Array:
    """Values of [H, W] at points [2, n] (rows, columns), by Keys' kernel over the padded image."""
    margin = 12
    modes = {"zeros": "constant", "border": "edge", "reflection": "reflect" if align else "symmetric"}
    if min(image.shape) == 1 and align and padding == "reflection":
        modes["reflection"] = "edge"
    padded: Any = np.pad(image, margin, modes[padding])  # type: ignore[call-overload]
    weights = [keys(points[d][:, None] - (np.arange(n) - margin)) for d, n in enumerate(padded.shape)]
    return np.einsum("pi,pj,ij->p", *weights, padded)


def sampled(x: Array, grid: Array, mode: str, padding: str, align: bool) -> Array:
    sizes = np.array(x.shape[2:])
    points = grid[..., ::-1].astype(np.float64)  # (z, y, x)
    places = (points + 1) / 2 * (sizes - 1) if align else ((points + 1) * sizes - 1) / 2
    order, outside = (0 if mode == "nearest" else 1), {"zeros": "grid-constant", "border": "nearest"}
    kind = outside.get(padding, "mirror" if align else "reflect")

    def of_channel(channel: Array, at: Array) -> Array:
        columns = np.moveaxis(at, -1, 0).reshape(len(sizes), -1)
        if mode == "bicubic":
            values = cubic_at(channel, columns, padding, align)
        else:
            values = map_coordinates(channel.astype(np.float64), columns, order=order, mode=kind)
        return values.reshape(at.shape[:-1])

    images = [np.stack([of_channel(c, at) for c in image]) for image, at in zip(x, places, strict=True)]
    return np.stack(images).astype(x.dtype)


def sampled_by_number(x: Array, grid: Array, mode: int, padding: int, align: bool) -> Array:
    return sampled(x, grid, MODES[mode], PADDINGS[padding], align)


def sampled_by_name(
    x: Array, grid: Array, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Array:
    return sampled(x, grid, mode, padding_mode, bool(align_corners))


def images_and_grid(make: Make) -> tuple[Array, Array]:
    return make(2, 2, 4, 3), make(2, 3, 2, 2, low=-1.35, high=1.35)


def volumes_and_grid(make: Make) -> tuple[Array, Array]:
    return make(1, 2, 3, 4, 2), make(1, 2, 2, 2, 3, low=-1.35, high=1.35)


@row("grid_sampler_2d", reference=sampled_by_number)
def grid_sampler_2d(make: Make) -> Iterator[Case]:
    for mode, padding, align in itertools.product(range(3), range(3), (False, True)):
        yield case(*images_and_grid(make), mode, padding, align)
    x, grid = images_and_grid(make)
    yield refused(x, grid, 3, 0, True, error=ValueError, match="interpolation_mode must be")
    yield refused(x, grid, 0, 3, True, error=ValueError, match="padding_mode must be")
    yield refused(x, grid[:1], 0, 0, True, error=ValueError, match="batch sizes")
    yield refused(x, make(2, 3, 2, 3), 0, 0, True, error=ValueError, match="grid must be")
    yield refused(make(2, 2, 0, 3), grid, 0, 0, True, error=ValueError, match="empty image")


@row("grid_sampler_3d", reference=sampled_by_number)
def grid_sampler_3d(make: Make) -> Iterator[Case]:
    for mode, padding, align in itertools.product(range(2), range(3), (False, True)):
        yield case(*volumes_and_grid(make), mode, padding, align)
    yield refused(*volumes_and_grid(make), 2, 0, True, error=ValueError, match="interpolation_mode must be")


@row("grid_sampler", reference=sampled_by_number)
def grid_sampler(make: Make) -> Iterator[Case]:
    yield case(*images_and_grid(make), 0, 1, True)
    yield case(*volumes_and_grid(make), 0, 2, False)
    yield refused(make(2, 3), make(2, 3, 2, 2), 0, 0, True, error=ValueError, match="input must be")


@row("nn.functional.grid_sample", dtypes=ANY_FLOAT, reference=sampled_by_name)
def grid_sample(make: Make) -> Iterator[Case]:
    yield case(*images_and_grid(make))
    yield case(*images_and_grid(make), "bicubic", "border", True)
    yield case(*volumes_and_grid(make), padding_mode="reflection", align_corners=False)
    yield refused(*images_and_grid(make), mode="linear", error=ValueError, match="mode must be one of")
    yield refused(*images_and_grid(make), padding_mode="wrap", error=ValueError, match="padding_mode must be one of")


def affine_points(theta: Array, size: Any, align_corners: bool | None = None) -> Array:
    axes = [np.linspace(-1, 1, n) * (1 if align_corners else (n - 1) / n) if n > 1 else np.zeros(1) for n in size[2:]]
    places = np.stack([*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(size[2:])], -1)
    return np.einsum("...i,nji->n...j", places, theta).astype(theta.dtype)


def affine_samples(make: Make) -> Iterator[Case]:
    yield case(make(2, 2, 3), [2, 3, 4, 5], True)
    yield case(make(2, 2, 3), [2, 3, 1, 5], False)
    yield case(make(1, 3, 4), [1, 3, 2, 4, 5], False)
    yield refused(make(2, 3, 3), [2, 3, 4, 5], True, error=ValueError, match="theta must be")
    yield refused(make(2, 2, 3), [2, 3, 0, 5], True, error=ValueError, match="sizes must be positive")


row("nn.functional.affine_grid", reference=affine_points)(affine_samples)
row("affine_grid_generator", reference=affine_points)(affine_samples)


# ---- patches ------------------------------------------------------------------------------------------


def patch_places(sizes: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Array:
    """[kernel rows * columns, patches]: the element of the padded image, flattened, that each patch has there."""
    k, d, p, s = (numbers(value, 2) for value in (kernel, dilation, padding, stride))
    padded = [n + 2 * q for n, q in zip(sizes, p, strict=True)]
    starts = [range(0, n - e * (m - 1), t) for n, m, e, t in zip(padded, k, d, s, strict=True)]
    taps = itertools.product(*(range(0, m * e, e) for m, e in zip(k, d, strict=True)))
    return np.array([[(y + i) * padded[1] + x + j for y in starts[0] for x in starts[1]] for i, j in taps])


def unfolded(x: Array, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    if x.ndim == 3:
        return unfolded(x[None], kernel_size, dilation, padding, stride)[0]
    rows, columns = numbers(padding, 2)
    flat = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns))).reshape(*x.shape[:2], -1)
    patches = flat[:, :, patch_places(x.shape[2:], kernel_size, dilation, padding, stride)]
    return patches.reshape(x.shape[0], -1, patches.shape[-1])


def folded(x: Array, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    if x.ndim == 2:
        return folded(x[None], output_size, kernel_size, dilation, padding, stride)[0]
    (height, width), (rows, columns) = numbers(output_size, 2), numbers(padding, 2)
    places = patch_places((height, width), kernel_size, dilation, padding, stride)
    channels = x.shape[1] // places.shape[0]
    flat = np.zeros((x.shape[0], channels, (height + 2 * rows) * (width + 2 * columns)), x.dtype)
    np.add.at(flat, (slice(None), slice(None), places), x.reshape(x.shape[0], channels, *places.shape))
    padded = flat.reshape(x.shape[0], channels, height + 2 * rows, width + 2 * columns)
    return padded[:, :, rows : rows + height, columns : columns + width]


@row("nn.functional.unfold", dtypes=ANY_FLOAT, reference=unfolded)
def unfold(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, *SIZES[2]), 2)
    yield case(make(3, *SIZES[2]), (2, 3), 1, (1, 0), (1, 2))
    yield case(make(1, 2, *SIZES[2]), 2, 3, 2, 2)
    yield refused(make(1, 2, 3, 3), 4, error=ValueError, match="window is larger")
    yield refused(make(3, 3), 2, error=ValueError, match="input must be")


@row("nn.functional.fold", dtypes=ANY_FLOAT, reference=folded)
def fold(make: Make) -> Iterator[Case]:
    yield case(make(2, 12, 12), (4, 5), 2)
    yield case(make(18, 20), (4, 5), 3, padding=1)
    yield case(make(1, 8, 9), (5, 6), 2, 2, 1, 2)
    yield refused(make(1, 7, 12), (4, 5), 2, error=ValueError, match="multiple of kernel_size")
    yield refused(make(1, 8, 11), (4, 5), 2, error=ValueError, match="number of patches")
