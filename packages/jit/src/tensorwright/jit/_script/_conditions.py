"""Conditions, and what types they prove."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import _types as t
from ._values import BoundFunction, LocalFunction, Method, ModuleThing, Static, Thing, TupleValue, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler

Narrowed = dict[str, t.Type]


@dataclass
class Condition:
    """A truth value with the types that names have where it holds and where it does not."""

    value: Value
    if_true: Narrowed = field(default_factory=dict)
    if_false: Narrowed = field(default_factory=dict)


def truth(c: Compiler, thing: Thing, node: ast.AST) -> Value:
    """Whether Python takes the thing for true."""
    if isinstance(thing, TupleValue):
        return constant(bool(thing.items))
    if isinstance(thing, ModuleThing):
        return constant(bool(thing.value))
    if isinstance(thing, (Method, BoundFunction, LocalFunction)):
        return constant(True)
    if isinstance(thing, Static):
        return constant(bool(thing.value))
    value = c.as_value(thing, node)
    kind = t.resolved(value.type)
    if isinstance(kind, t.ClassType):
        if hasattr(kind.cls, "__bool__") or hasattr(kind.cls, "__len__"):
            raise c.error(f"the truth of an instance of {kind.cls.__name__}", node, "call its method")
        return constant(True)
    if value.is_constant and kind not in (t.DTYPE, t.DEVICE):
        return constant(bool(value.arg))
    return value if kind == t.BOOL else c.b.builtin("bool", t.BOOL, value)


def refined(c: Compiler, narrowed: Narrowed) -> None:
    """Let names have the types that a condition proved."""
    for name, kind in narrowed.items():
        thing = c.env.get(name)
        if isinstance(thing, Value):
            c.env[name] = Value(kind, thing.arg)


def condition(c: Compiler, node: ast.expr, only_types: bool = False) -> Condition:
    """Compile a condition; `only_types` asks for what it proves, without nodes."""
    from ._expressions import expression

    with c.at(node):
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = condition(c, operand, only_types)
                return Condition(_negated(c, inner.value, only_types), inner.if_false, inner.if_true)
            case ast.BoolOp():
                return _chain(c, node, list(node.values), only_types)
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=None)]):
                found = _is_none(c, left, only_types)
                if isinstance(op, ast.IsNot):
                    return Condition(_negated(c, found.value, only_types), found.if_false, found.if_true)
                return found
            case ast.Call(func=ast.Name(id="isinstance"), args=[subject, _]):
                value = constant(True) if only_types else truth(c, expression(c, node), node)
                return Condition(value, *_isinstance(c, subject, node, value))
            case ast.Name(id=name) if isinstance(_local_type(c, name), t.OptionalType):
                kind = _local_type(c, name)
                value = constant(True) if only_types else truth(c, expression(c, node), node)
                return Condition(value, {name: t.without_none(kind)} if kind else {})
            case _:
                value = constant(True) if only_types else truth(c, expression(c, node), node)
                return Condition(value)


def _local_type(c: Compiler, name: str) -> t.Type | None:
    thing = c.env.get(name)
    return t.resolved(thing.type) if isinstance(thing, Value) else None


def _negated(c: Compiler, value: Value, only_types: bool) -> Value:
    if value.is_constant:
        return constant(not value.arg)
    return value if only_types else c.b.builtin("not", t.BOOL, value)


def _is_none(c: Compiler, subject: ast.expr, only_types: bool) -> Condition:
    from ._expressions import expression

    thing = c.env.get(subject.id) if isinstance(subject, ast.Name) and only_types else expression(c, subject)
    if not isinstance(thing, Value):
        return Condition(constant(False))
    kind = t.resolved(thing.type)
    if kind == t.NONE:
        return Condition(constant(True))
    if not isinstance(kind, t.OptionalType):
        return Condition(constant(False))
    value = constant(True) if only_types else c.b.builtin("is_none", t.BOOL, thing)
    if not isinstance(subject, (ast.Name, ast.NamedExpr)):
        return Condition(value)
    name = subject.id if isinstance(subject, ast.Name) else subject.target.id
    return Condition(value, {name: t.NONE}, {name: kind.item})


def _isinstance(c: Compiler, subject: ast.expr, node: ast.Call, value: Value) -> tuple[Narrowed, Narrowed]:
    """What ``isinstance`` of an optional proves."""
    if not isinstance(subject, ast.Name):
        return {}, {}
    kind = _local_type(c, subject.id)
    if not isinstance(kind, t.OptionalType):
        return {}, {}
    return {subject.id: kind.item}, {subject.id: t.NONE}


def _chain(c: Compiler, node: ast.BoolOp, values: list[ast.expr], only_types: bool) -> Condition:
    """``a and b and ...``: each is looked at only where those before do not decide, with what they prove."""
    first, rest = condition(c, values[0], only_types), values[1:]
    if not rest:
        return first
    both = isinstance(node.op, ast.And)
    passes = first.if_true if both else first.if_false
    if first.value.is_constant and not only_types:
        if bool(first.value.arg) != both:
            return first
        refined(c, passes)
        return _chain(c, node, rest, only_types)
    found: list[Condition] = []

    def go_on() -> Value:
        refined(c, passes)
        found.append(_chain(c, node, rest, only_types))
        return found[0].value

    def decided() -> Value:
        return constant(not both)

    if only_types:
        before = dict(c.env)
        value = go_on()
        c.env = before
    else:
        sides = (go_on, decided) if both else (decided, go_on)
        chosen = c.choose(first.value, *sides, node)
        assert isinstance(chosen, Value)
        value = chosen
    second = found[0]
    if both:
        return Condition(value, {**first.if_true, **second.if_true}, {})
    return Condition(value, {}, {**first.if_false, **second.if_false})
