"""The steps of ``multi_head_attention_forward``."""

from __future__ import annotations

import math

import tensorwright as tw
from tensorwright import Tensor, ops
from tensorwright.extend import check_tensors


def additive(mask: Tensor | None, name: str, dtype: tw.dtype) -> Tensor | None:
    """What is added to scores: a bool mask says where -inf is."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.dtype != tw.bool:
        raise TypeError(f"multi_head_attention_forward: {name} must be bool or floating, got {mask.dtype}")
    return tw.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, -math.inf)


class Heads:
    """Query, key and value on their way: [length, batch, features], then [N, heads, length, E / heads]."""

    def __init__(self, query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int) -> None:
        check_tensors("multi_head_attention_forward", query=query, key=key, value=value)
        self.is_batched = query.ndim == 3
        if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
            raise ValueError(
                "multi_head_attention_forward: query, key and value must be [length, batch, features] or [length, "
                f"features], got {list(query.shape)}, {list(key.shape)} and {list(value.shape)}"
            )
        self.is_self_attention = query is key and key is value
        if not self.is_batched:
            query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if query.shape[-1] != embed_dim or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"multi_head_attention_forward: expected query of {embed_dim} features, a multiple of "
                f"num_heads={num_heads}, got shape {list(query.shape)}"
            )
        if key.shape[:2] != value.shape[:2] or key.shape[1] != query.shape[1]:
            raise ValueError(
                "multi_head_attention_forward: lengths or batches differ: "
                f"{list(query.shape)}, {list(key.shape)} and {list(value.shape)}"
            )
        self.query, self.key, self.value = query, key, value
        self.length, self.batch, self.embed_dim = query.shape
        self.num_heads, self.head_dim = num_heads, embed_dim // num_heads
        self.bias: Tensor | None = None
        self.padding: Tensor | None = None
        self.is_causal = False

    # ---- maps --------------------------------------------------------------------------------------------

    def project(self, weight: Tensor | None, bias: Tensor | None) -> None:
        """The maps of query, key and value from rows of one matrix."""
        if weight is None:
            raise ValueError("multi_head_attention_forward: in_proj_weight is needed without separate weights")
        if self.is_self_attention:
            self.query, self.key, self.value = ops.linear(self.query, weight, bias).chunk(3, -1)
        else:
            q, k, v = weight.chunk(3)
            self.project_apart(q, k, v, bias)

    def project_apart(self, q: Tensor | None, k: Tensor | None, v: Tensor | None, bias: Tensor | None) -> None:
        """The maps of query, key and value with weights of their own."""
        if q is None or k is None or v is None:
            raise ValueError("multi_head_attention_forward: q_proj_weight, k_proj_weight and v_proj_weight are needed")
        biases = (None, None, None) if bias is None else bias.chunk(3)
        self.query = ops.linear(self.query, q, biases[0])
        self.key = ops.linear(self.key, k, biases[1])
        self.value = ops.linear(self.value, v, biases[2])

    # ---- masks -------------------------------------------------------------------------------------------

    def mask(self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool) -> None:
        """Check masks, and make them what is added to scores [N, heads, L, S]."""
        if is_causal and attn_mask is None:
            raise ValueError("multi_head_attention_forward: is_causal says that attn_mask is causal; pass attn_mask")
        self.is_causal = is_causal and key_padding_mask is None
        dtype, source = self.query.dtype, self.key.shape[0]
        bias = additive(attn_mask, "attn_mask", dtype)
        if bias is not None and bias.ndim == 2:
            bias = bias.unsqueeze(0)
        if bias is not None:
            if tuple(bias.shape) not in ((1, self.length, source), (self.batch * self.num_heads, self.length, source)):
                raise ValueError(
                    f"multi_head_attention_forward: attn_mask must be [{self.length}, {source}] or "
                    f"[{self.batch * self.num_heads}, {self.length}, {source}], got {list(bias.shape)}"
                )
            heads = (1, 1) if bias.shape[0] == 1 else (self.batch, self.num_heads)
            self.bias = bias.reshape(*heads, self.length, source)
        padding = additive(key_padding_mask, "key_padding_mask", dtype)
        if padding is not None:
            padding = padding if self.is_batched else padding.unsqueeze(0)
            if tuple(padding.shape) != (self.batch, source):
                raise ValueError(
                    f"multi_head_attention_forward: key_padding_mask must be [{self.batch}, {source}], "
                    f"got {list(padding.shape)}"
                )
            self.padding = padding.reshape(self.batch, 1, 1, source)

    def extend(
        self,
        bias_k: Tensor | None,
        bias_v: Tensor | None,
        static_k: Tensor | None,
        static_v: Tensor | None,
        add_zero: bool,
    ) -> None:
        """Split into heads; put further keys and values at the end, to which every query may attend."""
        if (bias_k is None) is not (bias_v is None):
            raise ValueError("multi_head_attention_forward: give both of bias_k and bias_v or neither")
        if bias_k is not None and bias_v is not None:
            if static_k is not None or static_v is not None:
                raise ValueError("multi_head_attention_forward: bias_k and bias_v cannot be added to static keys")
            self.key = tw.cat([self.key, bias_k.expand(1, self.batch, self.embed_dim)])
            self.value = tw.cat([self.value, bias_v.expand(1, self.batch, self.embed_dim)])
            self._widen_masks()
        self.query = self._split(self.query)
        self.key = self._split(self.key) if static_k is None else self._static("static_k", static_k)
        self.value = self._split(self.value) if static_v is None else self._static("static_v", static_v)
        if add_zero:
            zero = tw.zeros(self.batch, self.num_heads, 1, self.head_dim, dtype=self.key.dtype, device=self.key.device)
            self.key, self.value = tw.cat([self.key, zero], 2), tw.cat([self.value, zero], 2)
            self._widen_masks()

    def _split(self, t: Tensor) -> Tensor:
        return t.unflatten(-1, (self.num_heads, self.head_dim)).permute(1, 2, 0, 3)

    def _static(self, name: str, t: Tensor) -> Tensor:
        if t.ndim != 3 or t.shape[0] != self.batch * self.num_heads or t.shape[2] != self.head_dim:
            raise ValueError(
                f"multi_head_attention_forward: {name} must be [{self.batch * self.num_heads}, S, {self.head_dim}], "
                f"got {list(t.shape)}"
            )
        return t.reshape(self.batch, self.num_heads, t.shape[1], self.head_dim)

    def _widen_masks(self) -> None:
        def widened(t: Tensor | None) -> Tensor | None:
            if t is None:
                return None
            return tw.cat([t, tw.zeros(*t.shape[:-1], 1, dtype=t.dtype, device=t.device)], -1)

        self.bias, self.padding, self.is_causal = widened(self.bias), widened(self.padding), False

    # ---- attention ---------------------------------------------------------------------------------------

    def attend(self, dropout_p: float, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """The heads' results [N, heads, L, E / heads], and the weights."""
        bias, padding = self.bias, self.padding
        if padding is not None:
            bias = padding if bias is None else bias + padding
        if not need_weights:
            result = ops.scaled_dot_product_attention(
                self.query, self.key, self.value, None if self.is_causal else bias, dropout_p, self.is_causal
            )
            return result, None
        scores = (self.query * (1 / math.sqrt(self.head_dim))) @ self.key.transpose(-2, -1)
        weights = ops.softmax(scores if bias is None else scores + bias, -1)
        if dropout_p > 0:
            weights = ops.dropout(weights, dropout_p, True)
        return weights @ self.value, weights

    def finish(
        self, result: Tensor, weights: Tensor | None, weight: Tensor, bias: Tensor | None, average: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Join the heads and map them."""
        joined = result.permute(2, 0, 1, 3).reshape(self.length, self.batch, self.embed_dim)
        output = ops.linear(joined, weight, bias)
        if weights is not None and average:
            weights = weights.mean(1)
        if not self.is_batched:
            output = output.squeeze(1)
            weights = None if weights is None else weights.squeeze(0)
        return output, weights
