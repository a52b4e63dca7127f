"""op_specs.cpp: the static tables of all first-party ops, and what the generic drivers know of each."""

from __future__ import annotations

from collections.abc import Iterable

from ..facets import Kind, Op, OpSet, Type
from ..rules.cpp import cpp_string
from .cpp_types import default_value
from .operands import pointwise_table, reduction_table
from .output import Output
from .uniform import holds_for_uniform_operands

_ARG_TYPES: dict[Type, str] = {
    Type.TENSOR: "kTensor", Type.OPERAND: "kOperand", Type.SCALAR: "kScalar", Type.INT: "kInt", Type.FLOAT: "kFloat",
    Type.BOOL: "kBool", Type.STR: "kStr", Type.DTYPE: "kDtype", Type.DEVICE: "kDevice", Type.INTS: "kInts",
    Type.FLOATS: "kFloats", Type.TENSORS: "kTensors", Type.OBJECT: "kObject",
}  # fmt: skip
_KIND_FLAGS = {
    Kind.POINTWISE: "kOpPointwise", Kind.REDUCTION: "kOpReduction", Kind.VIEW: "kOpView",
    Kind.COMPOSITE: "kOpComposite", Kind.KERNEL: "",
}  # fmt: skip
_HEAD = """
#include "cpu/kernel_tables.h"
#include "dispatch/op.h"

#include <tensorwright/tw.hpp>

namespace tw {
"""


def emit_specs(ops: OpSet, out: Output) -> None:
    tables = [table for op in ops for table in _op_tables(op)]
    rows = ",\n".join(f"    {_spec(op)}" for op in ops)
    text = _HEAD + f"namespace generated {{\n{declared_functions(ops)}}}  // namespace generated\n\n"
    text += "namespace {\n\n" + "\n".join(tables) + "\n\n}  // namespace\n\n"
    text += f"const OpSpec kBuiltinOps[] = {{\n{rows},\n}};\n"
    text += f"const uint32_t kBuiltinOpCount = {len(ops)};\n\n}}  // namespace tw\n"
    out.cpp("op_specs.cpp", text)


def _op_tables(op: Op) -> list[str]:
    lines: list[str] = []
    rows = []
    for arg in op.schema.args:
        value = default_value(arg.default, arg, lines, f"default_{op.symbol}")
        flags = ", ".join(str(flag).lower() for flag in (arg.optional, arg.keyword_only, arg.default is not None))
        length = "kMayLackTensors" if arg.element_optional else arg.list_length
        rows.append(f'{{"{arg.name}", ArgType::{_ARG_TYPES[arg.type]}, {flags}, {length}, {value}}}')
    if rows:
        lines.append(f"const ArgSpec args_{op.symbol}[] = {{\n    " + ",\n    ".join(rows) + "};")
    rets = [
        f"{{{cpp_string(ret.name) if ret.name else 'nullptr'}, RetType::{_ARG_TYPES[ret.type]}, "
        f"{op.schema.alias_of(ret)}}}"
        for ret in op.schema.rets
    ]
    if rets:
        lines.append(f"const RetSpec rets_{op.symbol}[] = {{{', '.join(rets)}}};")
    if op.kind is Kind.POINTWISE:
        lines.append(pointwise_table(op, accepts_uniform=holds_for_uniform_operands(op)))
    if op.kind is Kind.REDUCTION:
        lines.append(reduction_table(op))
    return lines


def _flags(op: Op) -> str:
    flags = [_KIND_FLAGS[op.kind]] if _KIND_FLAGS[op.kind] else []
    if op.is_structured:
        flags.insert(0, "kOpStructured")
    if "random" in op.tags:
        flags.append("kOpRandom")
    return " | ".join(flags) or "0"


def tags(op: Op) -> str:
    return ",".join(dict.fromkeys((op.kind.value, *op.tags, *(("dynamic",) if op.is_dynamic else ()))))


def infer_function(op: Op) -> str:
    if not op.is_structured:
        return "nullptr"
    if needs_rules(op):
        return f"generated::infer_{op.symbol}"
    return "cpu::pointwise_infer" if op.kind is Kind.POINTWISE else "cpu::reduction_infer"


def needs_rules(op: Op) -> bool:
    """Whether the op has a generated infer (or check) function of its own."""
    own_dtype = any(rule.text not in DRIVER_DTYPES for rule in op.dtype)
    by_driver = op.kind in (Kind.POINTWISE, Kind.REDUCTION)
    if by_driver or not op.is_structured:
        return bool(op.where) or (by_driver and (bool(op.shape) or own_dtype))
    return True


DRIVER_DTYPES = ("float", "same", "sum", "bool")


def _kernel(op: Op) -> tuple[str, str]:
    """The kernel and the `self` that it is handed."""
    if op.kind is Kind.POINTWISE:
        return "cpu::pointwise_run", f"&pointwise_{op.symbol}"
    if op.kind is Kind.REDUCTION:
        return "cpu::reduction_run", f"&reduction_{op.symbol}"
    return f"generated::call_{op.symbol}", "nullptr"


def _spec(op: Op) -> str:
    schema = op.schema
    mutated = sum(1 << i for i, arg in enumerate(schema.args) if arg.alias and arg.alias.written)
    kernel, self = _kernel(op)
    parts = [
        cpp_string(op.qualified_name),
        cpp_string(op.qualified_name + str(schema)),
        cpp_string(tags(op)),
        f"{op.revision}, {_flags(op)}, {len(schema.args)}, {schema.positional_count}, {len(schema.rets)}",
        f"args_{op.symbol}" if schema.args else "nullptr",
        f"rets_{op.symbol}" if schema.rets else "nullptr",
        f"{mutated}, {infer_function(op)}, {kernel}, {self}",
        cpp_string(op.display_name) if "." in op.display_name else "nullptr",
    ]
    return "{" + ",\n     ".join(parts) + "}"


def declared_functions(ops: Iterable[Op]) -> str:
    """Declarations of the functions that the rules and adapters of these ops become, in namespace tw::generated."""
    lines: list[str] = []
    for op in ops:
        if needs_rules(op):
            lines.append(f"tw_status infer_{op.symbol}(void* self, const tw_call* call, tw_meta* metas);\n")
        if op.kind not in (Kind.POINTWISE, Kind.REDUCTION):
            lines.append(f"tw_status call_{op.symbol}(void* self, tw_call* call);\n")
    return "".join(lines)
