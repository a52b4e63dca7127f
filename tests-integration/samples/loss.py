"""Rows of losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import FLOAT, LOW, Array, Case, Make, case, refused, row

REDUCTIONS = ("none", "mean", "sum")
ANY_FLOAT = FLOAT + LOW


def reduced(values: Any, reduction: str) -> Any:
    return values if reduction == "none" else np.mean(values) if reduction == "mean" else np.sum(values)


def all_reductions(*args: Any, **kwargs: Any) -> Iterator[Case]:
    for reduction in REDUCTIONS:
        yield case(*args, reduction=reduction, **kwargs)


def with_reduction(samples: Callable[[Make], Iterator[Case]]) -> Callable[[Make], Iterator[Case]]:
    """Only the cases that name their reduction: without, the function of the same name elsewhere does not reduce."""
    return lambda make: (c for c in samples(make) if "reduction" in c.kwargs)


def unknown_reduction(*args: Any) -> Case:
    return refused(*args, reduction="avg", error=ValueError, match="reduction must be 'none', 'mean'")


def signs(make: Make, *shape: int) -> Array:
    """1 and -1 in the dtype under test."""
    return np.asarray(np.where(make.bools(*shape), 1.0, -1.0), make(1).dtype)


def softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def log_probabilities(make: Make, *shape: int, dim: int = 1) -> Array:
    return np.asarray(np.log(softmax(make(*shape), dim)), make(1).dtype)


# ---- numbers ---------------------------------------------------------------------------------------------


def pairs(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(3, 4), make(3, 4))
    yield case(make(), make())
    yield case(make(2, 3), make(2, 3).T.copy().T)
    yield case(make(0, 3), make(0, 3), reduction="sum")
    yield unknown_reduction(make(3), make(3))


def elementwise(function: Any) -> Any:
    def loss(x: Array, t: Array, reduction: str = "mean", weight: Array | None = None, **options: Any) -> Any:
        values = function(x, t, **options)
        if weight is not None:
            values = values * weight
            return np.sum(values) / np.sum(weight) if reduction == "mean" else reduced(values, reduction)
        return reduced(values, reduction)

    return loss


def weighted(make: Make) -> Iterator[Case]:
    yield from pairs(make)
    yield from all_reductions(make(2, 3), make(2, 3), weight=make(2, 3, low=0.1))
    yield refused(make(2, 3), make(2, 3), weight=make(3), error=ValueError, match="weight has shape")


row("nn.functional.mse_loss", dtypes=ANY_FLOAT, reference=elementwise(lambda x, t: (x - t) ** 2))(weighted)
row("nn.functional.l1_loss", dtypes=ANY_FLOAT, reference=elementwise(lambda x, t: np.abs(x - t)))(weighted)


@row(
    "nn.functional.smooth_l1_loss",
    reference=elementwise(
        lambda x, t, beta=1.0: np.where(
            np.abs(x - t) < beta, 0.5 * (x - t) ** 2 / (beta or 1.0), np.abs(x - t) - 0.5 * beta
        )
    ),
)
def smooth_l1_loss(make: Make) -> Iterator[Case]:
    yield from pairs(make)
    yield from all_reductions(make(3, 4), make(3, 4), beta=0.4)
    yield case(make(3, 4), make(3, 4), beta=0.0)
    yield refused(make(3), make(3), beta=-1.0, error=ValueError, match="beta must not be negative")


def huber(x: Array, t: Array, reduction: str = "mean", delta: float = 1.0, weight: Array | float = 1.0) -> Any:
    d = np.abs(x - t)
    return reduced(np.where(d < delta, 0.5 * d**2, delta * (d - 0.5 * delta)) * weight, reduction)


@row("nn.functional.huber_loss", reference=huber)
def huber_loss(make: Make) -> Iterator[Case]:
    yield from pairs(make)
    yield from all_reductions(make(3, 4), make(3, 4), delta=0.4)
    yield from all_reductions(make(3, 4), make(3, 4), delta=2.0, weight=make(3, 4, low=0.1))
    yield refused(make(3), make(3), delta=0.0, error=ValueError, match="delta must be positive")


def poisson(
    x: Array,
    t: Array,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    values = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        safe = np.maximum(t, 1)
        values = values + np.where(t > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe), 0)
    return reduced(values, reduction)


def poisson_samples(make: Make) -> Iterator[Case]:
    counts = np.asarray(make.integers(3, 4), make(1).dtype)
    yield from all_reductions(make(3, 4), counts)
    yield from all_reductions(make(3, 4, low=0.1), counts, log_input=False, full=True)
    yield case(make(3, 4, low=0.1), counts, log_input=True, full=True, eps=1e-3)
    yield case(make(3, 4), counts[:1])
    yield refused(make(3, 4), counts[0], error=ValueError, match="different numbers of dimensions")
    yield unknown_reduction(make(3), make(3))


row("nn.functional.poisson_nll_loss", reference=poisson, grad=(0,))(poisson_samples)


@row("poisson_nll_loss", reference=poisson, grad=(0,))
def poisson_nll_loss(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.1), make(3, 4, low=0), False, True, 1e-3, reduction="sum")


def gaussian(
    x: Array,
    t: Array,
    var: Array | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    v = np.maximum(np.asarray(var), eps)
    v = v[..., None] if v.ndim == x.ndim - 1 and v.ndim > 0 else v
    return reduced(0.5 * (np.log(v) + (x - t) ** 2 / v) + (0.5 * np.log(2 * np.pi) if full else 0), reduction)


@row("nn.functional.gaussian_nll_loss", reference=gaussian)
def gaussian_nll_loss(make: Make) -> Iterator[Case]:
    for var in (make(2, 3, low=0.2), make(2, 1, low=0.2), make(2, low=0.2), 0.7):
        yield case(make(2, 3), make(2, 3), var)
    yield from all_reductions(make(2, 3), make(2, 3), make(2, 3, low=0.2), full=True, eps=1e-3)
    yield refused(make(2, 3), make(2, 3), make(2, low=-2, high=-1), error=ValueError, match="var has negative")
    yield refused(make(2, 3), make(2, 3), make(2, 2, low=0.1), error=ValueError, match="var must have the input's")


# ---- classes and probabilities ---------------------------------------------------------------------------


def one_hot_losses(log_p: Array, target: Array, weight: Array | None, ignore_index: int) -> tuple[Array, Array]:
    """Losses and weights of class indices; classes are dimension 1 (0 of a vector)."""
    axis = 1 if log_p.ndim > 1 else 0
    counted = target != ignore_index
    label = np.where(counted, target, 0)
    picked = np.take_along_axis(log_p, np.expand_dims(label, axis), axis).squeeze(axis)
    weights = (np.ones(log_p.shape[axis], log_p.dtype) if weight is None else weight)[label] * counted
    return np.asarray(-picked * weights), np.asarray(weights, log_p.dtype)


def nll(
    log_p: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    losses, weights = one_hot_losses(log_p, target, weight, ignore_index)
    return np.sum(losses) / np.sum(weights) if reduction == "mean" else reduced(losses, reduction)


def cross_entropy_reference(
    x: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    axis = 1 if x.ndim > 1 else 0
    classes, log_p = x.shape[axis], np.log(softmax(x, axis))
    w = np.ones(classes, x.dtype) if weight is None else weight
    along = np.asarray(w).reshape([classes if d == axis else 1 for d in range(x.ndim)])
    if target.dtype.kind == "f":
        goal = target * (1 - label_smoothing) + label_smoothing / classes
        return reduced(-(log_p * goal * along).sum(axis), reduction)
    label, weights = one_hot_losses(log_p, target, weight, ignore_index)
    uniform = -(log_p * along).sum(axis) / classes * (target != ignore_index)
    losses = (1 - label_smoothing) * label + label_smoothing * uniform
    return np.sum(losses) / np.sum(weights) if reduction == "mean" else reduced(losses, reduction)


@row("nn.functional.nll_loss", dtypes=ANY_FLOAT, reference=nll, grad=(0,))
def nll_loss(make: Make) -> Iterator[Case]:
    weight = make(4, low=0.2)
    for shape in ((5, 4), (2, 4, 3), (2, 4, 3, 2), (1, 4, 2, 1, 2)):
        target = make.integers(shape[0], *shape[2:], high=4)
        yield from all_reductions(make(*shape), target)
        yield from all_reductions(make(*shape), target, weight=weight, ignore_index=1)
    yield case(make(4), np.array(2))
    yield case(make(0, 4), make.integers(0), reduction="sum")
    yield refused(make(2, 4), np.array([0, 4]), error=IndexError, match="target 4 is out of range for 4 classes")
    yield refused(make(2, 4), make.integers(3, high=4), error=ValueError, match="without the class dimension")
    yield refused(make(2, 4), make.integers(2, high=4), weight=make(3), error=ValueError, match="one value per class")


@row("nn.functional.cross_entropy", dtypes=ANY_FLOAT, reference=cross_entropy_reference, grad=(0,))
def cross_entropy(make: Make) -> Iterator[Case]:
    weight = make(4, low=0.2)
    for smoothing in (0.0, 0.3):
        for shape in ((5, 4), (2, 4, 3), (1, 4, 2, 2)):
            target = make.integers(shape[0], *shape[2:], high=4)
            yield from all_reductions(make(*shape), target, label_smoothing=smoothing)
            yield from all_reductions(make(*shape), target, weight=weight, ignore_index=1, label_smoothing=smoothing)
            yield from all_reductions(
                make(*shape), make.floats(*shape, low=0), weight=weight, label_smoothing=smoothing
            )
        yield case(make(4), np.array(2), label_smoothing=smoothing)
        yield case(make(4), make.floats(4, low=0), label_smoothing=smoothing)
    yield refused(make(2, 4), np.array([0, 4]), error=IndexError, match="target 4 is out of range for 4 classes")
    yield refused(make(2, 4), make(2, 3), error=TypeError, match="target holds probabilities")
    yield refused(make(2, 4), np.array([0, 1]), label_smoothing=2.0, error=ValueError, match="label_smoothing")


@row(
    "nn.functional.linear_cross_entropy",
    reference=lambda x, w, t, linear_bias=None, **options: cross_entropy_reference(
        x @ w.T + (0 if linear_bias is None else linear_bias), t, **options
    ),
    grad=(0, 1, "linear_bias"),
)
def linear_cross_entropy(make: Make) -> Iterator[Case]:
    target = make.integers(5, high=4)
    yield from all_reductions(make(5, 3), make(4, 3), target)
    yield from all_reductions(make(5, 3), make(4, 3), target, linear_bias=make(4), weight=make(4, low=0.2))
    yield case(make(5, 3), make(4, 3), target, ignore_index=1, label_smoothing=0.2)
    yield case(make(3), make(4, 3), np.array(2))
    yield case(make(5, 3), make(4, 3), make.floats(5, 4, low=0))
    yield refused(make(5, 3), make(4, 2), target, error=ValueError, match="last dimensions differ")


def binary(
    p: Array,
    t: Array,
    weight: Array | float | None = None,
    reduction: str = "mean",
) -> Any:
    losses = -(t * np.maximum(np.log(p), -100) + (1 - t) * np.maximum(np.log1p(-p), -100))
    return reduced(losses * (1 if weight is None else weight), reduction)


@row("nn.functional.binary_cross_entropy", dtypes=ANY_FLOAT, reference=binary, grad=(0,))
def binary_cross_entropy(make: Make) -> Iterator[Case]:
    p, t = make(3, 4, low=0.1, high=0.9), make(3, 4, low=0, high=1)
    yield from all_reductions(p, t)
    yield from all_reductions(p, t, weight=make(4, low=0.1))
    yield refused(p, t[0], error=ValueError, match="differ in shape")


def with_logits(
    x: Array,
    t: Array,
    weight: Array | float | None = None,
    pos_weight: Array | float | None = None,
    reduction: str = "mean",
) -> Any:
    positive = 1 if pos_weight is None else pos_weight
    losses = positive * t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x))
    return reduced(losses * (1 if weight is None else weight), reduction)


def logits(make: Make) -> Iterator[Case]:
    x, t = make(3, 4), make(3, 4, low=0, high=1)
    yield from all_reductions(x, t)
    yield from all_reductions(x, t, weight=make(4, low=0.1), pos_weight=make(4, low=0.1))
    yield refused(x, t[0], error=ValueError, match="differ in shape")


row("nn.functional.binary_cross_entropy_with_logits", dtypes=ANY_FLOAT, reference=with_logits)(logits)
row("binary_cross_entropy_with_logits", dtypes=ANY_FLOAT, reference=with_logits)(logits)


def divergence(x: Array, t: Array, reduction: str = "mean", log_target: bool = False) -> Any:
    losses = np.exp(t) * (t - x) if log_target else np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0) - t * x
    return np.sum(losses) / (len(x) if x.ndim else 1) if reduction == "batchmean" else reduced(losses, reduction)


def divergences(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(3, 4), make(3, 4, low=0.1))
    yield from all_reductions(make(3, 4), make(3, 4), log_target=True)
    yield case(make(3, 4), make(3, 4, low=0.1), reduction="batchmean")
    yield case(make(3, 4), make(1, 4, low=0.1))
    yield case(make(), make(low=0.1), reduction="batchmean")
    yield refused(make(3, 4), make(4, low=0.1), error=ValueError, match="different numbers of dimensions")


row("nn.functional.kl_div", dtypes=ANY_FLOAT, reference=divergence)(divergences)
row("kl_div", dtypes=ANY_FLOAT, reference=divergence)(with_reduction(divergences))


# ---- pairs, triples, sets of labels ----------------------------------------------------------------------


def ranking(x: Array, y: Array, t: Array, margin: float = 0.0, reduction: str = "mean") -> Any:
    return reduced(np.maximum(0, -t * (x - y) + margin), reduction)


def ranking_samples(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(4), make(4), signs(make, 4), margin=0.3)
    yield case(make(3, 1), make(1, 4), signs(make, 3, 4))
    yield case(make(), make(), signs(make))
    yield unknown_reduction(make(3), make(3), signs(make, 3))


@row("nn.functional.margin_ranking_loss", reference=ranking)
def margin_ranking_loss(make: Make) -> Iterator[Case]:
    yield from ranking_samples(make)
    yield refused(make(3, 1), make(4), signs(make, 3, 4), error=ValueError, match="equally many dimensions")


row("margin_ranking_loss", reference=ranking)(with_reduction(ranking_samples))


def hinge(x: Array, t: Array, margin: float = 1.0, reduction: str = "mean") -> Any:
    return reduced(np.where(t == 1, x, np.maximum(0, margin - x)), reduction)


def hinge_samples(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(3, 4), signs(make, 3, 4), margin=0.7)
    yield case(make(3, 4), signs(make, 1, 4))
    yield refused(make(3, 4), signs(make, 4), error=ValueError, match="different numbers of dimensions")
    yield unknown_reduction(make(3), signs(make, 3))


row("nn.functional.hinge_embedding_loss", reference=hinge, grad=(0,))(hinge_samples)
row("hinge_embedding_loss", reference=hinge, grad=(0,))(with_reduction(hinge_samples))


def cosines(x: Array, y: Array) -> Array:
    return np.asarray((x * y).sum(-1) / np.sqrt(((x**2).sum(-1) + 1e-12) * ((y**2).sum(-1) + 1e-12)))


@row(
    "nn.functional.cosine_embedding_loss",
    reference=lambda x, y, t, margin=0.0, reduction="mean": reduced(
        np.where(t == 1, 1 - cosines(x, y), np.maximum(0, cosines(x, y) - margin)), reduction
    ),
    grad=(0, 1),
)
def cosine_embedding_loss(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(4, 3), make(4, 3), signs(make, 4), margin=0.2)
    yield case(make(3), make(3), signs(make))
    yield refused(make(3), make(3), signs(make, 2), error=ValueError, match=r"need inputs \[N, D\]")


@row(
    "nn.functional.soft_margin_loss",
    reference=lambda x, t, reduction="mean": reduced(np.log1p(np.exp(-t * x)), reduction),
    grad=(0,),
)
def soft_margin_loss(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(3, 4), signs(make, 3, 4))
    yield unknown_reduction(make(3), signs(make, 3))


def multi_margin(
    x: Array,
    t: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array | None = None,
    reduction: str = "mean",
) -> Any:
    rows = x.reshape(-1, x.shape[-1])
    losses = []
    for scores, label in zip(rows, t.reshape(-1), strict=True):
        terms = np.maximum(0, margin - scores[label] + scores) ** p * (1 if weight is None else weight[label])
        losses.append((terms.sum() - terms[label]) / len(scores))
    return reduced(np.array(losses, x.dtype).reshape(t.shape), reduction)


@row("nn.functional.multi_margin_loss", reference=multi_margin, grad=(0,))
def multi_margin_loss(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(5, 3), make.integers(5, high=3))
    yield from all_reductions(make(5, 3), make.integers(5, high=3), p=2, margin=0.4, weight=make(3, low=0.1))
    yield case(make(3), np.array(1))
    yield case(make(3), np.array([1]), reduction="none")
    yield refused(make(2, 3), make.integers(2, high=3), p=3, error=ValueError, match="p must be 1 or 2")
    yield refused(make(2, 3), np.array([0, 3]), error=IndexError, match="3")


def multilabel_margin(x: Array, t: Array, reduction: str = "mean") -> Any:
    losses = []
    for scores, labels in zip(x.reshape(-1, x.shape[-1]), t.reshape(-1, x.shape[-1]), strict=True):
        listed = labels[: np.argmax(labels < 0)] if (labels < 0).any() else labels
        others = [i for i in range(len(scores)) if i not in listed]
        losses.append(sum(max(0.0, 1 - scores[j] + scores[i]) for j in listed for i in others) / len(scores))
    return reduced(np.array(losses, x.dtype).reshape(x.shape[:-1]), reduction)


@row("nn.functional.multilabel_margin_loss", reference=multilabel_margin, grad=(0,))
def multilabel_margin_loss(make: Make) -> Iterator[Case]:
    labels = np.array([[1, 2, -1, 0], [-1, 0, 1, 2], [3, 1, 0, 2]])
    yield from all_reductions(make(3, 4), labels)
    yield case(make(4), labels[0])
    yield refused(make(3, 4), labels[:2], error=ValueError, match="differ in shape")


@row(
    "nn.functional.multilabel_soft_margin_loss",
    reference=lambda x, t, weight=1.0, reduction="mean": reduced(
        ((t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x))) * weight).mean(-1), reduction
    ),
)
def multilabel_soft_margin_loss(make: Make) -> Iterator[Case]:
    target = np.asarray(make.bools(3, 4), make(1).dtype)
    yield from all_reductions(make(3, 4), target)
    yield from all_reductions(make(3, 4), target, weight=make(4, low=0.1))
    yield unknown_reduction(make(3), target[0, :3])


def distance(x: Array, y: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return np.linalg.norm(x - y + eps, p, axis=-1, keepdims=keepdim)


def triplet(
    a: Array,
    p: Array,
    n: Array,
    margin: float = 1.0,
    order: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    far = distance(a, n, order, eps)
    far = np.minimum(far, distance(p, n, order, eps)) if swap else far
    return reduced(np.maximum(0, distance(a, p, order, eps) - far + margin), reduction)


def triplets(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(3, 4), make(3, 4), make(3, 4))
    yield case(make(3, 4), make(3, 4), make(3, 4), 0.3, 1.5, 1e-3, True, reduction="none")
    yield case(make(4), make(4), make(4))
    yield refused(make(3, 4), make(3, 4), make(4), error=ValueError, match="equally many dimensions")


row("nn.functional.triplet_margin_loss", reference=triplet)(triplets)
row("triplet_margin_loss", reference=triplet)(triplets)


@row("nn.functional.triplet_margin_with_distance_loss", reference=triplet)
def triplet_margin_with_distance_loss(make: Make) -> Iterator[Case]:
    yield from all_reductions(make(3, 4), make(3, 4), make(3, 4), margin=0.5, swap=True)
    yield refused(make(3, 4), make(3, 4), make(3, 4), margin=-1.0, error=ValueError, match="margin must be positive")


def distances(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(3, 4), make(4), p=1.0, keepdim=True)
    yield case(make(4), make(4), p=3.0, eps=1e-3)
    yield case(make(2, 3), make(2, 3), p=float("inf"))


row("nn.functional.pairwise_distance", reference=distance)(distances)
row("pairwise_distance", reference=distance)(distances)


def cosine(x: Array, y: Array, dim: int = 1, eps: float = 1e-8) -> Any:
    x, y = np.broadcast_arrays(x, y)
    length = [np.maximum(np.sqrt((v**2).sum(dim, keepdims=True)), eps) for v in (x, y)]
    return (x / length[0] * (y / length[1])).sum(dim)


def cosine_samples(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(3, 4), make(4), dim=-1)
    yield case(make(2, 3, 1), make(4), dim=0, eps=0.1)
    yield refused(make(3, 4), make(3, 3), error=ValueError, match="broadcast")


row("nn.functional.cosine_similarity", reference=cosine)(cosine_samples)
row("cosine_similarity", reference=cosine)(cosine_samples)


# ---- sequences -------------------------------------------------------------------------------------------


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """Labels of an alignment: repetitions and blanks left out."""
    kept = [label for i, label in enumerate(path) if i == 0 or label != path[i - 1]]
    return tuple(label for label in kept if label != blank)


def ctc_by_enumeration(
    log_p: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Sums over every alignment of every sample."""
    losses, start = [], 0
    for n in range(log_p.shape[1]):
        size = int(target_lengths[n])
        labels = targets[n, :size] if targets.ndim == 2 else targets[start : start + size]
        start += size
        times = int(input_lengths[n])
        total = 0.0
        for path in np.ndindex(*[log_p.shape[2]] * times):
            if collapsed(path, blank) == tuple(labels.tolist()):
                total += float(np.exp(sum(float(log_p[t, n, label]) for t, label in enumerate(path))))
        loss = -np.log(total) if total > 0 else (0.0 if zero_infinity else np.inf)
        losses.append(loss / max(size, 1) if reduction == "mean" else loss)
    return reduced(np.array(losses, log_p.dtype), reduction)


# Each log-probability is a variable of its own here, not only behind log_softmax; its derivative facet is checked so.
@row("nn.functional.ctc_loss", reference=ctc_by_enumeration, grad=False)
def ctc_loss(make: Make) -> Iterator[Case]:
    log_p = log_probabilities(make, 4, 3, 3, dim=2)
    targets, lengths = np.array([[1, 2], [2, 2], [1, 1]]), np.array([2, 2, 1])
    yield from all_reductions(log_p, targets, np.array([4, 4, 3]), lengths)
    yield from all_reductions(
        log_p, np.array([0, 1, 1, 1]), np.array([4, 2, 2]), np.array([1, 2, 1]), blank=2, zero_infinity=True
    )
    yield case(log_p, targets, np.array([4, 4, 3]), np.array([0, 1, 2]))
    yield refused(log_p, targets, np.array([5, 4, 3]), lengths, error=ValueError, match="input_lengths")
    yield refused(log_p, targets + 1, np.array([4, 4, 3]), lengths, error=IndexError, match="target 3 is out of range")
