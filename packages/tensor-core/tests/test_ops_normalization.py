"""Normalisation and softmax, against NumPy in float64; gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array, agree, numerical_gradient
from layouts import Samples
from same_bits import same_bits_everywhere


def softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(e / e.sum(axis, keepdims=True))


def log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)))


ROWS = [
    ((3, 4), 1),
    ((3, 4), 0),
    ((2, 5, 7), 1),
    ((2, 5, 40), 1),
    ((50, 10), -1),
    ((2, 16), 1),
    ((3, 17), 1),
    ((2, 3000), -1),
    ((4, 1), 1),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "dim"), ROWS)
@pytest.mark.parametrize(("op", "expected"), [(tw.softmax, softmax), (tw.log_softmax, log_softmax)])
def test_softmax(
    op: Callable[..., tw.Tensor], expected: Callable[[Array, int], Array], shape: tuple[int, ...], dim: int, dtype: str
) -> None:
    samples = Samples(len(shape))
    x = samples.array(shape, dtype) * 5
    agree(op(samples.tensor(x), dim), expected(x.astype(np.float64), dim))


@pytest.mark.parametrize(("shape", "dim"), [((3, 4), 1), ((2, 5, 3), 1), ((2, 40), -1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_backward(name: str, shape: tuple[int, ...], dim: int) -> None:
    samples = Samples(17)
    x, grad = samples.array(shape, "float64"), samples.array(shape, "float64")
    forward = {"softmax": softmax, "log_softmax": log_softmax}[name]
    backward = getattr(tw.ops, f"{name}_backward")
    result = backward(samples.tensor(grad), samples.tensor(forward(x, dim)), dim)
    agree(result, numerical_gradient(lambda a: forward(a, dim), x, grad), 1e-8)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(1, 32), (17, 48), (2500, 37), (3, 40, 300), (2, 1025, 129)])
def test_columns_are_what_lines_are(name: str, shape: tuple[int, ...]) -> None:
    """To the bit, although they are computed down many columns at once."""
    function, gradient = getattr(tw, name), getattr(tw.ops, f"{name}_backward")
    generator = np.random.default_rng(3)
    x, grad = (tw.tensor(generator.standard_normal(shape).astype(np.float32) * 3) for _ in range(2))
    lines, line_grads = (t.transpose(-1, -2).contiguous() for t in (x, grad))
    y = function(lines, -1)
    assert np.array_equal(function(x, -2).numpy(), y.transpose(-1, -2).numpy())
    expected = gradient(line_grads, y, -1).transpose(-1, -2)
    assert np.array_equal(gradient(grad, function(x, -2), -2).numpy(), expected.numpy())


def test_softmax_at_the_edges() -> None:
    inf, nan = float("inf"), float("nan")
    assert tw.softmax(tw.tensor([1000.0, 1000.0, -inf]), 0).tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(tw.softmax(tw.tensor([nan, 1.0]), 0).numpy()).all()
    assert tw.log_softmax(tw.tensor([0.0, -inf]), 0).tolist() == [0.0, -inf]
    assert tw.softmax(tw.tensor(3.0), 0).item() == 1.0
    assert tw.softmax(tw.ones(0, 3), 1).shape == (0, 3)
    assert tw.softmax(tw.ones(3, 0), 1).shape == (3, 0)
    assert tw.softmax(tw.tensor([1, 1]), 0, dtype=tw.float64).tolist() == [0.5, 0.5]
    assert tw.softmax(tw.zeros(2).to(tw.float16), 0).dtype == tw.float16
    with pytest.raises((ValueError, TypeError), match="softmax of integers needs dtype="):
        tw.softmax(tw.tensor([1, 1]), 0)
    with pytest.raises(IndexError):
        tw.softmax(tw.ones(2), 1)


def test_logsumexp() -> None:
    x = Samples(1).array((3, 4, 5), "float64") * 100
    agree(tw.logsumexp(tw.tensor(x), 1), np.logaddexp.reduce(x, 1))
    agree(
        tw.logsumexp(tw.tensor(x), (0, 2), keepdim=True),
        np.logaddexp.reduce(x.swapaxes(0, 1).reshape(4, -1), 1).reshape(1, 4, 1),
    )
    inf = float("inf")
    assert tw.logsumexp(tw.tensor([[-inf, -inf], [inf, 1.0]]), 1).tolist() == [-inf, inf]
    assert tw.logsumexp(tw.ones(2, 0), 1).tolist() == [-inf, -inf]


# ---- batch_norm and layer_norm ----------------------------------------------------------------------------------


def normalized(x: Array, mean: Array, variance: Array, weight: Array, bias: Array, eps: float) -> Array:
    shape = (1, -1) + (1,) * (x.ndim - 2)
    columns = [v.reshape(shape) for v in (mean, variance, weight, bias)]
    return np.asarray((x - columns[0]) / np.sqrt(columns[1] + eps) * columns[2] + columns[3])


def batch_statistics(x: Array) -> tuple[Array, Array]:
    axes = tuple(d for d in range(x.ndim) if d != 1)
    return x.mean(axes), x.var(axes)


SHAPES = [(4, 3), (4, 3, 5), (5, 6, 8, 8), (2, 3, 40, 41), (64, 7, 2)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_in_training(shape: tuple[int, ...], dtype: str) -> None:
    samples = Samples(len(shape))
    x = samples.array(shape, dtype) * 3 + 7
    weight, bias, mean, variance = (samples.array((shape[1],), dtype) for _ in range(4))
    running_mean, running_var = tw.tensor(mean), tw.tensor(np.abs(variance))
    result = tw.batch_norm(
        samples.tensor(x), tw.tensor(weight), tw.tensor(bias), running_mean, running_var, True, 0.25, 1e-3
    )
    wide = x.astype(np.float64)
    m, v = batch_statistics(wide)
    count = wide.size / shape[1]
    agree(result, normalized(wide, m, v, weight, bias, 1e-3), 2e-5 if dtype == "float32" else None)
    agree(running_mean, 0.75 * mean + 0.25 * m)
    agree(running_var, 0.75 * np.abs(variance) + 0.25 * v * count / (count - 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_in_evaluation(shape: tuple[int, ...]) -> None:
    samples = Samples(len(shape) + 10)
    x = samples.array(shape, "float64")
    weight, bias, mean, variance = (np.abs(samples.array((shape[1],), "float64")) for _ in range(4))
    result = tw.batch_norm(*(tw.tensor(a) for a in (x, weight, bias, mean, variance)))
    agree(result, normalized(x, mean, variance, weight, bias, 1e-5))
    agree(
        tw.batch_norm(tw.tensor(x), None, None, tw.tensor(mean), tw.tensor(variance)),
        normalized(x, mean, variance, np.ones(shape[1]), np.zeros(shape[1]), 1e-5),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (3, 2, 3, 3)])
def test_batch_norm_backward(shape: tuple[int, ...], training: bool) -> None:
    samples = Samples(21)
    x, grad = samples.array(shape, "float64"), samples.array(shape, "float64")
    weight, bias, mean, variance = (np.abs(samples.array((shape[1],), "float64")) + 0.5 for _ in range(4))

    def forward(x: Array, weight: Array, bias: Array) -> Array:
        m, v = batch_statistics(x) if training else (mean, variance)
        return normalized(x, m, v, weight, bias, 1e-5)

    given = [tw.tensor(a) for a in (x, weight, bias, mean, variance)]
    _, saved_mean, invstd = tw.ops.native_batch_norm(*given, training, 0.1, 1e-5)
    gradients = tw.ops.native_batch_norm_backward(
        tw.tensor(grad), given[0], given[1], tw.tensor(mean), tw.tensor(variance), saved_mean, invstd, training, 1e-5
    )
    agree(gradients[0], numerical_gradient(lambda a: forward(a, weight, bias), x, grad), 1e-7)
    agree(gradients[1], numerical_gradient(lambda a: forward(x, a, bias), weight, grad), 1e-7)
    agree(gradients[2], numerical_gradient(lambda a: forward(x, weight, a), bias, grad), 1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "axes"), [((4, 10), 1), ((2, 3, 50), 1), ((3, 4, 5), 2), ((70, 300), 1), ((2, 3000), 1)]
)
def test_layer_norm(shape: tuple[int, ...], axes: int, dtype: str) -> None:
    samples = Samples(sum(shape))
    row = shape[-axes:]
    x, weight, bias = samples.array(shape, dtype) * 3 + 7, samples.array(row, dtype), samples.array(row, dtype)
    wide, over = x.astype(np.float64), tuple(range(-axes, 0))
    standard = (wide - wide.mean(over, keepdims=True)) / np.sqrt(wide.var(over, keepdims=True) + 1e-5)
    agree(tw.layer_norm(samples.tensor(x), row, tw.tensor(weight), tw.tensor(bias)), standard * weight + bias)
    agree(tw.layer_norm(samples.tensor(x), row), standard)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("rows", [3, 40])
def test_layer_norm_backward(rows: int, weighted: bool) -> None:
    samples = Samples(rows)
    x, grad = samples.array((rows, 5), "float64"), samples.array((rows, 5), "float64")
    weight, bias = (samples.array((5,), "float64") for _ in range(2))
    if not weighted:
        weight = np.ones(5)

    def forward(x: Array, weight: Array, bias: Array) -> Array:
        standard = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return np.asarray(standard * weight + bias)

    given = tw.tensor(weight) if weighted else None
    _, mean, rstd = tw.ops.native_layer_norm(tw.tensor(x), [5], given, None, 1e-5)
    gradients = tw.ops.native_layer_norm_backward(tw.tensor(grad), tw.tensor(x), [5], mean, rstd, given)
    agree(gradients[0], numerical_gradient(lambda a: forward(a, weight, bias), x, grad), 1e-7)
    agree(gradients[1], numerical_gradient(lambda a: forward(x, a, bias), weight, grad), 1e-7)
    agree(gradients[2], numerical_gradient(lambda a: forward(x, weight, a), bias, grad), 1e-7)


def test_group_norm() -> None:
    samples = Samples(2)
    x, weight, bias = (
        samples.array((2, 6, 3, 3), "float64"),
        samples.array((6,), "float64"),
        samples.array((6,), "float64"),
    )
    groups = x.reshape(2, 3, -1)
    standard = ((groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-5)).reshape(
        x.shape
    )
    expected = standard * weight.reshape(6, 1, 1) + bias.reshape(6, 1, 1)
    agree(tw.group_norm(tw.tensor(x), 3, tw.tensor(weight), tw.tensor(bias)), expected)


def test_refusals() -> None:
    x = tw.ones(4, 3)
    with pytest.raises(ValueError, match="in evaluation running_mean and running_var are needed"):
        tw.batch_norm(x, None, None)
    with pytest.raises(ValueError, match="training needs more than one value per channel"):
        tw.batch_norm(tw.ones(1, 3), None, None, training=True)
    with pytest.raises(ValueError, match="weight must have one value per channel"):
        tw.batch_norm(x, tw.ones(4), training=True)
    with pytest.raises(ValueError, match="the input's last dimensions differ from normalized_shape"):
        tw.layer_norm(x, [4])


# ---- the same bits everywhere -----------------------------------------------------------------------------------

PROGRAM = """
results = []
for dtype in ("float32", "float64"):
    x, g = (tw.tensor(random.standard_normal((37, 1111)).astype(dtype)) for _ in range(2))
    image = tw.tensor(random.standard_normal((5, 7, 9, 33)).astype(dtype))
    y, mean, rstd = tw.ops.native_layer_norm(x, [1111], x[0], x[1], 1e-5)
    z, m, s = tw.ops.native_batch_norm(image, None, None, None, None, True, 0.1, 1e-5)
    shares, logarithms = tw.softmax(x, 1), tw.log_softmax(x, 0)
    results += [shares, logarithms, y, mean, rstd, z, m, s, tw.max_pool2d(image, 2)]
    results += tw.ops.native_layer_norm_backward(g, x, [1111], mean, rstd, x[0])
    results += tw.ops.native_batch_norm_backward(image, z, None, None, None, m, s, True, 1e-5)
    results += [tw.ops.softmax_backward(g, shares, 1), tw.ops.log_softmax_backward(g, logarithms, 0)]
    for length in (1, 15, 100, 1024):
        short, grads = x[:, :length].contiguous(), g[:, :length].contiguous()
        y, mean, rstd = tw.ops.native_layer_norm(short, [length], short[0], short[1], 1e-5)
        z, root = tw.ops.native_rms_norm(short, [length], short[0], 1e-5)
        results += [tw.softmax(short, 1), tw.log_softmax(short, 1), y, mean, rstd, z, root]
        results += tw.ops.native_layer_norm_backward(grads, short, [length], mean, rstd, short[0])
        results += tw.ops.native_rms_norm_backward(grads, short, [length], root, short[0])
        results += [tw.ops.softmax_backward(grads, y, 1), tw.ops.log_softmax_backward(grads, y, 1)]
        results += [short.sum(1), x[:, :length].sum(1), short.prod(1), short.amax(1)]
        results += [short.to(low).sum(1, dtype=tw.float32) for low in (tw.float16, tw.bfloat16)]
    tw.manual_seed(5)
    kind = getattr(tw, dtype)
    results += [tw.rand(1000, dtype=kind), tw.randn(1000, dtype=kind)]
    results += [tw.zeros(1000, dtype=kind).exponential_(), tw.dropout(x, 0.3)]
"""


def test_instruction_sets_and_threads_change_no_bit() -> None:
    same_bits_everywhere(PROGRAM)
