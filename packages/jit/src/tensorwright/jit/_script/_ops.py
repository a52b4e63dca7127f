"""Ops of the registry in a graph."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from . import _types as t
from ._schema import Bound, MismatchError, Schema, bind, result_type
from ._values import NONE, Thing, TupleValue, Value

if TYPE_CHECKING:
    from ._compiler import Compiler


def call_overloads(
    c: Compiler, name: str, found: tuple[Schema, ...], args: list[Thing], kwargs: dict[str, Thing], node: ast.AST
) -> Thing:
    """Call the first overload whose types fit; FrontendError says why none does."""
    refusals = []
    out = kwargs.pop("out", None)
    for schema in found:
        try:
            bound = bind(schema, args, dict(kwargs))
        except MismatchError as mismatch:
            refusals.append(f"{_shown(name, schema)} {mismatch}")
            continue
        return emit(c, schema, bound, out, node)
    optional = any(isinstance(a, Value) and isinstance(t.resolved(a.type), t.OptionalType) for a in args)
    advice = "test `is not None` before, in an if" if optional else _number_advice(args)
    if len(refusals) == 1:
        raise c.error(f"{name}(): {refusals[0].removeprefix(_shown(name, found[0])).strip()}", node, advice)
    raise c.error(f"{name}(): no overload fits: " + "; ".join(refusals), node, advice)


def _number_advice(args: list[Thing]) -> str:
    numbers = any(isinstance(a, Value) and t.resolved(a.type) == t.NUMBER for a in args)
    return "int(x) or float(x) says which number it is" if numbers else ""


def _shown(name: str, schema: Schema) -> str:
    return f"{name}({', '.join(p.name for p in schema.parameters)})"


def emit(c: Compiler, schema: Schema, bound: Bound, out: Thing | None, node: ast.AST) -> Thing:
    """The node of a call."""
    kind = result_type(schema, bound)
    if kind is None:
        raise c.error(f"what {schema.op.removeprefix('tw::')} gives is no type of scripts", node)
    args, keywords = _placed(schema, bound)
    if schema.inplace:
        keywords += ["into", bound[schema.parameters[0].name].arg]
    elif out is not None and out is not NONE:
        keywords += ["into", c.as_value(out, node).arg]
    value = c.b.node(schema.op, args, kind, keywords=keywords)
    if schema.inplace:
        return bound[schema.parameters[0].name]
    if isinstance(kind, t.TupleType):
        items = list(c.items(value))
        return TupleValue(items, kind.fields)
    return value


def _placed(schema: Schema, bound: Bound) -> tuple[list[Any], list[Any]]:
    """Arguments in the schema's order as far as they are given without a gap, the others by name."""
    args: list[Any] = []
    keywords: list[Any] = []
    last = max((k for k, p in enumerate(schema.parameters) if p.name in bound), default=-1)
    for k, parameter in enumerate(schema.parameters[: last + 1]):
        given = bound.get(parameter.name)
        if given is None and not parameter.has_default:
            arg = None
        else:
            arg = parameter.default_arg() if given is None else given.arg
        if parameter.keyword_only:
            keywords += [parameter.name, arg]
        elif len(args) == k:
            args.append(arg)
    return args, keywords
