"""Matrices to try the ops of linear algebra with, and comparisons of their results."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import COMPLEX, FLOAT, Array, Make

FIELDS = FLOAT + COMPLEX
LinAlgError = RuntimeError  # tw.linalg.LinAlgError is one
SHAPES = ((3, 3), (2, 3, 3), (1, 1), (0, 0), (2, 0, 0), (0, 3, 3))
RECTANGLES = ((4, 3), (3, 4), (3, 3), (2, 4, 2), (2, 2, 4), (0, 3), (3, 0), (2, 0, 3))


def adjoint(a: Array) -> Array:
    return np.conj(np.swapaxes(a, -1, -2))


def regular(make: Make, *shape: int) -> Array:
    """Square matrices far from singular, with distinct singular values."""
    n = shape[-1]
    return np.asarray(make(*shape) + np.diag(np.arange(4.0, 4.0 + n)), make.dtype)


def definite(make: Make, *shape: int) -> Array:
    a = make(*shape)
    return np.asarray(a @ adjoint(a) + np.diag(np.arange(2.0, 2.0 + shape[-1])), make.dtype)


def low_rank(make: Make, *shape: int) -> Array:
    """Of rank 2."""
    return np.asarray(make(*shape[:-1], 2) @ make(*shape[:-2], 2, shape[-1]), make.dtype)


def close(result: Any, expected: Any) -> None:
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.shape == expected.shape
    single = {np.dtype(np.float32), np.dtype(np.complex64)} & {result.dtype, expected.dtype}
    tolerance = 2e-4 if single else 1e-9
    np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


def arrays(result: Any) -> list[Array]:
    return [np.asarray(item.detach().numpy()) for item in result]
