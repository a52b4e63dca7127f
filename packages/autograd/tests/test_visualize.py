"""The tape as DOT and SVG."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorwright._layers import draw
from tensorwright.autograd import Tape, visualize

SVG = "{http://www.w3.org/2000/svg}"


def labels(tape: Tape) -> list[tuple[str, ...]]:
    return [vertex.label for vertex in tape.vertices]


def named_edges(tape: Tape) -> set[tuple[str, str, str]]:
    names = [vertex.label[0] for vertex in tape.vertices]
    return {(names[source], names[target], label) for source, target, label in tape.edges}


def perceptron() -> tuple[tw.Tensor, dict[str, tw.Tensor]]:
    params = {"w": tw.ones(3, 2, requires_grad=True), "b": tw.ones(2, requires_grad=True)}
    return (tw.ones(4, 3) @ params["w"] + params["b"]).tanh(), params


def test_vertices_and_edges() -> None:
    y, params = perceptron()
    tape = visualize(y, params)
    assert labels(tape) == [
        ("output", "float32 [4, 2]"),
        ("Tanh", "float32 [4, 2]"),
        ("Add", "float32 [4, 2]"),
        ("Mm", "float32 [4, 2]"),
        ("b", "float32 [2]"),
        ("w", "float32 [3, 2]"),
    ]
    assert named_edges(tape) == {
        ("w", "Mm", ""), ("Mm", "Add", ""), ("b", "Add", ""), ("Add", "Tanh", ""), ("Tanh", "output", ""),
    }  # fmt: skip
    assert [vertex.kind for vertex in tape.vertices] == ["output", "op", "op", "op", "leaf", "leaf"]


def test_leaves_without_names_and_modules() -> None:
    class Layer:
        def named_parameters(self) -> object:
            return params.items()

    y, params = perceptron()
    assert "leaf" in [label[0] for label in labels(visualize(y))]
    assert labels(visualize(y, Layer())) == labels(visualize(y, params))


def test_results_of_one_node_are_told_apart() -> None:
    x = tw.rand(2, 3, dtype=tw.float64).requires_grad_()
    a, b = x.unbind()
    tape = visualize((a * b.sin()).sum())
    assert ("Unbind", "Mul", "result 0 float64 [3]") in named_edges(tape)
    assert ("Unbind", "Sin", "result 1 float64 [3]") in named_edges(tape)


def test_several_outputs_share_what_they_have_in_common() -> None:
    x = tw.ones(2, requires_grad=True)
    h = x.exp()
    tape = visualize([h.sin(), h.cos(), h])
    assert [label[0] for label in labels(tape)].count("Exp") == 1
    assert {("Sin", "output 0", ""), ("Cos", "output 1", ""), ("Exp", "output 2", "")} <= named_edges(tape)


def test_nothing_changes() -> None:
    """Hooks do not run, gradients stay, and the graph can be used afterwards."""
    y, params = perceptron()
    calls: list[object] = []
    y.register_hook(calls.append)
    params["w"].register_hook(calls.append)
    y.grad_fn.register_prehook(calls.append)
    visualize(y, params)
    assert calls == []
    assert params["w"].grad is None
    y.sum().backward()
    assert params["w"].grad is not None


def test_functions_and_freed_graphs() -> None:
    class Double(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad

    x = tw.ones(3, requires_grad=True)
    y = Double.apply(x.exp())
    tape = visualize(y)
    assert tape.vertices[1].label == ("Double", "float32 [3]")
    assert tape.vertices[1].kind == "function"
    assert tape.vertices[2].label == ("Exp", "float32 [3]")
    y.sum().backward()
    assert labels(visualize(y))[1:3] == [("Double", "float32 [3]"), ("Exp", "float32 [3]")]
    z = (x.exp() * 2).sin()
    z.sum().backward()
    assert labels(visualize(z))[1:] == [("Sin", "float32 [3]"), ("Mul",), ("Exp",), ("leaf", "float32 [3]")]
    assert labels(visualize(z, shapes=False))[1:] == [("Sin",), ("Mul",), ("Exp",), ("leaf", "float32 [3]")]


def test_failing_function_is_drawn() -> None:
    class Fails(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("mine")

    tape = visualize(Fails.apply(tw.ones(1, requires_grad=True) * 2))
    assert [label[0] for label in labels(tape)] == ["output", "Fails", "Mul", "leaf"]


def test_dot_is_well_formed() -> None:
    y, params = perceptron()
    text = visualize(y, {'w"eird\\name': params["w"], "b": params["b"]}).dot
    assert text.startswith("digraph tape {")
    assert text.endswith("}\n")
    assert r"w\"eird\\name" in text
    vertices = set(re.findall(r"^  (n\d+) \[", text, re.MULTILINE))
    ends = re.findall(r"^  (n\d+) -> (n\d+)", text, re.MULTILINE)
    assert len(vertices) == 6
    assert len(ends) == 5
    assert {name for pair in ends for name in pair} <= vertices


def test_svg_is_well_formed() -> None:
    y, params = perceptron()
    tape = visualize(y, {"<w>": params["w"], "b&": params["b"]})
    root = ElementTree.fromstring(tape._repr_svg_())
    assert root.tag == SVG + "svg"
    texts = [element.text for element in root.iter(SVG + "text")]
    assert "<w>" in texts
    assert "b&" in texts
    assert "float32 [4, 2]" in texts
    assert len(list(root.iter(SVG + "rect"))) == 6
    assert len([path for path in root.iter(SVG + "path") if path.get("marker-end")]) == 5


def test_files(tmp_path: Path) -> None:
    y, _ = perceptron()
    tape = visualize(y)
    tape.save(tmp_path / "a.svg")
    tape.save(str(tmp_path / "a.dot"))
    assert (tmp_path / "a.svg").read_text() == tape.svg
    assert (tmp_path / "a.dot").read_text() == tape.dot == str(tape)
    with pytest.raises(ValueError, match="must end in"):
        tape.save(tmp_path / "a.png")
    with pytest.raises(RuntimeError, match="does not require grad"):
        visualize(tw.ones(1))


def test_long_chain() -> None:
    x = y = tw.ones(1, requires_grad=True)
    for _ in range(2000):
        y = y + 1
    start = time.perf_counter()
    tape = visualize(y + x)
    assert len(tape.svg) > 2000
    assert len(tape.vertices) == 2003
    assert time.perf_counter() - start < 30


# ---- the layout -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_boxes_do_not_overlap_and_edges_lead_down(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 14))
    sizes = data.draw(st.lists(st.tuples(st.floats(5, 80), st.floats(5, 30)), min_size=count, max_size=count))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=30))
    edges = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    drawing = draw(sizes, edges, gap=4.0, rise=10.0)
    boxes = list(drawing.boxes.values())
    for i, a in enumerate(boxes):
        assert a.x - a.width / 2 >= -1e-6
        assert a.x + a.width / 2 <= drawing.width + 1e-6
        for b in boxes[:i]:
            apart_x = abs(a.x - b.x) >= (a.width + b.width) / 2 + 4.0 - 1e-6
            apart_y = abs(a.y - b.y) >= (a.height + b.height) / 2 - 1e-6
            assert apart_x or apart_y
    for source, target, points in drawing.edges:
        above, below = drawing.boxes[source], drawing.boxes[target]
        assert points[0] == pytest.approx((above.x, above.y + above.height / 2))
        assert points[-1] == pytest.approx((below.x, below.y - below.height / 2))
        heights = [y for _, y in points]
        assert heights == sorted(heights)
        assert heights[-1] - heights[0] >= 10.0 - 1e-6


def test_cycles_are_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        draw([(1.0, 1.0)] * 2, [(0, 1), (1, 0)], 1.0, 1.0)
