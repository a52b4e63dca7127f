"""Nodes, edges and hooks over several gradients."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
import tensorwright as tw
from tensorwright.autograd import graph


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(list(values), dtype=tw.float64, requires_grad=True)


# ---- nodes ------------------------------------------------------------------------------------------------------


def test_nodes_compare_by_what_they_stand_for() -> None:
    x = leaf(1.0)
    y = x * 2
    z = y.exp()
    assert y.grad_fn == y.grad_fn
    assert y.grad_fn != z.grad_fn
    assert z.grad_fn.next_functions[0][0] == y.grad_fn
    assert len({y.grad_fn, y.grad_fn, z.grad_fn}) == 2
    assert y.grad_fn != 1
    assert isinstance(y.grad_fn, graph.Node)
    assert not isinstance(x, graph.Node)
    assert not isinstance(y.grad_fn.name, graph.Node)


def test_metadata_stays_with_the_node() -> None:
    y = leaf(1.0) * 2
    z = y.exp()
    assert y.grad_fn.metadata == {}
    y.grad_fn.metadata["a"] = [1]
    assert z.grad_fn.next_functions[0][0].metadata == {"a": [1]}
    assert z.grad_fn.metadata == {}

    class Note:
        pass

    note = Note()
    alive = weakref.ref(note)
    z.grad_fn.metadata["note"] = note
    del note
    assert alive() is not None
    del z
    assert alive() is None


def test_metadata_of_one_node_from_several_threads() -> None:
    y = leaf(1.0) * 2
    found: list[dict[object, object]] = []
    threads = [threading.Thread(target=lambda: found.append(y.grad_fn.metadata)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one is found[0] for one in found)


# ---- edges ------------------------------------------------------------------------------------------------------


def test_edges_stand_for_tensors() -> None:
    x = leaf(1.0, 2.0)
    a = x * 2
    edge = graph.get_gradient_edge(a)
    assert edge.node == a.grad_fn
    assert edge.output_nr == 0
    out = (a * a).sum()
    (by_edge,) = tw.autograd.grad(out, edge, retain_graph=True)
    (by_tensor,) = tw.autograd.grad(out, [a], retain_graph=True)
    assert by_edge.tolist() == by_tensor.tolist() == [4.0, 8.0]
    assert tw.autograd.grad(edge, x, tw.ones(2, dtype=tw.float64), retain_graph=True)[0].tolist() == [2.0, 2.0]
    tw.autograd.backward(edge, tw.ones(2, dtype=tw.float64), inputs=[graph.get_gradient_edge(x)])
    assert x.grad.tolist() == [2.0, 2.0]


def test_edge_of_a_leaf() -> None:
    x = leaf(3.0)
    edge = graph.get_gradient_edge(x)
    assert edge.node.name() == "AccumulateGrad"
    assert edge.node.variable is x
    assert tw.autograd.grad(x * x, graph.GradientEdge(edge.node, 0))[0].item() == 6.0


def test_edge_does_not_keep_the_tensor() -> None:
    x = leaf(1.0, 2.0)
    a = x * 2
    edge = graph.get_gradient_edge(a)
    alive = weakref.ref(a)
    out = a + 1
    del a
    assert alive() is None
    assert tw.autograd.grad(out.sum(), edge)[0].tolist() == [1.0, 1.0]


def test_edges_of_ops_with_several_results() -> None:
    x = leaf(3.0, 1.0, 2.0)
    values, _ = x.sort()
    first, second, third = x.unbind()
    edge = graph.get_gradient_edge(second)
    assert edge.output_nr == 1
    out = first * second * third + values.sum()
    assert tw.autograd.grad(out, edge)[0].item() == 6.0


def test_plain_edges_take_the_shape_of_the_gradient() -> None:
    x = leaf(1.0, 2.0)
    a = x * 2
    edge = graph.GradientEdge(a.grad_fn, 0)
    assert tw.autograd.grad(edge, x, tw.ones(2, dtype=tw.float64))[0].tolist() == [2.0, 2.0]


def test_refused_edges() -> None:
    x = leaf(1.0)
    y = x * 2
    with pytest.raises(RuntimeError, match="does not require grad"):
        graph.get_gradient_edge(tw.ones(1))
    with pytest.raises(TypeError, match="expected a Tensor"):
        graph.get_gradient_edge(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no number 4"):
        tw.autograd.grad(y, graph.GradientEdge(y.grad_fn, 4))
    with pytest.raises(ValueError, match=r"no leaf and has no \.grad"):
        tw.autograd.backward(y, inputs=graph.get_gradient_edge(y))


# ---- hooks over several gradients -------------------------------------------------------------------------------


def test_all_gradients_together() -> None:
    a, b, c = leaf(1.0), leaf(2.0), leaf(3.0)
    seen: list[list[float | None]] = []
    handle = graph.register_multi_grad_hook(
        (a, b, c), lambda grads: seen.append([None if g is None else g.item() for g in grads])
    )
    (a * b * c).backward()
    (a * b).backward()
    assert seen == [[6.0, 3.0, 2.0], [2.0, 1.0, None]]
    handle.remove()
    (a * b).backward()
    assert len(seen) == 2


def test_called_when_the_last_gradient_is_there() -> None:
    a, b = leaf(1.0), leaf(2.0)
    hidden = a * b
    order: list[str] = []
    graph.register_multi_grad_hook((hidden, b), lambda _: order.append("both"))
    hidden.register_hook(lambda _: order.append("hidden"))
    b.register_hook(lambda _: order.append("b"))
    (hidden * 2).backward()
    assert order == ["hidden", "both", "b"]


def test_first_gradient_only() -> None:
    a, b = leaf(1.0), leaf(2.0)
    seen: list[float] = []
    with graph.register_multi_grad_hook((a, b), lambda grad: seen.append(grad.item()), mode="any"):
        y = a * b
        y.backward(retain_graph=True)
        y.backward()
    assert len(seen) == 2
    (a * b).backward()
    assert len(seen) == 2
    with pytest.raises(ValueError, match="mode"):
        graph.register_multi_grad_hook((a,), print, mode="some")  # type: ignore[call-overload]


def test_only_the_inputs_asked_for_count() -> None:
    a, b = leaf(1.0), leaf(2.0)
    seen: list[list[float | None]] = []
    graph.register_multi_grad_hook((a, b), lambda grads: seen.append([None if g is None else g.item() for g in grads]))
    tw.autograd.grad(a * b, a)
    assert seen == [[2.0, None]]


def test_pass_inside_of_a_pass() -> None:
    a, b = leaf(1.0), leaf(2.0)
    seen: list[list[float]] = []
    graph.register_multi_grad_hook((a, b), lambda grads: seen.append([g.item() for g in grads]))
    y = a * b

    def inner(_: tw.Tensor) -> None:
        with tw.enable_grad():
            tw.autograd.grad(3 * a * b, (a, b))

    y.register_hook(inner)
    y.backward()
    assert seen == [[6.0, 3.0], [2.0, 1.0]]


def test_several_threads() -> None:
    a, b = leaf(1.0), leaf(2.0)
    seen: list[tuple[float, ...]] = []
    graph.register_multi_grad_hook((a, b), lambda grads: seen.append(tuple(g.item() for g in grads)))

    def work(factor: int) -> None:
        for _ in range(20):
            tw.autograd.grad(factor * a * b, (a, b))

    threads = [threading.Thread(target=work, args=(i + 1,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted([(2.0 * f, 1.0 * f) for f in (1, 2, 3, 4)] * 20)


# ---- versions ---------------------------------------------------------------------------------------------------


def test_increment_version() -> None:
    x, factor = leaf(1.0), tw.ones(1, dtype=tw.float64)
    y = x * factor
    graph.increment_version([factor])
    assert factor._version == 1
    with pytest.raises(RuntimeError, match="modified in place"):
        y.backward()


# ---- hooks that fail, hooks that differentiate ------------------------------------------------------------------


def test_hook_that_raises_leaves_the_graph_usable() -> None:
    x = leaf(1.0)
    y = x * 2
    z = y * 3

    def fail(_: tw.Tensor) -> None:
        raise ZeroDivisionError("mine")

    for target in (y, x):
        handle = target.register_hook(fail)
        with pytest.raises(ZeroDivisionError, match="mine"):
            z.backward(retain_graph=True)
        handle.remove()
    handle = y.grad_fn.register_prehook(fail)
    with pytest.raises(ZeroDivisionError):
        z.backward(retain_graph=True)
    handle.remove()
    x.grad = None
    z.backward()
    assert x.grad.item() == 6.0


def test_hook_that_calls_backward() -> None:
    x = leaf(2.0)
    y = x * x
    extra = leaf(5.0)

    def hook(grad: tw.Tensor) -> None:
        with tw.enable_grad():
            (extra * grad).backward()

    y.register_hook(hook)
    (y * 3).backward()
    assert x.grad.item() == 12.0
    assert extra.grad.item() == 3.0


def test_cycle_through_a_context_is_not_made() -> None:
    """An output kept on the context is kept as a saved tensor: the node does not hold its own result."""

    class Keep(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.y = y
            ctx.both = [x * 2, y]
            return y

        @staticmethod
        def backward(ctx, grad):
            assert ctx.both[1] is ctx.y
            return grad * ctx.y

    class Witness:
        def __call__(self, *_: object) -> None:
            return None

    x = leaf(0.0)
    y = Keep.apply(x)
    witness = Witness()
    alive = weakref.ref(witness)
    y.grad_fn.register_hook(witness)
    del witness
    (first,) = tw.autograd.grad(y, x, create_graph=True)
    assert tw.autograd.grad(first, x)[0].item() == 1.0
    del first, y
    gc.collect()
    assert alive() is None


# ---- profiles -------------------------------------------------------------------------------------------------------


def test_nodes_show_in_profiles() -> None:
    x = leaf(1.0, 2.0)
    with tw.profiler.profile(record_shapes=True) as prof:
        (x * x).exp().sum().backward()
    nodes = [event.name for event in prof.events() if event.kind == "backward_node"]
    assert nodes == ["SumBackward", "ExpBackward", "MulBackward", "AccumulateGrad"]
    (backward,) = [event for event in prof.events() if event.name == "autograd::backward_one"]
    assert {event.parent.name for event in prof.events() if event.kind == "backward_node"} == {backward.name}
    (node,) = [event for event in prof.events() if event.name == "MulBackward"]
    assert [child.name for child in node.children].count("tw::mul") == 2
    with tw.profiler.profile() as prof:
        y = x.sin()
        y.register_hook(lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            y.sum().backward()
        x.cos()
    (cos,) = [event for event in prof.events() if event.name == "tw::cos"]
    assert cos.parent is None
