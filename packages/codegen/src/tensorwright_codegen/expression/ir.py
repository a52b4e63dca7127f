"""The typed, frozen program that an expression is parsed into: scalar operations in single-assignment form.

A `Program` is a list of instructions over one lane. Instruction `i` may only use results of instructions before it.
Every consumer (evaluator, C++ emitter, formula printer, JIT) reads this and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field


class ScalarType(enum.Enum):
    """The type of one lane. A `MASK` lane is a truth value; it is stored in memory as a byte, 0 or 1 (`b8`).

    A complex lane is a pair of floats. Only loads, stores, calls and choices see it whole: all arithmetic is done on
    its parts, which are values of their own.
    """

    F32 = "f32"
    F64 = "f64"
    I32 = "i32"
    I64 = "i64"
    U64 = "u64"
    MASK = "mask"
    C32 = "c32"
    C64 = "c64"

    @property
    def is_float(self) -> bool:
        return self in (ScalarType.F32, ScalarType.F64)

    @property
    def is_integer(self) -> bool:
        return self in (ScalarType.I32, ScalarType.I64, ScalarType.U64)

    @property
    def is_number(self) -> bool:
        return self is not ScalarType.MASK

    @property
    def is_complex(self) -> bool:
        return self in (ScalarType.C32, ScalarType.C64)

    @property
    def part(self) -> ScalarType:
        """The type of a complex number's parts; of any other type, itself."""
        return {ScalarType.C32: ScalarType.F32, ScalarType.C64: ScalarType.F64}.get(self, self)

    @property
    def paired(self) -> ScalarType:
        """The complex type whose parts are of this float type."""
        return {ScalarType.F32: ScalarType.C32, ScalarType.F64: ScalarType.C64}[self]

    @property
    def lane_bytes(self) -> int:
        """Bytes of one element in memory."""
        return {"f32": 4, "i32": 4, "f64": 8, "i64": 8, "u64": 8, "mask": 1, "c32": 8, "c64": 16}[self.value]

    @property
    def compute_name(self) -> str:
        """The name op facets and kernel tables use: `b8` for masks, otherwise the type's own."""
        return "b8" if self is ScalarType.MASK else self.value

    @property
    def twin(self) -> ScalarType:
        """The other number type of the same width: f32 and i32, f64 and i64; f64 for u64."""
        return _TWIN[self]

    @property
    def resized(self) -> ScalarType:
        """The number type of the same kind and the other width: f32 and f64, i32 and i64."""
        return _RESIZED[self]

    @staticmethod
    def parse(name: str) -> ScalarType:
        """`f32 f64 i32 i64 u64 mask c32 c64`, and `bool` or `b8` for mask. ValueError for anything else."""
        return ScalarType({"bool": "mask", "b8": "mask"}.get(name, name))


_TWIN = {
    ScalarType.F32: ScalarType.I32,
    ScalarType.I32: ScalarType.F32,
    ScalarType.F64: ScalarType.I64,
    ScalarType.I64: ScalarType.F64,
    ScalarType.U64: ScalarType.F64,
}
_RESIZED = {
    ScalarType.F32: ScalarType.F64,
    ScalarType.F64: ScalarType.F32,
    ScalarType.I32: ScalarType.I64,
    ScalarType.I64: ScalarType.I32,
}


@dataclass(frozen=True, order=True)
class Location:
    """A place in a facet or function file; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ExpressionError(Exception):
    """An expression that cannot be used, with the place in the facet text and what was expected there."""

    def __init__(self, location: Location, message: str) -> None:
        super().__init__(f"{location}: {message}")
        self.location = location
        self.message = message


Number = bool | int | float
"""A literal's value. A Python float stands for the f64 of the same bits."""


@dataclass(frozen=True)
class Instruction:
    """One scalar operation. `op` names a row of the primitive table, or is one of the four structural ones:

    - `operand`: the value of operand `value` (an index into `Program.operands`);
    - `constant`: the number `value`, already representable in `type`;
    - `lookup`: element `args[0]` of the constant table `value`, the index clamped to the table;
    - `call`: the only result of `callee` applied to `args`.
    """

    op: str
    type: ScalarType
    args: tuple[int, ...] = ()
    value: Number | tuple[Number, ...] | None = None
    callee: Function | None = None
    location: Location = field(default=Location("<expression>"), compare=False)


@dataclass(frozen=True)
class Operand:
    name: str
    type: ScalarType


@dataclass(frozen=True)
class Program:
    """Instructions in order, and which of them are the results. `texts` is what they were parsed from."""

    operands: tuple[Operand, ...]
    body: tuple[Instruction, ...]
    results: tuple[int, ...]
    texts: tuple[str, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        return "; ".join(text.strip() for text in self.texts)

    @property
    def result_types(self) -> tuple[ScalarType, ...]:
        return tuple(self.body[index].type for index in self.results)

    def callees(self) -> Iterator[Function]:
        """Every function the program needs, callees before callers, each once."""
        seen: set[tuple[str, tuple[ScalarType, ...]]] = set()
        yield from _callees(self, seen)

    def own_weight(self) -> int:
        """Scalar operations per lane, calls apart."""
        free = ("operand", "constant", "call", "real", "imag", "complex")
        return sum(1 for item in self.body if item.op not in free)

    def weight(self) -> int:
        """Scalar operations per lane with every call expanded; steers unrolling."""
        return self.own_weight() + sum(item.callee.program.weight() for item in self.body if item.callee is not None)


@dataclass(frozen=True)
class Function:
    """One typed instance of a library function: a generic function has one per type it is used with."""

    name: str
    program: Program
    doc: str = field(default="", compare=False)
    location: Location = field(default=Location("<function>"), compare=False)

    @property
    def key(self) -> tuple[str, tuple[ScalarType, ...]]:
        return self.name, tuple(operand.type for operand in self.program.operands)

    @property
    def result_type(self) -> ScalarType:
        return self.program.result_types[0]


def _callees(program: Program, seen: set[tuple[str, tuple[ScalarType, ...]]]) -> Iterator[Function]:
    for item in program.body:
        if item.callee is not None and item.callee.key not in seen:
            seen.add(item.callee.key)
            yield from _callees(item.callee.program, seen)
            yield item.callee
