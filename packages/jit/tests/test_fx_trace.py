"""Symbolic tracing: what becomes a node, and what is refused with its line."""

from __future__ import annotations

import functools
import math
import operator
import threading
from collections.abc import Callable
from typing import Any

import pytest
import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import fx, nn
from tensorwright.nn.functional import gelu as imported_gelu


def code(function: Callable[..., Any], **concrete: Any) -> list[str]:
    module = fx.symbolic_trace(function, concrete_args=concrete or None)
    return [line.strip().split(";")[0] for line in module.code.strip().splitlines()[1:]]


def targets(function: Any) -> list[Any]:
    return [n.target for n in fx.symbolic_trace(function).graph.nodes if n.op not in ("placeholder", "output")]


def same(a: Any, b: Any) -> bool:
    return bool((a == b).all()) and a.dtype == b.dtype


# ---- values ----------------------------------------------------------------------------------------------------------


def test_operators_on_both_sides() -> None:
    def function(x: Any, y: Any) -> Any:
        return [
            x + 1, 1 + x, x - y, 1 - x, x * 2, 2 * x, x / 2, 2 / x, x // 2, 7 // x, x % 3, 7 % x, x**2, 2**x, x @ y,
            x & y, 1 & x, x | y, x ^ y, x << 1, 1 << x, x >> 1, -x, +x, ~x, abs(x), x == y, x != y, x < y, x <= y,
            x > y, x >= y, x[0], x[..., None], x[1:2, y],
        ]  # fmt: skip

    x, y = tw.tensor([[3, 1], [2, 5]]), tw.tensor([[1, 1], [0, 1]])
    traced = fx.symbolic_trace(function)
    for got, wanted in zip(traced(x, y), function(x, y), strict=True):
        assert same(got, wanted)
    assert traced.graph.find_nodes(op="call_function", target=operator.truediv)


def test_a_tensor_beside_a_proxy() -> None:
    weight = tw.tensor([1.0, -2.0])
    functions: list[Callable[[Any], Any]] = [
        lambda x: weight + x,
        lambda x: weight @ x,
        lambda x: weight < x,
        lambda x: weight.add(x),
        lambda x: weight.mul(other=x),
        lambda x: weight[(x > 0).long()],
        lambda x: weight[x.shape[0] - 1 :],
        lambda x: tw.cat([weight, x]),
        lambda x: tw.where(x > 0, weight, x),
    ]
    for function in functions:
        x = tw.tensor([0.5, -1.0])
        traced = fx.symbolic_trace(function)
        assert same(traced(x), function(x))
        assert [n.target for n in traced.graph.find_nodes(op="get_attr")] == ["_tensor_constant0"]


def test_functions_of_tensorwright_are_nodes_of_the_registry() -> None:
    def function(x: Any) -> Any:
        y = tw.relu(x).softmax(-1)
        return tw.cat([y, tw.linalg.norm(x, dim=-1, keepdim=True)], dim=1).sum(dim=0)

    graph = fx.symbolic_trace(function).graph
    text = str(graph.program)
    assert "tw::relu(%x)" in text
    assert "tw::cat([%softmax, %linalg_norm], dim=1)" in text
    x = tw.randn(3, 4)
    assert same(fx.symbolic_trace(function)(x), function(x))


def test_functions_of_nn_are_one_node_each() -> None:
    def function(x: Any) -> Any:
        return imported_gelu(F.dropout(F.max_pool1d(x, 2), 0.5, training=False)) + tw.tensordot(x, x).sum()

    assert targets(function)[:3] == [F.max_pool1d, F.dropout, F.gelu]
    assert tw.tensordot in targets(function)
    assert not hasattr(F.gelu, "_fx_recorded_")
    x = tw.randn(2, 4, 4)
    assert same(fx.symbolic_trace(lambda x: F.gelu(x))(x), F.gelu(x))


def test_numpy_arrays_are_refused_in_words() -> None:
    numpy = pytest.importorskip("numpy")
    for function in (lambda x: numpy.ones(2) + x, lambda x: x * numpy.ones(2)):
        with pytest.raises(NotImplementedError, match="cannot take an argument of type ndarray"):
            fx.symbolic_trace(function)
    with pytest.raises(TypeError, match="does not support ufuncs"):
        fx.symbolic_trace(lambda x: numpy.sin(x))
    assert fx.symbolic_trace(lambda x: x ** numpy.float64(2))(3) == 9


