"""The nodes of a graph in order, and where new ones go."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from tensorwright.fx.node import Call, Node

if TYPE_CHECKING:
    from tensorwright.fx.graph import Graph


class NodeList:
    """The nodes in order. A loop over them may erase, insert and move nodes, also the one it stands at."""

    def __init__(self, graph: Graph, direction: str = "next") -> None:
        self._graph = graph
        self._direction = direction

    def __iter__(self) -> Iterator[Node]:
        graph, step = self._graph, self._direction
        number = graph._native("first" if step == "next" else "last", graph._region)
        while number is not None:
            node = graph._handle(number)
            if not node._erased:
                yield node
            number = graph._native(step, number)

    def __reversed__(self) -> NodeList:
        return NodeList(self._graph, "previous" if self._direction == "next" else "next")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{len(self)} nodes>"


class InsertPoint:
    """Where new nodes go from now on; as a context manager, until its end."""

    def __init__(self, graph: Graph, place: tuple[str, int | None]) -> None:
        self._graph = graph
        self._outside = graph._place
        graph._place = place

    def __enter__(self) -> InsertPoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._graph._place = self._outside


class Root(Node):
    """Stands before the first node and after the last."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, -1, "")

        self._last = Call("root", "", (), {})

    @property
    def next(self) -> Node:
        """The first node."""
        return self.graph._handle_or_root(self.graph._native("first", self.graph._region))

    @property
    def prev(self) -> Node:
        """The last node."""
        return self.graph._handle_or_root(self.graph._native("last", self.graph._region))

    def prepend(self, x: Node) -> None:
        """Move `x` to the end."""
        self.graph._move(x, self)

    def append(self, x: Node) -> None:
        """Move `x` to the beginning."""
        self.graph._move(x, self.next)

    def __repr__(self) -> str:
        return "root"
