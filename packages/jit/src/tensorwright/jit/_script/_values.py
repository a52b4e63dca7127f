"""What names stand for while a script is compiled: values of the graph, and things that only the compiler knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _types as t

MARK_NODE, MARK_LIST, MARK_TUPLE, MARK_DICT, MARK_SLICE, MARK_ELLIPSIS = range(6)


class Thing:
    """Anything an expression can be."""

    def described(self) -> str:
        """For messages."""
        raise NotImplementedError


@dataclass(eq=False)
class Value(Thing):
    """A value of the graph: an argument as nodes take it, a number for a constant."""

    type: t.Type
    arg: Any

    @property
    def is_constant(self) -> bool:
        return not isinstance(self.arg, list)

    def described(self) -> str:
        return str(self.type)


class TupleValue(Value):
    """A tuple whose items the compiler knows apart."""

    def __init__(self, items: list[Thing], fields: tuple[str, ...] = (), cls: Any = None) -> None:
        self.items = items
        self.fields, self.cls = fields, cls
        types = tuple(item.type if isinstance(item, Value) else t.NEVER for item in items)
        args = [item.arg if isinstance(item, Value) else None for item in items]
        super().__init__(t.TupleType(types, fields, cls), [MARK_TUPLE, *args])

    def described(self) -> str:
        return "a tuple" if any(not isinstance(item, Value) for item in self.items) else str(self.type)


@dataclass(eq=False)
class Static(Thing):
    """An object of Python that the graph does not hold: a function, a class, a package."""

    value: Any

    def described(self) -> str:
        name = getattr(self.value, "__qualname__", None) or getattr(self.value, "__name__", None)
        return f"{type(self.value).__name__} {name}" if name else repr(self.value)


@dataclass(eq=False)
class ModuleThing(Static):
    """A module of nn, and where it stands below the one that is compiled."""

    path: str

    def described(self) -> str:
        return f"the module {type(self.value).__name__}"


@dataclass(eq=False)
class Method(Thing):
    """A method of a value of the graph, not yet called."""

    receiver: Value
    name: str

    def described(self) -> str:
        return f"method {self.name} of {self.receiver.type}"


@dataclass(eq=False)
class BoundFunction(Thing):
    """A function of Python with the object that it is a method of."""

    function: Any
    instance: Thing

    def described(self) -> str:
        return f"method {self.function.__name__}"


@dataclass(eq=False)
class Super(Thing):
    """``super()``: the methods of an instance from a class on."""

    cls: Any
    instance: Thing

    def described(self) -> str:
        return "super()"


@dataclass(eq=False)
class LocalFunction(Thing):
    """A function or lambda defined inside of a script, with the names around it."""

    tree: Any
    source: Any
    names: dict[str, Thing]
    defaults: dict[str, Thing]

    def described(self) -> str:
        return f"function {getattr(self.tree, 'name', 'lambda')}"


@dataclass(eq=False)
class Iteration(Thing):
    """Something to loop over: known items, or a count and what stands at a place."""

    items: list[Thing] | None
    count: Value | None = None
    at: Callable[[Value], Thing] | None = None
    live: Callable[[], Value] | None = None  # counts anew: a list may grow while it is looped over

    def described(self) -> str:
        return "something to loop over"


@dataclass(eq=False)
class Undefined(Thing):
    """A name that has no value here on every way."""

    reason: str
    suggestion: str = ""

    def described(self) -> str:
        return "nothing"


NONE = Value(t.NONE, None)


def constant(value: Any) -> Value:
    """A constant of the graph."""
    kind = t.of_constant(value)
    assert kind is not None
    return Value(kind, value)
