"""Attention over tiles of queries and keys, against the formula."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from agreement import agree


def formula(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool, scale: float) -> np.ndarray:
    scores = scale * q @ np.swapaxes(k, -1, -2)
    if causal:
        scores[..., ~np.tri(*scores.shape[-2:], dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)) @ v


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (3, 200), (70, 70), (130, 300), (300, 130)])
def test_several_tiles(queries: int, keys: int, dtype: str, causal: bool) -> None:
    random = np.random.default_rng(queries)
    q, k, v = (random.standard_normal((2, n, 9)).astype(dtype) for n in (queries, keys, keys))
    result, _ = tw.ops.attention(tw.tensor(q), tw.tensor(k), tw.tensor(v), None, causal, 0.4)
    agree(result, formula(*(x.astype(np.float64) for x in (q, k, v)), causal, 0.4))


def test_what_causality_hides_is_not_looked_at() -> None:
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal((1, 70, 5)) for _ in range(3))
    hidden = k.copy()
    hidden[:, 69:] = np.nan
    hidden[:, 68:69] = np.inf
    results = [tw.ops.attention(tw.tensor(q), tw.tensor(x), tw.tensor(v), None, True, 1.0)[0] for x in (k, hidden)]
    assert results[0][:, :68].tolist() == results[1][:, :68].tolist()
    assert np.isnan(results[1].numpy()[:, 69]).all()
