"""Layers with a constant weight run with it packed, what follows computed on the way, and give eager's bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

F = "tensor<float32, [2, 3]>"


def values(*shape: int, dtype: Any = tw.float32, seed: int = 0) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).uniform(-1, 1, shape)).to(dtype)


def bits(t: tw.Tensor) -> bytes:
    return bytes(t.contiguous().numpy().tobytes())


# ---- the pass -------------------------------------------------------------------------------------------------------

HEAD = f"func @f(%x: {F}, %y: {F}) {{\n%w: tensor<float32, [3, 3]> = get_attr @w()\n"
TEXTS = {
    "with what follows": (
        f"%0: {F} = tw::linear(%x, %w)\n%1: {F} = tw::relu(%0)\n%2: {F} = tw::add(%y, %1)\n"
        f"%3: {F} = tw::matmul(%2, %w) return(%3)",
        f"%0: tuple<{F}> = fusion(%x, %w, %y) (%in0: {F}, %in1: tensor<float32, [3, 3]>, %in2: {F}) {{\n"
        f"%1: {F} = tw::linear(%in0, %in1)\n%2: {F} = tw::relu(%1)\n%3: {F} = tw::add(%in2, %2) yield(%3) }}\n"
        f"%4: {F} = tuple.get(%0, 0)\n%5: {F} = tw::matmul(%4, %w) return(%5)",
    ),
    "not what others wait for": (
        f"%0: {F} = tw::linear(%x, %w)\n%1: {F} = tw::relu(%0)\n%2: {F} = tw::add(%0, %1) return(%2)",
        f"%0: tuple<{F}> = fusion(%x, %w) (%in0: {F}, %in1: tensor<float32, [3, 3]>) {{\n"
        f"%1: {F} = tw::linear(%in0, %in1) yield(%1) }}\n"
        f"%2: {F} = tuple.get(%0, 0)\n%3: {F} = tw::relu(%2)\n%4: {F} = tw::add(%2, %3) return(%4)",
    ),
    "not what has another shape": (
        f"%0: {F} = tw::linear(%x, %w)\n%1: tensor<float32, [2]> = tw::sum(%x, [1])\n"
        f"%2: {F} = tw::add(%0, %w) return([%1, %2])",
        f"%0: tuple<{F}> = fusion(%x, %w) (%in0: {F}, %in1: tensor<float32, [3, 3]>) {{\n"
        f"%1: {F} = tw::linear(%in0, %in1) yield(%1) }}\n%2: {F} = tuple.get(%0, 0)\n"
        f"%3: tensor<float32, [2]> = tw::sum(%x, [1])\n%4: {F} = tw::add(%2, %w) return([%3, %4])",
    ),
    "no weight that is an input": (
        f"%0: {F} = tw::linear(%x, %y)\n%1: {F} = tw::matmul(%0, %w) return(%1)",
        f"%0: {F} = tw::linear(%x, %y)\n%1: {F} = tw::matmul(%0, %w) return(%1)",
    ),
}


def written(body: str) -> tw.jit.Program:
    program = tw.jit.parse(HEAD + body + "\n}")
    program.set_attribute("w", values(3, 3))
    return program


@pytest.mark.parametrize("name", TEXTS)
def test_before_and_after(name: str) -> None:
    before, after = TEXTS[name]
    program = written(before)
    tw.jit.run_passes(program, ["layers"], verify=True, fold_attributes=True)
    assert program.text() == written(after).text()


def test_attributes_that_may_change_are_no_constants() -> None:
    body = f"%0: {F} = tw::linear(%x, %w) return(%0)"
    assert tw.jit.run_passes(written(body), ["layers"]) == 0
    updated = written(body.replace("return(%0)", 'return(%0, attributes={"w": %w})'))
    assert tw.jit.run_passes(updated, ["layers"], fold_attributes=True) == 0


def test_a_layer_comes_first() -> None:
    line = (
        f"%r: object = fusion(%x, %y) (%a: {F}, %b: {F}) {{ %c: {F} = tw::relu(%a)\n"
        f"%d: {F} = tw::linear(%c, %b) yield(%d) }}"
    )
    with pytest.raises(ValueError, match="a layer before them"):
        written(line + "\nreturn(%x)").verify()


# ---- results --------------------------------------------------------------------------------------------------------


class Layer(tw.nn.Module):
    """A layer, and what is done with its result and a tensor of that shape."""

    def __init__(self, layer: Any, follow: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.layer = layer
        self.follow = follow

    def forward(self, x: Any, y: Any) -> Any:
        return self.follow(self.layer(x), y)


FOLLOWERS: dict[str, Callable[[Any, Any], Any]] = {
    "nothing": lambda r, y: r,
    "relu": lambda r, y: r.relu(),
    "gelu": lambda r, y: tw.nn.functional.gelu(r),
    "silu": lambda r, y: tw.nn.functional.silu(r),
    "residual, relu": lambda r, y: (r + y).relu(),
    "scaled residual": lambda r, y: y - (r * 0.5 + 1).tanh(),
}
# the layer's arguments, the input's shape
LINEAR = {
    "one row": ((40, 33), (1, 40)),
    "one column": ((40, 1), (9, 40)),
    "few": ((7, 5), (3, 7)),
    "several blocks of the depth": ((700, 130), (33, 700)),
    "several panels of columns": ((65, 2100), (29, 65)),
    "batches": ((24, 1000), (2, 17, 24)),
    "no rows": ((24, 8), (0, 24)),
}
# in and out channels, the kernel's size, what else; the input's shape
CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], dict[str, int], tuple[int, ...]]] = {
    "3x3": ((20, 40, 3), {"padding": 1}, (2, 20, 13, 15)),
    "small images": ((64, 96, 3), {"padding": 1}, (1, 64, 7, 7)),
    "strided 1x1": ((16, 24, 1), {"stride": 2}, (3, 16, 9, 11)),
    "strided 7x7": ((3, 33, 7), {"stride": 2, "padding": 3}, (2, 3, 31, 29)),
    "groups": ((16, 64, 3), {"groups": 2}, (1, 16, 12, 12)),
    "depthwise": ((32, 32, 3), {"padding": 1, "groups": 32}, (1, 32, 10, 10)),
    "few channels": ((8, 2, 3), {}, (1, 8, 20, 40)),
    "many images": ((4, 8, 3), {}, (32, 4, 8, 8)),
    "many images of many channels": ((8, 70, 3), {"padding": 1}, (16, 8, 8, 9)),
    "one image alone": ((20, 40, 3), {}, (20, 9, 9)),
}


def convolved(x: Any, layer: Any) -> Any:
    """The layer's result in float64, by NumPy."""
    w, b = layer.weight.numpy().astype(np.float64), layer.bias.numpy().astype(np.float64)
    x = x.astype(np.float64)[(None,) * (4 - x.ndim)]
    (sy, sx), (py, px), groups = layer.stride, layer.padding, layer.groups
    x = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::sy, ::sx]
    parts = zip(np.split(windows, groups, 1), np.split(w, groups), strict=True)
    return np.concatenate([np.einsum("ncyxkl,ockl->noyx", i, o) for i, o in parts], 1) + b[:, None, None]


