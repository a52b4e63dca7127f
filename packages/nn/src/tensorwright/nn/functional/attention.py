"""Attention."""

from __future__ import annotations

from tensorwright import Tensor, ops


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Averages of values, weighted by how well their keys fit each query (Vaswani et al. 2017).

    Args:
        query: [..., L, E].
        key: [..., S, E].
        value: [..., S, Ev].
        attn_mask: broadcasts to [..., L, S]; bool, saying which keys may be attended to, or added to the scores.
        dropout_p: probability of dropping a weight.
        is_causal: query i attends to keys up to i.
        scale: of the scores; 1 / sqrt(E) by default.
        enable_gqa: groups of heads, the third dimension from the end, of ``query`` share those of ``key``.

    Shapes: the result is [..., L, Ev]. Memory is linear in L and S, except with dropout.
    """
    return ops.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )
