"""Functions that centre and scale."""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor, ops


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Centre and scale each channel; in training the running statistics are updated in place."""
    return ops.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Centre and scale over the last ``len(normalized_shape)`` dimensions."""
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along ``dim``, which counts as at least ``eps``."""
    return input / ops.norm(input, p, dim, True).clamp_min(eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Centre and scale over ``num_groups`` groups of channels of each sample (Wu and He 2018)."""
    return ops.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Centre and scale each channel of each sample of [N, C, ...] (Ulyanov et al. 2016).

    With ``use_input_stats`` the running statistics, if given, move towards the samples' by ``momentum``; without it
    they are what is used.
    """
    if input.ndim < 2:
        raise ValueError(f"instance_norm: the input must be [N, C, ...], got shape {list(input.shape)}")
    if not use_input_stats:
        return ops.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    samples, channels = input.shape[:2]
    if use_input_stats and samples > 0 and input.numel() == samples * channels:
        raise ValueError(
            f"instance_norm: training needs more than one value per channel, got input of shape {list(input.shape)}"
        )
    mean, var, scale, shift = (
        None if t is None else t.repeat(samples) for t in (running_mean, running_var, weight, bias)
    )
    one = input.reshape(1, samples * channels, *input.shape[2:])
    result = ops.batch_norm(one, mean, var, scale, shift, True, momentum, eps)
    for running, each in ((running_mean, mean), (running_var, var)):
        if running is not None and each is not None:
            running.copy_(each.reshape(samples, channels).mean(0))
    return result.reshape(input.shape)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by (k + alpha * mean of squares of ``size`` neighbouring channels)^beta (Krizhevsky et al. 2012)."""
    if input.ndim < 3:
        raise ValueError(f"local_response_norm: the input must be [N, C, ...], got shape {list(input.shape)}")
    if input.numel() == 0:
        return input
    rows = input.flatten(2) if input.ndim > 3 else input
    squares = ops.pad((rows * rows).unsqueeze(1), [0, 0, size // 2, (size - 1) // 2])
    mean = ops.avg_pool2d(squares, [size, 1], 1).squeeze(1)
    return (rows / (mean * alpha + k).pow(beta)).reshape(input.shape)
