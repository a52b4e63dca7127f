"""`expressions.h` and `expressions.cpp` of packages/jit: the expressions computed in f32, as numbers.

An instruction is some 16-bit words: `operation | type << 8`, then by operation

- `operand`: its index; `constant`: the low and the high half of its bits;
- `call`: the index of a function, how many arguments, and these;
- `lookup`: the index of a table of 16 numbers, and an argument, whose lowest four bits say which; a table of 8 stands
  there twice;
- a primitive: its arguments.

Arguments are instructions of the same program, by number. A program that uses anything but lanes of 32 bits and masks,
or a table of another size, is left out, and so is every program that calls it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..emit.kernels import load_library, program
from ..emit.output import Output
from ..expression import Program, ScalarType
from ..expression.cpp import stays_inside
from ..expression.ir import Instruction
from ..expression.primitives import PRIMITIVES
from ..facets import Kind, Op, load_ops

_TYPES = {ScalarType.F32: 0, ScalarType.I32: 1, ScalarType.MASK: 2}
_PRIMITIVES = (
    "add", "sub", "mul", "div", "neg", "abs", "sqrt", "fma", "minimum", "maximum", "min_", "max_", "floor", "ceil",
    "trunc", "rint", "copysign", "lt", "le", "gt", "ge", "eq", "ne", "and_", "or_", "xor", "not_", "shl", "shr", "ushr",
    "unlikely", "select", "bitcast", "to_float", "to_int",
)  # fmt: skip
_OPERATIONS = {name: number for number, name in enumerate(("operand", "constant", "call", "lookup", *_PRIMITIVES))}
_MOST_INSTRUCTIONS = 400  # of a program with its calls written out
_TABLE_SIZE = 16
_COMBINES = ("sum", "max", "min")

FunctionKey = tuple[str, tuple[ScalarType, ...]]


def expressions_output(ops: Path) -> Output:
    """The files for a folder of facets."""
    tables = _Tables()
    library = load_library(ops)
    for op in load_ops([ops]):
        if op.kind in (Kind.POINTWISE, Kind.REDUCTION) and "f32" in op.math.compute:
            tables.add_op(op, program(op, ScalarType.F32, library))
    output = Output()
    output.cpp("expressions.h", _header())
    output.cpp("expressions.cpp", tables.source())
    return output


@dataclass(frozen=True)
class _Entry:
    name: str
    start: int
    count: int
    results: tuple[int, ...]
    combine: str | None  # of a reduction: how its results are


class _Tables:
    def __init__(self) -> None:
        self.code: list[int] = []
        self.functions: dict[FunctionKey, int] = {}
        self.function_entries: list[_Entry] = []
        self.op_entries: list[_Entry] = []
        self.lookups: dict[tuple[int, ...], int] = {}  # tables, as bits, with their index

    def add_op(self, op: Op, expression: Program) -> None:
        programs = [expression, *(callee.program for callee in expression.callees())]
        if expression.weight() > _MOST_INSTRUCTIONS or not all(map(_fits, programs)):
            return
        for callee in expression.callees():
            if callee.key not in self.functions:
                entry = self._entry(callee.name, callee.program)
                self.functions[callee.key] = len(self.function_entries)
                self.function_entries.append(entry)
        combine = op.combine if op.kind is Kind.REDUCTION else None
        self.op_entries.append(self._entry(f"tw::{op.name}", expression, combine))

    def _entry(self, name: str, expression: Program, combine: str | None = None) -> _Entry:
        start = len(self.code)
        for item in expression.body:
            self.code += self._words(item)
        return _Entry(name, start, len(expression.body), expression.results, combine)

    def _words(self, item: Instruction) -> Iterable[int]:
        yield _OPERATIONS["call" if item.callee else item.op] | _TYPES[item.type] << 8
        if item.callee:
            yield self.functions[item.callee.key]
            yield len(item.args)
        elif item.op == "operand":
            assert isinstance(item.value, int)
            yield item.value
        elif item.op == "constant":
            bits = _bits(item.type, item.value)
            yield bits & 0xFFFF
            yield bits >> 16
        elif item.op == "lookup":
            assert isinstance(item.value, tuple)
            table = tuple(_bits(item.type, value) for value in item.value) * (_TABLE_SIZE // len(item.value))
            yield self.lookups.setdefault(table, len(self.lookups))
        yield from item.args

    def source(self) -> str:
        lines = ['#include "expressions.h"', "", "namespace tw::jit {", "", "const uint16_t kExpressionCode[] = {"]
        lines += [f"    {', '.join(map(str, self.code[k : k + 24]))}," for k in range(0, len(self.code), 24)]
        lines += ["};", "", "const ExpressionEntry kExpressionFunctions[] = {"]
        lines += [_row(entry) for entry in self.function_entries]
        lines += ["};", "", "const ExpressionEntry kExpressions[] = {"]
        lines += [_row(entry) for entry in sorted(self.op_entries, key=lambda entry: entry.name)]
        lines += ["};", f"const uint32_t kExpressionCount = {len(self.op_entries)};", ""]
        lines += ["const uint32_t kExpressionTables[][kTableSize] = {"]
        lines += [f"    {{{', '.join(map(hex, table))}}}," for table in self.lookups]
        lines += ["};", "", "}  // namespace tw::jit"]
        return "\n".join(lines)


def _fits(expression: Program) -> bool:
    return all(
        item.type in _TYPES and (item.callee is not None or item.op in _OPERATIONS) and len(item.args) <= 8
        and (item.op != "lookup" or _is_short_lookup(expression, item))
        for item in expression.body
    ) and len(expression.results) <= 4  # fmt: skip


def _is_short_lookup(expression: Program, item: Instruction) -> bool:
    """Whether it is one in a table of 16, or of 8 (which then stands there twice), by the lowest bits of a number."""
    assert isinstance(item.value, tuple)
    return len(item.value) in (_TABLE_SIZE, _TABLE_SIZE // 2) and stays_inside(expression, item)


def _bits(scalar: ScalarType, value: object) -> int:
    assert isinstance(value, (bool, int, float))
    if scalar is ScalarType.F32:
        return int.from_bytes(struct.pack("<f", value), "little")
    return int(value) & 0xFFFFFFFF


def _row(entry: _Entry) -> str:
    results = ", ".join(map(str, entry.results))
    combine = f"Combine::k{entry.combine.title() if entry.combine in _COMBINES else 'None'}"
    return f'    {{"{entry.name}", {entry.start}, {entry.count}, {len(entry.results)}, {{{results}}}, {combine}}},'


def _header() -> str:
    counts = ", ".join(str(len(PRIMITIVES[name].parameters)) for name in _PRIMITIVES)
    names = ", ".join("k" + "".join(part.title() for part in name.split("_")) + ("_" * name.endswith("_")) for name in
                      _OPERATIONS)  # fmt: skip
    return f"""
// The expressions of ops that are computed in float32. See tensorwright_codegen/graph/expressions.py.
#pragma once

#include <cstdint>

namespace tw::jit {{

enum class Operation : uint8_t {{
  {names},
}};
constexpr uint8_t kOperationArguments[] = {{0, 0, 0, 1, {counts}}};
enum class LaneType : uint8_t {{ kF32, kI32, kMask }};
// How a reduction combines what its expression maps to, where machine code can do it.
enum class Combine : uint8_t {{ kNone, {", ".join(f"k{name.title()}" for name in _COMBINES)} }};

struct ExpressionEntry {{
  const char* name;
  uint32_t start;  // in kExpressionCode
  uint16_t count;  // of instructions
  uint16_t result_count;
  uint16_t results[4];
  Combine combine;
}};

extern const uint16_t kExpressionCode[];
extern const ExpressionEntry kExpressionFunctions[];
extern const ExpressionEntry kExpressions[];  // by name
extern const uint32_t kExpressionCount;
constexpr int kTableSize = {_TABLE_SIZE};
extern const uint32_t kExpressionTables[][kTableSize];  // for lookups, as bits

}}  // namespace tw::jit
"""
