"""Passes on several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import tensorwright as tw


def run(count: int, work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_graphs_that_share_a_leaf() -> None:
    x = tw.ones(1000, requires_grad=True)

    def work(_: int) -> None:
        for _ in range(50):
            (x * 2).sum().backward()

    run(8, work)
    assert x.grad.tolist() == [2.0 * 8 * 50] * 1000


def test_one_graph_from_several_threads() -> None:
    x = tw.ones(100, requires_grad=True)
    y = (x.exp() * x).sum()

    def work(_: int) -> None:
        for _ in range(30):
            tw.autograd.grad(y, x, retain_graph=True)

    run(8, work)


def test_grad_mode_belongs_to_the_thread() -> None:
    seen = []
    with tw.no_grad():
        run(1, lambda _: seen.append(tw.is_grad_enabled()))
    assert seen == [True]


def test_graph_dropped_on_another_thread() -> None:
    graphs = []
    run(1, lambda _: graphs.append(tw.ones(10, requires_grad=True).exp().log().sum()))
    graphs[0].backward()
    held = [graphs.pop()]
    run(1, lambda _: held.clear())


def test_hooks_on_several_threads() -> None:
    counts = [0] * 4

    def work(i: int) -> None:
        x = tw.ones(10, requires_grad=True)

        def hook(grad: tw.Tensor) -> None:
            counts[i] += 1

        x.register_hook(hook)
        for _ in range(50):
            (x * i).sum().backward()

    run(4, work)
    assert counts == [50] * 4
