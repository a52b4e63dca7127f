"""Attention and transformers as layers; the adaptive softmax."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn import functional as F
from tensorwright.nn.attention import SDPBackend, sdpa_kernel

RNG = np.random.default_rng(0)


def given(*shape: int) -> tw.Tensor:
    return tw.from_numpy(RNG.standard_normal(shape))


def same(a: tw.Tensor, b: tw.Tensor) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


def by_hand(layer: nn.MultiheadAttention, q: tw.Tensor, k: tw.Tensor, v: tw.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [N, T, E]."""
    maps, biases = np.split(layer.in_proj_weight.detach().numpy(), 3), np.split(layer.in_proj_bias.detach().numpy(), 3)
    q, k, v = (x.numpy() @ w.T + b for x, w, b in zip((q, k, v), maps, biases, strict=True))
    size, results, weights = layer.head_dim, [], []
    for h in range(layer.num_heads):
        part = slice(h * size, (h + 1) * size)
        scores = np.exp(q[..., part] @ np.swapaxes(k[..., part], 1, 2) / math.sqrt(size))
        weights.append(scores / scores.sum(-1, keepdims=True))
        results.append(weights[-1] @ v[..., part])
    joined = np.concatenate(results, -1)
    return joined @ layer.out_proj.weight.detach().numpy().T + layer.out_proj.bias.detach().numpy(), np.array(weights)


def test_multihead_attention_by_its_definition():
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    layer.in_proj_bias.data.copy_(given(24))
    q, k, v = given(3, 5, 8), given(3, 7, 8), given(3, 7, 8)
    expected, weights = by_hand(layer, q, k, v)
    output, averaged = layer(q, k, v)
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(averaged.detach().numpy(), weights.mean(0), rtol=1e-9, atol=1e-12)
    each = layer(q, k, v, average_attn_weights=False)[1]
    np.testing.assert_allclose(each.detach().numpy(), weights.swapaxes(0, 1), rtol=1e-9, atol=1e-12)
    fused, nothing = layer(q, k, v, need_weights=False)
    assert nothing is None
    same(fused, output)
    same(layer(q[1], k[1], v[1])[0], output[1])


@pytest.mark.parametrize("need_weights", [True, False])
def test_masks(need_weights):
    layer = nn.MultiheadAttention(4, 2).double()
    q, k = given(3, 2, 4), given(5, 2, 4)
    padding = tw.tensor([[False] * 5, [False, False, False, True, True]])
    masked = layer(q, k, k, key_padding_mask=padding, need_weights=need_weights)[0]
    short = layer(q[:, 1:], k[:3, 1:], k[:3, 1:])[0]
    same(masked[:, 1:], short)
    causal = nn.Transformer.generate_square_subsequent_mask(3, dtype=tw.float64)
    by_mask = layer(q, q, q, attn_mask=causal, need_weights=need_weights)[0]
    same(by_mask, layer(q, q, q, attn_mask=causal, need_weights=need_weights, is_causal=True)[0])
    same(by_mask[:2], layer(q[:2], q[:2], q[:2], attn_mask=causal[:2, :2])[0])
    same(by_mask, layer(q, q, q, attn_mask=causal == -math.inf, need_weights=need_weights)[0])


def test_extra_keys_and_other_sizes():
    layer = nn.MultiheadAttention(8, 2, kdim=3, vdim=5, add_bias_kv=True, add_zero_attn=True).double()
    output, weights = layer(given(4, 2, 8), given(6, 2, 3), given(6, 2, 5))
    assert output.shape == (4, 2, 8)
    assert weights.shape == (2, 4, 8)
    names = {"q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v"}
    assert names | {"out_proj.weight", "out_proj.bias"} == set(layer.state_dict())
    with pytest.raises(ValueError, match="positive multiple of num_heads"):
        nn.MultiheadAttention(7, 2)


@pytest.mark.parametrize("norm_first", [False, True])
def test_an_encoder_layer_by_its_definition(norm_first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=norm_first).double().eval()
    x = given(5, 2, 8)

    def attend(x):
        return layer.self_attn(x, x, x)[0]

    def network(x):
        return layer.linear2(nn.functional.gelu(layer.linear1(x)))

    if norm_first:
        y = x + attend(layer.norm1(x))
        expected = y + network(layer.norm2(y))
    else:
        y = layer.norm1(x + attend(x))
        expected = layer.norm2(y + network(y))
    same(layer(x), expected)


def test_a_causal_decoder_does_not_see_what_comes_later():
    model = nn.Transformer(8, 2, 1, 2, 16, batch_first=True).double().eval()
    source, target = given(2, 7, 8), given(2, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=tw.float64)
    output = model(source, target, tgt_mask=mask)
    changed = target.clone()
    changed[:, 3:] = 0.0
    same(model(source, changed, tgt_mask=mask)[:, :3], output[:, :3])
    assert len(list(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3).parameters())) == 36
    with pytest.raises(ValueError, match="expected src and tgt of 8 features"):
        model(source, given(2, 5, 6))


def test_adaptive_softmax_adds_up_to_one():
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2.0).double()
    x, target = given(6, 8), tw.tensor([0, 6, 12, 19, 4, 9])
    log_p = layer.log_prob(x)
    np.testing.assert_allclose(log_p.exp().sum(1).detach().numpy(), np.ones(6))
    output, loss = layer(x, target)
    same(output, log_p.gather(1, target.unsqueeze(1)).squeeze(1))
    assert loss.item() == pytest.approx(-output.mean().item())
    assert layer.predict(x).tolist() == log_p.argmax(1).tolist()
    with pytest.raises(IndexError, match="targets must be in"):
        layer(x, target + 1)
    with pytest.raises(ValueError, match="cutoffs must rise"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 20, [10, 5])


def test_kernels_that_are_allowed_change_nothing() -> None:
    q, k, v = (tw.rand(2, 5, 8) for _ in range(3))
    expected = F.scaled_dot_product_attention(q, k, v)
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH], set_priority=True):
        assert bool((F.scaled_dot_product_attention(q, k, v) == expected).all())
    with pytest.raises(ValueError, match="at least one backend"), sdpa_kernel([]):
        pass
    with pytest.raises(TypeError, match="must be of SDPBackend, got str"), sdpa_kernel(["math"]):  # type: ignore[list-item]
        pass
