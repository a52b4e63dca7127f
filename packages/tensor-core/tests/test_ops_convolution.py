"""conv2d and its gradients against their definition in NumPy, exactly: with small integers no sum rounds."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st

Numbers = tuple[int, ...]
Geometry = tuple[Numbers, Numbers, Numbers, int]  # stride, padding, dilation, groups


def out_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def places(x_shape: Numbers, kernel: Numbers, geometry: Geometry) -> list[tuple[slice, ...]]:
    """For each tap of the kernel, what it reads of the padded input."""
    sizes = [out_size(*numbers) for numbers in zip(x_shape[2:], kernel, *geometry[:3], strict=True)]
    return [
        (
            slice(None),
            slice(None),
            *(
                slice(tap * dilation, tap * dilation + (size - 1) * stride + 1, stride)
                for tap, size, stride, dilation in zip(taps, sizes, geometry[0], geometry[2], strict=True)
            ),
        )
        for taps in itertools.product(*map(range, kernel))
    ]


def margins(geometry: Geometry) -> list[tuple[int, int]]:
    return [(0, 0), (0, 0), *((padding, padding) for padding in geometry[1])]


def windows(x: np.ndarray, kernel: Numbers, geometry: Geometry) -> np.ndarray:
    """[images, groups, channels, taps, *result sizes]"""
    padded = np.pad(x, margins(geometry))
    return grouped(np.stack([padded[place] for place in places(x.shape, kernel, geometry)], 2), 1, geometry[3])


def grouped(x: np.ndarray, axis: int, groups: int) -> np.ndarray:
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def weights(w: np.ndarray, groups: int) -> np.ndarray:
    """[groups, outputs, channels, taps]"""
    return grouped(w.reshape(*w.shape[:2], -1), 0, groups)


def convolve(x: np.ndarray, w: np.ndarray, geometry: Geometry) -> np.ndarray:
    result = np.einsum(
        "ngct...,goct->ngo...", windows(x, w.shape[2:], geometry), weights(w, geometry[3]), optimize=True
    )
    return result.reshape(x.shape[0], w.shape[0], *result.shape[3:])


def weight_gradient(grad: np.ndarray, x: np.ndarray, w: np.ndarray, geometry: Geometry) -> np.ndarray:
    columns, grads = windows(x, w.shape[2:], geometry), grouped(grad, 1, geometry[3])
    columns, grads = columns.reshape(*columns.shape[:4], -1), grads.reshape(*grads.shape[:3], -1)
    return np.einsum("ngctp,ngop->goct", columns, grads, optimize=True).reshape(w.shape)


def input_gradient(grad: np.ndarray, x: np.ndarray, w: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The transpose of the convolution: every tap's share goes back to the place that it was read from."""
    shares = np.einsum("ngo...,goct->ngct...", grouped(grad, 1, geometry[3]), weights(w, geometry[3]), optimize=True)
    shares = shares.reshape(x.shape[0], x.shape[1], *shares.shape[3:])
    padded = np.pad(np.zeros(x.shape), margins(geometry))
    for tap, place in enumerate(places(x.shape, w.shape[2:], geometry)):
        padded[place] += shares[:, :, tap]
    return padded[
        tuple(
            slice(before, size - after) for (before, after), size in zip(margins(geometry), padded.shape, strict=True)
        )
    ]


def integers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-4, 5, shape).astype(np.float64)


def check(x_shape: tuple[int, ...], w_shape: tuple[int, ...], geometry: Geometry, dtype: type = np.float32) -> None:
    rng = np.random.default_rng(0)
    x, w, bias = integers(rng, *x_shape), integers(rng, *w_shape), integers(rng, w_shape[0])
    expected = convolve(x, w, geometry)
    grad = integers(rng, *expected.shape)
    tx, tw_, tb, tg = (tw.from_numpy(a.astype(dtype)) for a in (x, w, bias, grad))
    options = [list(v) for v in geometry[:3]] + [geometry[3]]
    convolution = {3: tw.conv1d, 4: tw.conv2d, 5: tw.conv3d}[x.ndim]
    result = convolution(tx, tw_, tb, *options).numpy()
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected + bias.reshape(-1, *[1] * (x.ndim - 2)))
    np.testing.assert_array_equal(convolution(tx, tw_, None, *options).numpy(), expected)
    if x.ndim == 4:
        last = tx.contiguous(memory_format=tw.channels_last)
        np.testing.assert_array_equal(convolution(last, tw_, None, *options).numpy(), expected)
    if x.ndim == 3:
        return  # its gradients are those of images of one row
    np.testing.assert_array_equal(
        tw.ops.convolution_backward_input(tg, tw_, list(x_shape), *options).numpy(),
        input_gradient(grad, x, w, geometry),
    )
    np.testing.assert_array_equal(
        tw.ops.convolution_backward_weight(tg, tx, list(w_shape), *options).numpy(),
        weight_gradient(grad, x, w, geometry),
    )


