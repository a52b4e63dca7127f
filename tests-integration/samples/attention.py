"""Rows of attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .table import FLOAT, LOW, Array, Case, Make, case, refused, row


def attention_reference(
    q: Array,
    k: Array,
    v: Array,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    dtype = q.dtype
    q, k, v = (t.astype(np.float64) for t in (q, k, v))
    if enable_gqa:
        k, v = (np.repeat(t, q.shape[-3] // t.shape[-3], -3) for t in (k, v))
    scores = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = np.tril(np.ones(scores.shape[-2:], bool))
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    top = scores.max(-1, keepdims=True)
    e = np.exp(scores - np.where(np.isneginf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    return np.asarray((e / np.where(total == 0, 1, total)) @ v, dtype)


@row(
    "nn.functional.scaled_dot_product_attention",
    dtypes=FLOAT + LOW,
    reference=attention_reference,
    grad=(0, 1, 2, "attn_mask"),
)
def scaled_dot_product_attention(make: Make) -> Iterator[Case]:
    q, k, v = make(2, 3, 2), make(2, 4, 2), make(2, 4, 3)
    yield case(q, k, v)
    yield case(q, k, v, is_causal=True)
    yield case(q, k, v, scale=0.3)
    yield case(q, k, v, attn_mask=make(3, 4))
    mask = make.bools(2, 3, 4)
    mask[0, 1] = False  # attends to nothing
    yield case(q, k, v, attn_mask=mask)
    yield case(make(3, 2), make(4, 2), make(4, 1))
    yield case(make(1, 2, 3, 2), make(2, 1, 4, 2), make(1, 1, 4, 1))
    yield case(make(1, 4, 3, 2), make(1, 2, 5, 2), make(1, 2, 5, 1), enable_gqa=True)
    yield case(make(1, 2, 70, 4), make(1, 2, 150, 4), make(1, 2, 150, 3), is_causal=True)
    yield case(make(1, 2, 70, 4), make(1, 2, 150, 4), make(1, 2, 150, 3), attn_mask=make.bools(70, 150))
    yield case(make(0, 3, 2), make(0, 4, 2), make(0, 4, 3))
    yield refused(q, make(2, 4, 3), v, error=ValueError, match="query and key differ in features")
    yield refused(q, k, make(2, 5, 3), error=ValueError, match="key and value differ in length")
    yield refused(q, k, v, attn_mask=mask, is_causal=True, error=ValueError, match="exclude each other")


def heads_reference(
    q: Array, k: Array, v: Array, embed: int, heads: int, w: Array, b: Any, *rest: Any, **options: Any
) -> Any:
    """Self-attention by its definition, head by head; inputs [length, batch, features]."""
    out_w, out_b = rest[4], rest[5]
    mask = options.get("attn_mask")
    parts = [x @ w[i * embed : (i + 1) * embed].T + b[i * embed : (i + 1) * embed] for i, x in enumerate((q, k, v))]
    size, results, weights = embed // heads, [], []
    for h in range(heads):
        qh, kh, vh = (np.moveaxis(p[..., h * size : (h + 1) * size], 0, 1) for p in parts)
        scores = qh @ np.swapaxes(kh, 1, 2) / np.sqrt(size)
        if mask is not None:
            scores = np.where(mask, -np.inf, scores)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        weights.append(e / e.sum(-1, keepdims=True))
        results.append(np.moveaxis(weights[-1] @ vh, 1, 0))
    result = np.concatenate(results, -1) @ out_w.T + out_b
    return result, np.mean(weights, 0)


@row("nn.functional.multi_head_attention_forward", reference=heads_reference, grad=(0, 1, 2, 5, 6, 11, 12))
def multi_head_attention_forward(make: Make) -> Iterator[Case]:
    def call(q: Array, k: Array, v: Array, **options: Any) -> Case:
        maps = (make(12, 4), make(12), None, None, False, 0.0, make(4, 4), make(4))
        return case(q, k, v, 4, 2, *maps, **options)

    q, k = make(3, 1, 4), make(2, 1, 4)
    yield call(q, k, make(2, 1, 4))
    mask = np.array([[False, True], [True, False], [False, False]])
    yield call(q, k, make(2, 1, 4), attn_mask=mask)
    yield call(q, k, make(2, 1, 4), attn_mask=mask, key_padding_mask=None, average_attn_weights=True)
    yield refused(
        q, k, k, 4, 3, make(12, 4), make(12), None, None, False, 0.0, make(4, 4), make(4),
        error=ValueError, match="multiple of num_heads",
    )  # fmt: skip
