"""What passes leave gives what was captured: the same bits, or other rounding where a pass says so."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import Tensor

nn, F = tw.nn, tw.nn.functional

BITWISE = ["inline", "functionalise", *tw.jit._passes.CLEANUP, "sink_transposes", *tw.jit._passes.FUSION, "dce"]


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def written_softmax(x: Tensor, dim: int, logarithm: bool) -> Tensor:
    below = x - x.amax(dim, keepdim=True)
    e = below.exp()
    total = e.sum(dim, keepdim=True)
    return below - total.log() if logarithm else e / total


STEPS: list[Callable[[random.Random, list[Tensor]], Tensor]] = [
    lambda r, k: r.choice(k) * 1,
    lambda r, k: r.choice(k) + r.choice([0, 0.0, -0.0, 1.5]),
    lambda r, k: r.choice(k) - 0.0,
    lambda r, k: r.choice(k) + r.choice(k),
    lambda r, k: r.choice(k) * r.choice(k),
    lambda r, k: r.choice(k).relu(),
    lambda r, k: -r.choice(k),
    lambda r, k: r.choice(k).abs(),
    lambda r, k: r.choice(k).exp(),
    lambda r, k: r.choice(k).t(),
    lambda r, k: r.choice(k).transpose(0, 1),
    lambda r, k: r.choice(k).permute(1, 0),
    lambda r, k: r.choice(k).reshape(-1).reshape(4, 4),
    lambda r, k: r.choice(k).contiguous().view(2, 8).view(4, 4),
    lambda r, k: r.choice(k).double().float(),
    lambda r, k: r.choice(k).half().float(),
    lambda r, k: r.choice(k).clone(),
    lambda r, k: tw.cat([r.choice(k)], 0),
    lambda r, k: r.choice(k) - r.choice(k).sum(-1, keepdim=True),
    lambda r, k: r.choice(k) / r.choice(k).amax(-1, keepdim=True),
    lambda r, k: r.choice(k) @ r.choice(k),
    lambda r, k: written_softmax(r.choice(k), r.choice([-1, 0]), r.random() < 0.5),
    lambda r, k: tw.arange(4).float() * r.choice(k),
    lambda r, k: tw.maximum(r.choice(k), r.choice(k)),
    lambda r, k: r.choice(k).add_(1),
    lambda r, k: r.choice(k)[1:3].mul_(2).sum() + r.choice(k),
    lambda r, k: F.dropout(r.choice(k), 0.5, False),
]


def random_network(seed: int) -> Callable[[Tensor, Tensor], list[Tensor]]:
    def function(x: Tensor, y: Tensor) -> list[Tensor]:
        r = random.Random(seed)
        known = [x, y]
        for _ in range(r.randrange(3, 25)):
            known.append(r.choice(STEPS)(r, known))
        return r.sample(known[2:], min(3, len(known) - 2))

    return function


def inputs() -> tuple[Tensor, Tensor]:
    tw.manual_seed(3)
    return tw.randn(4, 4), tw.randn(4, 4)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("capture", [tw.jit.trace, tw.jit.make_graph])
def test_random_graphs_keep_their_bits(capture: Any, seed: int) -> None:
    function = random_network(seed)
    captured = (
        capture(function, inputs(), check_trace=False) if capture is tw.jit.trace else capture(function, *inputs())
    )
    frozen = tw.jit.freeze(captured, verify=True)
    tw.jit.run_passes(frozen.program, BITWISE, verify=True)
    mine, theirs = inputs(), inputs()
    for got, expected in zip(frozen(*mine), function(*theirs), strict=True):
        assert same(got, expected), frozen.graph
    assert same(mine[0], theirs[0])
    assert same(mine[1], theirs[1])


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.gelu(self.up(self.norm(x))))
        return x + y


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        y += x
        return F.relu_(y)


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "blocks": (lambda: nn.Sequential(*[Block(8) for _ in range(3)]), (2, 8)),
    "residuals": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), Residual(4), Residual(4), nn.Flatten()), (2, 1, 6, 6)),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.MaxPool1d(2)), (2, 2, 9)),
    "conv3d": (lambda: nn.Sequential(nn.Conv3d(1, 2, 2, groups=1), nn.BatchNorm3d(2)), (1, 1, 3, 4, 5)),
    "linear and norm": (lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh()), (5, 4)),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
    "lstm": (lambda: nn.LSTM(4, 3, batch_first=True), (2, 5, 4)),
    "embedding of floats": (lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Flatten(), nn.Softmax(-1)), (3, 4)),
}


def trained(model: Any, shape: tuple[int, ...]) -> Any:
    """In evaluation mode, with running statistics that are not those of a new model."""
    tw.manual_seed(0)
    with tw.no_grad():
        for _ in range(3):
            model(tw.randn(*shape) * 2 + 1)
    return model.eval()


def results(value: Any) -> list[Tensor]:
    return [leaf for leaf in tw._tree.flatten(value)[0] if isinstance(leaf, Tensor)]


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    make, shape = MODELS[name]
    model = trained(make(), shape)
    x = tw.randn(*shape)
    expected = results(model(x))
    frozen = tw.jit.freeze(model, x, verify=True)
    assert all(map(same, results(frozen(x)), expected))
    fast = tw.jit.optimize_for_inference(model, x, fuse=True, verify=True)
    assert all(
        tw.allclose(got, want, rtol=1e-5, atol=1e-6) for got, want in zip(results(fast(x)), expected, strict=True)
    )
    for gone in ("dropout", "batch_norm"):
        assert f"tw::{gone}(" not in fast.graph


@pytest.mark.parametrize("name", MODELS)
def test_models_in_primitive_ops(name: str) -> None:
    make, shape = MODELS[name]
    model = trained(make(), shape)
    x = tw.randn(*shape)
    frozen = tw.jit.freeze(model, x)
    assert tw.jit.run_passes(frozen.program, ["decompose", "cse", "dce"], verify=True)
    if name != "lstm":  # which makes its first state
        frozen.program.verify("core")
    assert all(map(same, results(frozen(x)), results(model(x))))


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.softmax(q @ k.transpose(-2, -1) / 2.0, -1) @ v


def attention_scaled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.softmax(0.5 * (q @ k.transpose(1, 2)) + v.sum(), dim=2) @ v


def norm(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    centred = q - q.mean(-1, keepdim=True)
    return centred / ((centred * centred).mean(-1, keepdim=True) + 1e-5).sqrt() * k[0, 0] + v[0, 0]


def norm_by_power(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    centred = q - q.mean([-1], True)
    return centred * tw.rsqrt((centred**2).mean([-1], True) + 1e-3)


def gelu(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return q * 0.5 * (1.0 + tw.erf(q / 2**0.5))


def linear(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return q @ k[0].t() + v[0, 0, 0].expand(5)


LIFTED = {
    attention: "scaled_dot_product_attention",
    attention_scaled: "scaled_dot_product_attention",
    norm: "layer_norm",
    norm_by_power: "layer_norm",
    gelu: "gelu",
    linear: "linear",
}


@pytest.mark.parametrize("function", LIFTED, ids=lambda function: function.__name__)
def test_written_out_layers_are_found(function: Callable[..., Tensor]) -> None:
    tw.manual_seed(0)
    args = tuple(tw.randn(2, 5, 4) for _ in range(3))
    fast = tw.jit.optimize_for_inference(tw.jit.trace(function, args), fuse=False, verify=True)
    assert f"tw::{LIFTED[function]}(" in fast.graph
    assert fast.graph.count("tw::") <= (6 if function in (norm, linear) else 2), fast.graph
    assert tw.allclose(fast(*args), function(*args), rtol=1e-5, atol=1e-6)


def test_frozen_programs_let_go_of_what_was_folded() -> None:
    model = trained(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), (2, 1, 5, 5))
    fast = tw.jit.optimize_for_inference(model, tw.ones(1, 1, 5, 5))
    assert len(fast.program.attributes) == 2
    assert not any(tensor.requires_grad for tensor in fast.program.attributes.values())
    assert len(dict(model.named_parameters())) == 4


def test_what_is_written_is_no_constant() -> None:
    model = nn.BatchNorm1d(3).train()
    captured = tw.jit.trace(model, tw.randn(4, 3), check_trace=False)
    frozen = tw.jit.freeze(captured, verify=True)
    count = model.num_batches_tracked
    assert count is not None
    before = int(count)
    frozen(tw.randn(4, 3))
    frozen(tw.randn(4, 3))
    assert int(count) == before + 2


def test_models_to_freeze_are_in_evaluation_mode() -> None:
    with pytest.raises(ValueError, match=r"call eval\(\) first"):
        tw.jit.freeze(nn.Dropout(), tw.ones(2))
    with pytest.raises(TypeError, match="example_inputs"):
        tw.jit.freeze(nn.Dropout().eval())


def test_memory_is_shared_by_what_does_not_live_at_once() -> None:
    captured = tw.jit.trace(lambda x: ((x @ x) @ x).exp().sin() @ x, tw.ones(8, 8))
    plan = tw.jit.memory_plan(captured.program)
    assert plan.startswith("memory of @forward: 512 bytes, 512 if nothing were shared; 2 ops write over an argument")
    assert "3..5 given away" not in plan
