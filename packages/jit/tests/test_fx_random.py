"""Random graphs: what the code gives, the interpreter gives; copies, files, edits and the program keep it."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorwright import fx

BINARY = [operator.add, operator.mul, operator.sub, tw.maximum, tw.sub, operator.truediv]
UNARY = [tw.relu, tw.sigmoid, operator.neg, tw.ops.relu, abs]
METHODS = ["tanh", "abs", "neg"]


@st.composite
def graphs(draw: Any) -> fx.Graph:
    graph = fx.Graph()
    values: list[fx.Node] = [graph.placeholder(f"x{k}") for k in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(0, 12))):
        a, b = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        kind = draw(st.sampled_from(["binary", "unary", "method", "list", "number", "attribute", "kwargs"]))
        if kind == "binary":
            values.append(graph.call_function(draw(st.sampled_from(BINARY)), (a, b)))
        elif kind == "unary":
            values.append(graph.call_function(draw(st.sampled_from(UNARY)), (a,)))
        elif kind == "method":
            values.append(graph.call_method(draw(st.sampled_from(METHODS)), (a,)))
        elif kind == "list":
            values.append(graph.call_function(tw.cat, ([a, b],), {"dim": 1}))
            values.append(graph.call_function(operator.getitem, (values[-1], (slice(None), slice(0, 2)))))
            del values[-2]
        elif kind == "number":
            values.append(graph.call_function(draw(st.sampled_from(BINARY[:3])), (a, draw(st.floats(-4, 4)))))
        elif kind == "attribute":
            values.append(graph.get_attr("weight"))
        else:
            values.append(graph.call_function(tw.add, (a, b), {"alpha": draw(st.integers(-2, 2))}))
    graph.output({"last": values[-1], "all": [tuple(draw(st.lists(st.sampled_from(values), max_size=3)))]})
    return graph


ATTRIBUTES = {"weight": tw.tensor([[0.5, -2.0]])}
INPUTS = [tw.tensor([[1.0, -1.5]]), tw.tensor([[0.0, 3.0]]), tw.tensor([[-0.25, 2.0]])]


def values_of(result: Any) -> list[Any]:
    return [value.tolist() for value in (result["last"], *result["all"][0])]


def run(graph: fx.Graph) -> list[Any]:
    module = fx.GraphModule(ATTRIBUTES, graph)
    return values_of(module(*INPUTS[: len(graph.find_nodes(op="placeholder"))]))


def equal(a: list[Any], b: list[Any]) -> bool:
    return repr(a) == repr(b)  # nan is nan


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_code_interpreter_copies_and_files_agree(graph: fx.Graph) -> None:
    graph.lint()
    graph.program.verify("capture")
    wanted = run(graph)
    module = fx.GraphModule(ATTRIBUTES, graph)
    inputs = INPUTS[: len(graph.find_nodes(op="placeholder"))]
    assert equal(values_of(fx.Interpreter(module).run(*inputs)), wanted)
    assert equal(values_of(fx.Transformer(module).transform()(*inputs)), wanted)
    assert equal(run(copy.deepcopy(graph)), wanted)
    assert equal(run(pickle.loads(pickle.dumps(graph))), wanted)
    text = str(graph.program)
    assert str(tw.jit.parse(text)) == text
    assert equal(run(fx.Graph.over(tw.jit.parse(text))), wanted)
    assert equal(values_of(fx.symbolic_trace(module)(*inputs)), wanted)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_dead_code_changes_nothing(graph: fx.Graph) -> None:
    wanted = run(graph)
    graph.eliminate_dead_code()
    assert all(node.users or node.op in ("placeholder", "output") for node in graph.nodes)
    assert equal(run(graph), wanted)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_uses_stay_true_under_edits(graph: fx.Graph, data: st.DataObject) -> None:
    for _ in range(6):
        nodes = list(graph.nodes)
        a, b = data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(nodes))
        edit = data.draw(st.sampled_from(["replace", "erase", "insert", "args"]))
        if edit == "replace" and b < a and a.op != "output":
            a.replace_all_uses_with(b)
        elif edit == "erase" and not a.users and a.op not in ("placeholder", "output"):
            graph.erase_node(a)
        elif edit == "insert" and a.op not in ("output", "placeholder") and b < a:
            with graph.inserting_before(a):
                graph.call_function(operator.add, (b, 1))
        elif edit == "args" and a.op == "call_method" and b < a:
            a.args = (b,)
        check_uses(graph)
    graph.lint()


def check_uses(graph: fx.Graph) -> None:
    users: dict[fx.Node, set[fx.Node]] = {node: set() for node in graph.nodes}
    for node in graph.nodes:
        for used in node.all_input_nodes:
            users[used].add(node)
    assert {node: set(node.users) for node in graph.nodes} == users
    assert list(reversed(list(reversed(graph.nodes)))) == list(graph.nodes)
    assert [node.prev for node in graph.nodes][1:] == list(graph.nodes)[:-1]