def test_attributes_methods_and_unpacking() -> None:
    def function(x: Any) -> Any:
        a, b = x.split(2)
        (c, d), e = (a, b), x.shape[0]
        return c.view(e, -1) + d.T.reshape(e, -1), x.mT

    x = tw.randn(4, 4)
    assert all(map(same, fx.symbolic_trace(function)(x), function(x)))
    assert code(lambda x: x.shape[0]) == ["getattr_1 = x.shape", "getitem = getattr_1[0]", "return getitem"]


def test_parameters_are_kept_as_python_has_them() -> None:
    def function(x: Any, *args: Any, k: int = 3, y: Any = None, **kw: Any) -> Any:
        return x + k, args, kw["z"]

    traced = fx.symbolic_trace(function)
    assert traced.code.strip().splitlines()[0] == "def forward(self, x, k = 3, y = None, *args, **kw):"
    assert traced(1, 4, None, 7, 8, z=9) == (5, (7, 8), 9)
    assert [n.target for n in traced.graph.find_nodes(op="placeholder")] == ["x", "k", "y", "*args", "**kw"]


def test_what_can_be_traced() -> None:
    class CallableObject:
        def __call__(self, x: Any) -> Any:
            return x + 1

    assert fx.symbolic_trace(CallableObject())(1) == 2
    assert fx.symbolic_trace(functools.partial(operator.add, 2))(3) == 5
    assert fx.symbolic_trace(lambda: 3)() == 3
    assert fx.symbolic_trace(fx.symbolic_trace(lambda x: x + 1))(1) == 2


def test_dataclasses_and_math() -> None:
    def function(x: Any) -> Any:
        return math.sqrt(x) + math.pi

    assert targets(function) == [math.sqrt, operator.add]
    assert fx.symbolic_trace(function)(4.0) == 2.0 + math.pi
    assert math.sqrt(4.0) == 2.0


# ---- known arguments -------------------------------------------------------------------------------------------------


def test_known_values_decide() -> None:
    def function(x: Any, negate: bool) -> Any:
        return -x if negate else x

    traced = fx.symbolic_trace(function, {"negate": True})
    assert traced(3, True) == -3
    with pytest.raises(AssertionError, match="negate was True when the graph was made"):
        traced(3, False)
    assert fx.symbolic_trace(function, (fx.PH, False))(3, False) == 3
    absent = fx.symbolic_trace(lambda x, y: x if y is None else y, {"y": None})
    assert absent(3, None) == 3
    with pytest.raises(AssertionError, match="y was None"):
        absent(3, 4)
    with pytest.raises(ValueError, match="there is no parameter 'other'; there are x, negate"):
        fx.symbolic_trace(function, {"other": 1})


def test_nested_known_values() -> None:
    def function(x: Any, options: Any) -> Any:
        return x + options["scale"][0] if options["scale"][1] == 2 else x

    traced = fx.symbolic_trace(function, {"options": {"scale": [fx.PH, 2]}})
    assert traced(1, {"scale": [5, 2]}) == 6
    assert fx.Interpreter(traced).run(1, {"scale": [5, 2]}) == 6
    with pytest.raises(TypeError, match="nested in another way"):
        traced(1, {"scale": [5]})


# ---- refusals --------------------------------------------------------------------------------------------------------


def branch(x: Any) -> Any:
    if x.sum() > 0:
        return x
    return -x


def assign(x: Any) -> Any:
    x[0] = 1
    return x


