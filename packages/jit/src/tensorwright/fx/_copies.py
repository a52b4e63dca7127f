"""Copies of nodes, with the regions and functions that belong to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorwright.fx._control import ControlFlow
from tensorwright.fx.node import Argument, Node, map_arg

if TYPE_CHECKING:
    from tensorwright.fx.graph import Graph


def copy_node(graph: Graph, node: Node, transform: Callable[[Node], Argument]) -> Node:
    """A node of the graph like one of another."""
    call = node._call()
    args, kwargs = map_arg(call.args, transform), map_arg(dict(call.kwargs), transform)
    copied = graph.create_node(call.op, call.target, args, kwargs, node.name, node.type)
    copied.meta = dict(node.meta)
    if (place := node.graph._native("location", node._number)) is not None:
        graph._native("set_location", copied._number, *place)
    for region in node.regions:
        copy_nodes(region, graph._view(graph._native("add_region", copied._number)), transform)
    if isinstance(call.target, ControlFlow) and call.target.name is not None:
        _bring_function(node.graph.program, graph, call.target.name)
    return copied


def copy_nodes(source: Graph, target: Graph, outside: Callable[[Node], Argument] = lambda node: node) -> None:
    """All nodes of a graph, to the end of another."""
    copied: dict[Node, Node] = {}
    for node in source.nodes:
        copied[node] = copy_node(target, node, lambda n: copied[n] if n in copied else outside(n))


def _bring_function(program: Any, graph: Graph, name: str) -> None:
    """A function that the graph calls, from the program of what was copied."""
    if name in graph.program.functions:
        return
    graph.program.native("add_function", name)
    source = type(graph).over(program, name)
    copy_nodes(source, type(graph).over(graph.program, name))
    for node in source.find_nodes(op="get_attr"):
        if node.target in program.attributes:
            graph.program.set_attribute(node.target, program.attributes[node.target])
