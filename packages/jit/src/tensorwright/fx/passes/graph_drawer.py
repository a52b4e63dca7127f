"""Drawings of graphs, as DOT for other programs and as SVG."""

from __future__ import annotations

import hashlib
import html
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tensorwright._layers import Drawing, draw
from tensorwright.fx import _targets
from tensorwright.fx._modules import get_path
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Node, _text

_COLOURS = {
    "placeholder": "#f6e0b5", "get_attr": "#e3d4f2", "output": "#f2c6c6", "call_module": "#c9e4c5",
    "call_method": "#cfe2f3", "call_function": "#d9e8f5",
}  # fmt: skip
_CHARACTER, _LINE, _PADDING, _MARGIN = 7.3, 16.0, 8.0, 16.0
_LONGEST_LINE = 60


class Picture:
    """One graph, drawn.

    Attributes:
        name: its title.
    """

    def __init__(self, name: str, labels: dict[Node, list[str]], edges: list[tuple[Node, Node]]) -> None:
        self.name = name
        self._labels = labels
        self._edges = edges

    def to_string(self) -> str:
        """The picture in DOT."""
        names = {node: node.name for node in self._labels}
        lines = [f'digraph "{_escaped(self.name)}" {{', "  rankdir=TB;", "  node [shape=box, style=filled];"]
        for node, label in self._labels.items():
            text = "\\n".join(map(_escaped, label))
            lines.append(f'  "{names[node]}" [label="{text}", fillcolor="{_colour(node)}"];')
        lines += [f'  "{names[source]}" -> "{names[target]}";' for source, target in self._edges]
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self) -> str:
        """The picture in SVG; no other program takes part."""
        numbers = {node: k for k, node in enumerate(self._labels)}
        sizes = [_size(label) for label in self._labels.values()]
        drawing = draw(sizes, [(numbers[a], numbers[b]) for a, b in self._edges], gap=24.0, rise=32.0)
        return _svg(self._labels, drawing)

    def create_svg(self) -> bytes:
        """The picture in SVG, encoded."""
        return self.svg().encode()

    def write_svg(self, path: str | os.PathLike[str]) -> None:
        """Write the SVG to a file."""
        Path(path).write_text(self.svg(), encoding="utf-8")

    def write_dot(self, path: str | os.PathLike[str]) -> None:
        """Write the DOT to a file."""
        Path(path).write_text(self.to_string(), encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        return self.to_string()


class FxGraphDrawer:
    """Draws the graph of a module, and those of the graph modules in it.

    Args:
        graph_module: what to draw.
        name: the title.
        ignore_getattr: leave out nodes that read attributes.
        ignore_parameters_and_buffers: say nothing of the parameters of the modules that are called.
        skip_node_names_in_args: do not repeat the names of nodes among the arguments.
        parse_stack_trace: say where each node was made.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> picture = FxGraphDrawer(fx.symbolic_trace(lambda x: tw.relu(x)), "net").get_dot_graph()
        >>> [line for line in str(picture).splitlines() if "->" in line]
        ['  "x" -> "relu";', '  "relu" -> "output";']
        >>> picture.svg()[:4]
        '<svg'
    """

    def __init__(
        self,
        graph_module: GraphModule,
        name: str,
        ignore_getattr: bool = False,
        ignore_parameters_and_buffers: bool = False,
        skip_node_names_in_args: bool = True,
        parse_stack_trace: bool = False,
    ) -> None:
        self._ignore_attributes = ignore_getattr
        self._ignore_parameters = ignore_parameters_and_buffers
        self._skip_names = skip_node_names_in_args
        self._places = parse_stack_trace
        self._pictures = {name: self._picture(graph_module, name)}
        self._main = name
        for path, child in graph_module.named_modules():
            if path and isinstance(child, GraphModule):
                self._pictures[f"{name}_{path}"] = self._picture(child, f"{name}_{path}")

    def get_dot_graph(self, submod_name: str | None = None) -> Picture:
        """The picture of the module, or of the submodule of that path."""
        return self.get_main_dot_graph() if submod_name is None else self.get_submod_dot_graph(submod_name)

    def get_main_dot_graph(self) -> Picture:
        """The picture of the module."""
        return self._pictures[self._main]

    def get_submod_dot_graph(self, submod_name: str) -> Picture:
        """The picture of a graph module inside of the module."""
        return self._pictures[f"{self._main}_{submod_name}"]

    def get_all_dot_graphs(self) -> dict[str, Picture]:
        """All pictures by name."""
        return dict(self._pictures)

    def _picture(self, module: GraphModule, name: str) -> Picture:
        shown = [node for node in module.graph.nodes if not (self._ignore_attributes and node.op == "get_attr")]
        labels = {node: self._label(module, node) for node in shown}
        edges = [(used, node) for node in shown for used in node.all_input_nodes if used in labels]
        return Picture(name, labels, edges)

    def _label(self, module: GraphModule, node: Node) -> list[str]:
        op, target, args, kwargs = node._call()
        lines = [f"%{node.name}", op]
        if op == "call_module":
            lines += self._module_lines(get_path(module, target), target)
        elif op != "output":
            lines.append(target if isinstance(target, str) else _targets.qualified_name(target))
        parts = [part for part in args if not (self._skip_names and isinstance(part, Node))] if op != "output" else []
        lines += [f"args: {_text(tuple(parts))}"] if parts and op != "placeholder" else []
        lines += [f"{key}={_text(value)}" for key, value in kwargs.items()]
        meta: Any = node.meta.get("tensor_meta")
        if hasattr(meta, "dtype") and hasattr(meta, "shape"):
            lines.append(f"{repr(meta.dtype).rpartition('.')[2]} {tuple(meta.shape)}")
        if self._places and node.stack_trace:
            lines.append(node.stack_trace.strip().splitlines()[0])
        return [line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…" for line in lines]

    def _module_lines(self, module: Any, path: str) -> list[str]:
        lines = [f"{path}: {type(module).__name__}"]
        if self._ignore_parameters:
            return lines
        parameters = module.named_parameters() if hasattr(module, "named_parameters") else ()
        return lines + [f"{name}: {tuple(value.shape)}" for name, value in parameters]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _colour(node: Node) -> str:
    """By kind; functions by name, so that equal ones look alike."""
    call = node._call()
    if call.op != "call_function":
        return _COLOURS.get(call.op, "#eeeeee")
    digest = hashlib.sha256(_targets.qualified_name(call.target).encode()).digest()
    red, green, blue = (200 + byte % 48 for byte in digest[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"


def _size(label: list[str]) -> tuple[float, float]:
    return max(map(len, label)) * _CHARACTER + 2 * _PADDING, len(label) * _LINE + 2 * _PADDING


def _svg(labels: dict[Node, list[str]], drawing: Drawing) -> str:
    width, height = drawing.width + 2 * _MARGIN, drawing.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}" font-family="monospace" font-size="12">',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L10 5L0 10z" fill="#555"/></marker></defs>',
    ]
    lines += [_curve(points) for _, _, points in drawing.edges]
    for k, (node, label) in enumerate(labels.items()):
        box = drawing.boxes[k]
        left, top = box.x - box.width / 2, box.y - box.height / 2
        lines.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6" '
            f'fill="{_colour(node)}" stroke="#555"/>'
        )
        for row, line in enumerate(label):
            y = top + _PADDING + (row + 0.75) * _LINE
            weight = ' font-weight="bold"' if row == 0 else ""
            lines.append(f'<text x="{box.x:.1f}" y="{y:.1f}" text-anchor="middle"{weight}>{html.escape(line)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#head)"/>'
