"""Captured functions against the functions themselves."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import tensorwright as tw


def same(a: tw.Tensor, b: tw.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def test_other_inputs_run_the_same_ops() -> None:
    def function(x: tw.Tensor, y: tw.Tensor) -> dict[str, Any]:
        z = (x @ y).relu()
        z += 1
        values, indices = z.max(0)
        return {"values": values, "rest": [z, (indices,)]}

    captured = tw.jit.trace(function, (tw.randn(3, 4), tw.randn(4, 2)))
    x, y = tw.randn(3, 4), tw.randn(4, 2)
    expected, got = function(x, y), captured(x, y)
    assert same(got["values"], expected["values"])
    assert same(got["rest"][0], expected["rest"][0])
    assert same(got["rest"][1][0], expected["rest"][1][0])
    captured.program.verify()


def test_views_and_writes_through_them() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        y = x.clone()
        y[0].mul_(10)
        y.t()[1] = 5
        return y

    captured = tw.jit.trace(function, tw.randn(3, 3))
    x = tw.randn(3, 3)
    assert same(captured(x), function(x))


def test_modules_bind_parameters_by_name() -> None:
    model = tw.nn.Sequential(tw.nn.Conv2d(1, 4, 3), tw.nn.BatchNorm2d(4), tw.nn.Flatten(), tw.nn.Linear(144, 2)).eval()
    captured = tw.jit.trace(model, tw.randn(2, 1, 8, 8))
    names = [*dict(model.named_parameters()), "1.running_mean", "1.running_var"]
    assert sorted(captured.program.attributes) == sorted(names)
    x = tw.randn(2, 1, 8, 8)
    assert same(captured(x), model(x))
    captured.program.verify("functional")


def test_nodes_know_their_line() -> None:
    captured = tw.jit.trace(lambda x: x.sin(), tw.ones(2))
    assert 'test_trace.py":' in captured.graph


def test_a_number_taken_from_a_tensor_warns_with_the_line() -> None:
    for take in (float, lambda t: t.item(), lambda t: t.tolist(), bool):
        with pytest.warns(tw.jit.TracerWarning, match="constant") as caught:
            tw.jit.trace(lambda x, take=take: x * 1.0 if take(x.sum()) else x, tw.ones(2))  # type: ignore[misc]
        assert caught[0].filename == __file__


def test_what_differs_between_runs_is_refused() -> None:
    with pytest.raises(tw.jit.TracingCheckError, match="random"):
        tw.jit.trace(lambda x: x + tw.rand(2), tw.ones(2))


def test_errors_close_the_trace() -> None:
    def fails(x: tw.Tensor) -> tw.Tensor:
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        tw.jit.trace(fails, tw.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(tw.ones(1)) == 1.0  # no trace listens any more
    with pytest.raises(TypeError, match="input 'x' must be a Tensor, got int"):
        tw.jit.trace(lambda x: x, (1,))


def test_threads_trace_apart() -> None:
    captured: dict[int, Any] = {}

    def work(k: int) -> None:
        captured[k] = tw.jit.trace(lambda x: sum((x * i for i in range(k + 1)), x), tw.ones(2))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, graph in captured.items():
        assert graph.graph.count("tw::mul") == k + 1


def steps(x: tw.Tensor) -> tw.Tensor:
    w = x.detach().requires_grad_()
    (w * w).sin().sum().backward()
    return w.grad  # type: ignore[return-value]


def per_sample(x: tw.Tensor) -> tw.Tensor:
    return tw.func.vmap(tw.func.grad(lambda row: (row.exp() * row).sum()))(x)  # type: ignore[no-any-return]


def tangents(x: tw.Tensor) -> tw.Tensor:
    return tw.func.jvp(lambda a: a.tanh() * a, (x,), (x.cos(),))[1]  # type: ignore[no-any-return]


def curvature(x: tw.Tensor) -> tw.Tensor:
    return tw.func.hessian(lambda a: (a**3).sum())(x[0])  # type: ignore[no-any-return]


@pytest.mark.parametrize("function", [steps, per_sample, tangents, curvature])
def test_primitive_graphs_hold_gradients_and_transforms(function: Callable[[tw.Tensor], tw.Tensor]) -> None:
    graph = tw.jit.make_graph(function, tw.randn(4, 3))
    x = tw.randn(4, 3)
    assert same(graph(x), function(x))
    graph.program.verify()


def test_composites_come_apart_only_in_primitive_graphs() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        return tw.nn.functional.cross_entropy(x, x)

    assert "tw::cross_entropy" in tw.jit.trace(function, tw.ones(2, 2)).graph
    assert "tw::cross_entropy" not in tw.jit.make_graph(function, tw.ones(2, 2)).graph


# ---- traces inside of traces ----------------------------------------------------------------------------------------


def doubles(x: tw.Tensor) -> tw.Tensor:
    return x.sin() * 2


compiled = tw.compile(doubles)


def seen_by_an_inner(x: tw.Tensor, capture: Callable[..., Any]) -> tw.Tensor:
    seen: list[tw.Tensor] = []

    def inner(y: tw.Tensor) -> tw.Tensor:
        seen.append(y * 2)
        return y * 3

    capture(inner, x)
    return seen[0] + 1


def trace(function: Callable[..., Any], x: tw.Tensor) -> Any:
    return tw.jit.trace(function, x, check_trace=False)


NESTED: dict[str, Callable[[tw.Tensor], tw.Tensor]] = {
    "a tensor that an inner trace made": lambda x: seen_by_an_inner(x, trace),
    "a tensor that an inner primitive trace made": lambda x: seen_by_an_inner(x, tw.jit.make_graph),
    "a run of what was traced inside": lambda x: trace(lambda y: y * x, x)(x + 1),
    "a tensor of the outer one in an inner one": lambda x: [z := x.exp(), trace(lambda y: y + z, x)(x)][1],
    "a compiled function, which records its first run": lambda x: tw.compile(doubles)(x) + 1,
    "a compiled function, which replays": lambda x: compiled(x) + 1,
    "two levels": lambda x: seen_by_an_inner(x, lambda f, y: trace(lambda z: seen_by_an_inner(z, trace) + f(z), y)),
    "what an inner trace writes in place": lambda x: [y := x.clone(), trace(lambda z: y.add_(z), x)][0],  # type: ignore[list-item,return-value]
    "an op written over others": lambda x: seen_by_an_inner(tw.nn.functional.cross_entropy(x, x), trace),
}


@pytest.mark.filterwarnings("ignore::tensorwright.jit.CompileWarning")
@pytest.mark.parametrize("capture", [trace, tw.jit.make_graph])
@pytest.mark.parametrize("function", NESTED.values(), ids=NESTED)
def test_what_runs_in_an_inner_trace_is_a_part_of_the_outer(
    function: Callable[[tw.Tensor], tw.Tensor], capture: Callable[..., Any]
) -> None:
    compiled(tw.ones(3, 3))
    captured = capture(function, tw.randn(3, 3))
    assert not captured.program.attributes  # a constant that the outer one kept would be one
    for _ in range(2):
        x = tw.randn(3, 3)
        assert same(captured(x), function(x))


def test_the_inner_graph_is_what_it_is_alone() -> None:
    inner: list[Any] = []

    def outer(x: tw.Tensor) -> tw.Tensor:
        inner.append(trace(doubles, x))
        return x

    trace(outer, tw.ones(2))
    ops = [line.split(" loc")[0] for line in inner[0].graph.splitlines()]
    assert ops == [line.split(" loc")[0] for line in trace(doubles, tw.ones(2)).graph.splitlines()]


def test_a_script_that_reads_a_tensor_inside_of_a_trace_warns() -> None:
    @tw.jit.script
    def sign(x: tw.Tensor) -> tw.Tensor:
        return x * 2 if x.sum() > 0 else x * 3

    @tw.jit.script
    def first(x: tw.Tensor) -> tw.Tensor:
        return x * x[0].item()

    for scripted in (sign, first):
        with pytest.warns(tw.jit.TracerWarning, match="constant") as caught:
            tw.jit.trace(lambda x, scripted=scripted: scripted(x), tw.ones(2))  # type: ignore[misc]
        assert caught[0].filename == __file__


def test_examples_may_be_a_list() -> None:
    captured = tw.jit.trace(lambda x, y: x * y, [tw.ones(2), tw.full((2,), 3.0)])
    assert captured(tw.full((2,), 2.0), tw.ones(2)).tolist() == [2.0, 2.0]
