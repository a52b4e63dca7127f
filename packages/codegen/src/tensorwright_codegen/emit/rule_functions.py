"""infer_<file>.cpp: constraints, shapes and dtypes of the ops of one facet file."""

from __future__ import annotations

import re

from ..facets import FacetError, Kind, Op, OpSet, Rule, Type
from ..rules.checks import emit_check
from ..rules.cpp import cpp_name, cpp_string, emit
from ..rules.parse import parse_rule
from ..rules.tree import RuleType
from .cpp_types import argument, read_type
from .operands import is_bool_operand, operands
from .output import Output
from .specs import DRIVER_DTYPES, declared_functions, needs_rules

_HEAD = """
#include "cpu/kernel_tables.h"
#include "dispatch/rules.h"

#include <tensorwright/tw_abi.h>

namespace tw::generated {
{functions}
using rules::Dims;
using rules::Refusal;

"""


def emit_rule_functions(ops: OpSet, out: Output) -> None:
    for file, members in ops.files().items():
        bodies = [_functions(op) for op in members if needs_rules(op)]
        if bodies:
            head = _HEAD.replace("{functions}", declared_functions(members))
            out.cpp(f"infer_{file}.cpp", head + "\n".join(bodies) + "\n}  // namespace tw::generated\n")


def _functions(op: Op) -> str:
    statements = [line for constraint in op.where for line in emit_check(op, constraint)] + _results(op)
    rules = "\n".join(f"  {line}" for line in [*_locals(op, " ".join(statements)), *statements])
    run = f"rules::run({cpp_string(op.display_name)}, rules_of_{op.symbol}, call, metas)"
    if _driver_infers(op):
        driver = "pointwise" if op.kind is Kind.POINTWISE else "reduction"
        body = f"  if (const tw_status status = {run}) return status;\n  return cpu::{driver}_infer(self, call, metas);"
    else:
        body = f"  return {run};"
    self = "self" if _driver_infers(op) else ""
    metas = "[[maybe_unused]] tw_meta* metas"
    return (
        f"static void rules_of_{op.symbol}(const tw_call* call, {metas}) {{\n{rules}\n}}\n"
        f"tw_status infer_{op.symbol}(void*{' ' + self if self else ''}, const tw_call* call, tw_meta* metas) {{\n"
        f"{body}\n}}\n"
    )


def _locals(op: Op, text: str) -> list[str]:
    """The arguments that the rules mention."""
    words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)))
    return [
        f"[[maybe_unused]] const {read_type(arg)} {cpp_name(arg.name)} = {argument(arg, i, 'call')};"
        if read_type(arg) != "tw_object*"
        else f"[[maybe_unused]] tw_object* const {cpp_name(arg.name)} = {argument(arg, i, 'call')};"
        for i, arg in enumerate(op.schema.args)
        if cpp_name(arg.name) in words
    ]


def _driver_infers(op: Op) -> bool:
    """Shape and dtype come from the generic driver, after the constraints."""
    own_dtype = any(rule.text not in DRIVER_DTYPES for rule in op.dtype)
    return op.kind in (Kind.POINTWISE, Kind.REDUCTION) and not op.shape and not own_dtype


def _results(op: Op) -> list[str]:
    if not op.is_structured or _driver_infers(op):
        return []
    results = [
        f"rules::set_result(&metas[{i}], {_shape(op, i)}, {_dtype(op, i)}, device_of_results);"
        for i in range(len(op.schema.rets))
    ]
    return ["const tw_device device_of_results = rules::result_device(call);", *results]


def _of_result(rules: tuple[Rule, ...], index: int) -> Rule | None:
    return rules[index if len(rules) > 1 else 0] if rules else None


def _expect(op: Op, rule: Rule, wanted: RuleType) -> str:
    term = parse_rule(rule, op.schema)
    if term.type is not wanted:
        raise FacetError(rule.location, f"op {op.name}: expected a {wanted.value}, `{rule.text}` is {term.type.value}")
    return emit(term)


def _shape(op: Op, index: int) -> str:
    rule = _of_result(op.shape, index)
    if rule is not None:
        return _expect(op, rule, RuleType.INTS)
    shapes = [
        f"rules::shape_of({cpp_name(arg.name)})" for arg in operands(op) if arg.type in (Type.TENSOR, Type.OPERAND)
    ]
    return f"rules::broadcast({', '.join(shapes)})"


def _dtype(op: Op, index: int) -> str:
    if op.expression is not None and op.expression.result_types[index] == "bool":
        return "kBool"
    rule = _of_result(op.dtype, index)
    if rule is not None and rule.text not in ("float", "same"):
        return _expect(op, rule, RuleType.DTYPE)
    promoted = f"rules::promote({', '.join(_promoted(op))})"
    dtype = f"rules::float_dtype({promoted})" if rule is not None and rule.text == "float" else promoted
    kind = op.expression.result_types[index] if op.expression is not None else "T"
    return f"rules::{kind}_dtype({dtype})" if kind in ("real", "complex") else dtype


def _promoted(op: Op) -> list[str]:
    if op.expression is not None:
        return [
            cpp_name(arg.name) for arg in operands(op)
            if not is_bool_operand(op, arg) and arg.type in (Type.TENSOR, Type.OPERAND, Type.SCALAR)
        ]  # fmt: skip
    return [cpp_name(arg.name) for arg in op.schema.args if arg.type in (Type.TENSOR, Type.OPERAND, Type.TENSORS)]
