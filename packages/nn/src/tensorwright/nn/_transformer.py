"""Transformers: layers of attention and of a small network, each beside a shortcut (Vaswani et al. 2017)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from . import init
from ._attention import MultiheadAttention
from ._containers import ModuleList
from ._dropout import Dropout
from ._linear import Linear
from ._module import Module
from ._normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


def _activation(name: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    known: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
    if not isinstance(activation, str):
        return activation
    if activation not in known:
        raise ValueError(f"{name}: activation must be 'relu', 'gelu' or a function, got {activation!r}")
    return known[activation]


def _causal_mask(size: int, device: Any = None, dtype: tw.dtype | None = None) -> Tensor:
    return tw.full((size, size), -math.inf, device=device, dtype=dtype or tw.get_default_dtype()).triu(1)


def _is_causal(mask: Tensor | None, said: bool | None) -> bool:
    """What the caller says; if nothing, whether the mask is the causal one."""
    if said is not None or mask is None:
        return bool(said)
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        return False
    allowed = ~mask if mask.dtype == tw.bool else mask == 0
    forbidden = mask if mask.dtype == tw.bool else mask == -math.inf
    lower = tw.ones(mask.shape[0], mask.shape[1], dtype=tw.bool).tril()
    return bool(((allowed == lower) & (forbidden == ~lower)).all().item())


class _Layer(Module[..., Tensor]):
    """What layers of encoders and decoders have in common: the small network."""

    self_attn: MultiheadAttention
    linear1: Linear
    dropout: Dropout
    linear2: Linear
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    activation: Callable[[Tensor], Tensor]

    norm_first: bool

    def _network(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return result

    def _beside(self, norm: Module, x: Tensor, block: Callable[[Tensor], Tensor]) -> Tensor:
        """x + block(x), normalised: the block's input if ``norm_first``, else the sum."""
        result: Tensor = x + block(norm(x)) if self.norm_first else norm(x + block(x))
        return result

    def _attend(
        self,
        attention: MultiheadAttention,
        x: Tensor,
        source: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        output: Tensor = attention(
            x, source, source, key_padding_mask=padding, need_weights=False, attn_mask=mask, is_causal=is_causal
        )[0]
        return output


class TransformerEncoderLayer(_Layer):
    """Self-attention and a network of two linear layers.

    Args:
        d_model: features of input and output.
        nhead: heads of attention.
        dim_feedforward: features inside the network.
        dropout: probability of dropping, in training.
        activation: ``"relu"``, ``"gelu"`` or a function, inside the network.
        layer_norm_eps: added to variances.
        batch_first: inputs are [N, T, d_model] instead of [T, N, d_model].
        norm_first: normalise before attention and network instead of after.
        bias: learn biases.

    Example:
        >>> TransformerEncoderLayer(8, 2, 16, batch_first=True)(tw.randn(3, 5, 8)).shape
        (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation = _activation("TransformerEncoderLayer", activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Same shape as ``src``; masks as of ``MultiheadAttention``."""

        def attend(x: Tensor) -> Tensor:
            attended = self._attend(self.self_attn, x, x, src_mask, src_key_padding_mask, is_causal)
            result: Tensor = self.dropout1(attended)
            return result

        x = self._beside(self.norm1, src, attend)
        return self._beside(self.norm2, x, lambda x: self.dropout2(self._network(x)))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, and a network of two linear layers.

    Arguments as of ``TransformerEncoderLayer``.

    Example:
        >>> layer = TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> layer(tw.randn(3, 5, 8), tw.randn(3, 7, 8)).shape
        (3, 5, 8)
    """

    multihead_attn: MultiheadAttention
    norm3: LayerNorm
    dropout3: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1, self.dropout2, self.dropout3 = Dropout(dropout), Dropout(dropout), Dropout(dropout)
        self.activation = _activation("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Same shape as ``tgt``; masks as of ``MultiheadAttention``."""

        def attend(x: Tensor) -> Tensor:
            attended = self._attend(self.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
            result: Tensor = self.dropout1(attended)
            return result

        def attend_to_memory(x: Tensor) -> Tensor:
            masks = memory_mask, memory_key_padding_mask, memory_is_causal
            result: Tensor = self.dropout2(self._attend(self.multihead_attn, x, memory, *masks))
            return result

        x = self._beside(self.norm1, tgt, attend)
        x = self._beside(self.norm2, x, attend_to_memory)
        return self._beside(self.norm3, x, lambda x: self.dropout3(self._network(x)))


class TransformerEncoder(Module[..., Tensor]):
    """Copies of an encoder layer, one after the other.

    Args:
        encoder_layer: what is copied.
        num_layers: how often.
        norm: applied to the output.
        enable_nested_tensor, mask_check: accepted; they have no effect.
    """

    layers: ModuleList
    enable_nested_tensor: bool
    mask_check: bool

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Same shape as ``src``; masks as of ``MultiheadAttention``."""
        causal = _is_causal(mask, is_causal)
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module[..., Tensor]):
    """Copies of a decoder layer, one after the other; arguments as of ``TransformerEncoder``."""

    layers: ModuleList

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Same shape as ``tgt``; masks as of ``MultiheadAttention``."""
        causal = _is_causal(tgt_mask, tgt_is_causal)
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                causal,
                memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module[..., Tensor]):
    """An encoder and a decoder.

    Args:
        d_model: features of inputs and output.
        nhead: heads of attention.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: features inside the layers' networks.
        dropout: probability of dropping, in training.
        activation: ``"relu"``, ``"gelu"`` or a function.
        custom_encoder: takes the encoder's place.
        custom_decoder: takes the decoder's place.
        layer_norm_eps: added to variances.
        batch_first: inputs are [N, T, d_model] instead of [T, N, d_model].
        norm_first: normalise before attention and network instead of after.
        bias: learn biases.

    Example:
        >>> model = Transformer(8, 2, 1, 1, 16, batch_first=True)
        >>> model(tw.randn(3, 7, 8), tw.randn(3, 5, 8)).shape
        (3, 5, 8)
    """

    encoder: Module[..., Any]
    decoder: Module[..., Any]
    d_model: int
    nhead: int
    batch_first: bool

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        shared: tuple[Any, ...] = (
            d_model, nhead, dim_feedforward, dropout, activation,
            layer_norm_eps, batch_first, norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*shared), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*shared), num_decoder_layers, norm()
        )
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: tw.device | str | None = None, dtype: tw.dtype | None = None
    ) -> Tensor:
        """The causal mask [sz, sz]: 0 where attention is allowed, else -inf."""
        return _causal_mask(sz, device, dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Same shape as ``tgt``; masks as of ``MultiheadAttention``."""
        if src.ndim != tgt.ndim or src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ValueError(
                f"Transformer: expected src and tgt of {self.d_model} features and equally many dimensions, "
                f"got {list(src.shape)} and {list(tgt.shape)}"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        output: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )
        return output
