"""The C++ of update rules: kernels, compiled once per instruction set, and the table that the driver reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..emit.kernels import load_library
from ..emit.output import Output
from ..expression import Library, PointwiseKernel, ScalarType, emit_pointwise_unit
from .model import Update
from .reader import load_updates

_COMPUTE = (ScalarType.F32, ScalarType.F64)
_ISAS = ("baseline", "avx2", "avx512")


def updates_output(rules: Path, ops: Path) -> Output:
    """The generated files of the rules in a folder; `ops` is the folder whose scalar functions they may use.

    Raises FacetError or ExpressionError naming file and line.
    """
    updates, library = load_updates(rules), load_library(ops)
    output = Output()
    for compute in _COMPUTE:
        output.cpp(f"kernels/updates_{compute.value}.cpp", emit_pointwise_unit(_kernels(updates, compute, library)))
    output.cpp("update_table.cpp", _table(updates))
    return output


def _kernels(updates: Sequence[Update], compute: ScalarType, library: Library) -> list[PointwiseKernel]:
    return [
        PointwiseKernel(update.name, compute, update.program(compute, library), splats=len(update.scalars))
        for update in updates
    ]


def _table(updates: Sequence[Update]) -> str:
    symbols = [_symbol(update, compute) for update in updates for compute in _COMPUTE]
    declarations = [f"void {symbol}(int64_t, void* const*, const void* const*, const uint8_t*);" for symbol in symbols]
    lines = ['#include "update.h"', "", "namespace tw {"]
    for isa in _ISAS:
        lines += _where(isa, [f"namespace {isa} {{", *declarations, "}"])
    lines += ["}  // namespace tw", "", "namespace tw::optim {", "", "const Update kUpdates[] = {"]
    for update in updates:
        lines += [f'    {{"{update.schema}",', f"     {len(update.state)}, {len(update.scalars)},", "     {"]
        for isa in _ISAS:
            functions = ", ".join(f"{isa}::{_symbol(update, compute)}" for compute in _COMPUTE)
            lines += _where(isa, [f"         {{{functions}}},"])
        lines.append("     }},")
    lines += ["};", f"const uint32_t kUpdateCount = {len(updates)};", "", "}  // namespace tw::optim"]
    return "\n".join(lines)


def _symbol(update: Update, compute: ScalarType) -> str:
    return f"pointwise_{update.name}_{compute.compute_name}"


def _where(isa: str, lines: list[str]) -> list[str]:
    """What is there for one instruction set only; the baseline is there on every processor."""
    return lines if isa == "baseline" else ["#if defined(__x86_64__)", *lines, "#endif"]
