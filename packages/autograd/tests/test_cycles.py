"""Cycles of Python objects that lead through a graph: Python's collector finds them, and only them."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tensorwright as tw
from tensorwright.profiler import memory_in_use


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Runs only when it is asked to."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


class Holder:
    out: tw.Tensor
    more: Any


class Keep(tw.autograd.Function):
    """Its context holds an object that holds its output."""

    @staticmethod
    def forward(ctx, x, holder):
        holder.out = x.exp()
        ctx.holder, ctx.by_name = holder, {"out": holder.out}
        return holder.out

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.by_name["out"], None


def through_context(x: tw.Tensor) -> Holder:
    holder = Holder()
    Keep.apply(x, holder)
    return holder


def through_hook(x: tw.Tensor) -> Holder:
    holder = Holder()
    holder.out = x * 2
    holder.out.register_hook(lambda grad: holder.out)
    return holder


def through_hook_on_node(x: tw.Tensor) -> Holder:
    holder = Holder()
    holder.out = x * 2
    holder.out.grad_fn.register_hook(lambda *_: holder.__dict__.get("nothing"))
    holder.out.grad_fn.register_prehook(lambda *_: holder.__dict__.get("nothing"))
    return holder


def through_metadata(x: tw.Tensor) -> Holder:
    holder = Holder()
    holder.out = x * 2
    holder.out.grad_fn.metadata["holder"] = holder
    return holder


def through_earlier_node(x: tw.Tensor) -> Holder:
    holder = Holder()
    y = x * 2
    y.register_hook(lambda grad: holder.out)
    holder.out = y.exp() + 1
    return holder


def through_hook_of_a_leaf(x: tw.Tensor) -> Holder:
    holder = Holder()
    holder.out = tw.ones(1000, requires_grad=True)
    holder.out.register_hook(lambda grad: holder.out)
    holder.out.register_post_accumulate_grad_hook(lambda leaf: holder)
    return holder


def through_a_view(x: tw.Tensor) -> Holder:
    holder = Holder()
    holder.out = (x * 2)[1:]
    holder.out.register_hook(lambda grad: holder.out)
    return holder


CYCLES = [
    through_context, through_hook, through_hook_on_node, through_metadata, through_earlier_node, through_hook_of_a_leaf,
    through_a_view,
]  # fmt: skip


@pytest.mark.parametrize("make", CYCLES, ids=lambda make: make.__name__)
def test_collected(make: Callable[[tw.Tensor], Holder]) -> None:
    x = tw.ones(1000, requires_grad=True)
    make(x)
    gc.collect()
    before = memory_in_use()
    alive = weakref.ref(make(x))
    assert alive() is not None
    assert memory_in_use() > before
    gc.collect()
    assert alive() is None
    assert memory_in_use() == before


@pytest.mark.parametrize("make", CYCLES, ids=lambda make: make.__name__)
def test_what_is_in_use_stays(make: Callable[[tw.Tensor], Holder]) -> None:
    x = tw.ones(1000, requires_grad=True)
    out = make(x).out  # the tensor alone
    loss = out.sum()
    gc.collect()
    gc.collect()
    loss.backward()
    gradient = (x if make is not through_hook_of_a_leaf else out).grad
    assert gradient.shape == (1000,)


def test_hook_that_only_the_graph_holds() -> None:
    x = tw.ones(3, requires_grad=True)
    seen: list[float] = []

    def made() -> Callable[[tw.Tensor], None]:
        factor = [2.0]
        return lambda grad: seen.append(factor[0])

    y = x * 2
    y.register_hook(made())
    z = y.sum()
    for _ in range(3):
        gc.collect()
    del y
    gc.collect()
    z.backward()
    assert seen == [2.0]


def test_subclasses() -> None:
    class Named(tw.Tensor):
        name: Any

    tensor = Named(tw.ones(1000))
    tensor.name = [tensor]
    alive = weakref.ref(tensor)
    del tensor
    assert alive() is not None
    gc.collect()
    assert alive() is None


def test_plain_tensors_are_not_looked_at() -> None:
    x = tw.ones(3)
    assert not gc.is_tracked(x)
    assert not gc.is_tracked(x * 2)
    y = (tw.ones(3, requires_grad=True) * 2).detach()
    assert not gc.is_tracked(y)
    assert gc.is_tracked(tw.ones(3, requires_grad=True) * 2)


def test_collector_beside_passes_on_other_threads() -> None:
    """Large tensors, so that ops and passes run without the interpreter lock while the collector looks."""
    gc.enable()
    threshold = gc.get_threshold()
    stop = threading.Event()
    failed: list[BaseException] = []

    def collect() -> None:
        while not stop.is_set():
            gc.collect(0)

    def train(number: int) -> None:
        try:
            for i in range(40):
                x = tw.ones(1 << 15, requires_grad=True)
                counts = [0]

                def hook(grad: tw.Tensor, counts: list[int] = counts) -> None:
                    counts[0] += 1

                holder = Holder()
                y = Keep.apply(x, holder)
                y.register_hook(hook)
                z = (y * y).sum()
                z.grad_fn.metadata["count"] = counts
                assert z.grad_fn.metadata["count"] is counts
                z.backward(retain_graph=i % 2 == 0)
                assert counts == [1]
                assert abs(x.grad[0].item() - 2 * 2.718281828459045**2) < 1e-4
        except BaseException as error:
            failed.append(error)

    try:
        gc.set_threshold(5, 2, 2)
        threads = [threading.Thread(target=train, args=(i,)) for i in range(3)]
        collecting = threading.Thread(target=collect)
        for thread in [*threads, collecting]:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        collecting.join()
    finally:
        gc.set_threshold(*threshold)
    assert failed == []
