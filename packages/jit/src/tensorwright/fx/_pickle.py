"""Pickled graphs: the nodes as plain data. Loading rebuilds them; no source is read from the file."""

from __future__ import annotations

from typing import Any, NamedTuple

from tensorwright.fx import _targets
from tensorwright.fx._code import CodeGen
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Node, map_aggregate


class NodeNumber(NamedTuple):
    """Stands for a node among pickled arguments."""

    number: int


class OpName(NamedTuple):
    """Stands for the function of an op of tensorwright among pickled targets."""

    name: str


class PickledNode(NamedTuple):
    """One node as data."""

    op: str
    target: Any
    args: Any
    kwargs: dict[str, Any]
    name: str
    type: Any
    meta: dict[str, Any]


class _Names:
    def __init__(self, graph: Graph) -> None:
        self.numbers = {node: k for k, node in enumerate(graph.nodes)}

    def value(self, leaf: Any) -> Any:
        return NodeNumber(self.numbers[leaf]) if isinstance(leaf, Node) else leaf


def _target(target: Any) -> Any:
    name = target if isinstance(target, str) else _targets.qualified_name(target)
    is_op = not isinstance(target, str) and _targets.known_callable(name) is target
    return OpName(name) if is_op else target


def _pickled(graph: Graph) -> list[PickledNode]:
    names = _Names(graph)
    rows = []
    for node in graph.nodes:
        if node.regions:
            raise TypeError(f"node {node} has regions, which pickle does not keep; save the program with tw.jit.save")
        op, target, args, kwargs = node._call()
        plain = map_aggregate((args, dict(kwargs)), names.value)
        rows.append(PickledNode(op, _target(target), plain[0], dict(plain[1]), node.name, node.type, node.meta))
    return rows


def _rebuilt(value: Any, nodes: list[Node]) -> Any:
    if isinstance(value, NodeNumber):
        return nodes[value.number]
    if isinstance(value, tuple):
        items = [_rebuilt(item, nodes) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [_rebuilt(item, nodes) for item in value]
    if isinstance(value, dict):
        return {key: _rebuilt(item, nodes) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(_rebuilt(part, nodes) for part in (value.start, value.stop, value.step)))
    return value


def _graph(rows: list[PickledNode], codegen: CodeGen) -> Graph:
    graph = Graph()
    graph.set_codegen(codegen)
    nodes: list[Node] = []
    for row in rows:
        target = _targets.known_callable(row.target.name) if isinstance(row.target, OpName) else row.target
        args, kwargs = _rebuilt(row.args, nodes), _rebuilt(row.kwargs, nodes)
        node = graph.create_node(row.op, target, args, kwargs, row.name, row.type)
        node.meta = dict(row.meta)
        nodes.append(node)
    return graph


def _module(state: dict[str, Any], rows: list[PickledNode], codegen: CodeGen, class_name: str) -> GraphModule:
    module = GraphModule.__new__(GraphModule)
    module.__dict__.update(state)
    type(module).__name__ = class_name
    module.graph = _graph(rows, codegen)
    return module


def reduce_graph(graph: Graph) -> tuple[Any, ...]:
    """For ``Graph.__reduce__``."""
    return _graph, (_pickled(graph), graph._codegen)


def reduce_module(module: GraphModule) -> tuple[Any, ...]:
    """For ``GraphModule.__reduce__``."""
    return _module, (module._state(), _pickled(module.graph), module.graph._codegen, type(module).__name__)
