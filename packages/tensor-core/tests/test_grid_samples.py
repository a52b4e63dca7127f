"""Values at the points of a grid: blocks of points, elements that do not count, small images, the same bits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from same_bits import same_bits_everywhere

Array = np.ndarray[Any, np.dtype[Any]]
LINEAR, NEAREST, CUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2


def keys(x: float) -> float:
    """The cubic kernel of Keys 1981 with slope -3/4 at 1."""
    a, x = -0.75, abs(x)
    return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x <= 1 else a * (x**3 - 5 * x**2 + 8 * x - 4)


def weights(mode: int, place: float) -> list[tuple[int, float]]:
    """Elements of an endless line and their weights."""
    if mode == NEAREST:
        return [(int(np.rint(place)), 1.0)]
    first = int(np.floor(place))
    t = place - first
    if mode == LINEAR:
        return [(first, 1 - t), (first + 1, t)]
    return [(first + k, keys(t - k)) for k in range(-1, 3)]


def padded(place: float, size: int, padding: int, align: bool) -> float:
    if padding == ZEROS:
        return place
    if padding == REFLECTION:
        low, span = (0.0, size - 1.0) if align else (-0.5, float(size))
        turned = abs(place - low) % (2 * span) if span > 0 else 0.0
        place = min(turned, 2 * span - turned) + low
    return min(max(place, 0.0), size - 1.0)


def along(mode: int, coordinate: float, size: int, padding: int, align: bool) -> list[tuple[int, float]]:
    """Elements that are there and their weights."""
    place = (coordinate + 1) / 2 * (size - 1) if align else ((coordinate + 1) * size - 1) / 2
    if mode == CUBIC:
        taps = [(int(padded(k, size, padding, align)), w) for k, w in weights(mode, place)]
    else:
        taps = weights(mode, padded(place, size, padding, align))
    return [(k, w) for k, w in taps if 0 <= k < size]


def expected(images: Array, grid: Array, mode: int, padding: int, align: bool) -> Array:
    """Point by point, element by element."""
    result = np.zeros(images.shape[:2] + grid.shape[1:-1])
    for where in itertools.product(*map(range, grid.shape[:-1])):
        image, point = images[where[0]], grid[where]
        target: Any = (where[0], slice(None), *where[1:])
        axes = [along(mode, c, n, padding, align) for c, n in zip(point[::-1], image.shape[1:], strict=True)]
        for taps in itertools.product(*axes):
            weight = np.prod([w for _, w in taps])
            place: Any = (slice(None), *(k for k, _ in taps))
            result[target] += weight * image[place]
    return result


SHAPES = [
    ((2, 3, 9, 7), (2, 13, 11)),
    ((1, 2, 1, 5), (1, 4, 6)),
    ((1, 2, 3, 1), (1, 4, 6)),
    ((1, 1, 2, 3), (1, 5, 6)),
    ((1, 2, 4, 5, 6), (1, 5, 7, 4)),
    ((1, 1, 1, 5, 1), (1, 2, 7, 3)),
]
CASES = [(*s, mode) for s in SHAPES for mode in (LINEAR, NEAREST, CUBIC) if mode != CUBIC or len(s[0]) == 4]


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", [ZEROS, BORDER, REFLECTION])
@pytest.mark.parametrize(("shape", "points", "mode"), CASES)
def test_values(shape: tuple[int, ...], points: tuple[int, ...], mode: int, padding: int, align: bool) -> None:
    random = np.random.default_rng(sum(shape))
    images, grid = random.standard_normal(shape), random.uniform(-2.7, 2.7, (*points, len(shape) - 2))
    for dtype, tolerance in (("float64", 1e-12), ("float32", 2e-4)):
        x, at = images.astype(dtype), grid.astype(dtype)
        got = tw.grid_sampler(tw.tensor(x), tw.tensor(at), mode, padding, align).numpy()
        want = expected(x.astype("float64"), at.astype("float64"), mode, padding, align)
        near_a_step = mode == NEAREST and dtype == "float32"  # where rounding decides
        assert (np.abs(got - want) > tolerance).mean() <= (0.01 if near_a_step else 0)


@pytest.mark.parametrize("mode", [LINEAR, NEAREST, CUBIC])
@pytest.mark.parametrize("padding", [ZEROS, BORDER, REFLECTION])
def test_gradients_are_those_of_finite_differences(mode: int, padding: int) -> None:
    random = np.random.default_rng(mode)
    images, grid = random.standard_normal((1, 2, 5, 3)), random.uniform(-1.6, 1.6, (1, 20, 10, 2))
    factor = random.standard_normal((1, 2, 20, 10))
    to_images, to_grid = tw.ops.grid_sampler_2d_backward(
        tw.tensor(factor), tw.tensor(images), tw.tensor(grid), mode, padding, False
    )

    def value(x: Array, at: Array) -> Array:
        values: Array = tw.grid_sampler(tw.tensor(x), tw.tensor(at), mode, padding, False).numpy()
        return factor * values

    step = 1e-6
    for where in np.ndindex(images.shape):
        change = np.zeros_like(images)
        change[where] = step
        slope = (value(images + change, grid) - value(images - change, grid)).sum() / (2 * step)
        assert abs(to_images.numpy()[where] - slope) < 1e-6
    for d in range(2):
        change = np.zeros_like(grid)
        change[..., d] = step
        slopes = (value(images, grid + change) - value(images, grid - change)).sum(1) / (2 * step)
        assert np.median(np.abs(to_grid.numpy()[..., d] - slopes)) < 1e-6
        assert (np.abs(to_grid.numpy()[..., d] - slopes) > 1e-5).mean() < 0.02  # steps and kinks


@pytest.mark.parametrize("mode", [LINEAR, NEAREST, CUBIC])
def test_elements_beside_the_border_do_not_count(mode: int) -> None:
    image = np.full((1, 1, 6, 6), np.nan, "float32")
    image[..., 0] = np.inf
    image[..., 3:] = 2.0
    points = np.array([[[[1.4, 0.0], [1.0, 0.0], [3.0, 0.0], [np.nan, 0.0], [np.inf, 0.0], [-1e30, 1e30]]]], "float32")
    got = tw.grid_sampler(tw.tensor(image), tw.tensor(points), mode, ZEROS, True).numpy()[0, 0, 0]
    assert np.isfinite(got).all()
    assert got[1] == 2.0
    assert (got[2:] == 0).all()
    grads = tw.ops.grid_sampler_2d_backward(
        tw.full((1, 1, 1, 6), np.inf), tw.tensor(image), tw.tensor(points[:, :, 1:2].repeat(6, 2)), mode, ZEROS, True
    )
    touched = ~(grads[0].numpy() == 0)
    assert touched[..., :3].sum() == 0
    assert touched[..., 3:].sum() > 0


PROGRAM = """
results = []
for dtype, shape in itertools.product(("float32", "float64"), ((2, 5, 9, 14), (1, 3, 6, 5, 7), (1, 3, 1, 3))):
    volume = len(shape) == 5
    points = (shape[0], 5, 31, 7) if volume else (shape[0], 17, 31)
    x = tw.tensor(random.standard_normal(shape).astype(dtype))
    grid = tw.tensor(random.uniform(-1.8, 1.8, (*points, len(shape) - 2)).astype(dtype))
    grad = tw.tensor(random.standard_normal(shape[:2] + points[1:]).astype(dtype))
    backward = tw.ops.grid_sampler_3d_backward if volume else tw.ops.grid_sampler_2d_backward
    for mode, padding in itertools.product(range(2 if volume else 3), range(3)):
        results += [tw.grid_sampler(x, grid, mode, padding, False), *backward(grad, x, grid, mode, padding, False)]
"""


def test_instruction_sets_and_threads_change_no_bit() -> None:
    same_bits_everywhere(PROGRAM)
