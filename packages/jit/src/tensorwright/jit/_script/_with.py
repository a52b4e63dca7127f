"""``with``: switches of gradients, and objects whose class has ``__enter__`` and ``__exit__``.

An exception ends a run: nothing in the graph catches it, so ``__exit__`` runs on every way out but that one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorwright as tw

from . import _types as t
from ._arguments import Args, Kwargs
from ._attributes import attribute
from ._calls import call_thing
from ._conditions import truth
from ._expressions import assign, expression
from ._values import NONE, Static, Thing, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler


class Entered(NamedTuple):
    """A context that was entered: what ``as`` names, and what leaves it."""

    given: Thing | None
    leave: Callable[[], object]


def with_statement(c: Compiler, node: ast.With, block: Callable[[Compiler, list[ast.stmt]], None]) -> None:
    """The statement; `block` compiles its body."""
    _inside(c, node, list(node.items), block)


def _inside(
    c: Compiler, node: ast.With, items: list[ast.withitem], block: Callable[[Compiler, list[ast.stmt]], None]
) -> None:
    if not items:
        block(c, node.body)
        return
    item = items.pop(0)
    with c.at(item.context_expr):
        entered = _enter(c, item)
        if item.optional_vars is not None:
            if entered.given is None:
                raise c.error("this context has no value", item.optional_vars, "leave out the `as`")
            assign(c, item.optional_vars, entered.given, item.optional_vars)
    _inside(c, node, items, block)
    if c.raised:
        return
    dead, c.dead = c.dead, False  # what left the body early passes here too
    with c.at(item.context_expr):
        entered.leave()
    c.dead = dead


def _enter(c: Compiler, item: ast.withitem) -> Entered:
    node = item.context_expr
    known = _of_modes(c, node)
    if known is not None:
        return known
    manager = expression(c, node)
    if isinstance(manager, Static):
        if isinstance(manager.value, nullcontext):
            return Entered(c.lift(manager.value.enter_result), lambda: None)
        return Entered(None, enter_mode(c, manager.value, node))
    kind = t.resolved(manager.type) if isinstance(manager, Value) else None
    if not isinstance(kind, t.ClassType):
        raise c.error(f"{manager.described()} is no context", node, _HELP)
    for name in ("__enter__", "__exit__"):
        if not hasattr(kind.cls, name):
            raise c.error(f"class {kind.cls.__name__} has no {name}", node)
    given = call_thing(c, attribute(c, manager, "__enter__", node), [], {}, node)
    return Entered(given, lambda: call_thing(c, attribute(c, manager, "__exit__", node), [NONE] * 3, {}, node))


_HELP = (
    "a script enters no_grad, enable_grad, inference_mode, set_grad_enabled, nullcontext, and objects of classes with "
    "__enter__ and __exit__; call the scripted function inside of other contexts"
)


def _refused(c: Compiler, name: str, node: ast.AST) -> Exception:
    cast = "call the scripted function inside of the autocast, or cast with x.to(dtype)"
    return c.error(f"with {name} cannot be compiled", node, cast if name == "autocast" else _HELP)


def _of_modes(c: Compiler, node: ast.expr) -> Entered | None:
    """A call of one of the contexts that the compiler knows; nothing for others."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute))):
        return None
    callee = expression(c, node.func)
    cls: Any = callee.value if isinstance(callee, Static) else None
    if cls not in (tw.no_grad, tw.enable_grad, tw.inference_mode, tw.set_grad_enabled, nullcontext):
        if isinstance(cls, type) and issubclass(cls, tw.autocast):
            raise _refused(c, "autocast", node)
        if isinstance(cls, type) or getattr(cls, "__wrapped__", None) is None:
            return None
        raise _refused(c, cls.__name__, node)
    args = [expression(c, arg) for arg in node.args]
    args += [expression(c, keyword.value) for keyword in node.keywords]
    if len(args) > 1 or (args and cls in (tw.no_grad, tw.enable_grad)):
        raise c.error(f"{cls.__name__}() takes fewer arguments", node)
    if cls is nullcontext:
        return Entered(args[0] if args else NONE, lambda: None)
    if cls is tw.set_grad_enabled:
        if not args:
            raise c.error("set_grad_enabled() is missing 'mode'", node)
        return _gradients(c, truth(c, args[0], node.args[0] if node.args else node.keywords[0].value))
    if cls is tw.inference_mode and args:
        on = c.as_value(args[0], node)
        if on.arg is not True and on.arg is not False:
            raise c.error("inference_mode() takes True or False", node, "set_grad_enabled takes what a run knows")
        return _gradients(c, constant(False)) if on.arg else Entered(None, lambda: None)
    return _gradients(c, constant(cls is tw.enable_grad))


def enter_mode(c: Compiler, manager: object, node: ast.AST) -> Callable[[], object]:
    """Enter an object made outside of the script: one of the switches of gradients. Gives what leaves it."""
    match manager:
        case tw.inference_mode(mode=False):
            return lambda: None
        case tw.no_grad() | tw.inference_mode():
            return _gradients(c, constant(False)).leave
        case tw.enable_grad():
            return _gradients(c, constant(True)).leave
        case tw.set_grad_enabled(mode=mode):
            return _gradients(c, constant(bool(mode))).leave
    raise _refused(c, type(manager).__name__, node)


def _gradients(c: Compiler, on: Value) -> Entered:
    before = c.b.effect("set_grad", t.BOOL, on)
    return Entered(None, lambda: c.b.effect("set_grad", t.BOOL, before))


def is_grad_enabled(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """``tw.is_grad_enabled()``."""
    if args or kwargs:
        raise c.error("is_grad_enabled() takes no arguments", node)
    return c.b.effect("grad_enabled", t.BOOL)
