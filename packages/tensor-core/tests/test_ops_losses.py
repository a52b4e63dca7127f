"""Losses, against NumPy in float64; gradients of the primitives against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array, agree, numerical_gradient, tensors
from layouts import Samples

REDUCTIONS = ("none", "mean", "sum")
IGNORED = -100


def reduced(losses: Array, reduction: str) -> Array:
    return np.asarray({"none": lambda x: x, "mean": np.mean, "sum": np.sum}[reduction](losses))


def log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)))


def likelihood(x: Array, target: Array, weight: Array, reduction: str) -> Array:
    """Negative log-likelihood of [N, C, ...]."""
    axis = 1 if x.ndim > 1 else 0
    counted = target != IGNORED
    label = np.where(counted, target, 0)
    picked = np.take_along_axis(x, np.expand_dims(label, axis), axis).squeeze(axis)
    weights = np.where(counted, weight[label], 0)
    losses = -weights * picked
    return np.asarray(losses.sum() / weights.sum()) if reduction == "mean" else reduced(losses, reduction)


def case(shape: tuple[int, ...], seed: int) -> tuple[Array, Array, Array, Samples]:
    samples = Samples(seed)
    classes = shape[1] if len(shape) > 1 else shape[0]
    target = samples.random.integers(0, classes, shape[:1] + shape[2:] if len(shape) > 1 else ())
    return (
        samples.array(shape, "float64"),
        np.asarray(target),
        np.abs(samples.array((classes,), "float64")) + 0.1,
        samples,
    )


SHAPES = [(4,), (5, 4), (3, 4, 6), (2, 4, 3, 3)]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_nll_loss_and_its_gradient(shape: tuple[int, ...], reduction: str) -> None:
    x, target, weight, samples = case(shape, 1)
    if target.size > 1:
        target.flat[0] = IGNORED
    agree(
        tw.nll_loss(samples.tensor(x), tw.tensor(target), reduction=reduction),
        likelihood(x, target, np.ones_like(weight), reduction),
    )
    expected = likelihood(x, target, weight, reduction)
    loss, total = tw.ops.nll_loss_forward(samples.tensor(x), tw.tensor(target), tw.tensor(weight), reduction, IGNORED)
    agree(loss, expected)
    grad = samples.array(expected.shape, "float64")
    gradient = tw.ops.nll_loss_backward(*tensors(grad, target, weight), total, list(shape), reduction, IGNORED)
    agree(gradient, numerical_gradient(lambda a: likelihood(a, target, weight, reduction), x, grad), 1e-8)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(shape: tuple[int, ...], reduction: str, smoothing: float) -> None:
    x, target, weight, samples = case(shape, 2)
    axis = 1 if len(shape) > 1 else 0
    log_p, classes = log_softmax(x, axis), len(weight)
    columns = weight.reshape([-1 if d == axis else 1 for d in range(len(shape))])
    uniform = -(log_p * columns).sum(axis) / classes
    label = likelihood(log_p, target, weight, reduction)
    everywhere = uniform.sum() / weight[target].sum() if reduction == "mean" else reduced(uniform, reduction)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    result = tw.cross_entropy(samples.tensor(x), tw.tensor(target), tw.tensor(weight), **options)
    agree(result, (1 - smoothing) * label + smoothing * everywhere)
    soft = np.abs(samples.array(shape, "float64"))
    mixed = -(log_p * columns * (soft * (1 - smoothing) + smoothing / classes)).sum(axis)
    agree(tw.cross_entropy(*tensors(x, soft), tw.tensor(weight), **options), reduced(mixed, reduction))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_ignores(smoothing: float) -> None:
    x, target, _, _ = case((6, 3), 3)
    kept = np.arange(6) % 2 == 0
    partly = np.where(kept, target, IGNORED)
    whole = tw.cross_entropy(*tensors(x[kept], target[kept]), label_smoothing=smoothing)
    agree(tw.cross_entropy(*tensors(x, partly), label_smoothing=smoothing), whole.numpy())
    assert np.isnan(tw.cross_entropy(tw.ones(1, 3), tw.tensor([IGNORED])).item())
    with pytest.raises(IndexError, match="nll_loss: target 3 is out of range for 3 classes"):
        tw.cross_entropy(tw.ones(1, 3), tw.tensor([3]))
    with pytest.raises(
        (ValueError, TypeError), match="target holds class indices, so it must have the input's shape without"
    ):
        tw.cross_entropy(tw.ones(2, 3), tw.tensor([1]))


def smooth(x: Array, t: Array, beta: float) -> Array:
    d = np.abs(x - t)
    return np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def positive(x: Array) -> Array:
    return np.abs(x) + 0.01


PAIRS: list[tuple[Callable[..., tw.Tensor], Callable[[Array, Array], Array]]] = [
    (tw.mse_loss, lambda x, t: (x - t) ** 2),
    (tw.l1_loss, lambda x, t: np.abs(x - t)),
    (tw.smooth_l1_loss, lambda x, t: smooth(x, t, 1.0)),
    (lambda *a, **k: tw.smooth_l1_loss(*a, beta=0.3, **k), lambda x, t: smooth(x, t, 0.3)),
    (lambda *a, **k: tw.smooth_l1_loss(*a, beta=0.0, **k), lambda x, t: np.abs(x - t)),
    (lambda *a, **k: tw.huber_loss(*a, delta=0.5, **k), lambda x, t: 0.5 * smooth(x, t, 0.5)),
    (lambda x, t, **k: tw.kl_div(x, t.abs() + 0.01, **k), lambda x, t: positive(t) * (np.log(positive(t)) - x)),
    (lambda *a, **k: tw.kl_div(*a, log_target=True, **k), lambda x, t: np.exp(t) * (t - x)),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_losses_of_pairs(number: int, reduction: str) -> None:
    ours, expected = PAIRS[number]
    samples = Samples(number)
    x, t = samples.array((3, 4), "float64") * 2, samples.array((3, 4), "float64")
    agree(ours(samples.tensor(x), samples.tensor(t), reduction=reduction), reduced(expected(x, t), reduction))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction: str) -> None:
    samples = Samples(3)
    p, t = samples.random.random((3, 4)), samples.random.random((3, 4))
    p[0, 0], p[0, 1] = 0, 1
    w, positive_weight = samples.array((3, 4), "float64"), np.abs(samples.array((4,), "float64"))
    with np.errstate(divide="ignore"):
        losses = -w * (t * np.maximum(np.log(p), -100) + (1 - t) * np.maximum(np.log1p(-p), -100))
    agree(tw.binary_cross_entropy(*tensors(p, t, w), reduction=reduction), reduced(losses, reduction))
    x = samples.array((3, 4), "float64") * 20
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    expected = -w * (positive_weight * t * log_p + (1 - t) * log_q)
    result = tw.binary_cross_entropy_with_logits(*tensors(x, t, w, positive_weight), reduction)
    agree(result, reduced(expected, reduction))


def test_kl_div_by_batch() -> None:
    x, t = Samples(1).array((4, 3), "float64"), positive(Samples(2).array((4, 3), "float64"))
    agree(tw.kl_div(*tensors(x, t), reduction="batchmean"), (t * (np.log(t) - x)).sum() / 4)
    with pytest.raises(ValueError, match="reduction must be 'none', 'mean' or 'sum'"):
        tw.mse_loss(tw.ones(1), tw.ones(1), reduction="all")