def plain(stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Geometry:
    return (stride, stride), (padding, padding), (dilation, dilation), groups


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("x", "w", "geometry"),
    [
        ((64, 1, 8, 8), (16, 1, 3, 3), plain(padding=1)),  # many small images
        ((17, 16, 8, 8), (32, 16, 3, 3), plain(padding=1)),
        ((2, 33, 19, 23), (37, 33, 3, 3), plain(padding=1)),  # channels that leave vectors half full
        ((1, 3, 61, 63), (16, 3, 7, 7), plain(stride=2, padding=3)),  # several bands, odd sizes
        ((1, 20, 50, 70), (4, 20, 1, 1), plain()),  # read in place, all rows as one
        ((2, 5, 40, 41), (40, 5, 1, 1), plain(stride=2)),  # residues of the stride that no tap reaches
        ((2, 5, 9, 11), (3, 5, 3, 2), plain()),  # in place, row by row
        ((3, 8, 9, 7), (20, 4, 1, 1), ((3, 2**40), (0, 0), (5, 1), 2)),  # some of the pixels; one step is never made
        ((3, 6, 12, 10), (6, 1, 3, 3), plain(padding=1, groups=6)),  # depthwise
        ((3, 21, 12, 10), (21, 1, 3, 3), plain(padding=1, groups=21)),
        ((10, 8, 9, 7), (8, 1, 2, 5), plain(stride=3, padding=2, dilation=2, groups=8)),
        ((20, 6, 12, 10), (12, 3, 3, 3), plain(stride=3, padding=2, dilation=2, groups=2)),
        ((2, 2, 5, 5), (2, 2, 1, 1), plain(padding=2)),  # padding that the gradient of the input leaves out
        ((2, 3, 1, 1), (5, 3, 3, 3), plain(padding=1)),  # more kernel than image
        ((1, 2, 7, 300), (3, 2, 1, 9), ((1, 2), (0, 4), (1, 3), 1)),
    ],
)
def test_against_the_definition(x: tuple[int, ...], w: tuple[int, ...], geometry: Geometry, dtype: type) -> None:
    check(x, w, geometry, dtype)


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], Geometry]:
    pair = lambda least, most: (draw(st.integers(least, most)), draw(st.integers(least, most)))  # noqa: E731
    groups, kernel = draw(st.sampled_from([1, 1, 2, 3])), pair(1, 5)
    stride, padding, dilation = pair(1, 3), pair(0, 3), pair(1, 2)
    least = [max(1, dilation[d] * (kernel[d] - 1) + 1 - 2 * padding[d]) for d in (0, 1)]
    size = [n + draw(st.integers(0, 18)) for n in least]
    channels, results = draw(st.integers(1, 9)), draw(st.integers(1, 35))
    images = draw(st.sampled_from([1, 2, 13]))
    return (
        (images, channels * groups, *size),
        (results * groups, channels, *kernel),
        (stride, padding, dilation, groups),
    )


@settings(max_examples=60, deadline=None)
@given(problems())
def test_any_geometry(problem: tuple[tuple[int, ...], tuple[int, ...], Geometry]) -> None:
    check(*problem)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("x", "w", "geometry"),
    [
        ((2, 5, 7, 9, 8), (19, 5, 3, 3, 3), ((1, 1, 1), (1, 1, 1), (1, 1, 1), 1)),
        ((1, 4, 9, 8, 7), (6, 2, 3, 2, 1), ((2, 1, 3), (2, 0, 1), (1, 2, 1), 2)),
        ((3, 4, 6, 5, 5), (8, 4, 2, 1, 1), ((1, 1, 1), (0, 0, 0), (3, 1, 1), 1)),  # read in place
        ((1, 2, 3, 4, 4), (3, 2, 4, 3, 3), ((1, 2, 2), (3, 1, 1), (2, 1, 1), 1)),  # depths that lie in the padding
        ((20, 3, 1, 5, 5), (4, 3, 1, 3, 3), ((1, 1, 1), (0, 1, 1), (1, 1, 1), 1)),  # flat
    ],
)
def test_volumes(x: Numbers, w: Numbers, geometry: Geometry, dtype: type) -> None:
    check(x, w, geometry, dtype)


