"""Rows of normalisation over channels of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .table import FLOAT, LOW, Array, Case, Make, case, refused, row

ANY_FLOAT = FLOAT + LOW


def per_channel(values: Any, x: Array, default: float) -> Any:
    return default if values is None else values.reshape(-1, *[1] * (x.ndim - 2))


def scaled(x: Array, normal: Array, weight: Any, bias: Any) -> Array:
    return np.asarray(normal * per_channel(weight, x, 1.0) + per_channel(bias, x, 0.0), x.dtype)


def normal(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    return np.asarray((x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps))


def group_reference(x: Array, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    groups = x.astype(np.float64).reshape(x.shape[0], num_groups, -1)
    return scaled(x, normal(groups, (2,), eps).reshape(x.shape), weight, bias)


def instance_reference(
    x: Array,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    values = x.astype(np.float64)
    if use_input_stats:
        return scaled(x, normal(values, tuple(range(2, x.ndim)), eps), weight, bias)
    centred = values - per_channel(running_mean, x, 0.0)
    return scaled(x, centred / np.sqrt(per_channel(running_var, x, 1.0) + eps), weight, bias)


def response_reference(x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    sums = np.zeros(x.shape)
    for c in range(x.shape[1]):
        first, last = max(c - size // 2, 0), c + (size - 1) // 2 + 1
        sums[:, c] = (x[:, first:last].astype(np.float64) ** 2).sum(1)
    return np.asarray(x / (k + alpha / size * sums) ** beta, x.dtype)


def group_samples(make: Make) -> Iterator[Case]:
    yield case(make(2, 6, 4), 3, make(6), make(6))
    yield case(make(3, 4), 2)
    yield case(make(1, 4, 3, 2), 1, make(4), None, 1e-3)
    yield refused(make(2, 6, 4), 4, error=ValueError, match="num_groups|groups")


for prefix in ("", "nn.functional."):
    row(f"{prefix}group_norm", dtypes=ANY_FLOAT, reference=group_reference)(group_samples)


@row("nn.functional.instance_norm", dtypes=ANY_FLOAT, reference=instance_reference, grad=(0, "weight", "bias"))
def instance_norm(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4), weight=make(3), bias=make(3))
    yield case(make(2, 3, 4, 2))
    yield case(make(2, 3, 4), make(3), make(3, low=0.5), use_input_stats=False)
    yield refused(make(2, 3, 1), error=ValueError, match="more than one position")


@row("nn.functional.local_response_norm", dtypes=ANY_FLOAT, reference=response_reference)
def local_response_norm(make: Make) -> Iterator[Case]:
    yield case(make(2, 5, 3), 3, 0.1, 0.6, 2.0)
    yield case(make(1, 5, 3, 2), 2)
    yield case(make(1, 4, 2, 2, 2), 5, alpha=1.0)
    yield refused(make(3, 4), 2, error=ValueError, match="input must be")
