"""Attention as a layer."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._linear import Linear
from ._module import Module
from ._parameter import Parameter


class MultiheadAttention(Module[..., tuple[Tensor, Tensor | None]]):
    """Attention in several heads, with the affine maps around it (Vaswani et al. 2017).

    Args:
        embed_dim: E, features of the query and of the output.
        num_heads: heads, of E / num_heads features each.
        dropout: probability of dropping a weight, in training.
        bias: learn biases of the maps.
        add_bias_kv: learn one more key and value.
        add_zero_attn: add a key and a value of zeros.
        kdim: features of the keys, E by default.
        vdim: features of the values, E by default.
        batch_first: inputs and outputs are [N, length, features] instead of [length, N, features].

    Example:
        >>> layer = MultiheadAttention(8, 2, batch_first=True)
        >>> x = tw.randn(3, 5, 8)
        >>> output, weights = layer(x, x, x)
        >>> output.shape, weights.shape
        ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    embed_dim: int
    num_heads: int
    head_dim: int
    kdim: int
    vdim: int
    dropout: float
    batch_first: bool
    add_zero_attn: bool
    out_proj: Linear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim={embed_dim} must be a positive multiple of num_heads={num_heads}"
            )
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        joint = self.kdim == embed_dim and self.vdim == embed_dim

        def learned(*shape: int, wanted: bool = True) -> Parameter | None:
            return Parameter(tw.empty(shape, device=device, dtype=dtype)) if wanted else None

        self.register_parameter("q_proj_weight", learned(embed_dim, embed_dim, wanted=not joint))
        self.register_parameter("k_proj_weight", learned(embed_dim, self.kdim, wanted=not joint))
        self.register_parameter("v_proj_weight", learned(embed_dim, self.vdim, wanted=not joint))
        self.register_parameter("in_proj_weight", learned(3 * embed_dim, embed_dim, wanted=joint))
        self.register_parameter("in_proj_bias", learned(3 * embed_dim, wanted=bias))
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.register_parameter("bias_k", learned(1, 1, embed_dim, wanted=add_bias_kv))
        self.register_parameter("bias_v", learned(1, 1, embed_dim, wanted=add_bias_kv))
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Maps are Glorot's uniform distribution, biases zero."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The output and, if needed, the weights; arguments as of ``multi_head_attention_forward``."""
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            same_key, same_value = key is query, value is key
            query = query.transpose(0, 1)
            key = query if same_key else key.transpose(0, 1)
            value = key if same_value else value.transpose(0, 1)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            self.in_proj_weight is None,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return output.transpose(0, 1) if swapped else output, weights

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one [N, num_heads, L, S], and what it holds: 0 one of attention, 1 of padding, 2 both."""
        if key_padding_mask is None:
            return attn_mask, None if attn_mask is None else 0
        if attn_mask is None:
            return key_padding_mask, 1
        batch, length = key_padding_mask.shape
        padding = key_padding_mask.reshape(batch, 1, 1, length).expand(batch, self.num_heads, 1, length)
        if attn_mask.ndim == 3:
            attention = attn_mask.reshape(batch, self.num_heads, *attn_mask.shape[1:])
        else:
            attention = attn_mask.reshape(1, 1, *attn_mask.shape)
        return attention + padding, 2
