"""Graphs and nodes: what PyTorch's give, over the one graph."""

from __future__ import annotations

import copy
import operator
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import fx
from tensorwright.fx.immutable_collections import immutable_dict, immutable_list


@pytest.fixture
def graph() -> fx.Graph:
    """relu(x) + y, given."""
    graph = fx.Graph()
    x, y = graph.placeholder("x"), graph.placeholder("y")
    graph.output(graph.call_function(operator.add, (graph.call_function(tw.relu, (x,)), y)))
    return graph


def node(graph: fx.Graph, name: str) -> fx.Node:
    return next(n for n in graph.nodes if n.name == name)


def names(graph: fx.Graph) -> list[str]:
    return [n.name for n in graph.nodes]


# ---- names -----------------------------------------------------------------------------------------------------------


def test_names_as_pytorch_gives_them() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    made = [
        graph.call_method("relu_", (x,)),
        graph.call_function(operator.add, (x, 1)),
        graph.call_function(tw.add, (x, 1)),
        graph.call_function(len, (x,)),
        graph.get_attr("a.b.0"),
        graph.call_module("seq.1", (x,)),
        graph.create_node("call_function", tw.relu, (x,), name="3fo.o"),
        graph.create_node("call_function", tw.relu, (x,), name="relu_1"),
        graph.create_node("call_function", tw.relu, (x,), name="relu_1"),
        graph.placeholder("class"),
        graph.placeholder("*args"),
        graph.placeholder("print"),
        graph.placeholder("CamelCase"),
        graph.placeholder("x y"),
        graph.call_method("__getitem__", (x, 0)),
    ]
    assert [graph.get_attr(name).name for name in ("w_4", "w_4", "w", "w", "v_2", "v", "v")] == [
        "w_4", "w_5", "w", "w_6", "v_2", "v", "v_3"
    ]  # fmt: skip
    assert [n.name for n in made] == [
        "relu_", "add", "add_1", "len_1", "a_b_0", "seq_1", "_3fo_o", "relu_1", "relu_2", "class_1", "_args", "print_1",
        "camel_case", "x_y", "getitem",
    ]  # fmt: skip


def test_a_node_is_renamed_and_stays_unique(graph: fx.Graph) -> None:
    relu = node(graph, "relu")
    relu.name = "x"
    assert relu.name == "x_1"
    graph.lint()
    assert "%x_1" in str(graph.program)


# ---- one graph -------------------------------------------------------------------------------------------------------


def test_handles_are_unique_and_the_program_holds_the_nodes(graph: fx.Graph) -> None:
    assert node(graph, "relu") is node(graph, "relu")
    assert node(graph, "relu").users == {node(graph, "add"): None}
    assert str(graph.program) == (
        "func @forward(%x: object, %y: object) {\n"
        "  %relu: object = tw::relu(%x)\n"
        "  %add: object = py.call @operator.add(%relu, %y)\n"
        "  return(%add)\n}"
    )
    graph.program.verify("capture")


def test_captured_graphs_show_calls_of_functions() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        y = tw.nn.functional.dropout(x, 0.5, False) + 1
        y.mul_(2)
        return tw.add(y, x, alpha=3).max(0)[0]

    captured = tw.jit.trace(function, tw.randn(3, 4))
    graph = fx.Graph.over(captured)
    assert graph is fx.Graph.over(captured)
    targets = [n.target for n in graph.nodes if n.op == "call_function"]
    assert targets == [tw.add, tw.ops.mul_, tw.add, tw.max, operator.getitem, operator.getitem]
    scaled = graph.find_nodes(op="call_function", target=tw.add)[1]
    assert scaled.kwargs == {"alpha": 3}


def test_an_edit_of_the_view_changes_what_the_captured_function_does() -> None:
    captured = tw.jit.trace(lambda x: x.sin() + 1, tw.ones(2))
    graph = fx.Graph.over(captured)
    graph.find_nodes(op="call_function", target=tw.sin)[0].target = tw.cos
    assert "tw::cos" in captured.graph
    x = tw.randn(2)
    assert bool((captured(x) == x.cos() + 1).all())


def test_overloads_are_found_where_the_arguments_say_which() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.call_function(tw.max, (x,))
    graph.call_function(tw.max, (x, 0))
    graph.call_function(tw.max, (x, x))
    graph.call_function(tw.sum, (x,), {"axis": 0})
    text = str(graph.program)
    assert "tw::max(%x)" in text
    assert "tw::max.dim(%x, 0)" in text
    assert "py.call @tw.sum(%x, axis=0)" in text
    assert {n.target for n in graph.nodes if n.op == "call_function"} == {tw.max, tw.sum}


