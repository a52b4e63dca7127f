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


def test_functions_on_several_threads() -> None:
    """Saved tensors belong to the call of backward, not to the context that threads share."""

    class Product(tw.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            ctx.result = a * b
            return ctx.result

        @staticmethod
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            assert (a * b == ctx.result).all()
            return grad * b, grad * a

    a = tw.rand(50, requires_grad=True)
    b = tw.rand(50, requires_grad=True)
    y = Product.apply(Product.apply(a, b), b).sum()
    expected = [t.tolist() for t in tw.autograd.grad(y, (a, b), retain_graph=True)]

    def work(_: int) -> None:
        for _ in range(30):
            assert [t.tolist() for t in tw.autograd.grad(y, (a, b), retain_graph=True)] == expected

    run(8, work)


def test_hooks_that_raise_on_one_thread() -> None:
    x = tw.ones(10, requires_grad=True)
    y = (x * 2).exp()
    z = y.sum()
    failing = threading.local()

    def hook(grad: tw.Tensor) -> None:
        if getattr(failing, "now", False):
            raise ValueError("mine")

    y.register_hook(hook)

    def work(i: int) -> None:
        failing.now = i % 2 == 0
        for _ in range(30):
            try:
                tw.autograd.grad(z, x, retain_graph=True)
                assert not failing.now
            except ValueError:
                assert failing.now

    run(6, work)


def test_passes_inside_of_passes_on_several_threads() -> None:
    x = tw.ones(5, requires_grad=True)
    y = x * 3

    def hook(grad: tw.Tensor) -> tw.Tensor:
        with tw.enable_grad():
            z = x.detach().requires_grad_()
            (inner,) = tw.autograd.grad((z * z).sum(), z)
        return grad * inner

    y.register_hook(hook)
    z = y.sum()

    def work(_: int) -> None:
        for _ in range(30):
            assert tw.autograd.grad(z, x, retain_graph=True)[0].tolist() == [6.0] * 5

    run(6, work)


def test_anomaly_mode_while_other_threads_run() -> None:
    def work(i: int) -> None:
        for _ in range(20):
            x = tw.ones(4, requires_grad=True)
            if i == 0:
                with tw.autograd.detect_anomaly():
                    (x * 2).exp().sum().backward()
            else:
                (x * 2).exp().sum().backward()

    run(4, work)