def check(layer: Any, shape: tuple[int, ...], expected: Callable[[Any], Any], follow: str, dtype: Any) -> None:
    model = Layer(layer.to(dtype), FOLLOWERS[follow]).eval()
    x = values(*shape, dtype=dtype)
    y = values(*model.layer(x).shape, dtype=dtype, seed=1)
    fast = tw.jit.optimize_for_inference(model, (x, y))
    assert fast.graph.count("fusion(") == 1
    assert "fusion(" in fast.graph.split("tw::")[0]
    for threads in (1, 2, 3):
        tw.set_num_threads(threads)
        before = tw.jit.fusion_runs()
        with tw.no_grad():
            got, want = fast(x, y), model(x, y)
        after = tw.jit.fusion_runs()
        assert (after.by_kernel - before.by_kernel, after.apart - before.apart) == (1, 0)
        assert bits(got) == bits(want)
    if follow == "nothing":
        near = expected(x.numpy()).reshape(want.shape)
        np.testing.assert_allclose(got.numpy(), near, rtol=1e-4, atol=1e-4)


@pytest.fixture(autouse=True)
def threads() -> Any:
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64], ids=str)
@pytest.mark.parametrize("follow", FOLLOWERS)
@pytest.mark.parametrize("name", LINEAR)
def test_linear(name: str, follow: str, dtype: Any) -> None:
    sizes, shape = LINEAR[name]
    tw.manual_seed(0)
    layer = tw.nn.Linear(*sizes)
    check(layer, shape, lambda x: x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), follow, dtype)


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64], ids=str)
@pytest.mark.parametrize("follow", FOLLOWERS)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str, follow: str, dtype: Any) -> None:
    sizes, options, shape = CONVOLUTIONS[name]
    tw.manual_seed(0)
    layer = tw.nn.Conv2d(*sizes, **options).requires_grad_(False)
    check(layer, shape, lambda x: convolved(x, layer), follow, dtype)


def test_a_residual_that_lies_otherwise_is_added_op_by_op() -> None:
    model = Layer(tw.nn.Linear(6, 5), FOLLOWERS["residual, relu"]).eval()
    x, y = values(4, 6), values(4, 5, seed=1)
    fast = tw.jit.optimize_for_inference(model, (x, y))
    turned = y.t().contiguous().t()
    before = tw.jit.fusion_runs()
    with tw.no_grad():
        assert bits(fast(x, turned)) == bits(model(x, turned))
    after = tw.jit.fusion_runs()
    assert (after.by_kernel - before.by_kernel, after.apart - before.apart) == (0, 1)


def test_other_sizes_and_a_weight_that_was_written() -> None:
    layer = tw.nn.Linear(6, 5)
    model = Layer(layer, FOLLOWERS["residual, relu"]).eval()
    fast = tw.jit.optimize_for_inference(model, (values(4, 6), values(4, 5)))
    for rows in (4, 31, 2):
        with tw.no_grad():
            x, y = values(rows, 6, seed=rows), values(rows, 5, seed=rows)
            assert bits(fast(x, y)) == bits(model(x, y))
            layer.weight.add_(1.0)
            assert bits(fast(x, y)) == bits(model(x, y))


def test_gradients_pass_through() -> None:
    model = Layer(tw.nn.Linear(6, 5), FOLLOWERS["gelu"]).eval()
    fast = tw.jit.optimize_for_inference(model, (values(4, 6), values(4, 5)))
    x = values(4, 6).requires_grad_()
    fast(x, values(4, 5)).sum().backward()
    z = values(4, 6).requires_grad_()
    model(z, values(4, 5)).sum().backward()
    assert x.grad is not None
    assert z.grad is not None
    assert bits(x.grad) == bits(z.grad)


def test_groups_are_saved_and_loaded(tmp_path: Path) -> None:
    model = Layer(tw.nn.Conv2d(3, 17, 3, padding=1), FOLLOWERS["residual, relu"]).eval()
    x, y = values(1, 3, 9, 9), values(1, 17, 9, 9)
    fast = tw.jit.optimize_for_inference(model, (x, y))
    tw.jit.save(fast, tmp_path / "layer.twa")
    loaded = tw.jit.load(tmp_path / "layer.twa")
    with tw.no_grad():
        assert bits(loaded(x, y)) == bits(model(x, y))
