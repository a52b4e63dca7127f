"""Expressions and assignments."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _comprehensions as comprehensions
from . import _types as t
from ._attributes import attribute, set_attribute
from ._calls import call
from ._conditions import condition, truth
from ._iterate import iteration_of, new_list
from ._operators import binary, compare, unary
from ._subscripts import subscript, subscript_assign
from ._values import (
    Iteration,
    LocalFunction,
    Method,
    Static,
    Thing,
    TupleValue,
    Undefined,
    Value,
    constant,
)

if TYPE_CHECKING:
    from ._compiler import Compiler


def expression(c: Compiler, node: ast.expr) -> Thing:
    """Compile an expression."""
    visit = _VISITS.get(type(node))
    if visit is None:
        construct = type(node).__name__
        raise c.error(f"{_NAMES.get(construct, construct)} cannot be compiled", node, _HELP.get(construct, ""))
    with c.at(node):
        return visit(c, node)


def value(c: Compiler, node: ast.expr) -> Value:
    """Compile an expression that must be a value of the graph."""
    return c.as_value(expression(c, node), node)


_NAMES = {
    "Await": "await",
    "Yield": "yield",
    "YieldFrom": "yield from",
    "SetComp": "a set",
    "Set": "a set",
}
_HELP = {
    "Yield": "collect the values in a list and return it",
    "YieldFrom": "collect the values in a list and return it",
    "Set": "use a dict or a list",
    "SetComp": "use a dict or a list",
}


def _constant(c: Compiler, node: Any) -> Thing:
    if node.value is Ellipsis:
        return Static(Ellipsis)
    if isinstance(node.value, bytes):
        raise c.error("bytes cannot be compiled", node, "use a str or a uint8 tensor")
    return c.lift(node.value)


def _name(c: Compiler, node: Any) -> Thing:
    thing = lookup(c, node.id)
    if isinstance(thing, Undefined):
        raise c.error(thing.reason, node, thing.suggestion)
    if thing is not None:
        return thing
    raise c.error(f"the name '{node.id}' is not defined", node)


def lookup(c: Compiler, name: str) -> Thing | None:
    """What a name means: local, of the functions around, global or built in."""
    if name in c.env:
        return c.env[name]
    if name in c.frame.names:
        return c.frame.names[name]
    try:
        return c.lift(c.frame.source.lookup(name))
    except KeyError:
        return None


def _tuple(c: Compiler, node: Any) -> Thing:
    return TupleValue(starred(c, node.elts))


def starred(c: Compiler, nodes: list[ast.expr]) -> list[Thing]:
    """Expressions of which some have a star in front."""
    things: list[Thing] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            iteration = iteration_of(c, expression(c, node.value), node)
            if iteration.items is None:
                raise c.error("a star before something whose length only a run knows", node, "pass it as one list")
            things += iteration.items
        else:
            things.append(expression(c, node))
    return things


def _list(c: Compiler, node: Any) -> Thing:
    things = starred(c, node.elts)
    if any(not isinstance(thing, Value) for thing in things):
        return TupleValue(things)  # of functions or modules: the compiler keeps them apart
    return new_list(c, [c.as_value(thing, node) for thing in things], node)


def _dict(c: Compiler, node: Any) -> Thing:
    if any(key is None for key in node.keys):
        raise c.error("** in a dict cannot be compiled", node, "use update()")
    keys = [value(c, key) for key in node.keys]
    values = [expression(c, item) for item in node.values]
    if any(not isinstance(v, Value) for v in values) and all(k.is_constant for k in keys):
        return Static(_Table({k.arg: v for k, v in zip(keys, values, strict=True)}))
    return new_dict(c, keys, [c.as_value(v, node) for v in values], node)


class _Table(dict[Any, Thing]):
    """A dict of functions or modules, which only the compiler knows."""


def new_dict(c: Compiler, keys: list[Value], values: list[Value], node: ast.AST) -> Value:
    """A dict of these keys and values."""
    key, item = _joined(c, keys, "keys", node), _joined(c, values, "values", node)
    flat = [v.arg for pair in zip(keys, values, strict=True) for v in pair]
    return c.b.node("builtin", flat, t.DictType(key, item), target="dict")


def _joined(c: Compiler, values: list[Value], what: str, node: ast.AST) -> t.Type:
    kind: t.Type | None = t.NEVER
    for v in values:
        kind = None if kind is None else t.join(kind, v.type)
    if kind is None:
        raise c.error(f"the {what} of a dict have one type", node, "use two dicts, or a NamedTuple")
    return kind if values else t.Unknown()


def _attribute(c: Compiler, node: Any) -> Thing:
    return attribute(c, expression(c, node.value), node.attr, node)


def _subscript(c: Compiler, node: Any) -> Thing:
    thing = expression(c, node.value)
    if isinstance(thing, Static) and isinstance(thing.value, _Table):
        key = value(c, node.slice)
        if not key.is_constant or key.arg not in thing.value:
            raise c.error("this dict holds functions or modules; its key must be a constant", node.slice)
        return thing.value[key.arg]
    return subscript(c, thing, node.slice, node)


def _binary(c: Compiler, node: Any) -> Thing:
    return binary(c, type(node.op), expression(c, node.left), expression(c, node.right), node)


def _unary(c: Compiler, node: Any) -> Thing:
    if isinstance(node.op, ast.Not):
        return condition(c, node).value
    return unary(c, type(node.op), expression(c, node.operand), node)


def _bool(c: Compiler, node: Any) -> Thing:
    """``a or b`` gives one of its operands."""
    first = condition(c, node.values[0])
    if len(node.values) == 1:
        return expression(c, node.values[0])
    rest = ast.copy_location(ast.BoolOp(node.op, node.values[1:]), node)
    both = isinstance(node.op, ast.And)
    if first.value.is_constant:
        return _bool(c, rest) if bool(first.value.arg) == both else expression(c, node.values[0])
    operand = first.value if t.resolved(first.value.type) == t.BOOL and _is_test(node.values[0]) else None
    operand = operand if operand is not None else value(c, node.values[0])
    kept = operand
    if not both:
        kept = Value(t.without_none(operand.type), operand.arg)

    def go_on() -> Thing:
        from ._conditions import refined

        refined(c, first.if_true if both else first.if_false)
        return _bool(c, rest)

    sides: tuple[Callable[[], Thing], Callable[[], Thing]] = (go_on, lambda: kept) if both else (lambda: kept, go_on)
    chosen = c.choose(first.value, *sides, node)
    assert chosen is not None
    return chosen


def _is_test(node: ast.expr) -> bool:
    """Whether an expression gives a bool that `condition` compiled already."""
    return isinstance(node, (ast.Compare, ast.BoolOp)) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _compare(c: Compiler, node: Any) -> Thing:
    if len(node.ops) == 1:
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)) and _is_none_literal(node.comparators[0]):
            return condition(c, node).value
        return compare(c, type(node.ops[0]), expression(c, node.left), expression(c, node.comparators[0]), node)
    left, middle = expression(c, node.left), expression(c, node.comparators[0])
    return _compare_chain(c, node, left, middle, list(node.ops), list(node.comparators[1:]))


def _is_none_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _compare_chain(
    c: Compiler, node: ast.Compare, left: Thing, right: Thing, ops: list[ast.cmpop], rest: list[ast.expr]
) -> Thing:
    """``a < b < c``: c is looked at only if a < b."""
    first = compare(c, type(ops[0]), left, right, node)
    if not rest:
        return first

    def go_on() -> Thing:
        return _compare_chain(c, node, right, expression(c, rest[0]), ops[1:], rest[1:])

    test = truth(c, first, node)
    if test.is_constant:
        return go_on() if test.arg else test
    chosen = c.choose(test, go_on, lambda: first, node)
    assert chosen is not None
    return chosen


def _if_expression(c: Compiler, node: Any) -> Thing:
    from ._conditions import refined

    test = condition(c, node.test)
    if test.value.is_constant:
        refined(c, test.if_true if test.value.arg else test.if_false)
        return expression(c, node.body if test.value.arg else node.orelse)

    def side(of: ast.expr, narrowed: dict[str, t.Type]) -> Callable[[], Thing]:
        def run() -> Thing:
            refined(c, narrowed)
            return expression(c, of)

        return run

    chosen = c.choose(test.value, side(node.body, test.if_true), side(node.orelse, test.if_false), node)
    assert chosen is not None
    return chosen


def _lambda(c: Compiler, node: Any) -> Thing:
    return local_function(c, node)


def local_function(c: Compiler, node: ast.FunctionDef | ast.Lambda) -> LocalFunction:
    """A function defined inside of a script, with the names around it as they are."""
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    defaults = dict(zip([p.arg for p in positional][len(positional) - len(a.defaults) :], a.defaults, strict=True))
    defaults |= {p.arg: d for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None}
    things = {name: expression(c, default) for name, default in defaults.items()}
    return LocalFunction(node, c.frame.source, {**c.frame.names, **c.env}, things)


# ---- text -------------------------------------------------------------------------------------------------------


def _joined_text(c: Compiler, node: Any) -> Thing:
    parts = [_text_part(c, part) for part in node.values]
    if all(part.is_constant for part in parts):
        return constant("".join(part.arg for part in parts))
    return c.b.node("builtin", ["", [1, *(part.arg for part in parts)]], t.STR, target="str.join")


def _text_part(c: Compiler, node: ast.expr) -> Value:
    if isinstance(node, ast.Constant):
        return constant(node.value)
    assert isinstance(node, ast.FormattedValue)
    thing = expression(c, node.value)
    if isinstance(thing, Static):
        return constant(str(thing.value))
    shown = c.as_value(thing, node)
    if node.conversion in (ord("r"), ord("a")):
        shown = c.b.builtin("repr", t.STR, shown)
    elif node.conversion == ord("s"):
        shown = c.b.builtin("str", t.STR, shown)
    spec = constant("") if node.format_spec is None else value(c, node.format_spec)
    if shown.is_constant and t.resolved(shown.type) == t.STR and spec.arg == "":
        return shown
    if t.is_tensor(shown.type) and spec.arg != "":
        shown = c.b.builtin("item", t.NUMBER, shown)
    return c.b.builtin("format", t.STR, shown, spec)


def _named(c: Compiler, node: Any) -> Thing:
    thing = expression(c, node.value)
    c.env[node.target.id] = thing
    return thing


def _slice_alone(c: Compiler, node: Any) -> Thing:
    raise c.error("a slice stands only in square brackets", node)


_VISITS: dict[type[ast.expr], Callable[[Compiler, Any], Thing]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Dict: _dict,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _bool,
    ast.Compare: _compare,
    ast.IfExp: _if_expression,
    ast.Lambda: _lambda,
    ast.ListComp: lambda c, node: comprehensions.list_comprehension(c, node),
    ast.GeneratorExp: lambda c, node: comprehensions.list_comprehension(c, node),
    ast.DictComp: lambda c, node: comprehensions.dict_comprehension(c, node),
    ast.JoinedStr: _joined_text,
    ast.NamedExpr: _named,
    ast.Call: lambda c, node: call(c, node),
    ast.Slice: _slice_alone,
}


# ---- assignment -------------------------------------------------------------------------------------------------


def assign(c: Compiler, target: ast.expr, thing: Thing, node: ast.AST) -> None:
    """Let a target be a thing."""
    match target:
        case ast.Name(id=name):
            if isinstance(thing, (Method, Iteration)) and not isinstance(thing, Iteration):
                raise c.error("a method that is not called cannot be assigned", node)
            c.env[name] = thing
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            _unpack(c, targets, thing, target)
        case ast.Attribute():
            set_attribute(c, expression(c, target.value), target.attr, thing, target)
        case ast.Subscript():
            subscript_assign(c, expression(c, target.value), target.slice, thing, target)
        case _:
            raise c.error("this cannot be assigned to", target)


def _unpack(c: Compiler, targets: list[ast.expr], thing: Thing, node: ast.AST) -> None:
    stars = [k for k, target in enumerate(targets) if isinstance(target, ast.Starred)]
    things = _unpacked(c, thing, None if stars else len(targets), node)
    if stars:
        first, after = stars[0], len(targets) - stars[0] - 1
        if len(things) < len(targets) - 1:
            raise c.error(
                f"not enough values to unpack (expected at least {len(targets) - 1}, got {len(things)})", node
            )
        middle = things[first : len(things) - after]
        listed = new_list(c, [c.as_value(m, node) for m in middle], node)
        star = targets[first]
        assert isinstance(star, ast.Starred)
        targets = [*targets[:first], star.value, *targets[first + 1 :]]
        things = [*things[:first], listed, *things[len(things) - after :]]
    if len(things) != len(targets):
        raise c.error(f"{len(targets)} names for {len(things)} values", node)
    for target, part in zip(targets, things, strict=True):
        assign(c, target, part, node)


def _unpacked(c: Compiler, thing: Thing, count: int | None, node: ast.AST) -> list[Thing]:
    if isinstance(thing, Value) and not isinstance(thing, TupleValue):
        kind = t.resolved(thing.type)
        if isinstance(kind, t.ListType):
            if count is None:
                raise c.error("a list of unknown length cannot be unpacked into a star", node, "use slices")
            items = t.TupleType((t.resolved(kind.item),) * count)
            return c.items(c.b.builtin("unpack", items, thing, constant(count)))
        if t.is_tensor(kind) and count is not None:
            rows = c.b.node("tw::unbind", [thing.arg, 0], t.ListType(kind, frozen=True))
            return c.items(c.b.builtin("unpack", t.TupleType((kind,) * count), rows, constant(count)))
    iteration = iteration_of(c, thing, node)
    if iteration.items is None:
        raise c.error("only tuples and lists can be unpacked", node)
    return iteration.items
