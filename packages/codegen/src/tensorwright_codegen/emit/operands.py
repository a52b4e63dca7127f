"""The operands of pointwise and reduction ops, and the driver tables (csrc/cpu/kernel_tables.h) made of them."""

from __future__ import annotations

import ast
import re

from ..facets import Arg, FacetError, Op, Type
from ..rules.cpp import cpp_string

_NUMERIC = (Type.TENSOR, Type.OPERAND, Type.SCALAR, Type.FLOAT, Type.INT, Type.BOOL)
_RULES = {"float": "DtypeRule::kFloat", "same": "DtypeRule::kPromote", "bool": "DtypeRule::kPromote"}
_REDUCTION_DTYPES = {"same": "kSame", "sum": "kSum", "float": "kFloat", "bool": "kBool"}
_INFINITY = "__builtin_inf()"
_IDENTITY = {"sum": "0.0", "prod": "1.0", "any": "0.0", "all": "1.0", "max": f"-{_INFINITY}", "min": _INFINITY}
_COMPUTE = {
    "f32": "kF32", "f64": "kF64", "i32": "kI32", "i64": "kI64", "b8": "kB8", "u64": "kU64", "c32": "kC32",
    "c64": "kC64",
}  # fmt: skip


_ASSIGNMENT = re.compile(r"^\s*\w+\s*=[^=]", re.MULTILINE)  # lines of assignments before the expression


def operands(op: Op) -> tuple[Arg, ...]:
    """The arguments that the expression reads, in schema order."""
    used = _names(op)
    return tuple(arg for arg in op.schema.args if arg.name in used and arg.type in _NUMERIC)


def is_number(arg: Arg) -> bool:
    """Whether an operand is never a tensor: drivers hand it to kernels as a splat."""
    return arg.type not in (Type.TENSOR, Type.OPERAND)


def operand_names(op: Op) -> tuple[str, ...]:
    return tuple(arg.name for arg in operands(op))


def _names(op: Op) -> frozenset[str]:
    names: set[str] = set()
    for rule in op.math.results:
        text = rule.text.strip()
        try:
            tree = ast.parse(text if _ASSIGNMENT.search(text) else f"({text}\n)")
        except SyntaxError as error:
            raise FacetError(rule.location, f"op {op.name}: expression is not valid: {error.msg}") from None
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return frozenset(names)


def is_bool_operand(op: Op, arg: Arg) -> bool:
    return dict(op.math.operand_types).get(arg.name) == "bool" or arg.type is Type.BOOL


def _compute_mask(op: Op) -> str:
    return " | ".join(f"1u << int(cpu::ComputeType::{_COMPUTE[c]})" for c in op.math.compute)


def _bits(flags: list[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)


def pointwise_table(op: Op, *, accepts_uniform: bool) -> str:
    args = operands(op)
    if not 1 <= len(args) <= 16 or len(op.schema.rets) > 8:
        raise FacetError(op.location, f"op {op.name}: a pointwise op has 1 to 16 operands and at most 8 results")
    rule = _RULES.get(op.dtype[0].text, "DtypeRule::kRule") if op.dtype else "DtypeRule::kPromote"
    indices = ", ".join(str(op.schema.index(arg.name)) for arg in args)
    uniform = str(accepts_uniform).lower()
    bool_operands = _bits([is_bool_operand(op, arg) for arg in args])
    bool_results = _bits([kind == "bool" for kind in op.math.result_types])
    real_results = _bits([kind == "real" for kind in op.math.result_types])
    complex_results = _bits([kind == "complex" for kind in op.math.result_types])
    return (
        f"cpu::PointwiseOp pointwise_{op.symbol} = {{{cpp_string(op.symbol)}, {len(args)}, {len(op.schema.rets)}, "
        f"{{{indices}}}, {bool_operands}, {bool_results}, {real_results}, {complex_results}, cpu::{rule}, "
        f"{_compute_mask(op)}, {uniform}}};"
    )


def reduction_table(op: Op) -> str:
    args = operands(op)
    combine = op.combine
    indices = ", ".join(str(op.schema.index(arg.name)) for arg in args)
    named = {name: op.schema.index(name) if op.schema.arg(name) else -1 for name in ("dim", "keepdim", "dtype")}
    dtype = op.dtype[0].text if op.dtype else "same"
    if dtype not in _REDUCTION_DTYPES:
        raise FacetError(op.location, f"op {op.name}: dtype of a reduction is one of {', '.join(_REDUCTION_DTYPES)}")
    empty = "kError" if combine in ("max", "min") else "kIdentity"
    return (
        f"cpu::ReductionOp reduction_{op.symbol} = {{{cpp_string(op.symbol)}, {{{indices}}}, {len(args)}, "
        f"{named['dim']}, {named['keepdim']}, {named['dtype']}, cpu::ReductionDtype::{_REDUCTION_DTYPES[dtype]}, "
        f"cpu::Empty::{empty}, {_IDENTITY[combine]}, {_compute_mask(op)}}};"
    )
