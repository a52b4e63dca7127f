"""Graph modules: their code, their attributes, copies and files of them; interpreters."""

from __future__ import annotations

import copy
import gc
import linecache
import math
import operator
import pickle
import subprocess
import sys
import traceback
import weakref
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import fx, nn


def same(a: Any, b: Any) -> bool:
    return bool((a == b).all()) and a.dtype == b.dtype


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        self.unused = nn.Linear(2, 2)
        self.scale = nn.Parameter(tw.full((2,), 2.0))

    def forward(self, x: tw.Tensor) -> dict[str, tw.Tensor]:
        y = self.block(x) * self.scale
        return {"y": y, "z": tw.where(y > 0, y, float("-inf"))}


# ---- code ------------------------------------------------------------------------------------------------------------


def test_code_reads_like_python() -> None:
    traced = fx.symbolic_trace(Net())
    assert traced.code == (
        "\n\n\ndef forward(self, x):\n"
        '    block_0 = getattr(self.block, "0")(x);  x = None\n'
        '    block_1 = getattr(self.block, "1")(block_0);  block_0 = None\n'
        '    block_2 = getattr(self.block, "2")(block_1);  block_1 = None\n'
        "    scale = self.scale\n"
        "    mul = block_2 * scale;  block_2 = scale = None\n"
        "    gt = mul > 0\n"
        "    where = tw.where(gt, mul, -inf);  gt = None\n"
        "    return {'y': mul, 'z': where}\n"
    )


def test_values_of_all_kinds_in_code() -> None:
    odd = object()
    values = (
        1, -1, 2**80, True, None, ..., "a'b\"\\\n", 1.5, -0.0, math.inf, -math.inf, math.nan, 1j, complex(math.inf, 1),
        tw.float32, tw.device("meta"), slice(None, 2, None), (1,), [2, [3]], {"k": 4}, range(3), odd, int, len, tw.relu,
        tw.Size((2, 3)),
    )  # fmt: skip
    graph = fx.Graph()
    graph.output(graph.call_function(collect, values, {"odd name": 5}))
    got, keywords = fx.GraphModule({}, graph)()
    assert keywords == {"odd name": 5}
    for value, wanted in zip(got, values, strict=True):
        assert type(value) is type(wanted)
        assert value is wanted or value == wanted or repr(value) == repr(wanted)
    assert math.copysign(1, got[8]) == -1
    assert math.isnan(got[11])


def collect(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def test_negative_numbers_beside_operators() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.output((graph.call_function(operator.pow, (-2, x)), graph.call_function(operator.neg, (-1.5,)),
                  graph.call_function(operator.pow, (-1j, x))))  # fmt: skip
    assert fx.GraphModule({}, graph)(2) == (4, 1.5, (-1j) ** 2)


def test_names_do_not_clash_with_those_of_functions() -> None:
    graph = fx.Graph()
    x = graph.placeholder("tw")
    graph.output(graph.call_function(collect, (graph.call_function(tw.relu, (x,), name="collect"),)))
    args, _ = fx.GraphModule({}, graph)(tw.tensor([-1.0]))
    assert args[0].item() == 0.0


def shadowing(input: Any, len: Any, tw: Any) -> Any:
    return input + len.size(0), abs(len), tw


def test_parameters_keep_names_of_builtins() -> None:
    traced = fx.symbolic_trace(shadowing)
    assert traced.code.strip().splitlines()[:3] == [
        "def forward(self, input, len, tw_1):", "    input_1 = input", "    len_1 = len"
    ]  # fmt: skip
    assert traced(input=1, len=tw.ones(2), tw_1=3)[0] == 3
    shadowed = fx.Graph()
    shadowed.output(shadowed.call_function(len, (shadowed.placeholder("len"),)))
    assert fx.GraphModule({}, shadowed)([1, 2]) == 2


def test_names_from_outside_are_no_code() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x): import os #")
    graph.output(graph.call_module("a.b; import os", (x,)))
    module = fx.GraphModule({"a.b; import os": nn.ReLU()}, graph)
    assert "import os" not in module.code.replace('"b; import os"', "")
    assert module(tw.tensor([-1.0])).item() == 0.0
    call = fx.Graph()
    call.output(call.call_method("x(); import os", (call.placeholder("x"),)))
    with pytest.raises(ValueError, match="a name to call"):
        fx.GraphModule({}, call)