# ---- arguments -------------------------------------------------------------------------------------------------------


def test_arguments_keep_their_form() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    odd = object()
    args = (
        x, 1, 2**70, -1.5, 1j, True, None, "text", ..., tw.float32, tw.device("meta"), (x, (1,)), [x, [x]],
        {"k": x, 3: [1]}, slice(x, None, 2), odd, range(3), tw.Size((2, 3)), (),
    )  # fmt: skip
    made = graph.call_function(print, args, {"sep": [x]})
    assert made.args == args
    assert made.args[-4] is odd
    assert isinstance(made.args[12], immutable_list)
    assert isinstance(made.args[13], immutable_dict)
    assert [type(arg) for arg in made.args[1:6]] == [int, int, float, complex, bool]
    assert made.kwargs == {"sep": [x]}
    assert made.all_input_nodes == [x]


def test_named_tuples_among_arguments() -> None:
    made = tw.ones(2, 2).max(0)
    graph = fx.Graph()
    x = graph.placeholder("x")
    arg = graph.call_function(print, (type(made)((x, 1)),)).args[0]
    assert arg == (x, 1)


def test_lists_among_arguments_refuse_to_change(graph: fx.Graph) -> None:
    relu = node(graph, "relu")
    relu.args = (relu.args[0], [1, {"k": 2}])
    with pytest.raises(TypeError, match=r"node\.args ="):
        relu.args[1].append(1)
    with pytest.raises(TypeError, match="immutable_dict"):
        relu.args[1][1]["k"] = 3


def test_arguments_are_changed_one_by_one(graph: fx.Graph) -> None:
    add, x = node(graph, "add"), node(graph, "x")
    add.update_arg(1, x)
    assert add.args == (node(graph, "relu"), x)
    assert list(x.users) == [node(graph, "relu"), add]
    assert not node(graph, "y").users
    add.insert_arg(0, 5)
    assert add.args == (5, node(graph, "relu"), x)
    add.update_kwarg("alpha", x)
    assert add.kwargs == {"alpha": x}
    with pytest.raises(IndexError, match="3 positional arguments, not number 7"):
        add.update_arg(7, x)
    with pytest.raises(IndexError, match="between 0 and 3"):
        add.insert_arg(9, x)


def test_kind_and_target_change_in_either_order(graph: fx.Graph) -> None:
    relu = node(graph, "relu")
    relu.op = "call_module"
    assert (relu.op, relu.target) == ("call_module", tw.relu)
    relu.target = "layer"
    assert "py.module @layer" in str(graph.program)
    relu.target = tw.sin
    relu.op = "call_function"
    assert "tw::sin" in str(graph.program)
    with pytest.raises(ValueError, match="op must be one of"):
        relu.op = "call"


# ---- uses ------------------------------------------------------------------------------------------------------------


def test_replace_all_uses(graph: fx.Graph) -> None:
    x, y, relu, add = (node(graph, name) for name in ("x", "y", "relu", "add"))
    assert relu.replace_all_uses_with(y) == [add]
    assert add.args == (y, y)
    assert list(y.users) == [add]
    assert y.replace_all_uses_with(x, lambda user: user is not add) == []
    x.meta["note"] = 1
    with pytest.raises(ValueError, match="overwrite"):
        y.replace_all_uses_with(x, propagate_meta=True)
    relu.meta["kept"] = 2
    relu.replace_all_uses_with(y, propagate_meta=True)
    assert y.meta == {"kept": 2}


def test_a_node_may_replace_itself_downstream(graph: fx.Graph) -> None:
    relu = node(graph, "relu")
    with graph.inserting_after(relu):
        new = graph.call_method("abs", (relu,))
    relu.replace_all_uses_with(new, lambda user: user is not new)
    graph.lint()
    assert names(graph) == ["x", "y", "relu", "abs_1", "add", "output"]


def test_replace_input(graph: fx.Graph) -> None:
    add = node(graph, "add")
    add.replace_input_with(node(graph, "relu"), node(graph, "x"))
    assert add.args == (node(graph, "x"), node(graph, "y"))


# ---- order -----------------------------------------------------------------------------------------------------------


