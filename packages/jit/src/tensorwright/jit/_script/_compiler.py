"""The compiler of scripts: where it stands, what names mean there, and how ways through the source join."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tensorwright import Tensor, device, dtype
from tensorwright.jit._program import Program

from . import _types as t
from ._builder import Builder
from ._errors import FrontendError, Place, place_of
from ._source import Source
from ._values import MARK_NODE, MARK_TUPLE, NONE, Static, Thing, TupleValue, Undefined, Value, constant

RETURNED, BROKE, CONTINUED, RESULT = "%returned", "%broke", "%continued", "%result"
FLAGS = (RETURNED, BROKE, CONTINUED)
STATE = "@"  # in front of the path of a module's attribute that a script reads or assigns

Env = dict[str, Thing]


@dataclass
class Frame:
    """A function that is being compiled into the place of its call."""

    source: Source
    calls: list[Place] = field(default_factory=list)
    names: Env = field(default_factory=dict)  # of the functions around it
    module: Any = None  # whose method it is


@dataclass
class Way:
    """What became of the names on one side of an ``if``."""

    region: int
    env: Env
    dead: bool
    raised: bool
    result: Thing | None


class Compiler:
    """Compiles into the functions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.b = Builder(program)
        self.env: Env = {}
        self.dead = False  # nothing after this is reached
        self.raised = False  # because of an exception
        self.frames: list[Frame] = []
        self.state: Env = {}  # attributes of modules as a run finds them
        self.state_owners: dict[str, tuple[Any, str]] = {}
        self.assigned_state: list[str] = []
        self.paths: dict[int, str] = {}  # of the modules, by identity
        self.kept: list[Any] = []
        self.pending: dict[Any, Any] = {}

    # ---- messages ---------------------------------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def place(self, node: ast.AST) -> Place:
        source = self.frame.source
        return place_of(node, source.file, source.lines)

    def error(self, problem: str, node: ast.AST, suggestion: str = "") -> FrontendError:
        """The refusal of a construct."""
        return FrontendError(problem, self.place(node), suggestion, tuple(self.frame.calls))

    @contextmanager
    def at(self, node: ast.AST) -> Iterator[None]:
        """Nodes made meanwhile come from there."""
        before = self.b.place
        if hasattr(node, "lineno"):
            self.b.place = self.place(node)
        try:
            yield
        finally:
            self.b.place = before

    # ---- things -----------------------------------------------------------------------------------------------

    def lift(self, thing: Any) -> Thing:
        """An object of Python as what a script can do with it."""
        if isinstance(thing, int) and not isinstance(thing, bool) and not -(2**63) <= thing < 2**63:
            return Static(thing)
        if t.of_constant(thing) is not None:
            return constant(thing)
        if isinstance(thing, dtype):
            return Value(t.DTYPE, thing)
        if isinstance(thing, device):
            return Value(t.DEVICE, thing)
        if isinstance(thing, Tensor):
            return self.attribute(f"constant.{self.number_of(thing)}", thing)
        if isinstance(thing, (tuple, list)):
            fields = tuple(getattr(thing, "_fields", ()))
            return TupleValue([self.lift(item) for item in thing], fields, type(thing) if fields else None)
        return Static(thing)

    def number_of(self, thing: Any) -> int:
        for number, known in enumerate(self.kept):
            if known is thing:
                return number
        self.kept.append(thing)
        return len(self.kept) - 1

    def attribute(self, path: str, tensor: Tensor) -> Value:
        """A tensor that the program keeps."""
        self.program.set_attribute(path, tensor)
        return self.b.node("get_attr", [], t.TENSOR, target=path, label=path)

    def as_value(self, thing: Thing, node: ast.AST) -> Value:
        """The thing as a value of the graph."""
        if isinstance(thing, Value):
            if isinstance(thing, TupleValue):
                for item in thing.items:
                    self.as_value(item, node)
            return thing
        if isinstance(thing, Undefined):
            raise self.error(thing.reason, node, thing.suggestion)
        if isinstance(thing, Static) and isinstance(thing.value, int):
            raise self.error("an int of more than 64 bits", node)
        raise self.error(f"{thing.described()} is no value that a graph can hold", node)

    def items(self, value: Value) -> list[Thing]:
        """The items of a tuple."""
        if isinstance(value, TupleValue):
            return value.items
        kind = t.resolved(value.type)
        assert isinstance(kind, t.TupleType)
        return [self.b.node("tuple.get", [value.arg, place], item, label=None) for place, item in enumerate(kind.items)]

    # ---- ways -------------------------------------------------------------------------------------------------

    def way(self, region: int, run: Callable[[], Thing | None]) -> Way:
        """Compile into a region, from the names as they are, and give what they became."""
        before = dict(self.env), self.dead, self.raised
        self.dead = self.raised = False
        try:
            with self.b.inside(region):
                result = run()
            return Way(region, self.env, self.dead, self.raised, result)
        finally:
            self.env, self.dead, self.raised = before

    def choose(
        self,
        condition: Value,
        then: Callable[[], Thing | None],
        otherwise: Callable[[], Thing | None],
        node: ast.AST,
    ) -> Thing | None:
        """An ``if`` of the graph; gives what the sides give, joined."""
        op = self.b.node("if", [condition.arg])
        ways = [self.way(self.b.add_region(op), side) for side in (then, otherwise)]
        if ways[0].raised and ways[1].raised:
            self.dead = self.raised = True
        joined = _Joined(self, op, ways[0], ways[1])
        env = self._join_names(joined, ways)
        result = None
        if ways[0].result is not None or ways[1].result is not None:
            results = [way.result if way.result is not None else NONE for way in ways]
            result = joined.join(results[0], results[1], "the value of this expression")
        made = joined.close()
        self.env = {name: build(made) for name, build in env.items()}
        self.dead = ways[0].dead and ways[1].dead
        self.raised = ways[0].raised and ways[1].raised
        if result is None:
            return None
        thing = result(made)
        if isinstance(thing, Undefined):
            raise self.error(thing.reason, node, thing.suggestion)
        return thing

    def _join_names(self, joined: _Joined, ways: list[Way]) -> dict[str, Callable[[list[Value]], Thing]]:
        a, b = ways
        env = {}
        for name in [*a.env, *(n for n in b.env if n not in a.env)]:
            left, right = a.env.get(name, self.state.get(name)), b.env.get(name, self.state.get(name))
            env[name] = joined.join(left, right, f"'{name}'")
        return env


