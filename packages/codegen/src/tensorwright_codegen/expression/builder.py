"""Builds a `Program` one typed instruction at a time: unifies literals with types and shares equal instructions."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .ir import ExpressionError, Function, Instruction, Location, Number, Operand, Program, ScalarType
from .primitives import MASK, PRIMITIVES, Primitive


@dataclass(frozen=True)
class Literal:
    """A number that has no type yet: it takes that of what it meets."""

    value: Number


@dataclass(frozen=True)
class Typed:
    """The result of instruction `index`."""

    index: int
    type: ScalarType


Value = Literal | Typed


def describe(value: Value) -> str:
    return f"literal {value.value!r}" if isinstance(value, Literal) else value.type.value


def represent(value: Number, scalar: ScalarType, location: Location) -> Number:
    """`value` as a number of type `scalar`, rounded once for f32; an error where it has none."""
    if isinstance(value, bool) or scalar is ScalarType.MASK:
        if isinstance(value, bool) and scalar is ScalarType.MASK:
            return value
        expected = "True or False" if scalar is ScalarType.MASK else f"a number for {scalar.value}"
        raise ExpressionError(location, f"expected {expected}, got literal {value!r}")
    if scalar.is_integer:
        return _represent_integer(value, scalar, location)
    return _represent_float(value, scalar, location)


def _represent_integer(value: Number, scalar: ScalarType, location: Location) -> int:
    if isinstance(value, float):
        raise ExpressionError(location, f"expected an integer literal for {scalar.value}, got {value!r}")
    bits = 8 * scalar.lane_bytes
    # Up to the unsigned maximum, so that bit patterns can be written as 0x80000000.
    if not -(1 << (bits - 1)) <= value < 1 << bits:
        raise ExpressionError(location, f"literal {value} does not fit in {scalar.value}")
    if scalar is ScalarType.U64:
        return value % (1 << bits)
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def _represent_float(value: Number, scalar: ScalarType, location: Location) -> float:
    try:
        wide = float(value)
        result = struct.unpack("<f", struct.pack("<f", wide))[0] if scalar is ScalarType.F32 else wide
    except OverflowError:
        raise ExpressionError(
            location, f"literal {value!r} overflows {scalar.value}; write inf if that is meant"
        ) from None
    if result == 0.0 and wide != 0.0:
        raise ExpressionError(location, f"literal {value!r} rounds to zero in {scalar.value}")
    return float(result)


class ProgramBuilder:
    def __init__(self, operands: Sequence[Operand]) -> None:
        self.operands = tuple(operands)
        self._body: list[Instruction] = []
        self._known: dict[object, int] = {}

    def operand(self, position: int, location: Location) -> Typed:
        return self._add(Instruction("operand", self.operands[position].type, (), position, None, location))

    def constant(self, value: Number, scalar: ScalarType, location: Location) -> Typed:
        if scalar.is_complex:
            parts = [self.constant(part, scalar.part, location) for part in (value, 0)]
            return self.pair(parts[0], parts[1], location)
        return self._add(Instruction("constant", scalar, (), represent(value, scalar, location), None, location))

    def coerce(self, value: Value, scalar: ScalarType, location: Location, what: str) -> Typed:
        """`value` as a `scalar`: a literal takes the type, anything else must have it already."""
        if isinstance(value, Literal):
            return self.constant(value.value, scalar, location)
        if value.type is not scalar:
            raise ExpressionError(
                location, f"{what}: expected {scalar.value}, got {value.type.value}{_hint(value.type, scalar)}"
            )
        return value

    def primitive(self, name: str, values: Sequence[Value], location: Location) -> Typed:
        row = PRIMITIVES[name]
        if len(values) != len(row.parameters):
            raise ExpressionError(location, f"{name} takes {len(row.parameters)} arguments, got {len(values)}")
        common = self._common_type(row, values, location)
        args = [
            self.coerce(
                value, ScalarType.MASK if wanted == MASK else common, location, f"argument {position} of {name}"
            )
            for position, (wanted, value) in enumerate(zip(row.parameters, values, strict=True), 1)
        ]
        for position, (wanted, arg) in enumerate(zip(row.parameters, args, strict=True)):
            if not row.accepts(position, arg.type):
                hint = _hint(arg.type, ScalarType.F32)
                raise ExpressionError(
                    location, f"argument {position + 1} of {name}: expected {wanted}, got {arg.type.value}{hint}"
                )
        return self._add(
            Instruction(name, row.result_type(common), tuple(arg.index for arg in args), None, None, location)
        )

    def pair(self, real: Typed, imag: Typed, location: Location) -> Typed:
        """The complex number of two parts."""
        made = self._body[real.index], self._body[imag.index]
        if (made[0].op, made[1].op) == ("real", "imag") and made[0].args == made[1].args:
            return Typed(made[0].args[0], real.type.paired)
        return self._add(Instruction("complex", real.type.paired, (real.index, imag.index), None, None, location))

    def part(self, name: str, value: Typed, location: Location) -> Typed:
        """`real` or `imag` of a complex number."""
        made = self._body[value.index]
        if made.op == "complex":
            return Typed(made.args[name == "imag"], value.type.part)
        return self._add(Instruction(name, value.type.part, (value.index,), None, None, location))

    def choose(self, condition: Typed, a: Typed, b: Typed, location: Location) -> Typed:
        """`select` between complex numbers, as one instruction: a rare one is then skipped whole."""
        args = (condition.index, a.index, b.index)
        return self._add(Instruction("select", a.type, args, None, None, location))

    def lookup(self, table: Sequence[Number], index: Value, location: Location) -> Typed:
        if not isinstance(index, Typed) or index.type not in (ScalarType.I32, ScalarType.I64):
            raise ExpressionError(location, f"lookup: expected an i32 or i64 index, got {describe(index)}")
        scalar = index.type.twin if any(isinstance(item, float) for item in table) else index.type
        values = tuple(represent(item, scalar, location) for item in table)
        return self._add(Instruction("lookup", scalar, (index.index,), values, None, location))

    def call(self, callee: Function, values: Sequence[Value], location: Location) -> Typed:
        args = [
            self.coerce(value, operand.type, location, f"argument {operand.name} of {callee.name}")
            for operand, value in zip(callee.program.operands, values, strict=True)
        ]
        return self._add(
            Instruction("call", callee.result_type, tuple(arg.index for arg in args), None, callee, location)
        )

    def finish(self, results: Sequence[Typed], texts: Sequence[str]) -> Program:
        """The program of what the results need; instructions nobody uses are dropped."""
        needed: set[int] = set()
        pending = [result.index for result in results]
        while pending:
            index = pending.pop()
            if index not in needed:
                needed.add(index)
                pending.extend(self._body[index].args)
        place = {old: new for new, old in enumerate(sorted(needed))}
        body = []
        for old in sorted(needed):
            item = self._body[old]
            args = tuple(place[arg] for arg in item.args)
            body.append(Instruction(item.op, item.type, args, item.value, item.callee, item.location))
        return Program(self.operands, tuple(body), tuple(place[result.index] for result in results), tuple(texts))

    def _common_type(self, row: Primitive, values: Sequence[Value], location: Location) -> ScalarType:
        for wanted, value in zip(row.parameters, values, strict=True):
            if wanted != MASK and isinstance(value, Typed):
                return value.type
        if all(wanted == MASK for wanted in row.parameters):
            return ScalarType.MASK
        literals = ", ".join(
            describe(value) for wanted, value in zip(row.parameters, values, strict=True) if wanted != MASK
        )
        raise ExpressionError(location, f"{row.name} has no typed argument ({literals}); give one a type, as in T(1)")

    def _add(self, item: Instruction) -> Typed:
        key = (item.op, item.type, item.args, repr(item.value), item.callee.key if item.callee else None)
        index = self._known.get(key)
        if index is None:
            index = self._known[key] = len(self._body)
            self._body.append(item)
        return Typed(index, item.type)


def _hint(got: ScalarType, expected: ScalarType) -> str:
    if got is ScalarType.MASK and expected is not ScalarType.MASK:
        return "; T(condition) is 1 where it holds, 0 elsewhere"
    if got is not ScalarType.MASK and expected is ScalarType.MASK:
        return "; compare it, as in x != 0"
    return ""


def fold(name: str, values: Sequence[Literal], location: Location) -> Literal:
    """An operator between literals: done exactly for integers, in f64 otherwise."""
    numbers = [value.value for value in values]
    try:
        result = _FOLD[name](*numbers)
    except KeyError:
        raise ExpressionError(location, f"{name} of literals only; give one a type, as in T(1)") from None
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ExpressionError(location, f"cannot compute this constant: {error}") from None
    return Literal(result)


def _negate(value: Number) -> Number:
    return -float(value) if isinstance(value, float) else -int(value)


def _divide(a: Number, b: Number) -> float:
    if b == 0 or math.isinf(a):
        raise ArithmeticError("division by zero or of inf; write inf or nan")
    return a / b


_FOLD: dict[str, Callable[..., Number]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "power": lambda a, b: a**b,
    "neg": _negate,
    "shl": lambda a, b: a << b,
    "shr": lambda a, b: a >> b,
    "or_": lambda a, b: a | b,
    "and_": lambda a, b: a & b,
}
