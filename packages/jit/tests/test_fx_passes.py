"""Patterns, splitting, shapes, drawings."""

from __future__ import annotations

import operator
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
import tensorwright.nn.functional as F
from tensorwright import fx, nn
from tensorwright.fx.passes.graph_drawer import FxGraphDrawer
from tensorwright.fx.passes.shape_prop import ShapeProp, TensorMetadata
from tensorwright.fx.passes.split_module import split_module
from tensorwright.fx.passes.utils.matcher_utils import SubgraphMatcher


def same(a: Any, b: Any) -> bool:
    return bool((a == b).all()) and a.dtype == b.dtype


def targets(module: fx.GraphModule) -> list[Any]:
    return [n.target for n in module.graph.nodes if n.op not in ("placeholder", "output")]


# ---- patterns --------------------------------------------------------------------------------------------------------


def test_every_place_is_replaced() -> None:
    def function(x: Any, w: Any) -> Any:
        a = tw.cat([x, w]).sum()
        b = tw.cat([w, x]).sum()
        return a + b + tw.cat([x, w]).max()

    traced = fx.symbolic_trace(function)
    done = fx.replace_pattern(traced, lambda a, b: tw.cat([a, b]).sum(), lambda a, b: a.sum() + b.sum())
    assert [match.anchor.name for match in done] == ["sum_1", "sum_2"]
    assert len(done[0].nodes_map) == 4
    x, w = tw.arange(3.0), tw.arange(4.0)
    assert same(traced(x, w), function(x, w))
    traced.graph.lint()
    assert targets(traced).count(tw.cat) == 1


def test_chains_of_places_that_touch() -> None:
    traced = fx.symbolic_trace(lambda x: ((x + 1) + 1) + 1)
    assert len(fx.replace_pattern(traced, lambda x: x + 1, lambda x: x * 2)) == 3
    assert traced(1) == 8
    traced.graph.lint()


def test_places_do_not_overlap() -> None:
    traced = fx.symbolic_trace(lambda x: tw.relu(tw.relu(tw.relu(x))))
    assert len(fx.replace_pattern(traced, lambda x: tw.relu(tw.relu(x)), lambda x: tw.sigmoid(x))) == 1
    assert targets(traced) == [tw.sigmoid, tw.relu] or targets(traced) == [tw.relu, tw.sigmoid]
    traced.graph.lint()


def test_values_used_outside_prevent_a_match() -> None:
    traced = fx.symbolic_trace(lambda x: (tw.relu(x + 1), x + 1)[0] + 0)
    assert len(fx.replace_pattern(traced, lambda x: tw.relu(x + 1), lambda x: tw.sin(x))) == 1

    def shares(x: Any) -> Any:
        y = x + 1
        return tw.relu(y) * y

    assert fx.replace_pattern(fx.symbolic_trace(shares), lambda x: tw.relu(x + 1), lambda x: x) == []


def test_replacement_by_a_parameter_or_by_several_values() -> None:
    traced = fx.symbolic_trace(lambda x: F.dropout(x + 1, 0.5) * 2)
    fx.replace_pattern(traced, lambda x: F.dropout(x, p=0.5), lambda x: x)
    assert targets(traced) == [operator.add, operator.mul]
    assert traced(1) == 4

    def both(x: Any, y: Any) -> Any:
        return (x + y).relu(), (x * y).relu()

    traced = fx.symbolic_trace(lambda x, y: (x + y).relu() - (x * y).relu())
    done = fx.replace_pattern(traced, both, lambda x, y: (x - y, y - x))
    assert len(done) == 1
    assert traced(5, 2) == 6


def test_same_parameter_means_same_value() -> None:
    pattern, replacement = (lambda x: x * x), (lambda x: x**2)
    traced = fx.symbolic_trace(lambda a, b: a * a + a * b)
    assert len(fx.replace_pattern(traced, pattern, replacement)) == 1
    assert traced(2, 3) == 10


