"""Drawings of graphs, as DOT for other programs and as SVG."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from tensorwright._pictures import Vertex, dot_text, svg
from tensorwright.fx import _targets
from tensorwright.fx._modules import get_path
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Node, _text

_COLOURS = {
    "placeholder": "#f6e0b5", "get_attr": "#e3d4f2", "output": "#f2c6c6", "call_module": "#c9e4c5",
    "call_method": "#cfe2f3", "call_function": "#d9e8f5",
}  # fmt: skip
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
        lines = [f'digraph "{dot_text(self.name)}" {{', "  rankdir=TB;", "  node [shape=box, style=filled];"]
        for node, label in self._labels.items():
            text = "\\n".join(map(dot_text, label))
            lines.append(f'  "{names[node]}" [label="{text}", fillcolor="{_colour(node)}"];')
        lines += [f'  "{names[source]}" -> "{names[target]}";' for source, target in self._edges]
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self) -> str:
        """The picture in SVG; no other program takes part."""
        numbers = {node: k for k, node in enumerate(self._labels)}
        vertices = [Vertex(label, _colour(node)) for node, label in self._labels.items()]
        return svg(vertices, [(numbers[a], numbers[b], "") for a, b in self._edges])

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


def _colour(node: Node) -> str:
    """By kind; functions by name, so that equal ones look alike."""
    call = node._call()
    if call.op != "call_function":
        return _COLOURS.get(call.op, "#eeeeee")
    digest = hashlib.sha256(_targets.qualified_name(call.target).encode()).digest()
    red, green, blue = (200 + byte % 48 for byte in digest[:3])
    return f"#{red:02x}{green:02x}{blue:02x}"
