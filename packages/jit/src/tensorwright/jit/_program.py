"""Programs: functions of the graph with the tensors they refer to."""

from __future__ import annotations

from typing import Any

from tensorwright import Tensor
from tensorwright.jit import _library

_new = _library.op("program")
_parse = _library.op("parse")

LEVELS = {"capture": 0, "functional": 1, "core": 2, "grouped": 3, "planned": 4}


class Program:
    """Functions of the graph, and the tensors and Python objects they refer to.

    Example:
        >>> import tensorwright as tw
        >>> program = tw.jit.parse('''
        ... func @double(%x: tensor<float32, [s0]>) {
        ...   %0: tensor<float32, [s0]> = tw::add(%x, %x)
        ...   return(%0)
        ... }''')
        >>> program.run("double", tw.ones(3)).tolist()
        [2.0, 2.0, 2.0]
        >>> print(program)
        func @double(%x: tensor<float32, [s0]>) {
          %0: tensor<float32, [s0]> = tw::add(%x, %x)
          return(%0)
        }
    """

    __slots__ = ("native",)

    def __init__(self, native: Any = None) -> None:
        """A program without functions; `native` is for those who have one already."""
        self.native: Any = _new() if native is None else native

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions, in the order in which they were added."""
        return tuple(self.native("functions"))

    @property
    def attributes(self) -> dict[str, Tensor]:
        """The tensors that ``get_attr`` gives, by path."""
        return {path: self.native("attribute", path) for path in self.native("attributes")}

    def set_attribute(self, path: str, value: Tensor) -> None:
        """Let ``get_attr @path`` give this tensor."""
        self.native("set_attribute", path, value)

    def verify(self, level: str = "capture") -> None:
        """Check that the program is well formed.

        Args:
            level: ``"capture"`` allows writes into tensors and calls of Python, ``"functional"`` neither, ``"core"``
                moreover no op that is written over others; ``"grouped"`` is functional, and each `fusion` is one sweep
                over elements of known sizes; ``"planned"`` moreover states where the values lie in memory.

        Raises:
            ValueError: names the function, the rule and the node that breaks it.
        """
        if level not in LEVELS:
            raise ValueError(f"verify: level must be one of {', '.join(LEVELS)}, got {level!r}")
        self.native("verify", LEVELS[level])

    def run(self, function: str, *args: Any) -> Any:
        """Run a function node by node; lists and tuples come back as tuples.

        Raises:
            TypeError: for a wrong number of arguments.
            ValueError: if there is no such function.
        """
        return self.native("run", function, list(args))

    def text(self, function: str | None = None) -> str:
        """The text form of one function or of all, which :func:`parse` reads back."""
        return str(self.native("text", function))

    def __str__(self) -> str:
        return self.text().rstrip("\n")

    def __repr__(self) -> str:
        return f"<Program with {', '.join('@' + name for name in self.functions) or 'no functions'}>"


def parse(text: str) -> Program:
    """Read functions from their text form.

    Raises:
        ValueError: names line, column and what was expected there.
    """
    return Program(_parse(text))
