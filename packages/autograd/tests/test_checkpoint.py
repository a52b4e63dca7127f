"""Checkpointing: the same gradients, less memory."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorwright.profiler import memory_in_use
from tensorwright.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)


def leaf(*shape: int, seed: int = 0) -> tw.Tensor:
    values = np.random.default_rng(seed).normal(size=shape)
    return tw.tensor(values, dtype=tw.float64, requires_grad=True)


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self.function(*args, **kwargs)


def block(x: tw.Tensor) -> tw.Tensor:
    return (x.sin() * x).exp().tanh() * x


def gradients(function: Callable[..., tw.Tensor], order: int = 1) -> list[float]:
    x = leaf(5)
    y = function(x).sum()
    (grad,) = tw.autograd.grad(y, x, create_graph=order > 1)
    for i in range(1, order):
        (grad,) = tw.autograd.grad((grad * grad).sum(), x, create_graph=i + 1 < order)
    return list(grad.tolist())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients_of_any_order(order: int) -> None:
    assert gradients(lambda x: checkpoint(block, x), order) == pytest.approx(gradients(block, order), rel=1e-13)


def test_called_once_more_for_each_pass() -> None:
    x = leaf(3)
    counted = Counted(block)
    y = checkpoint(counted, x).sum()
    assert counted.calls == 1
    y.backward(retain_graph=True)
    assert counted.calls == 2
    first = x.grad.tolist()
    x.grad = None
    y.backward()
    assert counted.calls == 3
    assert x.grad.tolist() == first
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_nested() -> None:
    inner, outer = Counted(block), Counted(lambda x: checkpoint(inner, checkpoint(inner, x).cos()).sin())
    for order in (1, 2):
        expected = gradients(lambda x: block(block(x).cos()).sin(), order)
        assert gradients(lambda x: checkpoint(outer, x), order) == pytest.approx(expected, rel=1e-12)
    deep = block
    for _ in range(4):
        deep = (lambda function: lambda x: checkpoint(function, x) + 1)(deep)
    assert gradients(deep) == pytest.approx(gradients(block), rel=1e-12)


def test_keyword_arguments_and_several_results() -> None:
    def function(a: tw.Tensor, scale: float, *, b: tw.Tensor, names: dict[str, float]) -> dict[str, tw.Tensor]:
        return {"sum": (a * scale + b).exp(), "product": (a * b * names["k"]).sin()}

    def total(run: Callable[..., dict[str, tw.Tensor]]) -> tuple[list[float], ...]:
        a, b = leaf(3, seed=1), leaf(3, seed=2)
        results = run(function, a, 2.0, b=b, names={"k": 3.0})
        (results["sum"] + results["product"]).sum().backward()
        return a.grad.tolist(), b.grad.tolist()

    assert total(checkpoint) == total(lambda f, *args, **kwargs: f(*args, **kwargs))


def test_inputs_need_not_require_grad() -> None:
    weight = leaf(3, 3)
    x = tw.ones(2, 3, dtype=tw.float64)
    checkpoint(lambda value: (value @ weight).tanh(), x).sum().backward()
    got = weight.grad.tolist()
    weight.grad = None
    (x @ weight).tanh().sum().backward()
    assert got == weight.grad.tolist()


def test_random_numbers_are_the_same_again() -> None:
    def noisy(x: tw.Tensor) -> tw.Tensor:
        return tw.dropout(x * 2, 0.5, True).sin() * tw.randn(4, dtype=tw.float64)

    x = leaf(4)
    tw.manual_seed(3)
    y = checkpoint(noisy, x).sum()
    tw.rand(7)  # the state moves on
    state = tw.get_rng_state().tolist()
    y.backward()
    assert tw.get_rng_state().tolist() == state
    got = x.grad.tolist()
    x.grad = None
    tw.manual_seed(3)
    noisy(x).sum().backward()
    assert got == x.grad.tolist()
    tw.manual_seed(3)
    y = checkpoint(lambda v: (v * tw.rand(4, dtype=tw.float64)).exp(), x, preserve_rng_state=False).sum()
    before = tw.get_rng_state().tolist()
    y.backward()
    assert tw.get_rng_state().tolist() != before


def test_autocast_is_the_same_again() -> None:
    seen = []

    def function(x: tw.Tensor) -> tw.Tensor:
        seen.append((tw.is_autocast_enabled(), tw.get_autocast_dtype()))
        return (x @ x).float().sin()

    x = tw.ones(2, 2, requires_grad=True)
    with tw.autocast("cpu", dtype=tw.float16):
        y = checkpoint(function, x).sum()
    y.backward()
    assert seen == [(True, tw.float16)] * 2


def test_stops_at_the_last_value_that_is_needed() -> None:
    reached = []

    def function(x: tw.Tensor) -> tw.Tensor:
        y = x.exp()
        reached.append("exp")
        y = y + 1  # saves nothing
        reached.append("add")
        return y

    x = leaf(2)
    checkpoint(function, x).sum().backward()
    assert reached == ["exp", "add"]  # the recomputation ended inside exp
    reached.clear()
    with set_checkpoint_early_stop(False):
        y = checkpoint(function, x)
    y.sum().backward()
    assert reached == ["exp", "add"] * 2


def test_other_values_in_the_second_run_are_an_error() -> None:
    x = leaf(4)

    def changing(shape: bool) -> Callable[[tw.Tensor], tw.Tensor]:
        calls = [0]

        def function(value: tw.Tensor) -> tw.Tensor:
            calls[0] += 1
            if calls[0] == 1:
                return value.exp().sin()
            return value[:2].exp().sin() if shape else value.exp()

        return function

    with pytest.raises(CheckpointError, match=r"tensor 0: .*float64 \[4\].*float64 \[2\]"):
        checkpoint(changing(True), x).sum().backward()
    with pytest.raises(CheckpointError, match="2 tensors were saved in the forward run and 1"):
        checkpoint(changing(False), x).sum().backward()
    with pytest.raises(
        CheckpointError, match=r"Ops of the forward run: .*tw::exp, tw::sin\nOps of the recomp.*tw::exp"
    ):
        checkpoint(changing(False), x, debug=True).sum().backward()
    with set_checkpoint_debug_enabled(True), pytest.raises(CheckpointError, match="Ops of the forward run"):
        checkpoint(changing(False), x).sum().backward()


def test_unchecked() -> None:
    calls = [0]

    def function(value: tw.Tensor) -> tw.Tensor:
        calls[0] += 1
        return (value.reshape(2, 2) if calls[0] > 1 else value).exp().reshape(4)

    x = leaf(4)
    with set_checkpoint_early_stop(False):
        y = checkpoint(function, x, determinism_check="none").sum()
    with pytest.raises(ValueError, match="shape"):
        y.backward()  # the wrong shape reaches the formula
    with pytest.raises(ValueError, match="determinism_check must be one of default, none"):
        checkpoint(function, x, determinism_check="some")


def test_contexts() -> None:
    log: list[str] = []

    @contextmanager
    def noted(name: str) -> Any:
        log.append(f"enter {name}")
        yield
        log.append(f"leave {name}")

    x = leaf(2)
    y = checkpoint(block, x, context_fn=lambda: (noted("forward"), noted("again")))
    assert log == ["enter forward", "leave forward"]
    y.sum().backward()
    assert log[2:] == ["enter again", "leave again"]


def test_without_gradients_it_only_calls() -> None:
    counted = Counted(block)
    with tw.no_grad():
        y = checkpoint(counted, leaf(2))
    assert not y.requires_grad
    assert counted.calls == 1


def test_error_in_the_function() -> None:
    def failing(x: tw.Tensor) -> tw.Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        checkpoint(failing, leaf(2))
    x = leaf(2)
    x.exp().sum().backward()  # no hooks are left


def test_error_in_the_recomputation_leaves_the_thread_as_it_was() -> None:
    calls = [0]

    def failing(x: tw.Tensor) -> tw.Tensor:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyError("again")
        return x.exp() * x

    x = leaf(2)
    y = checkpoint(failing, x).sum()
    state = tw.get_rng_state().tolist()
    with pytest.raises(KeyError, match="again"):
        y.backward(retain_graph=True)
    assert tw.get_rng_state().tolist() == state
    assert not tw.autograd.graph._hooks_depth()
    y.backward()
    assert calls[0] == 3


def test_passes_inside_of_the_function() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        (inner,) = tw.autograd.grad((x**3).sum(), x, create_graph=True)
        return inner.sin()

    assert gradients(lambda x: checkpoint(function, x)) == pytest.approx(gradients(function), rel=1e-13)


def test_functions_with_saved_tensors() -> None:
    class Cube(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tw.Tensor) -> tw.Tensor:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, grad: tw.Tensor) -> tw.Tensor:
            (x,) = ctx.saved_tensors
            return 3 * x * x * grad

    for order in (1, 2):
        expected = gradients(lambda x: Cube.apply(x.sin()).exp(), order)
        got = gradients(lambda x: checkpoint(lambda v: Cube.apply(v.sin()).exp(), x), order)
        assert got == pytest.approx(expected, rel=1e-13)


def test_saved_values_can_be_looked_at() -> None:
    x = leaf(2)
    y = checkpoint(lambda v: v.sin().exp(), x)
    assert y.grad_fn._saved_result.tolist() == x.detach().sin().exp().tolist()


def test_several_threads() -> None:
    x = leaf(20)
    y = checkpoint(lambda v: checkpoint(block, v.sin()).exp(), x).sum()
    (expected,) = tw.autograd.grad(block(x.sin()).exp().sum(), x)
    failed: list[object] = []

    def work() -> None:
        for _ in range(10):
            (got,) = tw.autograd.grad(y, x, retain_graph=True)
            if not np.allclose(got.numpy(), expected.numpy(), rtol=1e-13):
                failed.append(got)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_under_transforms() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        return checkpoint(block, x).sum()

    x = leaf(5).detach()
    expected = tw.func.grad(lambda v: block(v).sum())(x).tolist()
    assert tw.func.grad(function)(x).tolist() == pytest.approx(expected, rel=1e-13)


# ---- memory -------------------------------------------------------------------------------------------------------


def held_after(function: Callable[[tw.Tensor], tw.Tensor], x: tw.Tensor) -> int:
    gc.collect()
    before = memory_in_use()
    y = function(x)
    held = memory_in_use() - before
    del y
    return held


def test_memory_of_a_checkpoint_is_that_of_its_result() -> None:
    x = tw.ones(1 << 12, dtype=tw.float64, requires_grad=True)
    size = x.nbytes
    deep = lambda v: v.sin().exp().tanh().sigmoid()  # noqa: E731
    assert held_after(deep, x) == 3 * size  # what exp, tanh and sigmoid gave
    assert held_after(lambda v: checkpoint(deep, v), x) == size


def test_memory_of_segments() -> None:
    x = tw.ones(1 << 12, dtype=tw.float64, requires_grad=True)
    size, steps = x.nbytes, [tw.tanh] * 16
    assert held_after(lambda v: checkpoint_sequential(steps, 1, v), x) == 16 * size
    assert (
        held_after(lambda v: checkpoint_sequential(steps, 4, v), x) == (2 + 4) * size
    )  # arguments, and the last segment


def test_memory_while_the_pass_runs() -> None:
    """At any time one segment is there in full."""
    x = tw.ones(1 << 14, dtype=tw.float64, requires_grad=True)
    size, steps = x.nbytes, [tw.tanh] * 16

    def peak(segments: int) -> float:
        y = checkpoint_sequential(steps, segments, x).sum()
        before = memory_in_use()
        with tw.profiler.profile() as prof:
            y.backward()
        x.grad = None
        return (max(event.memory_in_use for event in prof.events()) + before - size) / size

    assert peak(1) < 16 + 6
    assert peak(4) < (3 + 4) + 6


def test_memory_of_nested_checkpoints() -> None:
    x = tw.ones(1 << 12, dtype=tw.float64, requires_grad=True)

    def level(function: Callable[[tw.Tensor], tw.Tensor]) -> Callable[[tw.Tensor], tw.Tensor]:
        return lambda v: checkpoint(function, checkpoint(function, v))

    deep = level(level(level(tw.tanh)))  # eight of them
    assert held_after(lambda v: checkpoint(deep, v), x) == x.nbytes


def test_nothing_is_held_after_the_pass() -> None:
    x = tw.ones(1 << 12, dtype=tw.float64, requires_grad=True)
    gc.collect()
    before = memory_in_use()
    y = checkpoint(lambda v: checkpoint(block, v).exp(), x).sum()
    y.backward()
    x.grad = None
    del y
    assert memory_in_use() == before


def test_what_a_pass_does_not_fetch_is_dropped_with_it() -> None:
    x, weight = leaf(64), leaf(64, seed=1)
    y = checkpoint(lambda a, b: (a.exp() * b.sin()).tanh(), x, weight).sum()
    gc.collect()
    before = memory_in_use()
    tw.autograd.grad(y, x, retain_graph=True)
    assert memory_in_use() == before


def test_graph_that_is_dropped() -> None:
    class Payload:
        pass

    payload = Payload()
    alive = weakref.ref(payload)

    def function(x: tw.Tensor, held: Payload) -> tw.Tensor:
        return x.exp()

    y = checkpoint(function, leaf(2), payload)
    del payload
    assert alive() is not None
    del y
    gc.collect()
    assert alive() is None


# ---- sequences ------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 9), data=st.data())
def test_sequences(count: int, data: st.DataObject) -> None:
    segments = data.draw(st.integers(1, count))
    pool = [tw.sin, tw.exp, tw.tanh, lambda v: v * v, lambda v: v + 1, lambda v: v[..., None].squeeze(-1)]
    steps = [pool[i] for i in data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))]

    def plain(x: tw.Tensor) -> tw.Tensor:
        for step in steps:
            x = step(x)
        return x.tanh()

    expected = gradients(plain)
    got = gradients(lambda x: checkpoint_sequential(steps, segments, x).tanh())
    assert got == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_refused_sequences() -> None:
    for segments in (0, 3):
        with pytest.raises(ValueError, match="segments must be from 1"):
            checkpoint_sequential([tw.sin, tw.cos], segments, leaf(2))


@pytest.mark.parametrize("use_reentrant", [None, False, True])
def test_both_ways_of_others_are_one_here(use_reentrant: bool | None) -> None:
    x = tw.tensor([0.5, -1.0], requires_grad=True)
    weight = tw.tensor(2.0, requires_grad=True)
    checkpoint(lambda x: (x * weight).sin(), x, use_reentrant=use_reentrant).sum().backward()
    assert x.grad is not None
    assert weight.grad is not None
    assert tw.allclose(x.grad, (x * weight).cos() * weight)
    checkpoint(lambda x: x * weight, tw.ones(2), use_reentrant=use_reentrant).sum().backward()  # no argument needs grad
    assert tw.allclose(weight.grad, ((x * weight).cos() * x).sum() + 2)