def test_insert_points(graph: fx.Graph) -> None:
    relu = node(graph, "relu")
    with graph.inserting_after(relu):
        graph.call_method("first", (relu,))
        graph.call_method("second", (relu,))
    with graph.inserting_before(relu):
        graph.get_attr("w")
        graph.get_attr("v")
    with graph.inserting_before():
        graph.placeholder("z")
    assert names(graph) == ["z", "x", "y", "w", "v", "relu", "second", "first", "add", "output"]
    graph.placeholder("last")
    assert names(graph)[-1] == "last"


def test_nodes_move(graph: fx.Graph) -> None:
    x, y, relu, add = (node(graph, name) for name in ("x", "y", "relu", "add"))
    x.prepend(y)
    assert names(graph) == ["y", "x", "relu", "add", "output"]
    assert y < x
    assert x > y
    assert x <= relu
    add.append(relu)
    assert names(graph) == ["y", "x", "add", "relu", "output"]
    with pytest.raises(RuntimeError, match="add uses relu, which stands after it"):
        graph.lint()
    node(graph, "output").append(x)
    assert names(graph)[-1] == "x"
    assert y.prev.op == "root"
    assert x.next.op == "root"
    assert y.next is add
    assert add.prev is y


def test_iteration_survives_erasure_and_insertion() -> None:
    graph = fx.Graph()
    value = graph.placeholder("x")
    for _ in range(20):
        value = graph.call_method("sin", (value,))
    graph.output(value)
    seen = []
    for n in graph.nodes:
        seen.append(n.name)
        if n.target == "sin":
            with graph.inserting_before(n):
                new = graph.call_method("cos", n.args)
            n.replace_all_uses_with(new)
            graph.erase_node(n)
    assert len(seen) == 22
    assert [n.target for n in graph.nodes].count("cos") == 20
    graph.lint()


def test_iteration_meets_what_is_inserted_after() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    seen = []
    for n in graph.nodes:
        seen.append(n.name)
        if len(seen) < 4:
            with graph.inserting_after(n):
                graph.call_method("sin", (x,))
    assert seen == ["x", "sin", "sin_1", "sin_2"]


def test_iteration_backwards_under_erasure(graph: fx.Graph) -> None:
    seen = []
    for n in reversed(graph.nodes):
        seen.append(n.name)
        if not n.users:
            graph.erase_node(n)
    assert seen == ["output", "add", "relu", "y", "x"]
    assert len(graph.nodes) == 0
    assert list(graph.nodes) == []


def test_a_loop_goes_on_when_several_vanish() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    chain = [graph.call_method("sin", (x,)) for _ in range(6)]
    seen = []
    for n in graph.nodes:
        seen.append(n)
        if n is chain[2]:
            for gone in chain[1:5]:
                graph.erase_node(gone)
    assert seen == [x, chain[0], chain[1], chain[2], chain[5]]


# ---- erasing ---------------------------------------------------------------------------------------------------------


def test_erasing(graph: fx.Graph) -> None:
    x, relu = node(graph, "x"), node(graph, "relu")
    with pytest.raises(RuntimeError, match="node relu cannot be erased: add uses it"):
        graph.erase_node(relu)
    unused = graph.call_method("sin", (x,))
    graph.erase_node(unused)
    graph.erase_node(unused)
    assert unused.args == ()
    assert unused.users == {}
    assert unused.name == "sin"
    assert list(x.users) == [relu]
    with pytest.raises(RuntimeError, match="was erased"):
        unused.args = (x,)
    with pytest.raises(RuntimeError, match="was erased"):
        graph.call_method("cos", (unused,))


def test_dead_code() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.placeholder("unused")
    dead = graph.call_function(tw.relu, (x,))
    graph.call_method("sin", (dead,))
    graph.call_method("mul_", (x, 2))
    graph.call_function(tw.ops.relu_, (x,))
    graph.call_function(operator.iadd, (x, 2))
    graph.call_function(fx.check_that, (x, "holds"))
    graph.call_function(tw.rand, (2,))
    graph.call_function(tw.add, (x, x), {"out": x})
    graph.output(x)
    assert graph.eliminate_dead_code()
    assert names(graph) == ["x", "unused", "mul_", "relu_", "iadd", "check_that", "rand", "add", "output"]
    assert not graph.eliminate_dead_code()
    assert graph.eliminate_dead_code(lambda n: n.op in ("placeholder", "output"))
    assert names(graph) == ["x", "unused", "output"]


