"""Hooks over what operations save."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.autograd import graph


class Square(tw.autograd.Function):
    """Saves its input, its output and nothing."""

    @staticmethod
    def forward(ctx: Any, x: tw.Tensor) -> tw.Tensor:
        y = x * x
        ctx.save_for_backward(x, y, None)
        return y

    @staticmethod
    def backward(ctx: Any, grad: tw.Tensor) -> tw.Tensor:
        x, y, nothing = ctx.saved_tensors
        assert nothing is None
        return 2 * x * grad + 0 * y


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(list(values), dtype=tw.float64, requires_grad=True)


def double(x: tw.Tensor) -> tw.Tensor:
    return x * x


PROGRAMS: list[Callable[[tw.Tensor], tw.Tensor]] = [
    double,
    lambda x: x.exp(),
    lambda x: tw.cat([x * x, x]).prod(),
    lambda x: tw.einsum("i,j->ij", x, x).softmax(0),
    lambda x: tw.linalg.multi_dot([x.reshape(1, -1), x.reshape(-1, 1), x.reshape(1, -1)]),
    lambda x: (x * 2).mul_(x).sigmoid_(),
    lambda x: tw.layer_norm(x, [x.numel()]),
    lambda x: Square.apply(x),
    lambda x: (x * 1)[1:].mul_(x[:-1]),
    lambda x: tw.logcumsumexp(x.sort().values, 0),
    lambda x: tw.where(x > 0, x.sin(), x.cos()) / x,
]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("order", [1, 2])
def test_values_do_not_change(program: Callable[[tw.Tensor], tw.Tensor], order: int) -> None:
    def derivative(hooked: bool) -> tuple[list[float], int]:
        x = leaf(0.5, -1.25, 2.0)
        packed = []

        def pack(tensor: tw.Tensor) -> np.ndarray:
            packed.append(tensor)
            return tensor.numpy().copy()

        with graph.saved_tensors_hooks(pack if hooked else lambda t: t, tw.from_numpy if hooked else lambda t: t):
            y = program(x).sum()
            (grad,) = tw.autograd.grad(y, x, create_graph=order > 1)
            if order > 1:
                (grad,) = tw.autograd.grad((grad * grad).sum(), x)
        return grad.tolist(), len(packed)

    plain, _ = derivative(False)
    hooked, count = derivative(True)
    np.testing.assert_allclose(hooked, plain, rtol=1e-14)
    assert count > 0


def test_pack_gets_tensors_without_history_and_is_not_recorded() -> None:
    seen = []

    def pack(tensor: tw.Tensor) -> tw.Tensor:
        seen.append((tensor.requires_grad, tensor.is_leaf, (tensor * 2).requires_grad, tw.is_grad_enabled()))
        return tensor

    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(pack, lambda t: t):
        (x * 2).exp()
        x * x
    assert seen == [(False, True, False, False)] * len(seen)
    assert len(seen) == 3  # the result of exp, both operands of the product


def test_unpack_runs_only_for_gradients_that_are_asked_for() -> None:
    calls = []

    def unpack(kept: tw.Tensor) -> tw.Tensor:
        calls.append(kept)
        return kept

    x = leaf(1.0)
    with graph.saved_tensors_hooks(lambda t: t, unpack):
        y = x * x
    assert calls == []
    y.backward(retain_graph=True)
    assert len(calls) == 2
    y.backward()
    assert len(calls) == 4
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_innermost_hooks_count() -> None:
    seen = []

    def named(name: str) -> graph.saved_tensors_hooks:
        return graph.saved_tensors_hooks(lambda t: seen.append(name) or t, lambda t: t)

    x = leaf(1.0)
    with named("outer"):
        with named("inner"):
            x.exp()
        x.exp()
    x.exp()
    assert seen == ["inner", "outer"]


def test_hooks_belong_to_the_thread() -> None:
    seen: list[tw.Tensor] = []
    with graph.saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t):
        thread = threading.Thread(target=lambda: leaf(1.0).exp())
        thread.start()
        thread.join()
    assert seen == []


def test_errors() -> None:
    x = leaf(1.0)
    with pytest.raises(TypeError, match="pack_hook must be callable, got int"):
        graph.saved_tensors_hooks(1, lambda t: t)  # type: ignore[arg-type]
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):  # type: ignore[arg-type, return-value]
        y = x.exp()
    with pytest.raises(TypeError, match="unpack_hook must return a Tensor, got int"):
        y.backward()
    with (
        graph.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t),
        pytest.raises(RuntimeError, match="modified its argument in place"),
    ):
        x * x

    def refuse(_: object) -> tw.Tensor:
        raise KeyError("mine")

    with graph.saved_tensors_hooks(refuse, lambda t: t), pytest.raises(KeyError, match="mine"):
        x.exp()
    with graph.saved_tensors_hooks(lambda t: t, refuse):
        y = x.exp()
    with pytest.raises(KeyError, match="mine"):
        y.backward()
    x.exp().backward()  # the stack of hooks is as it was


def test_result_is_dropped_if_it_cannot_be_packed() -> None:
    def refuse(_: tw.Tensor) -> tw.Tensor:
        raise KeyError("mine")

    def tried(op: Callable[[tw.Tensor], object], x: tw.Tensor) -> int:
        gc.collect()
        before = tw.profiler.memory_in_use()
        with graph.saved_tensors_hooks(refuse, lambda t: t), pytest.raises(KeyError):
            op(x)
        gc.collect()  # the traceback
        return tw.profiler.memory_in_use() - before

    x = leaf(*range(100))
    assert tried(tw.exp, x) == tried(lambda t: t.softmax(0), x) == 0
    assert tried(lambda t: t.sigmoid_(), x * 2) <= 0
    assert tried(Square.apply, x) == 0


def test_disabled() -> None:
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"):
        graph.save_on_cpu().__enter__()
    with graph.save_on_cpu(), pytest.raises(RuntimeError, match="active already"):
        graph.disable_saved_tensors_hooks("not here").__enter__()
    with graph.save_on_cpu():
        pass


def test_nothing_is_held_after_the_graph() -> None:
    class Packed:
        def __init__(self, tensor: tw.Tensor) -> None:
            self.tensor = tensor

    alive: list[weakref.ref[Packed]] = []

    def pack(tensor: tw.Tensor) -> Packed:
        packed = Packed(tensor)
        alive.append(weakref.ref(packed))
        return packed

    x = leaf(1.0)
    with graph.saved_tensors_hooks(pack, lambda packed: packed.tensor):
        y = Square.apply(x.exp()).tanh()
    assert len(alive) == 4
    assert all(ref() is not None for ref in alive)
    y.backward()
    assert [ref() for ref in alive] == [None] * 4
    with graph.saved_tensors_hooks(pack, lambda packed: packed.tensor):
        y = Square.apply(x.exp())
    del y
    gc.collect()
    assert [ref() for ref in alive] == [None] * len(alive)


def test_raw_saved_tensors_take_hooks() -> None:
    x = leaf(2.0)
    y = x.exp()
    calls = []

    def unpack(kept: tw.Tensor) -> tw.Tensor:
        calls.append("unpack")
        return kept

    y.grad_fn._raw_saved_result.register_hooks(lambda t: calls.append("pack") or t.clone(), unpack)
    with pytest.raises(RuntimeError, match="hooks already"):
        y.grad_fn._raw_saved_result.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(TypeError, match="two callables"):
        y.grad_fn._raw_saved_result.register_hooks(1, 2)
    assert y.grad_fn._saved_result.item() == pytest.approx(np.exp(2.0))
    (first,) = tw.autograd.grad(y, x, create_graph=True)
    (second,) = tw.autograd.grad(first, x)
    assert second.item() == pytest.approx(np.exp(2.0))
    assert calls[:2] == ["pack", "unpack"]
    freed = (x * x).exp()
    raw = freed.grad_fn._raw_saved_result
    freed.backward()
    with pytest.raises(RuntimeError, match="there is no tensor"):
        raw.register_hooks(lambda t: t, lambda t: t)


def test_raw_saved_tensors_of_lists_and_functions() -> None:
    x = leaf(2.0, 3.0)
    y = Square.apply(x)
    kept = y.grad_fn._raw_saved_tensors
    assert len(kept) == 3
    for raw in kept[:2]:
        raw.register_hooks(lambda t: t.numpy().copy(), tw.from_numpy)
    with pytest.raises(RuntimeError, match="None was saved"):
        kept[2].register_hooks(lambda t: t, lambda t: t)
    assert [t if t is None else t.tolist() for t in y.grad_fn.saved_tensors] == [[2.0, 3.0], [4.0, 9.0], None]
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_save_on_cpu() -> None:
    for pinned in (False, True):
        x = leaf(1.0, 2.0)
        with graph.save_on_cpu(pin_memory=pinned):
            y = (x * x).sum()
        y.backward()
        assert x.grad.tolist() == [2.0, 4.0]


def test_mutation_of_saved_tensors() -> None:
    x = leaf(1.0, 2.0)
    with graph.allow_mutation_on_saved_tensors():
        a = x * 3
        b = a * a
        a.zero_()
        b.sum().backward()
    assert x.grad.tolist() == [18.0, 36.0]


def test_unpack_that_runs_a_pass_of_its_own() -> None:
    """No lock is held while hooks run, so they may differentiate, also the same graph."""
    x = leaf(3.0)
    inner = x.sin()

    def unpack(kept: tw.Tensor) -> tw.Tensor:
        tw.autograd.grad(inner, x, retain_graph=True)
        return kept

    with graph.saved_tensors_hooks(lambda t: t, unpack):
        y = inner * x
    y.backward()
    assert x.grad.item() == pytest.approx(np.sin(3.0) + 3 * np.cos(3.0))


def test_one_graph_with_hooks_from_several_threads() -> None:
    x = leaf(*np.linspace(0.1, 1.0, 50))
    with graph.saved_tensors_hooks(lambda t: t.numpy().copy(), tw.from_numpy):
        y = (x.exp() * x).sum()
    expected = (np.exp(x.detach().numpy()) * (1 + x.detach().numpy())).tolist()
    failed: list[object] = []

    def work() -> None:
        for _ in range(30):
            found = tw.autograd.grad(y, x, retain_graph=True)[0].tolist()
            if not np.allclose(found, expected, rtol=1e-14):
                failed.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_hooks_inside_of_transforms() -> None:
    with graph.saved_tensors_hooks(lambda t: t * 1, lambda t: t):
        found = tw.func.vmap(tw.func.grad(lambda x: (x.exp() * x).sum()))(tw.zeros(3, 2))
    assert found.tolist() == [[1.0, 1.0]] * 3
