"""Attention."""

from __future__ import annotations

from tensorwright import Tensor, ops
from tensorwright.extend import check_optional


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


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in several heads, with the affine maps around it (Vaswani et al. 2017).

    Args:
        query: [L, N, E] or [L, E].
        key: [S, N, Ek].
        value: [S, N, Ev].
        embed_dim_to_check: E.
        num_heads: heads, of E / num_heads features each.
        in_proj_weight: maps of query, key and value, [3 E, E].
        in_proj_bias: their biases [3 E].
        bias_k: a key [1, 1, E] added to the sequence.
        bias_v: its value.
        add_zero_attn: add a key and a value of zeros.
        dropout_p: probability of dropping a weight, in training.
        out_proj_weight: map of the heads' results [E, E].
        out_proj_bias: its bias.
        training: whether dropout applies.
        key_padding_mask: keys that do not count, [N, S]: True, or what is added to the scores.
        need_weights: give the weights too; without, attention needs memory linear in the lengths only.
        attn_mask: [L, S] or [N * num_heads, L, S]: True where attention is not allowed, or added to the scores.
        use_separate_proj_weight: maps are q_proj_weight, k_proj_weight and v_proj_weight instead of in_proj_weight.
        q_proj_weight: [E, E].
        k_proj_weight: [E, Ek].
        v_proj_weight: [E, Ev].
        static_k: keys [N * num_heads, S, E / num_heads] instead of the mapped ones.
        static_v: values in their place.
        average_attn_weights: give the heads' mean of the weights instead of each.
        is_causal: says that attn_mask is the causal one.

    Returns:
        the result, of the query's shape, and the weights [N, L, S] or [N, num_heads, L, S], or None.
    """
    from . import _multi_head  # which builds on the functions here

    check_optional(
        "multi_head_attention_forward",
        in_proj_weight=in_proj_weight,
        in_proj_bias=in_proj_bias,
        bias_k=bias_k,
        bias_v=bias_v,
        key_padding_mask=key_padding_mask,
        attn_mask=attn_mask,
        q_proj_weight=q_proj_weight,
        k_proj_weight=k_proj_weight,
        v_proj_weight=v_proj_weight,
        static_k=static_k,
        static_v=static_v,
    )
    heads = _multi_head.Heads(query, key, value, embed_dim_to_check, num_heads)
    if use_separate_proj_weight:
        heads.project_apart(q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias)
    else:
        heads.project(in_proj_weight, in_proj_bias)
    heads.mask(attn_mask, key_padding_mask, is_causal)
    heads.extend(bias_k, bias_v, static_k, static_v, add_zero_attn)
    result, weights = heads.attend(dropout_p if training else 0.0, need_weights)
    return heads.finish(result, weights, out_proj_weight, out_proj_bias, average_attn_weights)
