"""The first layer and op that give NaN are named, forwards and backwards."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import tensorwright as tw
from tensorwright import Tensor, nn
from tensorwright.nn.utils import NanError, stop_on_nan
from tensorwright.utils.checkpoint import checkpoint


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Residual(nn.Module):
    """Ops of its own between those of its layers."""

    def __init__(self, own: Callable[[Tensor], Tensor], inner: Callable[[Tensor], Tensor] = Tensor.tanh) -> None:
        super().__init__()
        self.before, self.inner, self.after = nn.Linear(4, 4), Apply(inner), nn.Linear(4, 4)

        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        h = self.own(self.inner(self.before(x)))
        return x + self.after(h)


def zero_root(x: Tensor) -> Tensor:
    """Finite forwards; backwards 0 / 0."""
    return (x * 0).sqrt() * 0


def caught(model: nn.Module, run: Callable[[nn.Module], object]) -> NanError:
    with pytest.raises(NanError) as error, stop_on_nan(model):
        run(model)
    return error.value


def forward(model: nn.Module) -> Tensor:
    return model(tw.full((2, 4), 0.5)).sum()


def backward(model: nn.Module) -> None:
    forward(model).backward()


def test_forwards() -> None:
    error = caught(nn.Sequential(nn.Linear(4, 4), Residual(Tensor.tanh, lambda x: (x - 9).log())), forward)
    assert (error.op, error.layer, error.backward) == ("tw::log", "1.inner", False)
    assert "tw::log gave NaN in 8 of 8 elements; layer: 1.inner (Apply); self: float32 [2, 4], from -" in str(error)


def test_forwards_in_ops_between_layers() -> None:
    error = caught(nn.Sequential(Residual(lambda x: (x - 9).sqrt())), forward)
    assert (error.op, error.layer) == ("tw::sqrt", "0")


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 4), Residual(Tensor.tanh, zero_root), nn.Linear(4, 4)), "1.inner"),
        (lambda: nn.Sequential(nn.Linear(4, 4), Residual(zero_root), nn.Linear(4, 4)), "1"),
        (lambda: nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Sequential(Apply(zero_root)))), "1.0.0"),
        (lambda: Residual(zero_root), ""),
    ],
)
def test_backwards(model: Callable[[], nn.Module], layer: str) -> None:
    error = caught(model(), backward)
    assert (error.op, error.layer, error.backward) == ("tw::div", layer, True)
    assert "in the backward pass; layer: " in str(error)


def test_backwards_through_a_layer_that_is_computed_again() -> None:
    class Recomputed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Residual(Tensor.tanh, zero_root)

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.inner, x, use_reentrant=False)

    error = caught(nn.Sequential(nn.Linear(4, 4), Recomputed()), backward)
    assert error.backward
    assert error.layer in ("1.inner.inner", "1.inner")


def test_outside_of_the_layers() -> None:
    model = nn.Linear(4, 4)
    error = caught(model, lambda m: (forward(m) * 0 - 1).log())
    assert (error.op, error.layer) == ("tw::log", None)
    assert "outside of the model's layers" in str(error)


def test_after_the_backward_pass() -> None:
    model = nn.Linear(4, 4)

    def step(model: nn.Module) -> None:
        backward(model)
        (model.weight.detach() * 0 - 1).log()

    error = caught(model, step)
    assert (error.layer, error.backward) == (None, False)


def test_arguments_that_had_nan_are_named() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    with tw.no_grad():
        model[1].bias[2] = math.nan
    error = caught(model, forward)
    assert error.layer == "1"
    assert "bias (1.bias): float32 [4], from " in str(error)
    assert ", 1 NaN already" in str(error)


def test_nan_that_the_program_writes_is_no_surprise() -> None:
    model = nn.Linear(4, 4)
    with stop_on_nan(model):
        x = model(tw.ones(2, 4))
        tw.full((2,), math.nan)
        x.masked_fill(x > 0, math.nan)
        tw.full_like(x, math.nan).nan_to_num()
        x.sum().backward()


def test_infinity_on_demand() -> None:
    model = Apply(lambda x: (x * 1000).exp())
    with stop_on_nan(model):
        forward(model)
    with pytest.raises(NanError, match="tw::exp gave infinity in 8 of 8 elements"), stop_on_nan(model, infinite=True):
        forward(model)
    with stop_on_nan(model, infinite=True):
        tw.ones(2).masked_fill(tw.tensor([True, False]), -math.inf)


def test_a_good_step_is_left_alone() -> None:
    def trained(watch: bool) -> list[float]:
        tw.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        optimizer = tw.optim.Adam(model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            if watch:
                with stop_on_nan(model):
                    backward(model)
            else:
                backward(model)
            optimizer.step()
        assert not model._forward_hooks
        return model[0].weight.flatten().tolist()

    assert trained(True) == trained(False)
