"""Compiled functions against the functions themselves, and when they do not replay."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tensorwright as tw
from tensorwright.jit import Captured, CompileWarning


def same(a: tw.Tensor, b: tw.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def test_the_second_call_replays() -> None:
    runs = itertools.count()  # whose change nothing notices

    @tw.compile
    def function(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        next(runs)
        return (x * y).relu() + 1

    for _ in range(5):
        x, y = tw.randn(3), tw.randn(3)
        assert same(function(x, y), (x * y).relu() + 1)
    assert next(runs) == 1
    assert "tw::relu" in function.graphs[0]


def test_kinds_of_arguments_have_graphs_of_their_own() -> None:
    @tw.compile
    def function(x: tw.Tensor, power: int = 2, *, flip: bool = False) -> tw.Tensor:
        y = x**power
        return y.flip(0) if flip else y

    calls: list[Callable[[], tw.Tensor]] = [
        lambda: function(tw.arange(3.0)),
        lambda: function(tw.arange(4.0)),
        lambda: function(tw.arange(3)),
        lambda: function(tw.arange(3.0), 3),
        lambda: function(tw.arange(3.0), flip=True),
        lambda: function(tw.arange(6.0)[::2]),
    ]
    expected = [[0.0, 1, 4], [0.0, 1, 4, 9], [0, 1, 4], [0.0, 1, 8], [4.0, 1, 0], [0.0, 4, 16]]
    for _ in range(2):
        assert [call().tolist() for call in calls] == expected
    assert len(function.graphs) == 6


def test_results_keep_their_nesting() -> None:
    @tw.compile
    def function(x: tw.Tensor) -> dict[str, Any]:
        return {"sum": x.sum(), "list": [x, (x + 1, 7, None, "name")]}

    for _ in range(2):
        got = function(tw.ones(2))
        assert got["sum"].item() == 2.0
        assert got["list"][1][0].tolist() == [2.0, 2.0]
        assert got["list"][1][1:] == (7, None, "name")


def test_modules_follow_train_eval_and_their_parameters() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(4, 8), tw.nn.BatchNorm1d(8), tw.nn.Dropout(0.5), tw.nn.Linear(8, 2))
    compiled = tw.compile(model)
    x = tw.randn(16, 4)
    model.eval()
    for _ in range(2):
        assert same(compiled(x), model(x))
    with tw.no_grad():
        model[0].weight.mul_(2.0)
    assert same(compiled(x), model(x))
    model[0].weight = tw.nn.Parameter(tw.zeros(8, 4))
    assert same(compiled(x), model(x))
    assert len(compiled.graphs) == 2
    assert list(compiled.state_dict()) == list(model.state_dict())


def test_a_function_that_changes_what_it_reads_runs_itself() -> None:
    history: list[float] = []

    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        history.append(float(len(history)))
        return x + len(history)

    x = tw.ones(1)
    with pytest.warns(CompileWarning, match="it changes the contents of a list"):
        assert function(x).item() == 2.0
    assert function(x).item() == 3.0
    assert history == [0.0, 1.0]


def test_gradients_flow() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(4, 8), tw.nn.GELU(), tw.nn.Linear(8, 1))
    compiled = tw.compile(model)
    x = tw.randn(16, 4)
    gradients = []
    for run in (model, compiled, compiled):
        model.zero_grad()
        run(x).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for wanted, *got in zip(*gradients, strict=True):
        assert all(same(g, wanted) for g in got)


def test_writes_into_arguments_are_replayed() -> None:
    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        x[0].add_(1)
        return x * 2

    for _ in range(2):
        x = tw.zeros(2, 2)
        assert function(x).tolist() == [[2.0, 2.0], [0.0, 0.0]]
        assert x.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_random_numbers_stay_random() -> None:
    function = tw.compile(lambda x: x + tw.rand(3))
    x = tw.zeros(3)
    assert not same(function(x), function(x))
    tw.manual_seed(0)
    first = function(x)
    tw.manual_seed(0)
    assert same(function(x), first)


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def step(self, x: tw.Tensor) -> tw.Tensor:
        self.count += 1
        return x * self.count


def branch(x: tw.Tensor) -> tw.Tensor:
    return x if x.sum() > 0 else -x


def says(x: tw.Tensor) -> tw.Tensor:
    print("hello")
    return x


def timed(x: tw.Tensor) -> tw.Tensor:
    return x * (time.time() > 0)


def gives_object(x: tw.Tensor) -> Any:
    return object()


UNREPLAYABLE = {
    branch: "takes a Python value from a tensor",
    says: "print() is called",
    timed: "time.time() is called",
    gives_object: "returns a object",
}


@pytest.mark.parametrize("function", UNREPLAYABLE)
def test_what_cannot_be_replayed_runs_eagerly(function: Callable[[tw.Tensor], Any], capsys: Any) -> None:
    compiled = tw.compile(function)
    with pytest.warns(CompileWarning, match="runs eagerly") as caught:
        compiled(tw.ones(2))
    assert UNREPLAYABLE[function] in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(tw.ones(2))  # warns once
    if function is branch:
        assert compiled(-tw.ones(2)).tolist() == [1.0, 1.0]
    if function is says:
        assert capsys.readouterr().out == "hello\n" * 2
    with pytest.raises(RuntimeError, match="compile: "):
        tw.compile(function, fullgraph=True)(tw.ones(2))


def test_changed_attributes_are_no_constants() -> None:
    counter = Counter()
    step = tw.compile(counter.step)
    with pytest.warns(CompileWarning, match="changes attribute 'count' of Counter"):
        assert step(tw.ones(1)).item() == 1.0
    assert [step(tw.ones(1)).item() for _ in range(3)] == [2.0, 3.0, 4.0]


def test_objects_made_on_the_way_are_no_environment() -> None:
    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        counter = Counter()
        return counter.step(counter.step(x))

    for _ in range(2):
        assert function(tw.ones(1)).item() == 2.0
    assert len(function.graphs) == 1


def test_endless_recording_stops_with_a_word() -> None:
    function = tw.compile(lambda x, k: x * k)
    for k in range(16):
        assert function(tw.ones(1), k).item() == k
    with pytest.warns(CompileWarning, match="recorded 16 times; the arguments differ each time"):
        assert function(tw.ones(1), 16).item() == 16


def test_objects_as_arguments_run_eagerly() -> None:
    function = tw.compile(lambda x, thing: x * thing.by)
    thing = Counter()
    thing.by = 3.0  # type: ignore[attr-defined]
    with pytest.warns(CompileWarning, match="an argument is a Counter"):
        assert function(tw.ones(1), thing).item() == 3.0


def test_errors_pass_through_and_leave_nothing() -> None:
    function = tw.compile(lambda x, y: x @ y)
    for _ in range(2):
        with pytest.raises(tw.ShapeError, match="matmul"):
            function(tw.ones(2, 3), tw.ones(2, 3))
    assert function.graphs == []
    assert float(tw.ones(1)) == 1.0


def test_backends() -> None:
    seen: list[Captured] = []

    def backend(captured: Captured) -> Callable[..., Any]:
        seen.append(captured)
        return lambda *tensors: [tensors[0] * 0 + 42]

    function = tw.compile(lambda x: x + 1, backend=backend)
    assert function(tw.ones(1)).item() == 2.0
    assert function(tw.ones(1)).item() == 42.0
    assert len(seen) == 1
    assert "graph" in tw.jit.list_backends()
    with pytest.raises(ValueError, match="no backend 'magic'; installed are graph"):
        tw.compile(lambda x: x, backend="magic")
    with pytest.raises(TypeError, match="expected a function or module, got int"):
        tw.compile(3)  # type: ignore[arg-type]
    assert tw.compile(branch, disable=True) is branch


def test_threads_call_one_function() -> None:
    function = tw.compile(lambda x: (x * 2).sum(-1))
    failures: list[Exception] = []

    def work(k: int) -> None:
        try:
            for n in range(1, 40):
                x = tw.full((n % 3 + 1, 4), float(k))
                assert same(function(x), tw.full((n % 3 + 1,), 8.0 * k))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(function.graphs) == 3


def test_compiled_functions_call_each_other() -> None:
    inner = tw.compile(lambda x: x * 2)
    outer = tw.compile(lambda x: inner(x) + 1)
    assert [outer(tw.full((1,), k)).item() for k in (1.0, 5.0)] == [3.0, 11.0]
    assert "tw::mul" in outer.graphs[0]
    assert inner.graphs == []


def halved_history(x: tw.Tensor) -> tw.Tensor:
    with tw.no_grad():
        y = x * 3
    return y * x


def lowered(x: tw.Tensor) -> tw.Tensor:
    with tw.autocast("cpu", dtype=tw.bfloat16):
        return x @ x


def test_modes_that_the_function_switches_are_not_lost() -> None:
    compiled = tw.compile(halved_history)
    x = tw.ones(1, requires_grad=True)
    with pytest.warns(CompileWarning, match="gradients are switched inside of it"):
        compiled(x)
    compiled(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 3.0
    compiled = tw.compile(lowered)
    with pytest.warns(CompileWarning, match="autocast is switched inside of it"):
        compiled(tw.ones(2, 2))
    assert compiled(tw.ones(2, 2)).dtype == tw.bfloat16
    with pytest.warns(tw.jit.TracerWarning, match="autocast: it is switched"):
        tw.jit.trace(lowered, tw.ones(2, 2), check_trace=False)
    with tw.no_grad():  # nothing is switched
        compiled = tw.compile(halved_history)
        assert [compiled(x).item() for _ in range(2)] == [3.0, 3.0]
        assert len(compiled.graphs) == 1


def counted(function: Callable[..., Any]) -> tuple[Any, Iterator[int]]:
    """The function compiled, and how often it has run itself."""
    runs = itertools.count()

    def body(*args: Any, **kwargs: Any) -> Any:
        next(runs)
        return function(*args, **kwargs)

    return tw.compile(body), runs


# A call, and others that must not replay what the first ones recorded, though they look alike.
LOOKALIKES: dict[str, tuple[Callable[..., Any], list[tuple[tuple[Any, ...], dict[str, Any]]]]] = {
    "zeros": (lambda x, k: x / k, [((tw.ones(1), 0.0), {}), ((tw.ones(1), -0.0), {})]),
    "types": (lambda x, k: x * k, [((tw.ones(1), 1), {}), ((tw.ones(1), 1.0), {}), ((tw.ones(1), True), {})]),
    "same tensor": (lambda x, y: x.add_(1) * y, [((tw.ones(1), tw.ones(1)), {}), ((tw.ones(1),) * 2, {})]),
    "strides": (
        lambda x: x.flatten(),
        [((tw.ones(2, 3).tril(),), {}), ((tw.ones(3, 2).triu().T,), {})],
    ),
    "keys": (lambda **t: next(iter(t)), [((), {"a": tw.ones(1)}), ((), {"b": tw.ones(1)})]),
    "nesting": (lambda *t: len(t), [((tw.ones(1), tw.ones(1)), {}), (([tw.ones(1), tw.ones(1)],), {})]),
    "list or tuple": (lambda t: [type(t).__name__], [(([tw.ones(1)],), {}), (((tw.ones(1),),), {})]),
    "dtypes as values": (lambda x, d: x.to(d), [((tw.ones(1), tw.int32), {}), ((tw.ones(1), tw.float64), {})]),
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_calls_that_look_alike_are_told_apart(name: str) -> None:
    function, calls = LOOKALIKES[name]
    compiled, runs = counted(function)
    for _ in range(4):
        for args, kwargs in calls:
            want = function(*copied(args), **kwargs)
            got = compiled(*copied(args), **kwargs)
            assert (got == want).all() if isinstance(got, tw.Tensor) else got == want
    assert next(runs) == len(calls)


def copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same arguments with tensors of their own; what was one tensor is one again."""
    made = {id(arg): arg.clone(memory_format=tw.preserve_format) for arg in args if isinstance(arg, tw.Tensor)}
    return tuple(made.get(id(arg), arg) for arg in args)