def test_errors_show_the_generated_line() -> None:
    traced = fx.symbolic_trace(lambda x: x.relu() @ x)
    with pytest.raises(tw.ShapeError) as caught:
        traced(tw.ones(2, 3))
    shown = "".join(traceback.format_exception(caught.value))
    assert "matmul = relu @ x" in shown


def test_transformed_code() -> None:
    traced = fx.symbolic_trace(lambda x: x + 1)
    calls: list[str] = []

    def note(lines: list[str]) -> list[str]:
        calls.append("first")
        return ["# changed\n", *lines]

    with traced.graph.on_generate_code(lambda outside: note):
        traced.recompile()
        assert "    # changed\n    add = x + 1" in traced.code
    traced.recompile()
    assert "changed" not in traced.code
    assert calls == ["first"]
    traced.graph.on_generate_code(lambda outside: note)
    traced.graph.on_generate_code(lambda outside: lambda lines: outside(lines) + ["# more\n"])  # type: ignore[misc]
    assert traced.recompile().src.strip().endswith("# more")
    assert traced(1) == 2


def test_readable_print_names_places(capsys: pytest.CaptureFixture[str]) -> None:
    text = fx.symbolic_trace(Net()).print_readable()
    assert capsys.readouterr().out == text + "\n"
    assert text.startswith("class Net(tw.nn.Module):\n    def forward(self, x):\n        # ")
    assert "test_fx_module.py" in text
    assert "y = self.block(x) * self.scale" in text


# ---- attributes ------------------------------------------------------------------------------------------------------


def test_only_what_is_used_is_taken_over() -> None:
    model = Net()
    traced = fx.symbolic_trace(model)
    assert [name for name, _ in traced.named_parameters()] == [
        "scale", "block.0.weight", "block.0.bias", "block.2.weight", "block.2.bias"
    ]  # fmt: skip
    assert type(traced).__name__ == "Net"
    assert isinstance(traced, fx.GraphModule)
    assert isinstance(traced, nn.Module)
    assert traced.training
    assert not fx.symbolic_trace(model.eval()).training
    assert not hasattr(traced, "unused")


def test_root_may_be_a_dict_and_must_be_complete() -> None:
    graph = fx.symbolic_trace(Net()).graph
    with pytest.raises(RuntimeError, match="refers to 'scale', which is not in the dict"):
        fx.GraphModule({}, graph)
    with pytest.raises(RuntimeError, match="root must be a module or a dict of attributes, got int"):
        fx.GraphModule(3, graph)
    with pytest.raises(AttributeError, match=r"there is no 'block\.0': Sequential has no attribute 'block'"):
        fx.GraphModule(nn.Sequential(), graph)
    with pytest.raises(TypeError, match="must be a Graph, got str"):
        fx.symbolic_trace(Net()).graph = "x"  # type: ignore[assignment]


def test_submodules_come_and_go() -> None:
    traced = fx.symbolic_trace(Net())
    assert traced.add_submodule("extra.deep.relu", nn.ReLU())
    assert not traced.add_submodule("scale.relu", nn.ReLU())
    assert not traced.add_submodule("scale", nn.ReLU())
    assert traced.delete_submodule("extra.deep")
    assert not traced.delete_submodule("extra.deep.relu")
    traced.block.add_module("9", nn.Linear(1, 1))
    traced.delete_all_unused_submodules()
    assert sorted(name for name, _ in traced.named_modules()) == ["", "block", "block.0", "block.1", "block.2"]


def test_recompile_after_edit() -> None:
    traced = fx.symbolic_trace(lambda x: tw.relu(x) + 1)
    for node in traced.graph.nodes:
        if node.target is tw.relu:
            node.target = tw.neg
    x = tw.tensor([2.0])
    assert traced(x).item() == 3.0
    traced.recompile()
    assert traced(x).item() == -1.0


# ---- copies and files ------------------------------------------------------------------------------------------------


def odd_function(*args: Any) -> Any:
    return args