REFUSED: dict[str, tuple[Callable[..., Any], type[Exception], str]] = {
    "if": (branch, fx.TraceError, r"'gt' decides control flow at .*test_fx_trace\.py:\d+: if x\.sum\(\) > 0:; .*where"),
    "for": (lambda x: [a + 1 for a in x], fx.TraceError, "'x' cannot be looped over at .*; .*index it"),
    "star": (lambda x: max(*x), fx.TraceError, "cannot be looped over"),
    "int": (lambda x: int(x), fx.TraceError, "cannot be turned into an int at"),
    "float": (lambda x: float(x), fx.TraceError, "cannot be turned into a float at"),
    "in": (lambda x: 1 in x, fx.TraceError, "searched with `in`.*any"),
    "assign": (assign, fx.TraceError, r"assigned to by index at .*: x\[0\] = 1; use index_put"),
    "len": (lambda x: x.__len__(), RuntimeError, r"len\(\) of the symbolic value 'x'.*fx\.wrap\('len'\)"),
    "key": (lambda x: {"a": {x: 1}}, fx.TraceError, "key of a dict"),
    "range": (lambda x: list(range(x)), TypeError, "integer"),
    "object": (lambda x: x + object(), NotImplementedError, "cannot take an argument of type object"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_a_value_is_refused(case: str) -> None:
    function, kind, sentence = REFUSED[case]
    with pytest.raises(kind, match=sentence):
        fx.symbolic_trace(function)
    assert F.relu(tw.ones(1)).item() == 1.0  # nothing stays patched
    assert not hasattr(F.relu, "_fx_recorded_")


def test_errors_of_ops_without_proxies_are_as_ever() -> None:
    with pytest.raises(TypeError, match=r"relu\(\): argument 'self' must be Tensor, got str"):
        fx.symbolic_trace(lambda x: tw.relu("x") + x)  # type: ignore[call-overload]


# ---- modules ---------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.scale = nn.Parameter(tw.full((4,), 2.0))
        self.register_buffer("shift", tw.ones(4))
        self.block = nn.Sequential(nn.ReLU(), nn.Linear(4, 4))
        self.inner = Inner()

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        y = self.block(self.layer(x) * self.scale + self.shift)
        return self.inner(y) + self.scale.sum()


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tw.ones(4, 4))

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        return F.linear(x, self.weight)


def test_modules() -> None:
    model = Net()
    traced = fx.symbolic_trace(model)
    assert [(n.op, n.target) for n in traced.graph.nodes][1:-1] == [
        ("call_module", "layer"), ("get_attr", "scale"), ("call_function", operator.mul), ("get_attr", "shift"),
        ("call_function", operator.add), ("call_module", "block.0"), ("call_module", "block.1"),
        ("get_attr", "inner.weight"), ("call_function", F.linear), ("call_method", "sum"),
        ("call_function", operator.add),
    ]  # fmt: skip
    x = tw.randn(2, 3)
    assert same(traced(x), model(x))
    assert traced.layer is model.layer
    inside = next(n for n in traced.graph.nodes if n.target is F.linear)
    assert inside.meta["nn_module_stack"] == {"inner": ("inner", Inner)}
    traced.graph.lint()


def test_leaves_are_the_tracers_choice() -> None:
    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
            return module_qualified_name == "inner"

    model = Net()
    tracer = Tracer()
    graph = tracer.trace(model)
    assert [n.target for n in graph.find_nodes(op="call_module")] == ["inner"]
    assert len(graph.find_nodes(op="call_function", target=F.linear)) == 2
    x = tw.randn(2, 3)
    assert same(fx.GraphModule(tracer.root, graph)(x), model(x))


def test_modules_and_parameters_from_elsewhere_are_refused() -> None:
    stranger = nn.Linear(2, 2)
    with pytest.raises(NameError, match="module Linear that is called is not below"):
        fx.symbolic_trace(lambda x: stranger(x))
    with pytest.raises(NameError, match="a parameter is used that is not below"):
        fx.symbolic_trace(lambda x: F.linear(x, stranger.weight))
    assert fx.Tracer().trace(stranger) is not None


def test_shapes_of_parameters_may_decide() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(tw.ones(2, 2))

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return x @ self.weight if self.weight.shape[0] == 2 and self.weight.dim() == 2 else x

    with pytest.raises(fx.TraceError, match="decides control flow"):
        fx.symbolic_trace(Branches())
    assert len(fx.Tracer(param_shapes_constant=True).trace(Branches()).nodes) == 4


def test_a_trace_inside_of_a_trace() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            count = len(fx.symbolic_trace(nn.Sequential(nn.Sequential(Inner()))).graph.nodes)
            return self.inner(x) + count

    model = Outer()
    traced = fx.symbolic_trace(model)
    assert [n.target for n in traced.graph.nodes][1:] == ["inner.weight", F.linear, operator.add, "output"]
    assert traced.graph.output_node().args[0].args[1] == 4
    assert not hasattr(nn.Module.__call__, "_fx_watched_")


def test_hooks_of_modules_stay_with_them() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].register_forward_hook(lambda module, args, output: output * 2)
    x = tw.randn(1, 2)
    assert same(fx.symbolic_trace(model)(x), model(x))