def test_gradient_mode_and_needs_of_arguments_are_followed() -> None:
    compiled, runs = counted(lambda x: x * 2)
    x, leaf = tw.ones(1), tw.ones(1, requires_grad=True)
    for _ in range(3):
        assert not compiled(x).requires_grad
        assert compiled(leaf).requires_grad
        with tw.no_grad():
            assert not compiled(leaf).requires_grad
    assert next(runs) == 3
    leaf.requires_grad_(False)
    assert not compiled(leaf).requires_grad
    leaf.requires_grad_(True)
    assert compiled(leaf).requires_grad


def test_what_replays_refer_to_is_collected() -> None:
    class Model(tw.nn.Module):
        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return x + 1

    model = Model()
    model.compiled = tw.compile(model)  # a cycle
    for _ in range(3):
        model.compiled(tw.ones(1))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_nested_results_are_rebuilt() -> None:
    compiled, runs = counted(lambda x: {"a": [x, (x + 1,)], "b": None, "c": (3, "text", {})})
    for _ in range(4):
        got = compiled(tw.ones(1))
        assert (type(got["a"]), type(got["a"][1]), got["b"], got["c"]) == (list, tuple, None, (3, "text", {}))
        assert got["a"][1][0].item() == 2.0
    assert next(runs) == 1
