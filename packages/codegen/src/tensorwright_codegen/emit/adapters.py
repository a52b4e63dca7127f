"""op_adapters_<file>.cpp: boxed calls to hand-written kernels, views and composites, declared in declarations/."""

from __future__ import annotations

from collections.abc import Sequence

from ..facets import Kind, Op, OpSet, Type
from ..rules.cpp import cpp_name
from .cpp_types import arguments, parameter, result_type
from .output import Output
from .specs import declared_functions, needs_rules

_NAMESPACES = {Kind.KERNEL: "cpu", Kind.VIEW: "view", Kind.COMPOSITE: "composite"}
_HEAD = """
#include "declarations/{file}.h"

namespace tw::generated {{
{functions}

// One instantiation of the error boundary for all ops of this file.
static tw_status guarded(tw_call* call, void (*body)(tw_call*)) {{
  return guard([&] {{ body(call); }});
}}

"""
_DECLARATIONS_HEAD = """
// What the generated adapters call: defined by hand in csrc/cpu (kernels), csrc/view and csrc/composite.
#pragma once

#include <tensorwright/tw.hpp>

#include <tuple>
#include <vector>
"""


def emit_adapters(ops: OpSet, out: Output) -> None:
    for file, members in ops.files().items():
        bodies = [_adapter(op) for op in members if op.kind in _NAMESPACES]
        if bodies:
            head = _HEAD.format(file=file, functions=declared_functions(members))
            out.cpp(f"op_adapters_{file}.cpp", head + "\n".join(bodies) + "\n}  // namespace tw::generated\n")
            out.cpp(f"declarations/{file}.h", _declarations(members))


def _declarations(members: Sequence[Op]) -> str:
    text = _DECLARATIONS_HEAD
    for kind, namespace in _NAMESPACES.items():
        declarations = "\n".join(_declaration(op) for op in members if op.kind is kind)
        if declarations:
            text += f"\nnamespace tw::{namespace} {{\n{declarations}\n}}  // namespace tw::{namespace}\n"
    return text


def _declaration(op: Op) -> str:
    parameters = [parameter(arg) for arg in op.schema.args]
    if op.is_structured:
        parameters += [f"TensorRef {out}" for out in out_names(op)]
        return f"void {op.symbol}({', '.join(parameters)});"
    return f"{result_type(op.schema.rets)} {op.symbol}({', '.join(parameters)});"


def out_names(op: Op) -> list[str]:
    """Parameters that results are written to: `out`, or one per result named after it."""
    if len(op.schema.rets) == 1:
        return ["out"]
    return [f"{cpp_name(ret.name or str(i))}_out" for i, ret in enumerate(op.schema.rets)]


def _adapter(op: Op) -> str:
    checks = needs_rules(op) and not op.is_structured
    check = f"  if (const tw_status status = infer_{op.symbol}(nullptr, call, nullptr)) return status;\n"
    return (
        f"tw_status call_{op.symbol}(void*, tw_call* call) {{\n{check if checks else ''}"
        f"  return guarded(call, []([[maybe_unused]] tw_call* c) {{\n{_body(op)}  }});\n}}\n"
    )


def _body(op: Op) -> str:
    name = f"{_NAMESPACES[op.kind]}::{op.symbol}"
    args = arguments(op)
    if op.is_structured:
        args += [f"c->rets[{i}].u.t" for i in range(len(op.schema.rets))]
        return f"    {name}({', '.join(args)});\n"
    call = f"{name}({', '.join(args)})"
    rets = op.schema.rets
    if not rets:
        return f"    {call};\n"
    if len(rets) == 1:
        return f"    {_give(0, rets[0].type, call)};\n"
    gives = "".join(f"    {_give(i, ret.type, f'std::move(std::get<{i}>(results))')};\n" for i, ret in enumerate(rets))
    return f"    auto results = {call};\n{gives}"


def _give(index: int, kind: Type, value: str) -> str:
    if kind in (Type.SCALAR, Type.OBJECT):
        return f"c->rets[{index}] = to_value({value})"
    return f"give(&c->rets[{index}], {value})"