# ---- wrap ------------------------------------------------------------------------------------------------------------


@fx.wrap
def positive(x: Any) -> bool:
    return bool(x > 0)


def plain_helper(x: Any) -> Any:
    return x.relu()


fx.wrap("len")
fx.wrap("plain_helper")


def test_wrapped_functions_are_nodes() -> None:
    traced = fx.symbolic_trace(lambda x: (positive(x), len(x), plain_helper(x)))
    assert [n.target for n in traced.graph.nodes][1:4] == [positive, len, plain_helper]
    assert traced(tw.ones(1))[:2] == (True, 1)
    again = fx.symbolic_trace(traced)
    assert [n.target for n in again.graph.nodes][1:4] == [positive, len, plain_helper]
    assert positive(tw.ones(1)) is True
    assert "len" not in globals()


def test_wrap_is_refused_elsewhere() -> None:
    with pytest.raises(NotImplementedError, match=r"wrap\('len'\) must stand at the top of a module"):
        fx.wrap("len")
    with pytest.raises(TypeError, match="takes a function or the name of one, got int"):
        fx.wrap(3)


def test_functions_to_wrap_of_one_tracer() -> None:
    graph = fx.Tracer(autowrap_functions=(unwrapped_helper,)).trace(lambda x: unwrapped_helper(x))
    assert [n.target for n in graph.find_nodes(op="call_function")] == [unwrapped_helper]


def unwrapped_helper(x: Any) -> Any:
    return x + 1


# ---- threads, places -------------------------------------------------------------------------------------------------


def test_nodes_know_their_line() -> None:
    traced = fx.symbolic_trace(Net())
    assert 'test_fx_trace.py":' in str(traced.graph.program)
    placed = traced.graph.find_nodes(op="call_function")[0]
    assert "test_fx_trace.py" in str(placed.stack_trace)

    class Tracer(fx.Tracer):
        record_stack_traces = True

    assert "in branchless" in str(Tracer().trace(branchless).find_nodes(op="call_method")[0].stack_trace)


def branchless(x: Any) -> Any:
    return x.sin()


def test_threads_trace_apart_and_others_go_on() -> None:
    models = [nn.Sequential(*[nn.Linear(2, 2) for _ in range(k + 1)]) for k in range(6)]
    counts: dict[int, int] = {}
    wrong: list[Any] = []

    def trace(k: int) -> None:
        for _ in range(5):
            counts[k] = len(fx.symbolic_trace(models[k]).graph.nodes)

    def use() -> None:
        x = tw.ones(1, 2)
        for _ in range(200):
            result = F.relu(models[0](x))
            if not isinstance(result, tw.Tensor):
                wrong.append(result)

    threads = [threading.Thread(target=trace, args=(k,)) for k in range(6)] + [threading.Thread(target=use)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {k: k + 3 for k in range(6)}
    assert not wrong


# ---- networks --------------------------------------------------------------------------------------------------------


def networks() -> list[tuple[str, nn.Module, tuple[int, ...]]]:
    conv = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    )  # fmt: skip
    return [
        ("conv", conv, (2, 1, 8, 8)),
        ("encoder layer", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8)),
        ("net", Net(), (5, 3)),
        ("lstm", Tagger(), (2, 3, 4)),
    ]


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(4, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        output, (hidden, _) = self.rnn(x)
        return self.head(output) + hidden.sum()


@pytest.mark.parametrize(("model", "shape"), [row[1:] for row in networks()], ids=[row[0] for row in networks()])
def test_networks_give_the_same(model: nn.Module, shape: tuple[int, ...]) -> None:
    wrapped = nn.Sequential(model).eval()
    traced = fx.symbolic_trace(wrapped)
    x = tw.randn(*shape)
    assert same(traced(x), model(x))
    assert same(fx.Interpreter(traced).run(x), model(x))
    captured = tw.jit.trace(traced, x)
    assert same(captured(x), model(x))
