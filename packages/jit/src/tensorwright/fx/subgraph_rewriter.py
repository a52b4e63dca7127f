"""Replacing what a pattern matches in a graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tensorwright.fx._modules import get_path, is_module, set_path
from tensorwright.fx._symbolic_trace import symbolic_trace
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule
from tensorwright.fx.node import Node, map_arg
from tensorwright.fx.passes.utils.matcher_utils import InternalMatch, SubgraphMatcher

MatchFilter = Callable[[InternalMatch, Graph, Graph], bool]
Replacement = Callable[[InternalMatch, Graph, Graph], Graph]


class Match(NamedTuple):
    """One place where a pattern was replaced.

    Attributes:
        anchor: the node that stood for the pattern's last.
        nodes_map: nodes of the graph by those of the pattern.
    """

    anchor: Node
    nodes_map: dict[Node, Node]


@dataclass
class ReplacedPatterns:
    """One place where a pattern was replaced, with what replaced it."""

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node] = field(default_factory=list)


def _as_graph(what: Any) -> Graph:
    if isinstance(what, Graph):
        return what
    return what.graph if isinstance(what, GraphModule) else symbolic_trace(what).graph


def replace_pattern(gm: GraphModule, pattern: Any, replacement: Any) -> list[Match]:
    """Replace every occurrence of a pattern, and generate the code anew.

    Args:
        gm: the module that is changed.
        pattern: a function, module or graph; its parameters match anything.
        replacement: the same for what comes instead, with parameters in the same order.

    Returns:
        The places, none of which overlap.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> module = fx.symbolic_trace(lambda a, b: tw.relu(a + b) * b)
        >>> len(fx.replace_pattern(module, lambda x, y: tw.relu(x + y), lambda x, y: tw.sigmoid(x - y)))
        1
        >>> print(module.code.strip())
        def forward(self, a, b):
            sub = a - b;  a = None
            sigmoid = tw.sigmoid(sub);  sub = None
            mul = sigmoid * b;  sigmoid = b = None
            return mul
    """
    done = replace_pattern_with_filters(gm, pattern, replacement)
    return [Match(place.anchor, place.nodes_map) for place in done]


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Any,
    replacement: Any = None,
    match_filters: list[MatchFilter] | None = None,
    ignore_literals: bool = False,
    *,
    replacement_callback: Replacement | None = None,
    node_name_match: str = "",
) -> list[ReplacedPatterns]:
    """Replace those occurrences of a pattern that all filters let pass, and generate the code anew.

    Args:
        gm: the module that is changed.
        pattern: a function, module or graph; its parameters match anything.
        replacement: the same for what comes instead.
        match_filters: each gets the match, the module's graph and the pattern's, and says whether it counts.
        ignore_literals: numbers and strings of the pattern match any others.
        replacement_callback: makes the replacement for a match, instead of `replacement`.
        node_name_match: look only where this is part of a node's name.

    Raises:
        ValueError: if there is no replacement, or two.
    """
    if (replacement is None) == (replacement_callback is None):
        raise ValueError("replace_pattern: give either a replacement or a replacement_callback")
    pattern_graph = _as_graph(pattern)
    matcher = SubgraphMatcher(pattern_graph, ignore_literals=ignore_literals)
    matches = matcher.match(gm.graph, node_name_match)
    passed = [m for m in matches if all(keep(m, gm.graph, pattern_graph) for keep in match_filters or ())]
    common = None if replacement is None else _as_graph(replacement)
    renamed: dict[Node, Node] = {}
    done = []
    for match in passed:
        made_for = replacement_callback(match, gm.graph, pattern_graph) if replacement_callback else common
        assert made_for is not None
        done.append(_replace(gm.graph, match, pattern_graph, made_for, renamed))
    gm.recompile()
    if is_module(replacement):
        _bring_attributes(gm, replacement)
    return done


def _replace(
    graph: Graph, match: InternalMatch, pattern: Graph, replacement: Graph, renamed: dict[Node, Node]
) -> ReplacedPatterns:
    parameters = [node for node in replacement.nodes if node.op == "placeholder"]
    if len(parameters) != len(match.placeholder_nodes):
        raise ValueError(
            f"replace_pattern: the pattern has {len(match.placeholder_nodes)} parameters, its replacement "
            f"{len(parameters)}"
        )
    values = [renamed.get(node, node) if isinstance(node, Node) else node for node in match.placeholder_nodes]
    known = dict(zip(parameters, values, strict=True))
    matched = [node for theirs, node in match.nodes_map.items() if theirs.op not in ("placeholder", "output")]
    made: list[Node] = []
    with graph.inserting_before(_first_user(match.returning_nodes, matched, values)):
        returned = _copied(graph, replacement, known, made)
    for old, new in zip(match.returning_nodes, returned, strict=True):
        if isinstance(new, Node):
            old.replace_all_uses_with(new)
            renamed[old] = new
    for node in reversed(pattern.nodes):
        if node.op not in ("placeholder", "output"):
            graph.erase_node(match.nodes_map[node])
    return ReplacedPatterns(match.anchors[0], match.nodes_map, made)


def _first_user(returning: list[Node], matched: list[Node], values: list[Any]) -> Node:
    """The first node outside of the match that needs what it gives; after all that the replacement needs."""
    inside = set(matched)
    users = [user for node in returning for user in node.users if user not in inside]
    if users:
        return min(users)
    last = max([node for node in (*matched, *values) if isinstance(node, Node)])
    return last.next


def _copied(graph: Graph, replacement: Graph, known: dict[Node, Any], made: list[Node]) -> list[Any]:
    """What the copied replacement gives, as a list."""
    returned: Any = None
    for node in replacement.nodes:
        if node.op == "output":
            returned = map_arg(node.args[0], lambda n: known[n])
        elif node not in known:
            known[node] = graph.node_copy(node, lambda n: known[n])
            made.append(known[node])
    return list(returned) if isinstance(returned, (tuple, list)) else [returned]


def _bring_attributes(gm: GraphModule, replacement: Any) -> None:
    """Parameters and modules that the replacement refers to and the module has not."""
    for node in gm.graph.nodes:
        if node.op not in ("call_module", "get_attr"):
            continue
        try:
            get_path(gm, node.target)
        except AttributeError:
            set_path(gm, node.target, copy.deepcopy(get_path(replacement, node.target)))
    gm.delete_all_unused_submodules()
    gm.graph.lint()
