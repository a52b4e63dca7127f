"""How far predictions are from targets: classes, probabilities and numbers. ``reduction`` is mean, sum or none."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from tensorwright import Tensor, ops
from tensorwright.extend import check_tensor

from ._reduction import reduced, reduction_name

if TYPE_CHECKING:
    from ._chunked_loss import LinearCrossEntropyOptions

# ---- classes and probabilities ---------------------------------------------------------------------------


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of logits [N, C, ...] with class indices [N, ...] or probabilities [N, C, ...].

    Example:
        >>> import tensorwright as tw
        >>> cross_entropy(tw.zeros(3, 4), tw.tensor([0, 1, 2])).item()  # log(4)
        1.3862943649291992
    """
    reduction = reduction_name(size_average, reduce, reduction)
    return ops.cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of log-probabilities [N, C, ...] at class indices [N, ...]."""
    return ops.nll_loss(input, target, weight, ignore_index, reduction_name(size_average, reduce, reduction))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of probabilities with targets in [0, 1]."""
    return ops.binary_cross_entropy(input, target, weight, reduction_name(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross entropy of logits with targets in [0, 1], computed without overflow; ``pos_weight`` scales the positive."""
    reduction = reduction_name(size_average, reduce, reduction)
    return ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence of ``target`` from log-probabilities ``input``.

    ``reduction="batchmean"`` divides the sum by the first dimension, if there is one: the mathematical definition.
    """
    return ops.kl_div(input, target, reduction_name(size_average, reduce, reduction), log_target)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log-likelihood of label sequences, summed over their alignments (Graves et al. 2006).

    Args:
        log_probs: [T, N, C] or [T, C], logarithms of the probabilities of C classes at each time.
        targets: [N, S], or all sequences one after the other.
        input_lengths: times used of each sample.
        target_lengths: labels of each sample.
        blank: the class that stands for no label.
        reduction: ``"mean"`` divides each loss by its number of labels before averaging.
        zero_infinity: count targets that do not fit into the input as 0 instead of infinity.
    """
    return ops.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)


# ---- numbers ---------------------------------------------------------------------------------------------


def _warn_of_broadcasting(name: str, input: Tensor, target: Tensor) -> None:
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    if input.shape != target.shape and (input.ndim == target.ndim or target.ndim == 0):  # the op refuses all others
        warnings.warn(
            f"{name}: target has shape {list(target.shape)}, the input {list(input.shape)}; they are broadcast, which "
            "is rarely meant",
            stacklevel=3,
        )


def _same_shape(name: str, input: Tensor, weight: Tensor) -> None:
    check_tensor(name, "weight", weight)
    if input.shape != weight.shape:
        raise ValueError(f"{name}: weight has shape {list(weight.shape)}, the input {list(input.shape)}")


def _weighted_mean(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses times weights; the mean is over the weights."""
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared difference; with ``weight`` of the input's shape, the weighted mean."""
    reduction = reduction_name(size_average, reduce, reduction)
    _warn_of_broadcasting("mse_loss", input, target)
    if weight is None:
        return ops.mse_loss(input, target, reduction)
    _same_shape("mse_loss", input, weight)
    return _weighted_mean(ops.mse_loss(input, target, "none"), weight, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute difference; with ``weight`` of the input's shape, the weighted mean."""
    reduction = reduction_name(size_average, reduce, reduction)
    _warn_of_broadcasting("l1_loss", input, target)
    if weight is None:
        return ops.l1_loss(input, target, reduction)
    _same_shape("l1_loss", input, weight)
    return _weighted_mean(ops.l1_loss(input, target, "none"), weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared difference below ``beta``, absolute above (Girshick 2015)."""
    reduction = reduction_name(size_average, reduce, reduction)
    _warn_of_broadcasting("smooth_l1_loss", input, target)
    return ops.smooth_l1_loss(input, target, reduction, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the squared difference below ``delta``, linear above (Huber 1964); ``weight`` scales each element."""
    _warn_of_broadcasting("huber_loss", input, target)
    if weight is None:
        return ops.huber_loss(input, target, reduction, delta)
    _same_shape("huber_loss", input, weight)
    losses = ops.huber_loss(input, target, "none", delta) * weight
    return reduced(losses, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts under Poisson distributions; ``input`` is the rate or its logarithm."""
    reduction = reduction_name(size_average, reduce, reduction)
    return ops.poisson_nll_loss(input, target, log_input, full, eps, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of targets under normal distributions of mean ``input`` and variance ``var``."""
    return ops.gaussian_nll_loss(input, target, var, full, eps, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)`` for a layer and its loss together.

    Args:
        input: [in] or [N, in].
        linear_weight: [C, in], or [C, d1, ..., dK, in] for targets [N, d1, ..., dK].
        target: class indices or probabilities, as for ``cross_entropy``.
        linear_bias: [C, d1, ..., dK].
        weight: weight of each class [C].
        reduction: as for ``cross_entropy``.
        ignore_index: targets of this value count nothing; -100 unless given.
        label_smoothing: as for ``cross_entropy``.
        options: how many rows of logits may exist at a time.
    """
    from . import _chunked_loss as chunked  # which builds on the ops of this module

    return chunked.evaluate(
        input, linear_weight, target, linear_bias, weight, reduction, ignore_index, label_smoothing, options
    )
