"""What stays Python: functions under ``ignore``, and those under ``unused``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from . import _types as t
from ._boundary import crosses, from_graph, to_graph
from ._source import NoSourceError, source_of
from ._values import ModuleThing, Static, Thing, Value

if TYPE_CHECKING:
    from ._compiler import Compiler


def call_ignored(c: Compiler, function: Any, args: list[Thing], kwargs: dict[str, Thing], node: ast.AST) -> Thing:
    """A call of Python from the graph."""
    bound: list[tuple[str | None, Thing]] = [(None, a) for a in args] + list(kwargs.items())
    known: list[tuple[str | None, Any]] = []  # objects that the graph does not hold; None where a value comes
    values: list[Value] = []
    for name, thing in bound:
        if isinstance(thing, (Static, ModuleThing)):
            known.append((name, thing))
            continue
        value = c.as_value(thing, node)
        if not crosses(value.type):
            raise c.error(f"an instance of {value.type} cannot be handed to Python", node, "pass its attributes")
        values.append(value)
        known.append((name, None))
    result = _declared_result(c, function, node)
    adapter = _adapter(function, known, [v.type for v in values], result)
    return c.b.node("py.call", [adapter, *(v.arg for v in values)], result, target=function.__name__)


def _adapter(function: Any, known: list[tuple[str | None, Any]], types: list[t.Type], result: t.Type) -> Any:
    def adapter(*given: Any) -> Any:
        values = iter([from_graph(kind, value) for kind, value in zip(types, given, strict=True)])
        things = [(name, next(values) if thing is None else thing.value) for name, thing in known]
        args = [value for name, value in things if name is None]
        kwargs = {name: value for name, value in things if name is not None}
        return to_graph(result, function(*args, **kwargs), f"what {function.__name__} gives")

    return adapter


def _declared_result(c: Compiler, function: Any, node: ast.AST) -> t.Type:
    from ._annotations import from_annotation

    try:
        source = source_of(function)
    except NoSourceError as error:
        raise c.error(str(error), node) from None
    returns = getattr(source.tree, "returns", None)
    if returns is None:
        return t.TENSOR
    kind = from_annotation(source.annotation(returns))
    if kind is None or not crosses(kind):
        raise c.error(
            f"{function.__name__} is declared to give {ast.unparse(returns)}, which is no type of scripts", node
        )
    return kind


def call_unused(c: Compiler, function: Any, node: ast.AST) -> Thing:
    """A call that must not be reached."""
    c.b.node("assert", [False, f"{function.__name__} is marked unused, and a script reached it", "RuntimeError"])
    return Value(_declared_result(c, function, node), None)
