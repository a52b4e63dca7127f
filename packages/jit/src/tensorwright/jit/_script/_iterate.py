"""What can be looped over."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from . import _types as t
from ._values import Iteration, ModuleThing, Static, Thing, TupleValue, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler


def iteration_of(c: Compiler, thing: Thing, node: ast.AST) -> Iteration:
    """The thing as something to loop over."""
    if isinstance(thing, Iteration):
        return thing
    if isinstance(thing, TupleValue):
        return Iteration(thing.items)
    if isinstance(thing, ModuleThing):
        return _children(c, thing, node)
    if isinstance(thing, Static) and isinstance(thing.value, dict):
        return Iteration([c.lift(key) for key in thing.value])
    value = c.as_value(thing, node)
    kind = t.resolved(value.type)
    if isinstance(kind, t.TupleType):
        return Iteration(c.items(value))
    if isinstance(kind, t.ListType):
        return _counted(c, value, kind.item, live=not kind.frozen)
    if isinstance(kind, t.DictType):
        return _counted(c, c.b.builtin("keys", t.ListType(kind.key), value), kind.key)
    if kind == t.STR:
        return _counted(c, value, t.STR)
    if t.is_tensor(kind):
        return _rows(c, value)
    raise c.error(f"{value.described()} is nothing to loop over", node)


def _counted(c: Compiler, value: Value, item: t.Type, live: bool = False) -> Iteration:
    def count() -> Value:
        return c.b.builtin("len", t.INT, value)

    return Iteration(
        None,
        count(),
        lambda place: c.b.builtin("getitem", t.resolved(item), value, place),
        count if live else None,
    )


def _rows(c: Compiler, tensor: Value) -> Iteration:
    rows = c.b.node("tw::unbind", [tensor.arg, 0], t.ListType(tensor.type, frozen=True))
    return _counted(c, rows, tensor.type)


def _children(c: Compiler, thing: ModuleThing, node: ast.AST) -> Iteration:
    """The modules of a list of modules; the names of those of a dict."""
    from ._attributes import module_thing

    container: Any = thing.value
    if not hasattr(type(container), "__iter__"):
        raise c.error(
            f"{thing.described()} is nothing to loop over", node, "loop over a ModuleList, ModuleDict or Sequential"
        )
    if hasattr(container, "items") and hasattr(container, "keys"):
        return Iteration([constant(key) for key in container])
    return Iteration([module_thing(c, child, f"{thing.path}{k}.") for k, child in enumerate(container)])


def range_of(c: Compiler, args: list[Thing], node: ast.AST) -> Iteration:
    """``range(...)``."""
    values = [c.as_value(a, node) for a in args]
    if not 1 <= len(values) <= 3 or any(t.resolved(v.type) not in (t.INT, t.BOOL) for v in values):
        given = ", ".join(v.described() for v in values)
        raise c.error(
            f"range() takes one to three ints, got {given}", node, "int(x) makes an int of a number or a tensor"
        )
    start = values[0] if len(values) > 1 else constant(0)
    stop = values[1] if len(values) > 1 else values[0]
    step = values[2] if len(values) > 2 else constant(1)
    if all(v.is_constant for v in (start, stop, step)) and step.arg and len(range(start.arg, stop.arg, step.arg)) <= 0:
        return Iteration([])
    plain = start.arg == 0 and step.arg == 1 and start.is_constant and step.is_constant
    count = stop if plain else c.b.builtin("range_length", t.INT, start, stop, step)

    def at(place: Value) -> Thing:
        if plain:
            return place
        scaled = place if step.arg == 1 and step.is_constant else c.b.builtin("mul", t.INT, place, step)
        return c.b.builtin("add", t.INT, start, scaled)

    return Iteration(None, count, at)


def enumerate_of(c: Compiler, inner: Iteration, start: Value) -> Iteration:
    """``enumerate(...)``."""
    if inner.items is not None:
        return Iteration([TupleValue([_shifted(c, constant(k), start), item]) for k, item in enumerate(inner.items)])
    at = inner.at
    assert at is not None
    return Iteration(None, inner.count, lambda place: TupleValue([_shifted(c, place, start), at(place)]), inner.live)


def _shifted(c: Compiler, place: Value, start: Value) -> Value:
    if place.is_constant and start.is_constant:
        return constant(place.arg + start.arg)
    return place if start.is_constant and start.arg == 0 else c.b.builtin("add", t.INT, place, start)


def zip_of(c: Compiler, inner: list[Iteration], node: ast.AST) -> Iteration:
    """``zip(...)``: as long as the shortest."""
    known = [it.items for it in inner if it.items is not None]
    if len(known) == len(inner):
        return Iteration([TupleValue(list(items)) for items in zip(*known, strict=False)])
    counts: list[Value] = []
    for it in inner:
        count = constant(len(it.items)) if it.items is not None else it.count
        assert count is not None
        counts.append(count)
    if known:  # as many turns as the compiler knows items, if the others have so many
        return _zip_known(c, inner, node)
    count = counts[0] if len(counts) == 1 else c.b.builtin("min", t.INT, *counts)
    return Iteration(None, count, lambda place: TupleValue([it.at(place) for it in inner if it.at is not None]))


def _zip_known(c: Compiler, inner: list[Iteration], node: ast.AST) -> Iteration:
    length = min(len(it.items) for it in inner if it.items is not None)
    for it in inner:
        if it.items is None:
            assert it.count is not None
            enough = c.b.builtin("ge", t.BOOL, it.count, constant(length))
            message = "zip: a list is shorter than the tuple or modules beside it, which a script unrolls"
            c.b.node("assert", [enough.arg, message, "ValueError"])

    def item(it: Iteration, k: int) -> Thing:
        if it.items is not None:
            return it.items[k]
        assert it.at is not None
        return it.at(constant(k))

    return Iteration([TupleValue([item(it, k) for it in inner]) for k in range(length)])


def reversed_of(c: Compiler, inner: Iteration) -> Iteration:
    """``reversed(...)``."""
    if inner.items is not None:
        return Iteration(inner.items[::-1])
    count, at = inner.count, inner.at
    assert count is not None
    assert at is not None
    last = c.b.builtin("sub", t.INT, count, constant(1))
    return Iteration(None, count, lambda place: at(c.b.builtin("sub", t.INT, last, place)))


def listed(c: Compiler, thing: Thing, node: ast.AST) -> Value:
    """A new list of everything that a loop over the thing gives."""
    if isinstance(thing, Value) and not isinstance(thing, TupleValue):
        kind = t.resolved(thing.type)
        if isinstance(kind, (t.ListType, t.DictType)) or kind == t.STR:
            item = kind.key if isinstance(kind, t.DictType) else t.STR if kind == t.STR else None
            item = kind.item if isinstance(kind, t.ListType) else item
            assert item is not None
            return c.b.builtin("list", t.ListType(item), thing)
    iteration = iteration_of(c, thing, node)
    if iteration.items is not None:
        return new_list(c, [c.as_value(item, node) for item in iteration.items], node)
    return collect(c, iteration, lambda item: c.as_value(item, node))


def new_list(c: Compiler, values: list[Value], node: ast.AST) -> Value:
    """A list of these values."""
    kind: t.Type | None = t.NEVER
    for value in values:
        kind = None if kind is None else t.join(kind, value.type)
        if kind is None:
            types = ", ".join(dict.fromkeys(str(v.type) for v in values))
            raise c.error(f"the items of a list have one type, got {types}", node, "use a tuple")
    item = t.Unknown() if not values else kind
    assert item is not None
    return c.b.node("builtin", [[1, *(v.arg for v in values)]], t.ListType(item), target="list")


def collect(c: Compiler, iteration: Iteration, item: Any) -> Value:
    """A list of what `item` makes of each turn of a loop of the graph."""
    assert iteration.count is not None
    assert iteration.at is not None
    made = c.b.builtin("list", t.ListType(t.Unknown()))
    op = c.b.node("for", [iteration.count.arg], t.TupleType(()))
    at = iteration.at
    found: list[Value] = []

    def body() -> None:
        place = c.b.node("placeholder", [], t.INT, target="turn", label="turn")
        value = item(at(place))
        if value is not None:
            found.append(value)
            c.b.effect("append", t.NONE, made, value)
        c.b.node("yield", [])

    c.way(c.b.add_region(op), body)
    kind = t.ListType(found[0].type) if found else made.type
    return c.b.retype(made, kind)