def test_copies_run_apart() -> None:
    traced = fx.symbolic_trace(Net())
    deep, shallow = copy.deepcopy(traced), copy.copy(traced)
    x = tw.randn(2, 3)
    assert deep.code == traced.code == shallow.code
    assert same(deep(x)["y"], traced(x)["y"])
    assert shallow.scale is traced.scale
    assert deep.scale is not traced.scale
    assert type(deep) is not type(traced)
    deep.graph.find_nodes(op="call_function", target=operator.mul)[0].target = operator.add
    deep.recompile()
    assert "block_2 + scale" in deep.code
    assert "block_2 * scale" in traced.code
    assert deep.graph.owning_module is deep


def test_pickle() -> None:
    net = Net()
    traced = fx.symbolic_trace(net)
    with traced.graph.inserting_before(traced.graph.output_node()):
        traced.graph.call_function(odd_function, (slice(1, 2), [tw.float32, {"k": ...}]))
    traced.graph.nodes.__iter__().__next__().meta["note"] = "kept"
    traced.recompile()
    loaded = pickle.loads(pickle.dumps(traced))
    x = tw.randn(2, 3)
    assert same(loaded(x)["y"], net(x)["y"])
    assert loaded.code == traced.code
    assert next(iter(loaded.graph.nodes)).meta == {"note": "kept"}
    graph = pickle.loads(pickle.dumps(traced.graph))
    assert str(graph) == str(traced.graph)
    assert b"def forward" not in pickle.dumps(traced)
    with pytest.raises(TypeError, match="a handle into its graph"):
        pickle.dumps(next(iter(graph.nodes)))


def test_files_and_copies_keep_how_arguments_are_nested() -> None:
    traced = fx.symbolic_trace(lambda x, y: x + y["a"], {"y": {"a": fx.PH}})
    for other in (pickle.loads(pickle.dumps(traced)), copy.deepcopy(traced), fx.Transformer(traced).transform()):
        assert other(1, {"a": 2}) == 3
    with copy.deepcopy(traced).graph.on_generate_code(lambda outside: lambda lines: ["return 0\n"]):
        assert traced.recompile().src.count("return 0") == 0


# ---- dispatch traces -------------------------------------------------------------------------------------------------


def test_captured_modules_can_be_printed_and_run() -> None:
    model = Net().block
    captured = tw.jit.trace(model, tw.randn(2, 3))
    module = fx.GraphModule(captured.program.attributes, fx.Graph.over(captured))
    x = tw.randn(2, 3)
    assert same(module(x), model(x))
    assert "relu = tw.relu(linear);  linear = None" in module.code


def test_make_graph_sees_gradients() -> None:
    def loss(w: tw.Tensor, x: tw.Tensor) -> tw.Tensor:
        return (x @ w).tanh().sum()

    graph = fx.make_graph(lambda w, x: {"g": tw.func.grad(loss)(w, x), "x": [x]}, tw.randn(3), tw.randn(2, 3))
    w, x = tw.randn(3), tw.randn(2, 3)
    result = graph(w, x)
    assert same(result["g"], tw.func.grad(loss)(w, x))
    assert same(result["x"][0], x)
    assert same(fx.Interpreter(graph).run(w, x)["g"], result["g"])
    graph.graph.eliminate_dead_code()
    graph.recompile()
    assert same(graph(w, x)["g"], result["g"])


def test_nodes_that_a_pass_erased_say_so() -> None:
    captured = tw.jit.trace(lambda x: (x.sin(), x.cos())[1], tw.ones(2))
    sine = fx.Graph.over(captured).find_nodes(op="call_function", target=tw.sin)[0]
    captured.program.native("erase", sine._number)
    assert sine.args == ()
    with pytest.raises(RuntimeError, match="node sin was erased"):
        sine.args = ()
    assert len(fx.Graph.over(captured).nodes) == 3


# ---- interpreters ----------------------------------------------------------------------------------------------------


def test_interpreter_values() -> None:
    traced = fx.symbolic_trace(Net())
    x = tw.randn(2, 3)
    runner = fx.Interpreter(traced)
    assert same(runner.run(x)["y"], traced(x)["y"])
    assert [node.name for node in runner.env] == ["mul", "where", "output"]
    kept = fx.Interpreter(traced, garbage_collect_values=False)
    kept.run(x)
    assert len(kept.env) == len(traced.graph.nodes)
    mul = traced.graph.find_nodes(op="call_function", target=operator.mul)[0]
    assert same(fx.Interpreter(traced).run(x, initial_env={mul: tw.ones(2, 2)})["y"], tw.ones(2, 2))
    boxed = [x]
    assert same(fx.Interpreter(traced).boxed_run(boxed)["y"], traced(x)["y"])
    assert boxed == []


