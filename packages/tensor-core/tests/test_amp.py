"""Autocast and the scaling of gradients, without gradients: their cooperation is tested with the other packages."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import tensorwright as tw


def test_autocast_chooses_dtypes() -> None:
    x, low = tw.ones(2, 2), tw.ones(2, 2, dtype=tw.bfloat16)
    with tw.autocast("cpu"):
        assert tw.is_autocast_enabled()
        assert (x @ x).dtype == tw.bfloat16
        assert tw.ops.linear(x, x).dtype == tw.bfloat16
        assert (x + low).dtype == tw.float32
        assert low.exp().dtype == tw.bfloat16
        assert tw.ops.mse_loss(low, low).dtype == tw.float32
        assert tw.cat([x, low]).dtype == tw.float32
        assert tw.cat([low, low]).dtype == tw.bfloat16
        assert (x.double() @ x.double()).dtype == tw.float64
        assert tw.mm(x, x, out=tw.empty(2, 2)).dtype == tw.float32
        with tw.autocast("cpu", enabled=False):
            assert (x @ x).dtype == tw.float32
        with tw.autocast("cpu", dtype=tw.float16):
            assert (x @ x).dtype == tw.float16
            assert tw.get_autocast_dtype() == tw.float16
        assert (x @ x).dtype == tw.bfloat16
    assert not tw.is_autocast_enabled()
    assert (x @ x).dtype == tw.float32


def test_autocast_decorates() -> None:
    @tw.autocast("cpu", dtype=tw.float16)
    def product(a: tw.Tensor, depth: int) -> tw.Tensor:
        return product(a, depth - 1) if depth else a @ a

    assert product(tw.ones(2, 2), 3).dtype == tw.float16
    with pytest.raises(KeyError), tw.autocast("cpu"):
        raise KeyError
    assert not tw.is_autocast_enabled()


def test_autocast_refuses() -> None:
    with pytest.raises(ValueError, match="device_type"):
        tw.autocast("npu")
    with pytest.raises(ValueError, match="bfloat16 or float16"):
        tw.autocast("cpu", dtype=tw.float32)
    assert tw.amp.is_autocast_available("cpu")


@pytest.mark.parametrize("make", [partial(tw.autocast, "cuda"), tw.cuda.amp.autocast])
def test_autocast_of_devices_that_are_not_here_changes_nothing(make: Callable[..., tw.autocast]) -> None:
    x = tw.ones(2, 2)
    with pytest.warns(UserWarning, match="there is no device 'cuda'"):
        mode = make(dtype=tw.float16)
    with mode:
        assert (x @ x).dtype == tw.float32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        off = make(enabled=False)
    with tw.autocast("cpu"), off:  # one kind of device has nothing to do with another
        assert (x @ x).dtype == tw.bfloat16
        assert tw.get_autocast_dtype() == tw.bfloat16

    @off
    def product(depth: int) -> tw.Tensor:
        return product(depth - 1) if depth else x @ x

    assert product(2).dtype == tw.float32


def test_scalers_of_devices_that_are_not_here_change_nothing() -> None:
    with pytest.warns(UserWarning, match="there is no device 'cuda'"):
        scaler = tw.amp.GradScaler("cuda")
    assert not scaler.is_enabled()
    assert scaler.scale(tw.tensor(2.0)).item() == 2.0


class Parameter:
    def __init__(self, gradient: float) -> None:
        self.grad = tw.tensor([gradient])


class Optimizer:
    def __init__(self, *gradients: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": [Parameter(g) for g in gradients]}]
        self.steps = 0

    def step(self) -> None:
        self.steps += 1

    def gradients(self) -> list[float]:
        return [p.grad.item() for p in self.param_groups[0]["params"]]


def test_the_scale_follows_the_gradients() -> None:
    scaler = tw.amp.GradScaler(init_scale=8.0, growth_interval=2)
    assert [t.item() for t in scaler.scale([tw.tensor(1.0), tw.tensor(2.0)])] == [8, 16]
    good, bad = Optimizer(8.0, 16.0), Optimizer(1.0, float("inf"))
    scaler.step(good)
    scaler.update()
    assert (good.gradients(), good.steps, scaler.get_scale()) == ([1, 2], 1, 8)
    scaler.step(bad)
    scaler.update()
    assert (bad.steps, scaler.get_scale()) == (0, 4)
    for _ in range(2):
        scaler.step(Optimizer(1.0))
        scaler.update()
    assert scaler.get_scale() == 8
    other = tw.amp.GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 8


def test_the_scaler_refuses_wrong_orders() -> None:
    scaler, optimizer = tw.amp.GradScaler(), Optimizer(1.0)
    with pytest.raises(RuntimeError, match="no optimizer"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="unscaled already"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="stepped already"):
        scaler.step(optimizer)
    off = tw.amp.GradScaler(enabled=False)
    assert (off.get_scale(), off.state_dict(), off.scale(3)) == (1.0, {}, 3)
