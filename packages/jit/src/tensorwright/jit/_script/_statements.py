"""Statements without control flow of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _types as t
from ._annotations import declared_type
from ._attributes import attribute
from ._compiler import BROKE, CONTINUED, RESULT, RETURNED
from ._conditions import condition, refined
from ._expressions import assign, expression, local_function, value
from ._operators import augmented
from ._subscripts import delete_subscript, subscript
from ._values import NONE, Static, Thing, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler

_NAMES = {
    "Try": "try",
    "Global": "global",
    "Nonlocal": "nonlocal",
    "ClassDef": "a class inside of a function",
    "AsyncFunctionDef": "async",
    "Match": "match",
    "AsyncFor": "async",
    "AsyncWith": "async",
    "TryStar": "try",
}
_HELP = {
    "Try": "test for the condition before, or put the try into a function under @tw.jit.ignore",
    "Global": "pass the value in and return it",
    "Nonlocal": "pass the value in and return it",
    "ClassDef": "define the class at the head of the file, under @tw.jit.script",
    "Match": "use if and elif",
}


def statement(c: Compiler, node: ast.stmt) -> None:
    """Compile a statement."""
    visit = _VISITS.get(type(node))
    if visit is None:
        construct = type(node).__name__
        raise c.error(f"{_NAMES.get(construct, construct)} cannot be compiled", node, _HELP.get(construct, ""))
    with c.at(node):
        visit(c, node)


def _expression(c: Compiler, node: Any) -> None:
    if not isinstance(node.value, ast.Constant):
        expression(c, node.value)


def _assign(c: Compiler, node: Any) -> None:
    thing = expression(c, node.value)
    for target in node.targets:
        assign(c, target, thing, node)


def _annotated(c: Compiler, node: Any) -> None:
    if node.value is None:
        return
    thing = expression(c, node.value)
    kind = declared(c, node.annotation)
    if kind is not None and isinstance(thing, Value):
        thing = as_declared(c, thing, kind, node.value, "the value")
    assign(c, node.target, thing, node)


def declared(c: Compiler, node: ast.expr | None) -> t.Type | None:
    """The type that an annotation means, if scripts have one."""
    return declared_type(c.frame.source, node)


def as_declared(c: Compiler, given: Value, kind: t.Type, node: ast.AST, what: str) -> Value:
    """A value where a type is declared for it; FrontendError if it has another."""
    if not t.accepts(kind, given.type):
        raise c.error(f"{what} is {given.type}, but declared {kind}", node)
    if isinstance(kind, t.OptionalType) and t.resolved(given.type) == t.NONE:
        return Value(kind, None)
    return given


def _augmented(c: Compiler, node: Any) -> None:
    target = node.target
    match target:
        case ast.Name():
            name = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            assign(c, target, augmented(c, type(node.op), expression(c, name), expression(c, node.value), node), node)
        case ast.Attribute():
            owner = expression(c, target.value)
            from ._attributes import set_attribute

            before = attribute(c, owner, target.attr, target)
            after = augmented(c, type(node.op), before, expression(c, node.value), node)
            if after is not before:
                set_attribute(c, owner, target.attr, after, target)
        case ast.Subscript():
            from ._subscripts import subscript_assign

            owner = expression(c, target.value)
            before = subscript(c, owner, target.slice, target)
            after = augmented(c, type(node.op), before, expression(c, node.value), node)
            subscript_assign(c, owner, target.slice, after, target)


def _return(c: Compiler, node: Any) -> None:
    thing = NONE if node.value is None else expression(c, node.value)
    c.env[RESULT] = thing
    c.env[RETURNED] = constant(True)
    c.dead = True


def _break(c: Compiler, node: Any) -> None:
    c.env[BROKE] = constant(True)
    c.dead = True


def _continue(c: Compiler, node: Any) -> None:
    c.env[CONTINUED] = constant(True)
    c.dead = True


def _assert(c: Compiler, node: Any) -> None:
    test = condition(c, node.test)
    if not test.value.is_constant:
        from ._conditions import truth

        if node.msg is None or isinstance(node.msg, ast.Constant):
            message = constant("" if node.msg is None else str(node.msg.value))
            held = truth(c, test.value, node)
            c.b.node("assert", [held.arg, message.arg, "AssertionError"])
        else:
            _assert_with_text(c, node, test.value)
        refined(c, test.if_true)
    elif not test.value.arg:
        message = constant("") if node.msg is None else _text(c, expression(c, node.msg), node.msg)
        _stop(c, message, "AssertionError")
    else:
        refined(c, test.if_true)


def _assert_with_text(c: Compiler, node: Any, test: Value) -> None:
    """The text is made only where the assertion fails."""

    def fails() -> None:
        _stop(c, _text(c, expression(c, node.msg), node.msg), "AssertionError")

    c.choose(test, lambda: None, fails, node)


def _stop(c: Compiler, message: Value, exception: str) -> None:
    c.b.node("assert", [False, message.arg, exception])
    c.dead = c.raised = True


def _text(c: Compiler, thing: Thing, node: ast.AST) -> Value:
    if isinstance(thing, Static):
        return constant(str(thing.value))
    given = c.as_value(thing, node)
    return given if t.resolved(given.type) == t.STR else c.b.builtin("str", t.STR, given)


def _raise(c: Compiler, node: Any) -> None:
    made = node.exc
    if made is None:
        raise c.error("raise without an exception cannot be compiled", node)
    args = made.args if isinstance(made, ast.Call) else []
    cls = expression(c, made.func if isinstance(made, ast.Call) else made)
    if not (isinstance(cls, Static) and isinstance(cls.value, type) and issubclass(cls.value, Exception)):
        raise c.error("only exceptions can be raised", node, "raise ValueError(message)")
    message = _text(c, expression(c, args[0]), args[0]) if args else constant("")
    _stop(c, message, cls.value.__name__)


def _delete(c: Compiler, node: Any) -> None:
    for target in node.targets:
        match target:
            case ast.Name(id=name):
                c.env.pop(name, None)
            case ast.Subscript():
                delete_subscript(c, value(c, target.value), target.slice, target)
            case _:
                raise c.error("this cannot be deleted", target)


def _function(c: Compiler, node: Any) -> None:
    if node.decorator_list:
        raise c.error(
            "a decorator inside of a script", node.decorator_list[0], "define the function at the head of the file"
        )
    function = local_function(c, node)
    c.env[node.name] = function
    function.names[node.name] = function


def _import(c: Compiler, node: Any) -> None:
    """An import inside of a function, done while it is compiled."""
    scope: dict[str, Any] = {"__package__": c.frame.source.function.__globals__.get("__package__")}
    try:
        exec(ast.unparse(node), scope)
    except ImportError as error:
        raise c.error(str(error), node) from None
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        c.env[name] = c.lift(scope[name])


_VISITS: dict[type[ast.stmt], Callable[[Compiler, Any], None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Assert: _assert,
    ast.Raise: _raise,
    ast.Delete: _delete,
    ast.FunctionDef: _function,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Pass: lambda c, node: None,
}
