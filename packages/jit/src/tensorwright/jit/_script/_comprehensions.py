"""Comprehensions: loops of the graph that fill a list or a dict."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _expressions as expressions
from . import _types as t
from ._conditions import condition, refined
from ._iterate import collect, iteration_of, new_list
from ._values import Iteration, Thing, TupleValue, Value

if TYPE_CHECKING:
    from ._compiler import Compiler


def list_comprehension(c: Compiler, node: Any) -> Thing:
    """``[f(x) for x in xs if c]``, and generators, which give a list."""
    before = dict(c.env)
    try:
        return _comprehended(c, node, node.generators)
    finally:
        names = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for name in names:
            c.env.pop(name, None)
            if name in before:
                c.env[name] = before[name]


def _comprehended(c: Compiler, node: Any, generators: list[ast.comprehension]) -> Thing:
    if len(generators) > 1:
        return _nested_comprehension(c, node, generators)
    generator = generators[0]
    iteration = iteration_of(c, expressions.expression(c, generator.iter), generator.iter)
    if iteration.items is not None and not generator.ifs:
        things = []
        for item in iteration.items:
            expressions.assign(c, generator.target, item, node)
            things.append(expressions.expression(c, node.elt))
        if any(not isinstance(thing, Value) for thing in things):
            return TupleValue(things)
        return new_list(c, [c.as_value(thing, node) for thing in things], node)
    made = c.b.builtin("list", t.ListType(t.Unknown()))
    _append_each(c, made, node, generators)
    return made


def _nested_comprehension(c: Compiler, node: Any, generators: list[ast.comprehension]) -> Value:
    made = c.b.builtin("list", t.ListType(t.Unknown()))
    _append_each(c, made, node, generators)
    return made


def _append_each(c: Compiler, made: Value, node: Any, generators: list[ast.comprehension]) -> None:
    """Loops of the graph that append to a list."""
    if not generators:
        _append(c, made, expressions.value(c, node.elt), node)
        return
    generator, rest = generators[0], generators[1:]
    iteration = iteration_of(c, expressions.expression(c, generator.iter), generator.iter)

    def turn(item: Thing) -> None:
        expressions.assign(c, generator.target, item, node)
        _filtered(c, list(generator.ifs), lambda: _append_each(c, made, node, rest))

    each(c, iteration, turn, node)


def each(c: Compiler, iteration: Iteration, turn: Callable[[Thing], None], node: ast.AST) -> None:
    """Call `turn` for each item: unrolled, or in a loop of the graph that carries nothing."""
    if iteration.items is not None:
        for item in iteration.items:
            turn(item)
        return

    def once(item: Thing) -> None:
        turn(item)

    collect(c, iteration, once)


def _filtered(c: Compiler, tests: list[ast.expr], then: Callable[[], None]) -> None:
    if not tests:
        then()
        return
    test = condition(c, tests[0])

    def go_on() -> None:
        refined(c, test.if_true)
        _filtered(c, tests[1:], then)

    if test.value.is_constant:
        if test.value.arg:
            go_on()
    else:
        c.choose(test.value, go_on, lambda: None, tests[0])


def _append(c: Compiler, made: Value, item: Value, node: ast.AST) -> None:
    from ._methods import put_into

    put_into(c, made, item, node)
    c.b.effect("append", t.NONE, made, item)


def dict_comprehension(c: Compiler, node: Any) -> Thing:
    """``{k: v for ...}``."""
    before = dict(c.env)
    made = c.b.node("builtin", [], t.DictType(t.Unknown(), t.Unknown()), target="dict")
    kind = made.type
    assert isinstance(kind, t.DictType)

    def turns(generators: list[ast.comprehension]) -> None:
        if not generators:
            key, item = expressions.value(c, node.key), expressions.value(c, node.value)
            if t.join(kind.key, key.type) is None or t.join(kind.value, item.type) is None:
                raise c.error("the keys and the values of a dict have one type each", node)
            c.b.effect("setitem", t.NONE, made, key, item)
            return
        iteration = iteration_of(c, expressions.expression(c, generators[0].iter), generators[0].iter)

        def turn(item: Thing) -> None:
            expressions.assign(c, generators[0].target, item, node)
            _filtered(c, list(generators[0].ifs), lambda: turns(generators[1:]))

        each(c, iteration, turn, node)

    turns(list(node.generators))
    c.env = {name: thing for name, thing in c.env.items() if name in before} | before
    return made
