"""What a graph keeps alive, and that it lets go."""

from __future__ import annotations

import gc
import resource
import weakref

import numpy as np
import pytest
import tensorwright as tw


def leaf(*shape: int) -> tw.Tensor:
    return tw.ones(*shape, requires_grad=True)


def resident() -> int:
    """Resident memory in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Witness:
    """A hook that does nothing: it lives as long as the node that it is registered on."""

    def __call__(self, *_: object) -> None:
        return None


def watch(tensor: tw.Tensor) -> weakref.ref[Witness]:
    witness = Witness()
    tensor.grad_fn.register_hook(witness)
    return weakref.ref(witness)


def foreign(*shape: int) -> tuple[tw.Tensor, weakref.ref[np.ndarray]]:
    """A tensor over NumPy's memory: the array lives as long as the tensor."""
    array = np.ones(shape, dtype=np.float32)
    return tw.from_numpy(array), weakref.ref(array)


def test_graph_dies_with_its_result() -> None:
    y = (leaf(3) * 2).exp().sum()
    alive = watch(y)
    del y
    assert alive() is None


def test_nodes_that_save_their_results_die_with_them() -> None:
    alive = []
    for op in (tw.exp, tw.tanh, tw.sigmoid, tw.sqrt, lambda t: t.softmax(0), lambda t: (t * 1).exp_()):
        y = op(leaf(3))
        alive.append(watch(y))
        del y
    assert [ref() for ref in alive] == [None] * len(alive)


def test_backward_frees_what_was_saved() -> None:
    factor, alive = foreign(3)
    y = (leaf(3) * factor).sum()
    del factor
    assert alive() is not None
    y.backward(retain_graph=True)
    assert alive() is not None
    y.backward()
    assert alive() is None


def test_only_what_the_gradient_needs_is_kept() -> None:
    factor, alive = foreign(3)
    y = tw.ones(3).requires_grad_() + factor  # an addition needs neither operand
    del factor
    assert alive() is None
    y.sum().backward()


def test_a_factor_is_not_kept_for_an_operand_that_needs_no_gradient() -> None:
    constant, alive = foreign(3)
    y = constant + leaf(3)
    z = y.sum()
    del constant, y
    assert alive() is None
    z.backward()


@pytest.mark.parametrize(
    "step",
    [
        lambda x: (x * x).sum().backward(),
        lambda x: tw.autograd.grad((x.exp() * x).sum(), x),
        lambda x: tw.autograd.grad(tw.autograd.grad((x * x * x).sum(), x, create_graph=True)[0].sum(), x),
        lambda x: (x * 1)[1:].mul_(2).sum().backward(),
        lambda x: (x * 1).register_hook(lambda grad: grad),
        lambda x: tw.autograd.grad((x * 1).add_(x).sigmoid().sum(), x),
        lambda x: x.exp() + 1,
    ],
    ids=["backward", "grad", "second order", "write into a view", "hook", "in place", "no backward"],
)
def test_steps_do_not_leak(step) -> None:
    x = tw.ones(1 << 14, requires_grad=True)
    for _ in range(50):
        step(x)
        x.grad = None
    gc.collect()
    before = resident()
    for _ in range(1000):
        step(x)
        x.grad = None
    gc.collect()
    assert resident() - before < 8 << 20  # a leak of one tensor per step would take 64 MiB


def test_only_the_shape_is_kept_where_only_the_shape_is_needed() -> None:
    values, alive = foreign(3, 4)
    total = values.requires_grad_().sum()
    del values
    assert alive() is not None  # the leaf itself, where the gradient goes
    values, alive = foreign(3, 4)
    total = (values + leaf(1)).sum()
    del values
    assert alive() is None
    total.backward()


def test_gradient_takes_over_the_memory_of_the_pass() -> None:
    x = leaf(1 << 22)
    y = (x * 2).sum()
    y.backward()
    x.grad = None
    before = resident()
    for _ in range(3):
        (x * 2).sum().backward()
        x.grad = None
    assert resident() - before < 40 << 20


def test_million_nodes_are_given_back() -> None:
    def chain() -> None:
        y = leaf(1)
        for _ in range(200_000):
            y = y * 2
        del y

    chain()
    before = resident()
    chain()
    assert resident() - before < 16 << 20


# ---- by the allocator's own count -----------------------------------------------------------------------------------


class Scale(tw.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.output = x * factor
        ctx.factor = factor
        return ctx.output

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.factor + 0 * ctx.output, None


def second_order(x: tw.Tensor) -> None:
    (first,) = tw.autograd.grad(Scale.apply(x.exp(), 2.0).sum(), x, create_graph=True)
    first.sum().backward()


def with_hooks(x: tw.Tensor) -> None:
    y = x * 2
    y.register_hook(lambda grad: grad * 2)
    y.grad_fn.metadata["note"] = [1]
    y.retain_grad()
    (y * y).sum().backward()


def failing_hook(x: tw.Tensor) -> None:
    y = x.exp()

    def fail(grad: tw.Tensor) -> None:
        raise ValueError("mine")

    y.register_hook(fail)
    with pytest.raises(ValueError, match="mine"):
        (y * y).sum().backward()


def accumulated(x: tw.Tensor) -> None:
    x.exp().sum().backward(create_graph=True)  # the gradient holds the graph that computed it
    x.grad = None


def packed(x: tw.Tensor) -> None:
    with tw.autograd.graph.saved_tensors_hooks(lambda t: [t], lambda kept: kept[0]):
        Scale.apply(x.exp(), 3.0).tanh().sum().backward()


def profiled(x: tw.Tensor) -> None:
    with tw.profiler.profile(record_shapes=True, with_stack=True) as prof:
        x.exp().sum().backward()
    prof.key_averages().table()


def visualized(x: tw.Tensor) -> None:
    assert tw.autograd.visualize(Scale.apply(x.exp(), 2.0)).svg


@pytest.mark.parametrize(
    "step",
    [second_order, with_hooks, failing_hook, accumulated, packed, profiled, visualized],
    ids=lambda f: f.__name__,
)
def test_no_byte_stays(step) -> None:
    x = tw.ones(1000, requires_grad=True)
    step(x)
    x.grad = None
    gc.collect()
    before = tw.profiler.memory_in_use()
    for _ in range(5):
        step(x)
        x.grad = None
    gc.collect()
    assert tw.profiler.memory_in_use() == before


def test_cycles_of_python_that_hold_a_graph_are_collected() -> None:
    class Owner:
        pass

    gc.collect()
    before = tw.profiler.memory_in_use()
    owner = Owner()
    owner.me = owner
    owner.graph = Scale.apply(leaf(1000).exp(), 2.0)
    owner.node = owner.graph.grad_fn
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None
    assert tw.profiler.memory_in_use() == before