def test_literals_and_filters() -> None:
    def module() -> fx.GraphModule:
        return fx.symbolic_trace(lambda x: tw.relu(x + 1) - tw.relu(x + 2))

    assert len(fx.replace_pattern(module(), lambda x: x + 1, lambda x: x)) == 1
    several = fx.replace_pattern_with_filters(module(), lambda x: x + 1, lambda x: x, ignore_literals=True)
    assert [place.anchor.name for place in several] == ["add", "add_1"]

    def small(match: Any, graph: fx.Graph, pattern: fx.Graph) -> bool:
        return bool(match.anchors[0].name == "add_1")

    kept = fx.replace_pattern_with_filters(module(), lambda x: x + 1, lambda x: x * 3, [small], ignore_literals=True)
    assert [[n.name for n in place.replacements] for place in kept] == [["mul"]]


def test_replacement_made_for_each_place() -> None:
    def make(match: Any, graph: fx.Graph, pattern: fx.Graph) -> fx.Graph:
        (add,) = (n for n in match.nodes_map.values() if isinstance(n, fx.Node) and n.op == "call_function")
        return fx.symbolic_trace(lambda x: x - add.args[1]).graph

    traced = fx.symbolic_trace(lambda x: (x + 1, x + 5))
    fx.replace_pattern_with_filters(traced, lambda x: x + 0, replacement_callback=make, ignore_literals=True)
    assert traced(10) == (9, 5)
    with pytest.raises(ValueError, match="either a replacement or a replacement_callback"):
        fx.replace_pattern_with_filters(traced, lambda x: x)
    with pytest.raises(ValueError, match="the pattern has 1 parameters, its replacement 2"):
        fx.replace_pattern(traced, lambda x: x - 1, lambda x, y: x)