def test_side_effects_are_registered() -> None:
    def log(x: Any) -> None:
        raise NotImplementedError

    graph = fx.Graph()
    x = graph.placeholder("x")
    call = graph.call_function(log, (x,))
    assert not call.is_impure()
    fx.has_side_effect(log)
    assert call.is_impure()


# ---- copies ----------------------------------------------------------------------------------------------------------


def test_deep_copy(graph: fx.Graph) -> None:
    graph.find_nodes(op="placeholder")[0].meta["note"] = [1]
    other = copy.deepcopy(graph)
    assert str(other) == str(graph)
    assert str(other.program) == str(graph.program)
    assert node(other, "x").meta == {"note": [1]}
    assert node(other, "relu") is not node(graph, "relu")
    other.erase_node(other.output_node())
    assert graph.output_node().name == "output"
    with pytest.raises(RuntimeError, match="ends with call_function 'add', not with an output"):
        other.output_node()


def test_graph_copy_gives_what_the_output_gives(graph: fx.Graph) -> None:
    target = fx.Graph()
    a = target.placeholder("a")
    known = {node(graph, "x"): a}
    value = target.graph_copy(graph, known)
    assert names(target) == ["a", "y", "relu", "add"]
    assert value is known[node(graph, "add")]
    again, output = fx.Graph().graph_copy(graph, {}, return_output_node=True)
    assert output is graph.output_node()
    assert again.name == "add"


def test_nodes_of_other_graphs_are_refused(graph: fx.Graph) -> None:
    other = fx.Graph()
    stranger = other.placeholder("s")
    with pytest.raises(RuntimeError, match="node s belongs to another graph"):
        graph.call_function(tw.relu, (stranger,))
    with pytest.raises(RuntimeError, match="another graph"):
        node(graph, "relu").args = ([stranger],)
    with pytest.raises(RuntimeError, match="another graph"):
        node(graph, "relu").replace_all_uses_with(stranger)
    with pytest.raises(RuntimeError, match="another graph"):
        node(graph, "relu").append(stranger)
    assert node(graph, "relu").args == (node(graph, "x"),)


# ---- errors and texts ------------------------------------------------------------------------------------------------


def test_wrong_kinds_and_targets() -> None:
    graph = fx.Graph()
    with pytest.raises(ValueError, match=r"op must be one of placeholder, .* got 'bad'"):
        graph.create_node("bad", "x")
    with pytest.raises(ValueError, match="the target of call_function is a callable, got str"):
        graph.call_function("abc")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the target of call_method is a str, got builtin_function_or_method"):
        graph.call_method(tw.relu)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no function @other; it has forward"):
        fx.Graph.over(graph.program, "other")


def test_lint_finds_missing_paths() -> None:
    module = fx.symbolic_trace(tw.nn.Sequential(tw.nn.Linear(2, 2)))
    module.graph.find_nodes(op="call_module")[0].target = "0.weights"
    with pytest.raises(RuntimeError, match=r"refers to '0\.weights', but 0 has no attribute 'weights'"):
        module.graph.lint()


def test_text(graph: fx.Graph) -> None:
    graph.find_nodes(op="placeholder")[1].type = int
    assert str(graph).splitlines() == [
        "graph():",
        "    %x : [num_users=1] = placeholder[target=x]",
        "    %y : int [num_users=1] = placeholder[target=y]",
        "    %relu : [num_users=1] = call_function[target=tw.relu](args = (%x,), kwargs = {})",
        "    %add : [num_users=1] = call_function[target=operator.add](args = (%relu, %y), kwargs = {})",
        "    return add",
    ]
    given: list[str] = []
    assert node(graph, "x").format_node(given) is None
    assert given == ["x"]


def test_find_nodes_and_table(graph: fx.Graph, capsys: pytest.CaptureFixture[str]) -> None:
    assert graph.find_nodes(op="call_function", target=tw.relu) == [node(graph, "relu")]
    assert [n.name for n in graph.find_nodes(op="placeholder")] == ["x", "y"]
    graph.print_tabular()
    assert capsys.readouterr().out.splitlines()[4] == "call_function  relu    tw.relu       (x,)       {}"


def test_text_that_names_unknown_functions() -> None:
    program = tw.jit.parse("func @forward(%x: object) { %y: object = py.call @os.system(%x) return(%y) }")
    module = fx.GraphModule({}, fx.Graph.over(program))
    with pytest.raises(NameError, match=r"calls 'os\.system', which only its name says"):
        module("true")
