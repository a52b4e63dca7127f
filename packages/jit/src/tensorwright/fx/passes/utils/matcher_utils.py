"""Finding a pattern in a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tensorwright.fx import _targets
from tensorwright.fx._modules import get_path
from tensorwright.fx.graph import Graph
from tensorwright.fx.node import Node


@dataclass
class InternalMatch:
    """One place where the pattern occurs.

    Attributes:
        anchors: the nodes that stand for those from which the pattern was followed up.
        nodes_map: nodes of the graph by those of the pattern.
        placeholder_nodes: what stands for the pattern's parameters, in order.
        returning_nodes: what stands for the values that the pattern gives.
    """

    anchors: list[Node]
    nodes_map: dict[Node, Any] = field(default_factory=dict)
    placeholder_nodes: list[Any] = field(default_factory=list)
    returning_nodes: list[Node] = field(default_factory=list)

    def __copy__(self) -> InternalMatch:
        return InternalMatch(
            list(self.anchors), dict(self.nodes_map), list(self.placeholder_nodes), list(self.returning_nodes)
        )


class SubgraphMatcher:
    """Finds where a pattern occurs.

    Args:
        pattern: the graph to look for; its placeholders match any value.
        match_output: its output must be the graph's output.
        match_placeholder: its placeholders match placeholders only.
        remove_overlapping_matches: of several places that share nodes only the first counts.
        ignore_literals: numbers and strings match any others.

    Raises:
        ValueError: if the pattern is empty.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> pattern = fx.symbolic_trace(lambda x: tw.relu(x * 2)).graph
        >>> graph = fx.symbolic_trace(lambda x: tw.relu(x * 2) + tw.relu(x * 3)).graph
        >>> [match.anchors for match in SubgraphMatcher(pattern).match(graph)]
        [[relu]]
        >>> len(SubgraphMatcher(pattern, ignore_literals=True).match(graph))
        2
    """

    pattern_placeholder_nodes: list[Node]
    pattern_anchors: list[Node]

    def __init__(
        self,
        pattern: Graph,
        match_output: bool = False,
        match_placeholder: bool = False,
        remove_overlapping_matches: bool = True,
        ignore_literals: bool = False,
    ) -> None:
        nodes = list(pattern.nodes)
        if not nodes:
            raise ValueError("SubgraphMatcher: the pattern is empty; it needs at least one node")
        self.pattern = pattern
        self.match_output = match_output
        self.match_placeholder = match_placeholder
        self.remove_overlapping_matches = remove_overlapping_matches
        self.ignore_literals = ignore_literals
        self.pattern_placeholder_nodes = [node for node in nodes if node.op == "placeholder"]
        output = next((node for node in reversed(nodes) if node.op == "output"), None)
        self.pattern_returning_nodes: list[Node] = [] if output is None else output.all_input_nodes
        self.pattern_anchors = self._anchors(nodes, output)

    def _anchors(self, nodes: list[Node], output: Node | None) -> list[Node]:
        if output is None:
            return [node for node in nodes if not node.users]
        if self.match_output:
            return [output]
        return [node for node in output.all_input_nodes if len(node.users) == 1]

    # ---- one place ---------------------------------------------------------------------------------------

    def _same_attribute(self, theirs: Node, ours: Node) -> bool:
        """Attributes match by kind: a parameter of the pattern stands for any of the graph."""
        values = []
        for node in (theirs, ours):
            if node.graph.owning_module is None:
                return bool(theirs.target == ours.target)
            values.append(get_path(node.graph.owning_module, node.target))
        return isinstance(values[0], type(values[1])) or isinstance(values[1], type(values[0]))

    def _same_kind(self, theirs: Node, ours: Node) -> bool:
        if not self.match_placeholder and theirs.op == "placeholder":
            return True
        if theirs.op != ours.op:
            return False
        if theirs.op in ("placeholder", "output"):
            return True
        if theirs.op == "get_attr":
            return self._same_attribute(theirs, ours)
        if theirs.op == "call_module" and theirs.target != ours.target:
            return self._same_module(theirs, ours)
        return bool(theirs.target == ours.target)

    def _same_module(self, theirs: Node, ours: Node) -> bool:
        roots = theirs.graph.owning_module, ours.graph.owning_module
        if roots[0] is None or roots[1] is None:
            return False
        return type(get_path(roots[0], theirs.target)) is type(get_path(roots[1], ours.target))

    def _fits(self, theirs: Any, ours: Any, match: InternalMatch) -> bool:
        """Whether two arguments go together."""
        if isinstance(theirs, Node):
            if isinstance(ours, Node):
                return self._fits_node(theirs, ours, match)
            return self._fits_literal_to_parameter(theirs, ours, match)
        if isinstance(ours, Node):
            return False
        if isinstance(theirs, (tuple, list)) and isinstance(ours, (tuple, list)):
            pairs = zip(theirs, ours, strict=False)
            return len(theirs) == len(ours) and all(self._fits(a, b, match) for a, b in pairs)
        if isinstance(theirs, dict) and isinstance(ours, dict):
            return theirs.keys() == ours.keys() and all(self._fits(theirs[key], ours[key], match) for key in theirs)
        if isinstance(theirs, slice) and isinstance(ours, slice):
            parts = ((a.start, a.stop, a.step) for a in (theirs, ours))
            return self._fits(next(parts), next(parts), match)
        return self.ignore_literals or (type(theirs) is type(ours) and bool(theirs == ours))

    def _fits_literal_to_parameter(self, theirs: Node, ours: Any, match: InternalMatch) -> bool:
        if theirs.op != "placeholder" or self.match_placeholder:
            return False
        if theirs in match.nodes_map:
            return bool(match.nodes_map[theirs] == ours)
        match.nodes_map[theirs] = ours
        return True

    def _fits_node(self, theirs: Node, ours: Node, match: InternalMatch) -> bool:
        if theirs in match.nodes_map:
            return bool(match.nodes_map[theirs] is ours)
        if any(value is ours for value in match.nodes_map.values()) and theirs.op != "placeholder":
            return False
        if not self._same_kind(theirs, ours):
            return False
        match.nodes_map[theirs] = ours
        if theirs.op == "placeholder":
            return True
        args, our_args = self._normal(theirs), self._normal(ours)
        return args.keys() == our_args.keys() and all(self._fits(args[key], our_args[key], match) for key in args)

    @staticmethod
    def _normal(node: Node) -> dict[Any, Any]:
        """Arguments by name where the names are known, with the defaults of those that are not given."""
        call = node._call()
        if call.op == "call_function" and (names := _targets.argument_names(call.target)) is not None:
            bound = names.bind(call.args, call.kwargs)
            if bound is not None:
                return bound
        return {**dict(enumerate(call.args)), **call.kwargs}

    def _is_contained(self, match: InternalMatch) -> bool:
        """Whether only what the pattern gives is used outside of the place."""
        inside = {value for value in match.nodes_map.values() if isinstance(value, Node)}
        for theirs, ours in match.nodes_map.items():
            if theirs.op == "placeholder" or theirs in self.pattern_returning_nodes or not isinstance(ours, Node):
                continue
            if theirs.op != "output" and any(user not in inside for user in ours.users):
                return False
        return True

    # ---- all places --------------------------------------------------------------------------------------

    def match(self, graph: Graph, node_name_match: str = "") -> list[InternalMatch]:
        """The places in a graph, in order.

        Args:
            graph: where to look.
            node_name_match: only where this is part of the name of a node that stands for an anchor.
        """
        found: list[InternalMatch] = [InternalMatch([])]
        nodes = [node for node in graph.nodes if node_name_match in node.name]
        for anchor in self.pattern_anchors:
            found = [longer for match in found for longer in self._extended(match, anchor, nodes)]
        complete = [self._completed(match) for match in found if match.anchors]
        whole = [match for match in complete if match is not None and self._is_contained(match)]
        return self._apart(whole) if self.remove_overlapping_matches else whole

    def _extended(self, match: InternalMatch, anchor: Node, nodes: list[Node]) -> list[InternalMatch]:
        longer = []
        for node in nodes:
            trial = match.__copy__()
            if self._same_kind(anchor, node) and self._fits_node(anchor, node, trial):
                trial.anchors.append(node)
                longer.append(trial)
        return longer

    def _completed(self, match: InternalMatch) -> InternalMatch | None:
        if any(node not in match.nodes_map for node in self.pattern_returning_nodes if node.op != "placeholder"):
            return None
        match.placeholder_nodes = [match.nodes_map.get(node) for node in self.pattern_placeholder_nodes]
        match.returning_nodes = [match.nodes_map[node] for node in self.pattern_returning_nodes]
        return match

    @staticmethod
    def _apart(matches: list[InternalMatch]) -> list[InternalMatch]:
        taken: set[Node] = set()
        kept = []
        for match in matches:
            own = {
                ours
                for theirs, ours in match.nodes_map.items()
                if theirs.op not in ("placeholder", "output") and isinstance(ours, Node)
            }
            if not own & taken:
                taken |= own
                kept.append(match)
        return kept
