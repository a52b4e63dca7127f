"""The nodes of a graph as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorwright.fx import _targets

if TYPE_CHECKING:
    from tensorwright.fx.graph import Graph


def table(graph: Graph) -> str:
    """A line for each node, below the names of the columns."""
    rows = [("opcode", "name", "target", "args", "kwargs")]
    for node in graph.nodes:
        op, target, args, kwargs = node._call()
        shown = target if isinstance(target, str) else _targets.qualified_name(target)
        rows.append((op, node.name, shown, str(args), str(dict(kwargs))))
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