Build = Callable[[list[Value]], Thing]


class _Joined:
    """Collects what both regions of an ``if`` yield."""

    def __init__(self, compiler: Compiler, op: Value, a: Way, b: Way) -> None:
        self.c, self.op, self.a, self.b = compiler, op, a, b
        self.yields: list[tuple[Value, Value, t.Type]] = []

    def join(self, left: Thing | None, right: Thing | None, what: str) -> Build:
        """How the joined thing is made from the results."""
        if left is right and left is not None:
            return lambda _: left
        if left is None or isinstance(left, Undefined) or (self.a.raised and right is not None):
            return self._one_side(right, left, self.a, what)
        if right is None or isinstance(right, Undefined) or self.b.raised:
            return self._one_side(left, right, self.b, what)
        for thing, other, swap in ((left, right, True), (right, left, False)):
            if isinstance(thing, Value) and thing.type == t.NEVER:
                return self._padded(other, swap)
        if isinstance(left, Value) and isinstance(right, Value):
            return self._values(left, right, what)
        if isinstance(left, Static) and isinstance(right, Static) and left.value is right.value:
            return lambda _: left
        reason = f"{what} is {left.described()} on one way and {right.described()} on the other"
        return lambda _: Undefined(reason)

    def _one_side(self, thing: Thing | None, missing: Thing | None, other: Way, what: str) -> Build:
        """A name that has a value on one side only: a good one if the other side does not come here."""
        if isinstance(thing, Undefined) or thing is None:
            undefined = thing or missing or Undefined(f"{what} has no value here")
            return lambda _: undefined
        if not other.dead:
            undefined = Undefined(f"{what} has a value on one way only", "assign it before the if, or on both sides")
            return lambda _: undefined
        return self._padded(thing, swap=other is self.a)

    def _padded(self, thing: Thing, swap: bool) -> Build:
        if isinstance(thing, TupleValue):
            parts = [self._padded(item, swap) for item in thing.items]
            return lambda made: TupleValue([part(made) for part in parts], thing.fields, thing.cls)
        if not isinstance(thing, Value) or self._is_outer(thing):
            return lambda _: thing
        filler = Value(t.NEVER, None)
        return self._yield(filler, thing, thing.type) if swap else self._yield(thing, filler, thing.type)

    def _values(self, left: Value, right: Value, what: str) -> Build:
        if isinstance(left, TupleValue) and isinstance(right, TupleValue) and len(left.items) == len(right.items):
            parts = [self.join(x, y, what) for x, y in zip(left.items, right.items, strict=True)]
            same = left.cls is right.cls
            fields, cls = (left.fields, left.cls) if same else ((), None)
            return lambda made: TupleValue([part(made) for part in parts], fields, cls)
        kind = t.join(left.type, right.type)
        if kind is None:
            reason = f"{what} is {left.type} on one way and {right.type} on the other"
            return lambda _: Undefined(reason, "use two names, or one type")
        same_constant = left.is_constant and right.is_constant and type(left.arg) is type(right.arg)
        if (same_constant and repr(left.arg) == repr(right.arg)) or (left.arg == right.arg and self._is_outer(left)):
            return lambda _: Value(kind, left.arg)
        return self._yield(left, right, kind)

    def _is_outer(self, value: Value) -> bool:
        """Whether it stands before the ``if``."""
        if value.is_constant:
            return True
        if isinstance(value, TupleValue):
            return all(not isinstance(item, Value) or self._is_outer(item) for item in value.items)
        return bool(_last_node(value.arg) < self.op.arg[1])

    def _yield(self, left: Value, right: Value, kind: t.Type) -> Build:
        place = len(self.yields)
        self.yields.append((left, right, kind))
        return lambda made: made[place]

    def close(self) -> list[Value]:
        """End both regions, and take the results apart."""
        builder = self.c.b
        for region, values in (
            (self.a.region, [left for left, _, _ in self.yields]),
            (self.b.region, [right for _, right, _ in self.yields]),
        ):
            with builder.inside(region):
                builder.node("yield", [value.arg for value in values])
        kinds = tuple(entry[2] for entry in self.yields)
        builder.retype(self.op, t.TupleType(kinds))
        return [builder.node("tuple.get", [self.op.arg, k], kind) for k, kind in enumerate(kinds)]


def _last_node(arg: Any) -> int:
    """The greatest number of a node in an argument."""
    if not isinstance(arg, list):
        return -1
    if arg[0] == MARK_NODE:
        return int(arg[1])
    return max((_last_node(item) for item in arg[1:]), default=-1)


def flag(env: Env, name: str) -> Value:
    """A flag's value; one never set is false."""
    thing = env.get(name)
    return thing if isinstance(thing, Value) else constant(False)


def tuple_arg(values: list[Value]) -> list[Any]:
    return [MARK_TUPLE, *(value.arg for value in values)]
