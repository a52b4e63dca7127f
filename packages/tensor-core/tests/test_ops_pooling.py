"""Windows over images, against windows cut out with NumPy; gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array, agree, numerical_gradient
from layouts import Samples

Pair = tuple[int, int]


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (math.ceil(room / stride) if ceil_mode else room // stride) + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def windows(
    shape: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Iterator[tuple[Pair, list[list[int]], list[int]]]:
    """Of each output pixel: its place, the rows and columns it covers, and how many it covers with padding."""
    counts = [pooled_size(shape[d], kernel[d], stride[d], padding[d], dilation[d], ceil_mode) for d in (0, 1)]
    for place in np.ndindex(*counts):
        inside, padded = [], []
        for d in (0, 1):
            start = place[d] * stride[d] - padding[d]
            taps = [start + k * dilation[d] for k in range(kernel[d])]
            inside.append([t for t in taps if 0 <= t < shape[d]])
            padded.append(len([t for t in taps if t < shape[d] + padding[d]]))
        yield (place[0], place[1]), inside, padded


def reference(x: Array, pick: Callable[[Array, list[list[int]], list[int]], float], *geometry: object) -> Array:
    """Each plane of [N, C, H, W] pooled by `pick`."""
    planes = x.reshape(-1, *x.shape[-2:])
    results = []
    for plane in planes:
        values = {place: pick(plane, inside, padded) for place, inside, padded in windows(plane.shape, *geometry)}  # type: ignore[arg-type]
        rows, cols = max(p[0] for p in values) + 1, max(p[1] for p in values) + 1
        results.append(np.array([values[place] for place in np.ndindex(rows, cols)]).reshape(rows, cols))
    return np.stack(results).reshape(*x.shape[:-2], *results[0].shape)


GEOMETRIES = [
    ((2, 2), (2, 2), (0, 0), False),
    ((3, 3), (2, 2), (1, 1), False),
    ((3, 3), (2, 2), (1, 1), True),
    ((2, 3), (1, 2), (1, 1), True),
    ((2, 2), (3, 3), (1, 1), True),
    ((1, 4), (2, 1), (0, 2), False),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("kernel", "stride", "padding", "ceil_mode"), GEOMETRIES)
def test_max_pool2d(kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool, dilation: Pair, dtype: str) -> None:
    samples = Samples(7)
    x = samples.random.permutation(2 * 3 * 9 * 11).reshape(2, 3, 9, 11).astype(dtype)
    geometry = (kernel, stride, padding, dilation, ceil_mode)
    values, indices = tw.max_pool2d_with_indices(samples.tensor(x), *geometry)
    agree(values, reference(x, lambda plane, inside, padded: plane[np.ix_(*inside)].max(), *geometry).astype(dtype))
    assert np.array_equal(
        np.take_along_axis(x.reshape(6, -1), indices.numpy().reshape(6, -1), 1), values.numpy().reshape(6, -1)
    )
    assert tw.max_pool2d(tw.tensor(x), *geometry).tolist() == values.tolist()


@pytest.mark.parametrize("width", [2, 3, 8, 31, 32, 33, 66, 130])
def test_max_pool2d_of_every_width(width: int) -> None:
    x = Samples(width).array((3, 6, width), "float32")
    expected = x[:, :, : width // 2 * 2].reshape(3, 3, 2, width // 2, 2).max((2, 4))
    agree(tw.max_pool2d(tw.tensor(x), 2), expected)


def test_max_pool2d_takes_the_first_of_equals_and_nan() -> None:
    x = np.zeros((1, 4, 4), np.float32)
    x[0, 2, 3] = np.nan
    values, indices = tw.max_pool2d_with_indices(tw.tensor(x), 2)
    assert indices.tolist() == [[[0, 2], [8, 11]]]
    assert np.isnan(values.numpy()).tolist() == [[[False, False], [False, True]]]


def first_largest(window: np.ndarray) -> int:
    """Where the first NaN of a window is, or else the first of the largest values."""
    return int(np.argmax(np.isnan(window) if np.isnan(window).any() else window))


# kernel, stride, padding, dilation
STEPS = [(3, 2, 1, 1), (3, 1, 1, 1), (3, 3, 1, 1), (5, 2, 2, 2), (4, 4, 0, 1), (2, 1, 0, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), STEPS)
def test_max_pool2d_of_rows_takes_the_first_of_equals_and_nan(
    kernel: int, stride: int, padding: int, dilation: int, dtype: str
) -> None:
    random = np.random.default_rng(kernel)
    x = random.integers(-3, 3, (2, 21, 75)).astype(dtype)
    x[random.random(x.shape) < 0.02] = np.nan
    x[random.random(x.shape) < 0.1] = -np.inf
    values, indices = tw.max_pool2d_with_indices(tw.tensor(x), kernel, stride, padding, dilation)
    places = np.arange(21 * 75).reshape(21, 75)
    pick = lambda plane, inside, padded: places[np.ix_(*inside)].flat[first_largest(plane[np.ix_(*inside)].ravel())]  # noqa: E731
    pairs = ((kernel, kernel), (stride, stride), (padding, padding), (dilation, dilation), False)
    expected = reference(x, pick, *pairs)
    assert np.array_equal(indices.numpy(), expected)
    largest = np.take_along_axis(x.reshape(2, -1), expected.reshape(2, -1), 1).reshape(expected.shape)
    agree(values, largest)
    agree(tw.max_pool2d(tw.tensor(x), kernel, stride, padding, dilation), largest)  # without their places


def test_max_pool2d_backward() -> None:
    samples = Samples(3)
    x, grad = samples.random.permutation(54).reshape(2, 3, 3, 3) * 1.0, samples.array((2, 3, 2, 2), "float64")
    _, indices = tw.max_pool2d_with_indices(tw.tensor(x), 2, 1)
    pool = lambda a: tw.max_pool2d(tw.tensor(a), 2, 1).numpy()  # noqa: E731
    agree(tw.ops.max_pool_backward(tw.tensor(grad), indices, [2, 3, 3, 3], 2), numerical_gradient(pool, x, grad), 1e-8)
    with pytest.raises(IndexError, match="index 9 is out of range for 9 elements"):
        tw.ops.max_pool_backward(tw.ones(1, 1, 1), tw.tensor([[[9]]]), [1, 3, 3], 2)


@pytest.mark.parametrize("count_padding", [True, False])
@pytest.mark.parametrize("divisor", [None, 5])
@pytest.mark.parametrize(("kernel", "stride", "padding", "ceil_mode"), GEOMETRIES[:5])
def test_avg_pool2d(
    kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool, divisor: int | None, count_padding: bool
) -> None:
    samples = Samples(11)
    x = samples.array((2, 5, 6), "float64")

    def mean(plane: Array, inside: list[list[int]], padded: list[int]) -> float:
        count = divisor or (padded[0] * padded[1] if count_padding else len(inside[0]) * len(inside[1]))
        return float(plane[np.ix_(*inside)].sum() / count)

    arguments = (kernel, stride, padding, ceil_mode, count_padding, divisor)
    expected = reference(x, mean, kernel, stride, padding, (1, 1), ceil_mode)
    agree(tw.avg_pool2d(samples.tensor(x), *arguments), expected)
    grad = samples.array(expected.shape, "float64")
    pool = lambda a: tw.avg_pool2d(tw.tensor(a), *arguments).numpy()  # noqa: E731
    agree(tw.ops.avg_pool_backward(tw.tensor(grad), [2, 5, 6], *arguments), numerical_gradient(pool, x, grad), 1e-8)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 7), (8, 9), (0, 2)])
def test_adaptive_avg_pool2d(size: Pair) -> None:
    samples = Samples(13)
    x = samples.array((2, 5, 7), "float64")
    parts = [[range(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in zip((5, 7), size, strict=True)]
    expected = np.array([[[plane[np.ix_(r, c)].mean() for c in parts[1]] for r in parts[0]] for plane in x]).reshape(
        2, *size
    )
    agree(tw.adaptive_avg_pool2d(samples.tensor(x), size), expected)
    grad = samples.array((2, *size), "float64")
    pool = lambda a: tw.adaptive_avg_pool2d(tw.tensor(a), size).numpy()  # noqa: E731
    agree(tw.ops.adaptive_avg_pool_backward(tw.tensor(grad), [2, 5, 7], 2), numerical_gradient(pool, x, grad), 1e-8)


def test_one_dimension_and_no_images() -> None:
    x = tw.tensor([[1.0, 3.0, 2.0, 0.0]])
    assert tw.max_pool1d(x, 2, 1).tolist() == [[3.0, 3.0, 2.0]]
    assert tw.avg_pool1d(x, 2).tolist() == [[2.0, 1.0]]
    assert tw.max_pool2d(tw.ones(0, 3, 4, 4), 2).shape == (0, 3, 2, 2)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="padding must be at most half of kernel_size"):
        tw.max_pool2d(tw.ones(1, 4, 4), 2, 2, 2)
    with pytest.raises(ValueError, match="the window is larger than the padded input"):
        tw.max_pool2d(tw.ones(1, 2, 4), 3)
    with pytest.raises((ValueError, TypeError), match="average pooling needs a floating dtype"):
        tw.avg_pool2d(tw.ones(1, 4, 4).to(tw.int64), 2)


@pytest.mark.parametrize("reach", [2**31, 2**40, 2**60])
def test_windows_that_are_mostly_padding(reach: int) -> None:
    """What is done for a window depends on the input in it, not on its size."""
    x = tw.tensor([[[3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0]]])
    values, indices = tw.max_pool1d_with_indices(x, 2 * reach, 2, reach, ceil_mode=True)
    assert values.tolist() == [[[9.0] * 5]]
    assert indices.tolist() == [[[5] * 5]]
    assert tw.max_pool1d(x, 2 * reach - 1, 1, reach - 1, 1).tolist() == [[[9.0] * 7]]
    assert tw.avg_pool1d(x, 2 * reach, 2, reach, ceil_mode=True, count_include_pad=False).shape == (1, 1, 5)


def test_steps_that_are_never_made_may_be_any() -> None:
    x = tw.tensor([[[6.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0]]])
    most = 2**63 - 1
    values, indices = tw.max_pool1d_with_indices(x, 1, 3, 0, most)
    assert (values.tolist(), indices.tolist()) == ([[[6, 1, 2]]], [[[0, 3, 6]]])
    assert tw.max_pool1d(x, 7, most).tolist() == [[[9]]]
    assert tw.avg_pool1d(x, 7, most).tolist() == [[[4]]]
    image = x.unsqueeze(0)
    assert tw.ops.im2col(image, (1, 1), most, 0, 3).tolist() == [[[6, 1, 2]]]
    assert tw.conv2d(image, tw.ones(1, 1, 1, 7), None, most, 0, 1).tolist() == [[[[28]]]]
    assert tw.conv2d(image, tw.ones(1, 1, 1, 1), None, 1, 0, most).tolist() == image.tolist()
    assert x.unfold(2, 7, most).shape == (1, 1, 1, 7)
    assert x[..., ::most].tolist() == [[[6]]]
    assert x[..., ::-most].tolist() == [[[2]]]


def test_groups_of_nothing_may_be_any_number() -> None:
    assert tw.conv2d(tw.ones(1, 0, 3, 3), tw.zeros(0, 0, 1, 1), groups=2**62).shape == (1, 0, 3, 3)
    assert tw.conv2d(tw.ones(1, 2, 3, 3), tw.zeros(0, 1, 1, 1), groups=2).shape == (1, 0, 3, 3)
