"""Functions that centre and scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorwright import Tensor, ops
from tensorwright.extend import check_tensor


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
    return ops.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


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
    """Centre and scale each channel of each sample of [N, C, ...] (Ulyanov et al. 2016)."""
    check_tensor("instance_norm", "input", input)
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"instance_norm: more than one position per channel is needed, got shape {list(input.shape)}")
    return ops.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Centre and scale over the last ``len(normalized_shape)`` dimensions."""
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dimensions (Zhang and Sennrich 2019)."""
    return ops.rms_norm(input, normalized_shape, weight, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Centre and scale over groups of channels of each sample of [N, C, ...] (Wu and He 2018)."""
    check_tensor("group_norm", "input", input)
    if input.ndim >= 2 and num_groups >= 1 and input.numel() == num_groups:
        raise ValueError(
            f"group_norm: more than one value per group is needed, got {list(input.shape)} for {num_groups} groups"
        )
    return ops.group_norm(input, num_groups, weight, bias, eps)


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide by the p-norm along ``dim``, which counts as at least ``eps``."""
    length = ops.norm(input, p, dim, True).clamp_min(eps)
    return input / length if out is None else ops.div(input, length, out=out)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by (k + alpha * mean of squares of ``size`` neighbouring channels)^beta (Krizhevsky et al. 2012)."""
    check_tensor("local_response_norm", "input", input)
    if input.ndim < 3:
        raise ValueError(f"local_response_norm: the input must be [N, C, ...], got shape {list(input.shape)}")
    if input.numel() == 0:
        return input
    rows = input.flatten(2) if input.ndim > 3 else input
    squares = ops.pad((rows * rows).unsqueeze(1), [0, 0, size // 2, (size - 1) // 2])
    mean = ops.avg_pool2d(squares, [size, 1], 1).squeeze(1)
    return (rows / (mean * alpha + k).pow(beta)).reshape(input.shape)