def test_modules_in_patterns() -> None:
    class Pattern(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return self.act(x) + 1

    class Replacement(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.new = nn.Tanh()

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return self.new(x)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.ReLU(), nn.Sigmoid()

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return self.second(self.first(x) + 1)

    traced = fx.symbolic_trace(Model())
    pattern = fx.symbolic_trace(Pattern())
    assert len(fx.replace_pattern(traced, pattern, Replacement())) == 1
    x = tw.randn(3)
    assert same(traced(x), x.tanh().sigmoid())
    assert not hasattr(traced, "first")


def test_matcher_options() -> None:
    pattern = fx.symbolic_trace(lambda x: tw.relu(x)).graph
    graph = fx.symbolic_trace(lambda x: tw.relu(tw.relu(x))).graph
    assert len(SubgraphMatcher(pattern).match(graph)) == 2
    assert len(SubgraphMatcher(pattern, match_placeholder=True).match(graph)) == 1
    assert len(SubgraphMatcher(pattern, match_output=True).match(graph)) == 1
    assert len(SubgraphMatcher(pattern).match(graph, node_name_match="relu_1")) == 1
    overlapping = fx.symbolic_trace(lambda x: tw.relu(tw.relu(x))).graph
    chain = fx.symbolic_trace(lambda x: tw.relu(tw.relu(tw.relu(x)))).graph
    assert len(SubgraphMatcher(overlapping, remove_overlapping_matches=False).match(chain)) == 2
    assert len(SubgraphMatcher(overlapping).match(chain)) == 1
    with pytest.raises(ValueError, match="the pattern is empty"):
        SubgraphMatcher(fx.Graph())


def test_patterns_over_captured_graphs() -> None:
    captured = tw.jit.trace(lambda x: (x + 1).relu() * 2, tw.ones(3))
    module = fx.GraphModule(captured.program.attributes, fx.Graph.over(captured))
    assert len(fx.replace_pattern(module, lambda x: tw.relu(x), lambda x: tw.sin(x))) == 1
    x = tw.randn(3)
    assert same(module(x), (x + 1).sin() * 2)
    assert same(captured(x), (x + 1).sin() * 2)


# ---- splitting -------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.scale = nn.Parameter(tw.full((3,), 2.0))

    def forward(self, x: tw.Tensor) -> Any:
        a = self.block(x)
        b = a * self.scale
        c = b + a
        return c, [b.sum()]


def test_parts_give_what_the_whole_gives() -> None:
    module = fx.symbolic_trace(Net())
    order = {node.name: k for k, node in enumerate(module.graph.nodes)}
    paths: dict[str, str] = {}
    parts = split_module(module, module, lambda n: order[n.name] // 4, paths)
    x = tw.randn(2, 3)
    whole, split = module(x), parts(x)
    assert same(split[0], whole[0])
    assert same(split[1][0], whole[1][0])
    assert [name for name, _ in parts.named_children()] == ["submod_0", "submod_1"]
    assert paths == {"submod_0.block_0": "block.0", "submod_0.block_1": "block.1"}
    assert isinstance(parts.submod_0, fx.GraphModule)
    parts.graph.lint()
    assert same(split_module(module, module, lambda n: "all", tuple_return=True)(x)[0], whole[0])
    named = split_module(module, module, lambda n: 0, partition_affix="stage")
    assert hasattr(named, "submod_stage_0")


def test_parts_that_need_each_other_are_refused() -> None:
    module = fx.symbolic_trace(lambda x: tw.relu(tw.sin(tw.relu(x))))
    with pytest.raises(RuntimeError, match="need each other in a circle"):
        split_module(module, module, lambda n: n.target is tw.sin)
    late = fx.symbolic_trace(lambda x: (tw.sin(x), tw.cos(tw.relu(x)), tw.sin(tw.relu(x)))[1])
    assert split_module(late, late, lambda n: n.target is tw.relu)(tw.zeros(1)).item() == 1.0
    with pytest.raises(RuntimeError, match="comes before"):
        split_module(late, late, lambda n: n.target is tw.relu, keep_original_order=True)


# ---- shapes ----------------------------------------------------------------------------------------------------------


def test_shapes_are_noted() -> None:
    module = fx.symbolic_trace(Net())
    ShapeProp(module).propagate(tw.randn(2, 3))
    noted = {n.name: n.meta.get("tensor_meta") for n in module.graph.nodes}
    assert noted["mul"] == TensorMetadata(tw.Size((2, 3)), tw.float32, True, (3, 1))
    assert noted["sum_1"].shape == ()
    assert noted["output"][0].shape == (2, 3)
    assert {n.name: n.meta["type"] for n in module.graph.nodes}["output"] is tuple
    assert "%mul: tensor<float32, [2, 3]> = py.call @operator.mul" in str(module.graph.program)
    module.graph.program.verify("capture")


def test_shapes_without_computing() -> None:
    module = fx.symbolic_trace(lambda x: x @ x.mT)
    assert ShapeProp(module).propagate(tw.empty(4, 1000, 10, device="meta")).shape == (4, 1000, 1000)
    assert "tensor<float32, [4, 1000, 1000], meta>" in str(module.graph.program)


# ---- drawings --------------------------------------------------------------------------------------------------------


def test_drawings(tmp_path: Path) -> None:
    module = fx.symbolic_trace(Net())
    ShapeProp(module).propagate(tw.randn(2, 3))
    picture = FxGraphDrawer(module, 'a "net"').get_dot_graph()
    dot = picture.to_string()
    assert dot.startswith('digraph "a \\"net\\"" {')
    assert '"block_0" -> "block_1";' in dot
    assert "block.0: Linear\\nweight: (3, 3)\\nbias: (3,)" in dot
    assert "float32 (2, 3)" in dot
    root = ET.fromstring(picture.svg())
    boxes = [part for part in root if part.tag.endswith("rect")]
    edges = [part for part in root if part.tag.endswith("path")]
    assert len(boxes) == len(module.graph.nodes)
    assert len(edges) == sum(len(n.all_input_nodes) for n in module.graph.nodes)
    picture.write_svg(tmp_path / "net.svg")
    picture.write_dot(tmp_path / "net.dot")
    assert (tmp_path / "net.svg").read_bytes() == picture.create_svg()
    assert (tmp_path / "net.dot").read_text() == dot


def test_drawings_leave_out_and_go_into() -> None:
    module = fx.symbolic_trace(Net())
    plain = FxGraphDrawer(module, "net", ignore_getattr=True, ignore_parameters_and_buffers=True).get_main_dot_graph()
    assert '"scale"' not in str(plain)
    assert "weight" not in str(plain)
    parts = split_module(module, module, lambda n: 0)
    drawer = FxGraphDrawer(parts, "net", parse_stack_trace=True)
    assert sorted(drawer.get_all_dot_graphs()) == ["net", "net_submod_0"]
    assert '"mul"' in str(drawer.get_dot_graph("submod_0"))


def test_an_empty_graph_is_drawn() -> None:
    assert "<svg" in FxGraphDrawer(fx.GraphModule({}, fx.Graph()), "nothing").get_dot_graph().svg()
