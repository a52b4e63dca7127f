"""Control flow of a graph, seen as calls: what Python code cannot say in one expression."""

from __future__ import annotations

from typing import Any, NoReturn

from tensorwright.fx.node import has_side_effect


class ControlFlow:
    """The target of a node of control flow: ``if``, ``while``, ``for``, their ``yield``, and ``call`` of a function.

    Generated code has Python's own statements for it.
    """

    def __init__(self, op: str, name: str | None) -> None:
        self.op = op
        self.name = name
        self.__name__ = op
        self.__qualname__ = op if name is None else f"{op} @{name}"
        self.__module__ = "program"

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f"'{self.__qualname__}' is no function of Python: a graph module or an Interpreter runs what belongs to it"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ControlFlow) and (self.op, self.name) == (other.op, other.name)

    def __hash__(self) -> int:
        return hash((self.op, self.name))

    def __repr__(self) -> str:
        return f"<{self.__qualname__}>"


@has_side_effect
def check_that(condition: Any, message: str) -> None:
    """Stop with the message unless the condition holds; ``assert`` of a graph.

    Raises:
        AssertionError: with the message.
    """
    if not condition:
        raise AssertionError(message)


def erased(*args: Any, **kwargs: Any) -> NoReturn:
    """The target of a node that a pass has erased."""
    raise RuntimeError("a node is called that a pass has erased from the graph")


class Unresolved:
    """The target of a call whose Python function the graph knows by name only, because it was read from text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = name.rpartition(".")[2] or name
        self.__module__ = name.rpartition(".")[0]
        self.__qualname__ = self.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NameError(f"the graph calls '{self.name}', which only its name says; set the node's target to a function")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unresolved) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)
