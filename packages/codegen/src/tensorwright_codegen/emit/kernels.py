"""Kernels of pointwise and reduction ops from their expressions, in units that compile in a few seconds each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..expression import (
    Library,
    PointwiseKernel,
    Program,
    ReductionKernel,
    ScalarType,
    emit_functions_header,
    emit_pointwise_unit,
    emit_reduction_unit,
    emit_tables_header,
    parse_expression,
    parse_function_library,
    short_rows_signature,
)
from ..expression import Location as ExpressionLocation
from ..facets import Kind, Op, OpSet
from .operands import is_bool_operand, is_number, operands
from .output import Output

# Scalar operations of all kernels of a unit: about 3 s of compile time for the widest vectors.
UNIT_WEIGHT = 4000


def load_library(folder: Path) -> Library:
    """The scalar functions of `functions/*.expr`."""
    return parse_function_library(sorted(folder.glob("functions/*.expr")))


def program(op: Op, compute: ScalarType, library: Library) -> Program:
    """The op's expression typed for one compute type."""
    types = {
        arg.name: ScalarType.MASK if is_bool_operand(op, arg) or compute is ScalarType.MASK else compute
        for arg in operands(op)
    }
    rule = op.math.results[0]
    texts = [result.text for result in op.math.results]
    location = ExpressionLocation(rule.location.file, rule.location.line)
    return parse_expression(texts if len(texts) > 1 else texts[0], types, library, location, compute=compute)


def pointwise_kernels(op: Op, library: Library) -> list[PointwiseKernel]:
    numbers = len(list(itertools.takewhile(is_number, reversed(operands(op)))))
    return [PointwiseKernel(op.symbol, kind, program(op, kind, library), splats=numbers) for kind in _types(op)]


def reduction_kernels(op: Op, library: Library) -> list[ReductionKernel]:
    return [ReductionKernel(op.symbol, kind, program(op, kind, library), op.combine) for kind in _types(op)]


def _types(op: Op) -> list[ScalarType]:
    return [ScalarType.parse(name) for name in op.math.compute]


def emit_kernels(ops: OpSet, folder: Path, out: Output) -> None:
    library = load_library(folder)
    pointwise = {op: pointwise_kernels(op, library) for op in ops if op.kind is Kind.POINTWISE}
    reductions = {op: reduction_kernels(op, library) for op in ops if op.kind is Kind.REDUCTION}
    out.cpp("kernels/scalar_functions.h", emit_functions_header(library))
    out.cpp("kernels/tables.h", emit_tables_header(library))
    for name, unit in _units({op: [k for k in ks if k.symbol == _code_of(k)] for op, ks in pointwise.items()}):
        out.cpp(f"kernels/pointwise_{name}.cpp", emit_pointwise_unit(unit))
    for file, folds in _by_file(reductions).items():
        own = [fold for fold in folds if fold.symbol == _code_of(fold)]
        out.cpp(f"kernels/reduction_{file}.cpp", emit_reduction_unit(own))
    table = _table([k for ks in pointwise.values() for k in ks], [k for ks in reductions.values() for k in ks])
    out.cpp("kernels/kernel_table.cpp", table)


_SIGN_BLIND = {  # give the same bits for i64 and u64
    "operand", "constant", "add", "sub", "mul", "neg", "eq", "ne", "and_", "or_", "xor", "not_", "shl", "ushr",
    "select", "unlikely",
}  # fmt: skip


def _code_of(kernel: PointwiseKernel | ReductionKernel) -> str:
    """The symbol of the code that serves a kernel: over u64 often that over i64."""
    blind = all(item.op in _SIGN_BLIND for item in kernel.program.body)
    folds_blindly = isinstance(kernel, PointwiseKernel) or kernel.combine not in ("max", "min")
    if kernel.compute is not ScalarType.U64 or not blind or not folds_blindly:
        return kernel.symbol
    return kernel.symbol.removesuffix("u64") + "i64"


def _units(kernels: dict[Op, list[PointwiseKernel]]) -> Iterator[tuple[str, list[PointwiseKernel]]]:
    """Ops of a facet file in order, a new unit whenever the last one is heavy enough."""
    unit: list[PointwiseKernel] = []
    file, number = "", 0
    for op, own in kernels.items():
        if unit and (op.file != file or _weight(unit) + _weight(own) > UNIT_WEIGHT):
            yield f"{file}_{number}", unit
            unit, number = [], number + 1 if op.file == file else 0
        file = op.file
        unit += own
    if unit:
        yield f"{file}_{number}", unit


def _by_file(kernels: dict[Op, list[ReductionKernel]]) -> dict[str, list[ReductionKernel]]:
    files: dict[str, list[ReductionKernel]] = {}
    for op, own in kernels.items():
        files.setdefault(op.file, []).extend(own)
    return files


def _weight(kernels: Sequence[PointwiseKernel]) -> int:
    return sum(kernel.program.weight() + 10 for kernel in kernels)


_TABLE_HEAD = """
// Every kernel of one instruction set, as csrc/cpu/isa.h asks for them.
#include "cpu/kernel_tables.h"

#define TW_JOIN_(a, b) a##b
#define TW_JOIN(a, b) TW_JOIN_(a, b)

namespace tw::TW_ISA_NS {
"""


def _table(pointwise: Sequence[PointwiseKernel], reductions: Sequence[ReductionKernel]) -> str:
    lines = [_TABLE_HEAD]
    codes = dict.fromkeys(_code_of(k) for k in pointwise)
    lines += [f"void {code}(int64_t, void* const*, const void* const*, const uint8_t*);" for code in codes]
    signatures = map(short_rows_signature, reductions)
    lines += [f"{signature};" for signature in dict.fromkeys(signatures) if signature]
    for code in dict.fromkeys(_code_of(fold) for fold in reductions):
        lines.append(f"void reduce_row_{code}(int64_t, const void* const*, const uint8_t*, void*);")
        rest = "const void* const*, const int64_t*, const uint8_t*, void*"
        lines.append(f"void reduce_cols_{code}(int64_t, int64_t, {rest});")
        lines.append(f"void combine_{code}(int64_t, void*, const void*);")
    lines += ["}  // namespace tw::TW_ISA_NS", "", "namespace tw::cpu {", "namespace {"]
    rows = [f'    {{"{k.op}", {_type(k.compute)}, TW_ISA_NS::{_code_of(k)}}},' for k in pointwise]
    folds = [
        f'    {{"{k.op}", {_type(k.compute)}, '
        + ", ".join(f"TW_ISA_NS::{part}_{_code_of(k)}" for part in ("reduce_row", "reduce_cols", "combine"))
        + (f", TW_ISA_NS::reduce_rows_{_code_of(k)}}}," if short_rows_signature(k) else ", nullptr},")
        for k in reductions
    ]  # fmt: skip
    lines += ["const PointwiseEntry kPointwise[] = {", *rows, "};"]
    lines += ["const ReductionEntry kReductions[] = {", *folds, "};"]
    lines += [f"const KernelTable kTable = {{kPointwise, {len(rows)}, kReductions, {len(folds)}}};", "}  // namespace"]
    lines += ["", "const KernelTable& TW_JOIN(TW_ISA_NS, _table)() { return kTable; }", "", "}  // namespace tw::cpu"]
    return "\n".join(lines)


def _type(compute: ScalarType) -> str:
    return f"ComputeType::k{compute.compute_name.upper()}"
