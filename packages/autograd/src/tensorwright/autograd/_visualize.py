"""The tape as a picture: nodes, what flows between them, and the leaves that get gradients."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorwright import Tensor
from tensorwright._pictures import Vertex, dot_text, svg
from tensorwright.autograd._library import op
from tensorwright.autograd.graph import get_gradient_edge

_result_shapes = op("result_shapes")

_COLOURS = {"op": "#eef1f6", "leaf": "#d7efd9", "function": "#fbe9d0", "output": "#dbe7fb"}


@dataclass(frozen=True)
class TapeVertex:
    """A box of the picture.

    Attributes:
        label: its lines of text: the name first.
        kind: "op", "function" (with a gradient of the user's), "leaf" or "output".
    """

    label: tuple[str, ...]
    kind: str


@dataclass
class Tape:
    """What ``visualize`` gives. Notebooks show it as a picture.

    Attributes:
        vertices: the boxes.
        edges: pairs of numbers of vertices, in the direction of the computation, with a label.
    """

    vertices: list[TapeVertex] = field(default_factory=list)
    edges: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        lines = ["digraph tape {", '  node [shape=box, style="rounded,filled", fontname="monospace"];']
        for i, vertex in enumerate(self.vertices):
            text = "\\n".join(dot_text(line) for line in vertex.label)
            lines.append(f'  n{i} [label="{text}", fillcolor="{_COLOURS[vertex.kind]}"];')
        for source, target, label in self.edges:
            text = f' [label="{dot_text(label)}"]' if label else ""
            lines.append(f"  n{source} -> n{target}{text};")
        return "\n".join([*lines, "}"]) + "\n"

    @property
    def svg(self) -> str:
        """The graph as a picture in SVG."""
        return svg([Vertex(vertex.label, _COLOURS[vertex.kind]) for vertex in self.vertices], self.edges)

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.dot

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; a name that ends in ".dot" or ".gv" gets the DOT text, ".svg" the SVG.

        Raises:
            ValueError: for another ending.
        """
        name = os.fspath(path)
        if name.endswith((".dot", ".gv")):
            text = self.dot
        elif name.endswith(".svg"):
            text = self.svg
        else:
            raise ValueError(f"Tape.save: the name must end in .svg, .dot or .gv; got {name!r}")
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)


def visualize(
    outputs: Tensor | Iterable[Tensor], params: Mapping[str, Tensor] | Any = None, *, shapes: bool = True
) -> Tape:
    """The tape that leads to tensors: which operations made them, out of which leaves.

    Args:
        outputs: tensors that require grad.
        params: names for leaves: a mapping of names to tensors, or a module, whose ``named_parameters()`` are asked.
        shapes: find out the shapes and dtypes of results between, by a backward pass with gradients of zero that
            changes nothing. It calls ``backward`` of the :class:`Function` in the graph and recomputes checkpoints;
            nodes whose saved values were freed stay without shapes, and so do those behind them.

    Returns:
        An object with the graph as ``dot`` and ``svg``, which notebooks show.

    Raises:
        RuntimeError: if an output does not require grad.

    Example:
        >>> import tensorwright as tw
        >>> w = tw.ones(3, 2, requires_grad=True)
        >>> tape = tw.autograd.visualize((tw.ones(4, 3) @ w).tanh(), {"w": w})
        >>> [vertex.label[0] for vertex in tape.vertices]
        ['output', 'Tanh', 'Mm', 'w']
        >>> tape.vertices[2].label
        ('Mm', 'float32 [4, 2]')
        >>> tape.dot.splitlines()[-2]
        '  n1 -> n0;'
    """
    roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    return _Builder(_names(params), shapes).build(roots)


def _names(params: Any) -> dict[int, str]:
    """By the address of a leaf's accumulator."""
    if params is None:
        return {}
    named = params.items() if isinstance(params, Mapping) else params.named_parameters()
    return {get_gradient_edge(tensor).node.id: name for name, tensor in named if tensor.requires_grad}


class _Builder:
    def __init__(self, names: dict[int, str], shapes: bool) -> None:
        self._names, self._with_shapes = names, shapes
        self._tape = Tape()
        self._numbers: dict[int, int] = {}  # of vertices, by the node's address
        self._shapes: dict[tuple[int, int], str] = {}  # of results, by address and slot
        self._outputs_of: dict[int, int] = {}  # by address: how many results a pass has seen

    def build(self, roots: Sequence[Tensor]) -> Tape:
        edges = [get_gradient_edge(root) for root in roots]
        if self._with_shapes:
            for root in roots:
                self._find_shapes(root)
        for i, (root, edge) in enumerate(zip(roots, edges, strict=True)):
            name = "output" if len(roots) == 1 else f"output {i}"
            vertex = self._add(TapeVertex((name, _described(root.dtype, root.shape)), "output"))
            self._follow(edge.node)
            self._tape.edges.append((self._numbers[edge.node.id], vertex, self._slot_label(edge.node, edge.output_nr)))
        return self._tape

    def _find_shapes(self, root: Tensor) -> None:
        for node, slot, dtype, shape in _result_shapes(root):
            self._shapes.setdefault((node.id, slot), _described(dtype, shape))
            self._outputs_of[node.id] = max(self._outputs_of.get(node.id, 0), slot + 1)

    def _add(self, vertex: TapeVertex) -> int:
        self._tape.vertices.append(vertex)
        return len(self._tape.vertices) - 1

    def _follow(self, root: Any) -> None:
        """All nodes that lead to one, each once, without recursion."""
        if root.id in self._numbers:
            return
        self._numbers[root.id] = self._add(self._vertex(root))
        waiting = [root]
        for node in waiting:
            for source, slot in node.next_functions:
                if source is None:
                    continue
                if source.id not in self._numbers:
                    self._numbers[source.id] = self._add(self._vertex(source))
                    waiting.append(source)
                label = self._slot_label(source, slot)
                self._tape.edges.append((self._numbers[source.id], self._numbers[node.id], label))

    def _vertex(self, node: Any) -> TapeVertex:
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor):
            name = self._names.get(node.id, "leaf")
            return TapeVertex((name, _described(leaf.dtype, leaf.shape)), "leaf")
        name = node.name().removesuffix("Backward")
        shape = self._shapes.get((node.id, 0))
        several = self._outputs_of.get(node.id, 1) > 1
        lines = (name,) if shape is None or several else (name, shape)
        return TapeVertex(lines, "function" if hasattr(node, "saved_tensors") else "op")

    def _slot_label(self, node: Any, slot: int) -> str:
        """Of an edge out of a node with several results."""
        if self._outputs_of.get(node.id, 1) <= 1 and slot == 0:
            return ""
        return " ".join(["result", str(slot), self._shapes.get((node.id, slot), "")]).strip()


def _described(dtype: Any, shape: Iterable[int]) -> str:
    return f"{str(dtype).removeprefix('tensorwright.')} {list(shape)}"
