"""Parses the expression of an op facet into a typed `Program`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from .builder import ProgramBuilder, Typed, Value
from .ir import ExpressionError, Location, Operand, Program, ScalarType
from .library import Library
from .lowering import Lowering

_ASSIGNMENT = re.compile(r"^\s*\w+\s*=[^=]", re.MULTILINE)


def parse_expression(
    text: str | Sequence[str],
    operand_types: Mapping[str, ScalarType | str],
    library: Library,
    location: Location,
    *,
    compute: ScalarType | str | None = None,
) -> Program:
    """The program of an expression over named operands.

    `text` is one expression, several (one a result), or lines of assignments that end in an expression.
    `operand_types` gives every operand's type in order. `compute` is what `T` means in the text, by default
    the type of the first operand that is not a mask. `location` is where the text begins in its facet.

    Raises ExpressionError, naming file, line and column, for anything that does not parse or type-check.
    """
    operands = [Operand(name, _scalar(kind)) for name, kind in operand_types.items()]
    main = _compute_type(operands) if compute is None else _scalar(compute)
    texts = (text,) if isinstance(text, str) else tuple(text)
    builder = ProgramBuilder(operands)
    results = [_lower_text(item, builder, main, library, location) for item in texts]
    program = builder.finish(results, texts)
    _check_lanes(program, main)
    return program


def _scalar(kind: ScalarType | str) -> ScalarType:
    return kind if isinstance(kind, ScalarType) else ScalarType.parse(kind)


def _compute_type(operands: Sequence[Operand]) -> ScalarType:
    return next((operand.type for operand in operands if operand.type.is_number), ScalarType.MASK)


def _lower_text(text: str, builder: ProgramBuilder, main: ScalarType, library: Library, location: Location) -> Typed:
    statements, shift = parse_statements(text, location)

    def locate(node: ast.AST) -> Location:
        return _place(location, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, shift)

    lowering = Lowering(builder, {"T": main}, {}, library, locate)
    for statement in statements[:-1]:
        lowering.assign(statement)
    last = statements[-1]
    if not isinstance(last, ast.Expr):
        raise ExpressionError(locate(last), "expected an expression at the end")
    return _result(builder, lowering.value(last.value), main, locate(last))


def _result(builder: ProgramBuilder, value: Value, main: ScalarType, location: Location) -> Typed:
    if isinstance(value, Typed):
        related = (main.part, main.paired) if main.is_float else (main.part,)
        if value.type not in (main, *related, ScalarType.MASK):
            raise ExpressionError(location, f"expected a result of type {main.value} or mask, got {value.type.value}")
        return value
    return builder.constant(value.value, ScalarType.MASK if isinstance(value.value, bool) else main, location)


def parse_statements(text: str, location: Location) -> tuple[list[ast.stmt], int]:
    """The statements of the text and how many columns were put in front of its first line."""
    block = _ASSIGNMENT.search(text) is not None
    # Brackets let one expression run over several lines.
    source, shift = (text.strip(), 0) if block else (f"({text}\n)", 1)
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        # What is missing at the end is reported behind the last line that was written.
        line = min(error.lineno or 1, text.count("\n") + 1)
        column = error.offset or 1 if line == error.lineno else len(text.splitlines()[-1]) + 1 + shift
        raise ExpressionError(_place(location, line, column, shift), f"not an expression: {error.msg}") from None
    if not tree.body or not text.strip():
        raise ExpressionError(location, "expected an expression, got nothing")
    return tree.body, shift


def _place(location: Location, line: int, column: int, shift: int) -> Location:
    first = line == 1
    return Location(location.file, location.line + line - 1, column - shift + location.column - 1 if first else column)


def _check_lanes(program: Program, main: ScalarType) -> None:
    """Half-width values have no vector in a kernel of 64-bit lanes, nor numbers any in one of bytes."""
    allowed = {
        ScalarType.F64: {ScalarType.F64, ScalarType.I64, ScalarType.MASK, ScalarType.C64},
        ScalarType.I64: {ScalarType.F64, ScalarType.I64, ScalarType.MASK},
        ScalarType.U64: {ScalarType.F64, ScalarType.U64, ScalarType.MASK},
        ScalarType.C64: {ScalarType.C64, ScalarType.F64, ScalarType.I64, ScalarType.MASK},
        ScalarType.MASK: {ScalarType.MASK},
    }.get(main, set(ScalarType) - {ScalarType.C64})
    for owner in (*(callee.program for callee in program.callees()), program):
        for item in owner.body:
            if item.type not in allowed:
                raise ExpressionError(
                    item.location, f"{item.type.value} value in an expression over {main.value} lanes"
                )
