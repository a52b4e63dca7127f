"""Functions that call themselves: functions of the graph, by their annotations."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from . import _types as t
from ._annotations import from_annotation
from ._compiler import Compiler as _Compiler
from ._compiler import Frame
from ._source import Source
from ._values import Thing, Value

if TYPE_CHECKING:
    from ._compiler import Compiler


def call_recursive(c: Compiler, source: Source, args: list[Thing], kwargs: dict[str, Thing], node: ast.AST) -> Thing:
    """Call a function from within itself."""
    from ._calls import _defaults, bind_arguments

    bound = bind_arguments(c, source, _defaults(c, source), args, kwargs, node)
    name, kinds, result = _function_for(c, source, node)
    values = [c.as_value(bound[parameter], node) for parameter in kinds]
    for (parameter, kind), value in zip(kinds.items(), values, strict=True):
        if not t.accepts(kind, value.type):
            raise c.error(f"argument '{parameter}' of {source.name}() is {value.type}, but declared {kind}", node)
    return c.b.node("call", [v.arg for v in values], result, target=name)


def signature_of(c: Compiler, source: Source, node: ast.AST) -> tuple[dict[str, t.Type], t.Type]:
    """The declared types of a function's parameters and of what it gives."""
    advice = f"declare what {source.name} takes and gives: it calls itself"
    a = source.tree.args
    kinds = {}
    for parameter in [*a.posonlyargs, *a.args, *a.kwonlyargs]:
        kind = from_annotation(source.annotation(parameter.annotation)) if parameter.annotation else t.TENSOR
        if kind is None:
            raise c.error(f"parameter '{parameter.arg}' of {source.name} has no type that scripts know", node, advice)
        kinds[parameter.arg] = kind
    returns = getattr(source.tree, "returns", None)
    result = from_annotation(source.annotation(returns)) if returns is not None else None
    if result is None:
        raise c.error(f"{source.name} calls itself", node, advice)
    return kinds, result


def _function_for(c: Compiler, source: Source, node: ast.AST) -> tuple[str, dict[str, t.Type], t.Type]:
    key = source.function
    if key in c.pending:
        found: tuple[str, dict[str, t.Type], t.Type] = c.pending[key]
        return found
    kinds, result = signature_of(c, source, node)
    name = source.name
    while name in c.program.functions:
        name += "_"
    c.pending[key] = (name, kinds, result)
    inner = _Compiler(c.program)
    inner.pending, inner.kept, inner.paths = c.pending, c.kept, c.paths
    compile_body(inner, name, source, kinds, result, node)
    return name, kinds, result


def compile_body(
    c: Compiler, name: str, source: Source, kinds: dict[str, t.Type], result: t.Type, node: ast.AST
) -> None:
    """A function of the graph from a function of Python."""
    from ._control import function_body

    c.b.start(name)
    c.frames.append(Frame(source))
    c.env = {parameter: c.b.parameter(parameter, kind) for parameter, kind in kinds.items()}
    given = c.as_value(function_body(c, source), source.tree)
    if not t.accepts(result, given.type):
        raise c.error(f"{source.name} gives {given.type}, but is declared to give {result}", source.tree)
    c.b.node("return", [given.arg if isinstance(given, Value) else None])
    c.b.finish()
