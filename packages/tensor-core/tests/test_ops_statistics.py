"""Second moments and norms, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from agreement import Array, agree
from layouts import Samples

DIMS: list[Any] = [None, 0, 1, -1, (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("correction", [0, 1, 2.5])
@pytest.mark.parametrize("dim", DIMS)
def test_var_and_std(dim: Any, correction: float, keepdim: bool) -> None:
    samples = Samples(4)
    x = samples.array((3, 4, 5), "float64") + 10
    expected = x.var(dim, ddof=correction, keepdims=keepdim)
    arguments = {"dim": dim, "correction": correction, "keepdim": keepdim}
    agree(tw.var(samples.tensor(x), **arguments), expected)
    agree(tw.std(samples.tensor(x), **arguments), np.sqrt(expected))
    for both, first in ((tw.var_mean, expected), (tw.std_mean, np.sqrt(expected))):
        result, mean = both(samples.tensor(x), **arguments)
        agree(result, first)
        agree(mean, x.mean(dim, keepdims=keepdim))


def test_variance_of_few_and_of_half_precision() -> None:
    assert np.isnan(tw.var(tw.ones(1)).item())
    assert tw.var(tw.ones(1), unbiased=False).item() == 0.0
    assert tw.tensor([1.0, 2.0, 3.0]).var().item() == 1.0
    large = tw.tensor([300.0, -300.0] * 500).to(tw.float16)  # squares overflow, their mean would not fit either
    assert tw.std(large, correction=0).item() == 300.0
    with pytest.raises((ValueError, TypeError), match="var and std need a floating or complex dtype"):
        tw.var(tw.tensor([1, 2]))


ORDERS: list[tuple[float, Callable[[Array, Any, bool], Array]]] = [
    (2, lambda x, d, k: np.sqrt((x * x).sum(d, keepdims=k))),
    (1, lambda x, d, k: np.abs(x).sum(d, keepdims=k)),
    (0, lambda x, d, k: (x != 0).sum(d, keepdims=k).astype(float)),
    (3, lambda x, d, k: (np.abs(x) ** 3).sum(d, keepdims=k) ** (1 / 3)),
    (float("inf"), lambda x, d, k: np.abs(x).max(d, keepdims=k)),
    (float("-inf"), lambda x, d, k: np.abs(x).min(d, keepdims=k)),
]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("order", "expected"), ORDERS)
def test_norm(order: float, expected: Callable[[Array, Any, bool], Array], dim: Any, keepdim: bool) -> None:
    samples = Samples(8)
    x = samples.array((3, 4, 5), "float64")
    x[0, 0] = 0
    agree(tw.norm(samples.tensor(x), order, dim, keepdim), expected(x, dim, keepdim), 1e-9)


def test_norm_of_zeros_and_directions() -> None:
    assert tw.norm(tw.zeros(3)).item() == 0.0
    assert tw.norm(tw.zeros(0)).item() == 0.0
    x, y = Samples(1).array((3, 4), "float64"), Samples(2).array((3, 4), "float64")
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    agree(tw.cosine_similarity(tw.tensor(x), tw.tensor(y)), (x * y).sum(1) / lengths)
    agree(tw.normalize(tw.tensor(x)), x / np.linalg.norm(x, axis=1, keepdims=True))
    assert tw.normalize(tw.zeros(1, 2)).tolist() == [[0.0, 0.0]]
