"""A module cut into several, each with a part of its graph."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tensorwright.fx._modules import get_path
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Node, map_arg


@dataclass
class Partition:
    """One part: its nodes, what it takes from outside and what others take from it, in order."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    inputs: dict[Node, None] = field(default_factory=dict)
    outputs: dict[Node, None] = field(default_factory=dict)
    needs: dict[str, None] = field(default_factory=dict)


def split_module(
    m: GraphModule,
    root_m: Any,
    split_callback: Callable[[Node], Any],
    qualname_map: dict[str, str] | None = None,
    keep_original_order: bool = False,
    *,
    partition_affix: str | None = None,
    tuple_return: bool = False,
) -> GraphModule:
    """A module that calls one submodule, ``submod_<part>``, for each part of another's graph.

    Args:
        m: the module to cut; it stays as it is.
        root_m: has the attributes and submodules that the graph refers to.
        split_callback: names the part that a node belongs to.
        qualname_map: gets, by the path of each submodule's attribute in the result, its path in `root_m`.
        keep_original_order: call the parts in the order in which they begin, not by what they need.
        partition_affix: stands before the parts' names.
        tuple_return: submodules give tuples, also of one value.

    Raises:
        RuntimeError: if two parts need each other.

    Example:
        >>> from tensorwright import fx
        >>> module = fx.symbolic_trace(lambda x, y: (x + 1) * y)
        >>> parts = split_module(module, module, lambda node: 0 if node.name == "add" else 1)
        >>> print(parts.code.strip())
        def forward(self, x, y):
            submod_0 = self.submod_0(x);  x = None
            submod_1 = self.submod_1(submod_0, y);  submod_0 = y = None
            return submod_1
        >>> parts(2, 3)
        9
    """
    parts = _partitions(m.graph, split_callback, partition_affix)
    order = list(parts.values()) if keep_original_order else _sorted(parts)
    _check_order(order)
    submodules: dict[str, Any] = {}
    renamed: dict[str, str] = {} if qualname_map is None else qualname_map
    for part in order:
        submodules[f"submod_{part.name}"] = _submodule(part, root_m, renamed, tuple_return)
    graph = _outer(m.graph, order, tuple_return)
    for node in graph.nodes:
        if node.op == "get_attr":
            submodules[node.target] = get_path(root_m, node.target)
    return GraphModule(submodules, graph, type(m).__name__)


def _partitions(graph: Graph, part_of: Callable[[Node], Any], affix: str | None) -> dict[str, Partition]:
    parts: dict[str, Partition] = {}
    owner: dict[Node, Partition] = {}
    for node in graph.nodes:
        if node.op in ("placeholder", "get_attr", "output"):
            continue
        name = str(part_of(node)) if affix is None else f"{affix}_{part_of(node)}"
        owner[node] = parts.setdefault(name, Partition(name))
        owner[node].nodes.append(node)
    for node in graph.nodes:
        part = owner.get(node)
        for used in node.all_input_nodes:
            source = owner.get(used)
            if part is source:
                continue
            if source is not None:
                source.outputs.setdefault(used)
            if part is not None:
                part.inputs.setdefault(used)
            if part is not None and source is not None:
                part.needs.setdefault(source.name)
    return parts


def _sorted(parts: dict[str, Partition]) -> list[Partition]:
    """Each after those it needs, otherwise in the order in which they begin."""
    order: list[Partition] = []
    waiting = dict(parts)
    while waiting:
        ready = next((part for part in waiting.values() if not part.needs.keys() & waiting.keys()), None)
        if ready is None:
            raise RuntimeError(f"split_module: the parts {', '.join(waiting)} need each other in a circle")
        order.append(waiting.pop(ready.name))
    return order


def _check_order(order: list[Partition]) -> None:
    done: set[str] = set()
    for part in order:
        missing = part.needs.keys() - done
        if missing:
            raise RuntimeError(
                f"split_module: part {part.name} comes before {', '.join(sorted(missing))}, which it needs"
            )
        done.add(part.name)


def _submodule(part: Partition, root: Any, renamed: dict[str, str], tuple_return: bool) -> GraphModule:
    graph = Graph()
    values = {node: graph.placeholder(node.name, node.type) for node in part.inputs}
    for original, parameter in values.items():
        parameter.meta = dict(original.meta)
    attributes: dict[str, Any] = {}
    for node in part.nodes:
        copied = values[node] = graph.node_copy(node, lambda n: values[n])
        if node.op == "call_module":
            copied.target = node.target.replace(".", "_")
            attributes[copied.target] = get_path(root, node.target)
            renamed[f"submod_{part.name}.{copied.target}"] = node.target
    given = tuple(values[node] for node in part.outputs)
    graph.output(given if tuple_return or len(given) != 1 else given[0])
    return GraphModule(attributes, graph, f"submod_{part.name}")


def _outer(original: Graph, order: list[Partition], tuple_return: bool) -> Graph:
    graph = Graph()
    values: dict[Node, Node] = {}
    for node in original.nodes:
        if node.op in ("placeholder", "get_attr"):
            values[node] = graph.node_copy(node, lambda n: values[n])
    for part in order:
        call = graph.call_module(f"submod_{part.name}", tuple(values[node] for node in part.inputs))
        if len(part.outputs) == 1 and not tuple_return:
            values[next(iter(part.outputs))] = call
            continue
        for k, node in enumerate(part.outputs):
            values[node] = graph.call_function(operator.getitem, (call, k))
            values[node].meta = dict(node.meta)
    for node in original.nodes:
        if node.op == "output":
            graph.output(map_arg(node.args[0], lambda n: values[n]), node.type)
    return graph
