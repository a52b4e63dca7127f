"""Summaries of models: what ran is counted, once."""

from __future__ import annotations

from typing import Any

import pytest
import tensorwright as tw
from tensorwright import Tensor, nn
from tensorwright.profiler import observe


class Product(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b


def flops_of(model: nn.Module, *inputs: Tensor) -> int:
    return nn.summary(model, *inputs).total.flops


def test_flops_of_products_and_convolutions() -> None:
    assert flops_of(nn.Linear(8, 3), tw.ones(5, 8)) == 2 * 5 * 8 * 3
    assert flops_of(nn.Conv2d(4, 6, 3, groups=2), tw.ones(2, 4, 7, 7)) == 2 * (2 * 6 * 5 * 5) * (2 * 3 * 3)
    assert flops_of(nn.Conv1d(4, 6, 3), tw.ones(2, 4, 7)) == 2 * (2 * 6 * 5) * (4 * 3)
    assert flops_of(nn.Conv3d(1, 2, 2), tw.ones(1, 1, 3, 3, 3)) == 2 * (2 * 8) * 8
    assert flops_of(nn.ConvTranspose2d(4, 6, 3), tw.ones(2, 4, 7, 7)) == 2 * (2 * 4 * 7 * 7) * (6 * 3 * 3)
    assert flops_of(Product(), tw.ones(5, 8, dtype=tw.complex64), tw.ones(8, 3, dtype=tw.complex64)) == 8 * 5 * 8 * 3
    assert flops_of(nn.LSTM(8, 6), tw.ones(5, 2, 8)) == 2 * (5 * 2 * 8 * 24 + 5 * 2 * 6 * 24)
    assert flops_of(nn.GRU(8, 6), tw.ones(5, 2, 8)) == 2 * (5 * 2 * 8 * 18 + 5 * 2 * 6 * 18)
    assert flops_of(nn.RNN(8, 6), tw.ones(5, 2, 8)) == 2 * (5 * 2 * 8 * 6 + 5 * 2 * 6 * 6)


class Attention(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v, **self.options)


def test_flops_of_attention() -> None:
    q, k, v = tw.ones(2, 4, 16, 8), tw.ones(2, 4, 32, 8), tw.ones(2, 4, 32, 10)
    assert flops_of(Attention(), q, k, v) == 2 * (2 * 4) * (16 * 32) * (8 + 10)
    met = sum(min(row + 1, 32) for row in range(16))
    assert flops_of(Attention(is_causal=True), q, k, v) == 2 * (2 * 4) * met * (8 + 10)
    assert flops_of(Attention(enable_gqa=True), q, k[:, :2], v[:, :2]) == 2 * (2 * 4) * (16 * 32) * (8 + 10)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))
        self.second = self.first
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.first[0].weight
        self.unused = nn.Linear(4, 100)

    def forward(self, x: Tensor, scale: float, *, shift: Tensor) -> dict[str, Any]:
        y = self.tied(self.second(self.first(x)) * scale + shift)
        return {"y": y, "more": (y.t(), [y.sum()])}


def test_layers_that_are_shared_nested_and_unused() -> None:
    found = nn.summary(Shared(), tw.ones(2, 4), 2.0, shift=tw.ones(4))
    assert [layer.path for layer in found.layers] == [
        "", "first", "first.0", "first.1", "second", "second.0", "second.1", "tied", "unused",
    ]  # fmt: skip
    assert found["second"].shared_with == "first"
    assert found["first"].calls == 2
    assert found["unused"].calls == 0
    assert found["unused"].output_shapes == []
    assert found.total.parameters == 16 + 4 + 4 + 500
    assert found["tied"].parameters == 20
    assert found.total.flops == 3 * 2 * 2 * 16
    assert found.total.output_shapes == [(2, 4), (4, 2), ()]
    assert found["first"].activation_bytes == 2 * 32  # relu in place makes nothing
    assert found.total.activation_bytes == 2 * 32 + 3 * 32 + 4  # products, scale, shift, tied, sum; no view
    assert found["first"].depth == 1
    with pytest.raises(KeyError, match="third"):
        found["third"]


def test_the_table() -> None:
    found = nn.summary(Shared(), tw.ones(2, 4), 2.0, shift=tw.ones(4), depth=1)
    text = str(found)
    assert "first Sequential x2" in text
    assert "is first" in text
    assert "second.0" not in text
    assert f"parameters   524 ({found.total.trainable} trainable), 2.05 KiB, and 0 B of buffers" in text
    assert repr(found) == text


def test_frozen_parameters_are_told_apart() -> None:
    pytest.importorskip("tensorwright.autograd")
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[0].requires_grad_(False)
    found = nn.summary(model, tw.ones(2, 4))
    assert (found.total.parameters, found.total.trainable, found["0"].trainable) == (40, 20, 0)


def test_the_model_is_as_before() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    before, state = {name: t.clone() for name, t in model.state_dict().items()}, tw.get_rng_state()
    nn.summary(model, tw.randn(8, 4).add(3))
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
    assert tw.get_rng_state().tolist() != state.tolist()  # randn
    state = tw.get_rng_state()
    nn.summary(model, tw.ones(8, 4))
    assert tw.get_rng_state().tolist() == state.tolist()
    assert model.training
    assert not model._forward_hooks
    assert not model[0]._forward_pre_hooks


def test_a_failing_model_leaves_no_hooks() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 5))
    with pytest.raises(ValueError, match="linear"):
        nn.summary(model, tw.ones(2, 4))
    assert not model[0]._forward_hooks
    with observe(lambda *call: None):
        pass


def test_meta_tensors_cost_nothing() -> None:
    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 64, 7, 2), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64 * 109 * 109, 10))

    x = tw.empty(4, 3, 224, 224, device="meta")
    given = network().to("meta")
    found = nn.summary(given, x)
    assert found.total.flops == 2 * (4 * 64 * 109 * 109) * (3 * 49) + 2 * 4 * 64 * 109 * 109 * 10
    assert found["3"].output_shapes == [(4, 10)]
    small = nn.Linear(4, 2)
    assert nn.summary(small, tw.empty(3, 4, device="meta")).total.flops == 2 * 3 * 4 * 2
    assert not small.weight.is_meta


def test_lazy_layers_get_their_shapes() -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    found = nn.summary(model, tw.ones(2, 5))
    assert found.total.parameters == 18
    assert found["0"].type == "Linear"
