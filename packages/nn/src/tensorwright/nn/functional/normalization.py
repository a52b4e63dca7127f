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