def test_signals() -> None:
    check((3, 4, 17), (6, 2, 3), ((2,), (1,), (2,), 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("x", "w", "geometry"),
    [
        ((2, 6, 20, 37), (6, 1, 3, 3), plain(padding=1, groups=6)),
        ((2, 6, 20, 37), (12, 1, 3, 5), plain(stride=2, padding=2, groups=6)),
        ((1, 5, 9, 50), (5, 1, 2, 3), ((1, 3), (0, 1), (2, 1), 5)),
        ((3, 20, 9, 33), (1, 20, 3, 3), plain(padding=1)),  # one result channel
        ((3, 20, 9, 33), (3, 20, 3, 3), plain(padding=1)),
        ((2, 2, 40, 70), (24, 2, 3, 3), plain(padding=1)),  # its gradient has few channels
        ((1, 3, 6, 9, 35), (20, 3, 3, 3, 3), ((1, 1, 1), (1, 1, 1), (1, 1, 1), 1)),
        ((1, 4, 7, 9, 21), (4, 1, 3, 3, 3), ((2, 1, 2), (1, 1, 1), (1, 1, 1), 4)),
        ((2, 3, 1, 500), (3, 1, 1, 9), ((1, 1), (0, 4), (1, 1), 3)),
    ],
)
def test_few_result_channels(x: Numbers, w: Numbers, geometry: Geometry, dtype: type) -> None:
    check(x, w, geometry, dtype)


def test_no_images() -> None:
    x, w = tw.zeros(0, 3, 5, 5), tw.ones(4, 3, 3, 3)
    y = tw.conv2d(x, w, None, 1, 1)
    assert y.shape == (0, 4, 5, 5)
    assert tw.ops.convolution_backward_input(y, w, [0, 3, 5, 5], [1, 1], [1, 1], [1, 1]).shape == (0, 3, 5, 5)
    gradient = tw.ops.convolution_backward_weight(y, x, [4, 3, 3, 3], [1, 1], [1, 1], [1, 1])
    np.testing.assert_array_equal(gradient.numpy(), np.zeros((4, 3, 3, 3)))


def test_steps_and_paddings_without_end() -> None:
    x, w = tw.ones(1, 2, 3, 3), tw.ones(4, 2, 3, 3)
    assert tw.conv2d(x, w, None, 2**62).tolist() == tw.conv2d(x, w).tolist()
    with pytest.raises(MemoryError, match="does not fit into memory"):
        tw.conv2d(x, w, None, 2**50, 2**50)


def test_arguments_that_are_not_contiguous() -> None:
    rng = np.random.default_rng(1)
    x, w = integers(rng, 9, 4, 2, 8).astype(np.float32), integers(rng, 3, 3, 4, 18).astype(np.float32)
    x_view, w_view = x.transpose(2, 1, 3, 0), w.transpose(3, 2, 0, 1)  # [2, 4, 8, 9], [18, 4, 3, 3]
    result = tw.conv2d(tw.from_numpy(x).permute(2, 1, 3, 0), tw.from_numpy(w).permute(3, 2, 0, 1), None, 1, 1)
    np.testing.assert_array_equal(result.numpy(), convolve(x_view, w_view, plain(padding=1)))


CHANNELS_LAST = [
    ((2, 20, 14, 9), (33, 20, 3, 3), plain(padding=1)),
    ((1, 17, 40, 45), (32, 17, 5, 3), plain(stride=2, padding=2, dilation=2)),
    ((3, 16, 30, 50), (16, 16, 2, 3), ((1, 3), (0, 0), (1, 1), 1)),  # read in place, in steps
    ((2, 24, 31, 33), (40, 24, 1, 1), plain()),  # rows in one run
    ((1, 512, 12, 13), (16, 512, 1, 1), plain()),  # copied to places that are further apart
    ((1, 20, 5, 70), (16, 20, 3, 3), ((1, 1), (4, 2), (1, 1), 1)),  # bands of padding alone
]


@pytest.mark.parametrize(("x_shape", "w_shape", "geometry"), CHANNELS_LAST)
def test_channels_last_has_the_same_bits(x_shape: Numbers, w_shape: Numbers, geometry: Geometry) -> None:
    rng = np.random.default_rng(3)
    x, w, bias = (
        tw.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in (x_shape, w_shape, w_shape[:1])
    )
    options = [list(v) for v in geometry[:3]] + [geometry[3]]
    expected = tw.conv2d(x, w, bias, *options).numpy()
    last = tw.conv2d(x.contiguous(memory_format=tw.channels_last), w, bias, *options).numpy()
    assert last.tobytes() == expected.tobytes()
    np.testing.assert_allclose(
        last, convolve(x.numpy(), w.numpy(), geometry) + bias.numpy().reshape(-1, 1, 1), rtol=1e-4, atol=1e-3
    )


def test_an_image_without_a_batch() -> None:
    rng = np.random.default_rng(2)
    x, w = integers(rng, 3, 9, 9), integers(rng, 5, 3, 3, 3)
    result = tw.conv2d(tw.from_numpy(x), tw.from_numpy(w)).numpy()
    np.testing.assert_array_equal(result, convolve(x[None], w, plain())[0])


def test_half_precision_is_computed_in_float32() -> None:
    rng = np.random.default_rng(3)
    x, w = integers(rng, 2, 8, 9, 9), integers(rng, 20, 8, 3, 3)
    result = tw.conv2d(tw.from_numpy(x).to(tw.float16), tw.from_numpy(w).to(tw.float16), None, 1, 1)
    assert result.dtype == tw.float16
    np.testing.assert_array_equal(result.numpy(), convolve(x, w, plain(padding=1)).astype(np.float16))


# ---- the same bits whatever computes them


BITS_OF = [
    ((64, 1, 8, 8), (16, 1, 3, 3), plain(padding=1)),
    ((16, 16, 8, 8), (20, 16, 3, 3), plain(padding=1)),
    ((9, 16, 8, 8), (20, 16, 3, 3), plain(padding=1)),
    ((5, 7, 40, 40), (33, 7, 3, 3), plain(padding=1)),
    ((13, 3, 17, 17), (5, 3, 3, 3), plain(stride=2, padding=1)),
    ((2, 24, 30, 30), (17, 24, 1, 1), plain()),
    ((4, 6, 12, 10), (6, 1, 3, 3), plain(padding=1, groups=6)),
    ((11, 21, 12, 10), (21, 1, 3, 3), plain(padding=1, groups=21)),
    ((2, 37, 19, 33), (37, 1, 5, 3), plain(stride=2, padding=2, groups=37)),
    ((2, 5, 7, 9, 8), (19, 5, 3, 2, 3), ((2, 1, 2), (1, 1, 0), (1, 1, 1), 1)),
    ((2, 6, 19, 37), (12, 1, 3, 5), ((2, 2), (1, 2), (1, 1), 6)),
    ((2, 20, 9, 33), (1, 20, 3, 3), plain(padding=1)),
    ((1, 3, 6, 9, 35), (20, 3, 3, 3, 3), ((1, 1, 1), (1, 1, 1), (1, 1, 1), 1)),
]


def digest() -> str:
    """Of the bits of all results, with arguments whose sums round."""
    rng, total = np.random.default_rng(4), hashlib.sha256()
    for dtype in (np.float32, np.float64):
        for x_shape, w_shape, geometry in BITS_OF:
            options = [list(v) for v in geometry[:3]] + [geometry[3]]
            x, w, b = (tw.from_numpy(rng.standard_normal(s).astype(dtype)) for s in (x_shape, w_shape, w_shape[:1]))
            y = (tw.conv2d if len(x_shape) == 4 else tw.conv3d)(x, w, b, *options)
            total.update(y.numpy().tobytes())
            total.update(tw.ops.convolution_backward_input(y, w, list(x_shape), *options).numpy().tobytes())
            total.update(tw.ops.convolution_backward_weight(y, x, list(w_shape), *options).numpy().tobytes())
    return total.hexdigest()


def digest_elsewhere(isa: str) -> str:
    folder, name = os.path.split(os.path.splitext(__file__)[0])
    code = f"import sys; sys.path.insert(0, {folder!r}); import {name}; print({name}.digest())"
    environment = {**os.environ, "TENSORWRIGHT_ISA": isa}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = tw.get_num_threads()
    yield tw.set_num_threads
    tw.set_num_threads(before)


def test_same_bits_for_any_number_of_threads(threads: Callable[[int], None]) -> None:
    digests = set()
    for count in (1, 2, 8):
        threads(count)
        digests.add(digest())
    assert len(digests) == 1


def test_same_bits_on_every_instruction_set() -> None:
    here = digest()
    for isa in ("baseline", "avx2", "avx512"):
        assert digest_elsewhere(isa) == here, isa


def test_a_result_does_not_depend_on_the_images_beside_it() -> None:
    """Few images and many are computed by different kernels."""
    rng = np.random.default_rng(5)
    x = tw.from_numpy(rng.standard_normal((40, 5, 9, 9)).astype(np.float32))
    w = tw.from_numpy(rng.standard_normal((21, 5, 3, 3)).astype(np.float32))
    whole = tw.conv2d(x, w, None, 1, 1).numpy()
    for i in (0, 17, 39):
        np.testing.assert_array_equal(tw.conv2d(x[i : i + 1], w, None, 1, 1).numpy()[0], whole[i])
