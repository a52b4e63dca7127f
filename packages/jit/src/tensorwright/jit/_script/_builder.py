"""Nodes of a program, put where the compiler stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tensorwright.jit._program import Program

from . import _types as t
from ._errors import Place
from ._values import MARK_NODE, Value


class Builder:
    """Appends nodes to the current region of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.native = program.native
        self.function = ""  # whose body is built
        self.region: int = -1
        self._last_parameter: int | None = None
        self.place: Place | None = None
        self._open: list[tuple[int, t.Type]] = []  # nodes whose type holds an item type not known yet

    def node(
        self,
        op: str,
        args: list[Any],
        kind: t.Type = t.NONE,
        *,
        target: str | None = None,
        keywords: list[Any] | None = None,
        label: str | None = None,
    ) -> Value:
        """A new node at the end of the current region."""
        number = self.native("create", self.region, op, target, args, keywords, None, label, kind.text())
        self._open.append((number, kind))
        if self.place is not None and op != "placeholder":
            p = self.place
            self.native("set_location", number, p.file, p.line, p.column, p.end_line, p.end_column)
        return Value(kind, [MARK_NODE, number])

    def start(self, function: str) -> None:
        """Build the body of a new function."""
        self.native("add_function", function)
        self.function, self.region = function, int(self.native("body", function))
        self._last_parameter = None

    def parameter(self, name: str, kind: t.Type, *default: Any) -> Value:
        """A parameter of the function, after those it has already."""
        body = self.native("body", self.function)
        if self._last_parameter is None:
            before = self.native("first", body)
        else:
            before = self.native("next", self._last_parameter)
        arguments = list(default)
        number = self.native("create", body, "placeholder", name, arguments, None, before, name, kind.text())
        self._last_parameter = number
        self._open.append((number, kind))
        return Value(kind, [MARK_NODE, number])

    def at_head(self, build: Callable[[], Value]) -> Value:
        """A value made before everything else that the function does."""
        with self.inside(int(self.native("body", self.function))):
            value = build()
        following = self.native("next", self._last_parameter) if self._last_parameter is not None else None
        anchor = following if following is not None else self.native("first", self.native("body", self.function))
        if anchor != value.arg[1]:
            self.native("move_before", value.arg[1], anchor)
        return value

    def builtin(self, name: str, kind: t.Type, *args: Value) -> Value:
        """A function of Python's values."""
        return self.node("builtin", [a.arg for a in args], kind, target=name)

    def effect(self, name: str, kind: t.Type, *args: Value) -> Value:
        """One that changes something."""
        return self.node("effect", [a.arg for a in args], kind, target=name)

    def retype(self, value: Value, kind: t.Type) -> Value:
        """Another type for a node, known only after it was made."""
        number = value.arg[1]
        self.native("set_type", number, kind.text())
        self._open.append((number, kind))
        return Value(kind, value.arg)

    def add_region(self, owner: Value) -> int:
        return int(self.native("add_region", owner.arg[1]))

    @contextmanager
    def inside(self, region: int) -> Iterator[None]:
        """What is built meanwhile stands in that region."""
        before, self.region = self.region, region
        try:
            yield
        finally:
            self.region = before

    def erase(self, value: Value) -> None:
        """Take a node away again, with its regions."""
        self.native("erase", value.arg[1])

    def finish(self) -> None:
        """Write down the item types that became known after their lists were made."""
        for number, kind in self._open:
            if self.native("alive", number):
                self.native("set_type", number, kind.text())
        self._open.clear()