def test_interpreter_defaults_and_missing_arguments() -> None:
    traced = fx.symbolic_trace(lambda x, y=3, *rest: (x, y, rest))
    assert fx.Interpreter(traced).run(1) == (1, 3, [])
    assert fx.Interpreter(traced).run(1, 2, 4, 5) == (1, 2, [4, 5])
    with pytest.raises(RuntimeError, match="argument for parameter 'x' is missing"):
        fx.Interpreter(traced).run()


def test_interpreter_errors_name_the_node() -> None:
    traced = fx.symbolic_trace(lambda x: x.relu() @ x)
    with pytest.raises(tw.ShapeError) as caught:
        fx.Interpreter(traced).run(tw.ones(2, 3))
    assert "while running %matmul" in caught.value.__notes__[0]
    assert "test_fx_module.py" in caught.value.__notes__[0]


def test_interpreter_names_the_node_that_runs() -> None:
    from tensorwright.fx import traceback as place

    seen = []

    class Watch(fx.Interpreter):
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            seen.append((place.get_current_meta(), bool(place.format_stack())))
            return super().call_function(target, args, kwargs)

    traced = fx.symbolic_trace(lambda x: x + 1)
    traced.graph.find_nodes(op="call_function")[0].meta["mark"] = 1
    Watch(traced).run(1)
    assert seen == [({"mark": 1}, True)]
    assert not place.has_preserved_node_meta()


def test_transformer() -> None:
    class Softer(fx.Transformer):
        def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
            if isinstance(self.fetch_attr(target), nn.ReLU):
                return self.call_function(tw.sigmoid, args, kwargs)
            return super().call_module(target, args, kwargs)

    traced = fx.symbolic_trace(Net())
    traced.graph.find_nodes(op="get_attr")[0].meta["note"] = 1
    changed = Softer(traced).transform()
    assert "sigmoid = tw.sigmoid(block_0)" in changed.code
    assert changed.graph.find_nodes(op="get_attr")[0].meta["note"] == 1
    x = tw.randn(2, 3)
    block = traced.block
    assert same(changed(x)["y"], getattr(block, "2")(getattr(block, "0")(x).sigmoid()) * traced.scale)
    assert fx.Transformer(traced).transform().code == traced.code


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_modules_that_are_dropped_are_gone() -> None:
    gc.collect()
    lines = len(linecache.cache)
    traced = fx.symbolic_trace(Net())
    for _ in range(5):
        traced.recompile()
    graph, kind = weakref.ref(traced.graph), weakref.ref(type(traced))
    copies = [copy.deepcopy(traced) for _ in range(3)]
    del traced, copies
    gc.collect()
    assert graph() is None
    assert kind() is None
    assert len(linecache.cache) <= lines


# ---- without nn ------------------------------------------------------------------------------------------------------

WITHOUT_NN = """
import sys
class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[:2] == ["tensorwright", "nn"]:
            error = ModuleNotFoundError("tensorwright.nn is not installed", name="tensorwright-nn")
            raise error
sys.meta_path.insert(0, Hidden)
import copy, pickle
import tensorwright as tw
from tensorwright import fx
weight = tw.ones(2)
module = fx.symbolic_trace(lambda x: tw.relu(x) * weight)
assert module(tw.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
assert copy.deepcopy(module)(tw.ones(2)).tolist() == [1.0, 1.0]
assert pickle.loads(pickle.dumps(module))(tw.ones(2)).tolist() == [1.0, 1.0]
outer = fx.symbolic_trace(module)
assert outer(tw.ones(2)).tolist() == [1.0, 1.0]
assert module.add_submodule("a.b", module) and module.delete_submodule("a.b")
module.graph.lint()
assert len(fx.replace_pattern(module, lambda x: tw.relu(x), lambda x: tw.neg(x))) == 1
assert module(tw.ones(2)).tolist() == [-1.0, -1.0]
"""


def test_works_without_nn() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
