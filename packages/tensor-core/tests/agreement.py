"""Comparison of tensors with NumPy references, and numerical derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorwright as tw

Array = npt.NDArray[Any]
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 1e-11}


def agree(result: tw.Tensor, expected: Any, tolerance: float | None = None) -> None:
    """The same shape and values; floating values up to a tolerance that fits the dtype."""
    reference = np.asarray(expected)
    assert tuple(result.shape) == reference.shape
    name = str(result.dtype).removeprefix("tensorwright.")
    if name not in TOLERANCE:
        np.testing.assert_array_equal(result.numpy(), reference)
        return
    allowed = TOLERANCE[name] if tolerance is None else tolerance
    scale = np.max(np.abs(reference[np.isfinite(reference)]), initial=1.0)
    ours = result.to(tw.float64).numpy()
    np.testing.assert_allclose(ours, reference.astype(np.float64), rtol=allowed, atol=allowed * scale)


def tensors(*arrays: Array) -> list[tw.Tensor]:
    return [tw.tensor(a) for a in arrays]


def numerical_gradient(f: Callable[[Array], Any], x: Array, grad: Array, step: float = 1e-5) -> Array:
    """d sum(grad * f(x)) / dx by central differences, in float64."""
    result = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        result[place] = np.sum(grad * (np.asarray(f(above)) - np.asarray(f(below)))) / (2 * step)
    return result
