"""Writes a program back as expression text that parses to the same program."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Sequence

from .builder import represent
from .ir import ExpressionError, Instruction, Location, Number, Program, ScalarType
from .primitives import BINARY_OPERATORS, COMPARISONS, UNARY_OPERATORS

_BINARY = {name: operator for operator, name in BINARY_OPERATORS.items()}
_UNARY = {name: operator for operator, name in UNARY_OPERATORS.items()}
_COMPARE = {name: operator for operator, name in COMPARISONS.items()}
_NOWHERE = Location("<literal>")


def expression_text(program: Program, compute: ScalarType, result: int = 0) -> str:
    """One result of the program: lines that name what is used more than once, then an expression.

    `compute` is the type that `T` stands for.
    """
    return _TextWriter(program, compute, program.results[result]).text()


class _TextWriter:
    def __init__(self, program: Program, compute: ScalarType, result: int) -> None:
        self.program = program
        self.compute = compute
        self.result = result
        self.taken = {operand.name for operand in program.operands}
        self.names: dict[int, str] = {}

    def text(self) -> str:
        lines = []
        for index in self._shared():
            value = ast.unparse(self._node(index))
            self.names[index] = next(name for name in map("t{}".format, itertools.count()) if name not in self.taken)
            self.taken.add(self.names[index])
            lines.append(f"{self.names[index]} = {value}")
        last = self._typed(self.result) if self.program.body[self.result].op == "constant" else self._node(self.result)
        return "\n".join([*lines, ast.unparse(last)])

    def _shared(self) -> list[int]:
        """Instructions that need a name: used more than once, and more than an operand or a number."""
        uses: dict[int, int] = {}
        pending = [self.result]
        while pending:
            index = pending.pop()
            uses[index] = uses.get(index, 0) + 1
            if uses[index] == 1:
                pending.extend(self.program.body[index].args)
        trivial = ("operand", "constant")
        return [index for index in sorted(uses) if uses[index] > 1 and self.program.body[index].op not in trivial]

    def _node(self, index: int) -> ast.expr:
        if index in self.names:
            return ast.Name(self.names[index])
        item = self.program.body[index]
        if item.op == "operand":
            assert isinstance(item.value, int)
            return ast.Name(self.program.operands[item.value].name)
        if item.op == "constant":
            assert isinstance(item.value, (bool, int, float))
            return _literal(item.value, item.type)
        if item.op == "lookup":
            assert isinstance(item.value, tuple)
            table = ast.Tuple([_table_literal(value, item.type) for value in item.value])
            return _call("lookup", [table, self._node(item.args[0])])
        return self._operation(item)

    def _operation(self, item: Instruction) -> ast.expr:
        args = self._arguments(item)
        if item.op in _BINARY:
            return ast.BinOp(args[0], _BINARY[item.op](), args[1])
        if item.op in _UNARY:
            return ast.UnaryOp(_UNARY[item.op](), args[0])
        if item.op in _COMPARE:
            return ast.Compare(args[0], [_COMPARE[item.op]()], [args[1]])
        return _call(item.callee.name if item.callee else item.op, args)

    def _arguments(self, item: Instruction) -> list[ast.expr]:
        """The arguments; the first of several literals gets a type if nothing else has one."""
        constant = [self.program.body[arg].op == "constant" for arg in item.args]
        first = 1 if item.op == "select" else 0
        untyped = all(constant[first:])
        return [
            self._typed(arg) if constant[position] and untyped and position == first else self._node(arg)
            for position, arg in enumerate(item.args)
        ]

    def _typed(self, index: int) -> ast.expr:
        kind = self.program.body[index].type
        return _call("T" if kind is self.compute else kind.value, [self._node(index)])


def _call(name: str, args: Sequence[ast.expr]) -> ast.expr:
    return ast.Call(ast.Name(name), list(args), [])


def _table_literal(value: Number, scalar: ScalarType) -> ast.expr:
    return _literal(float(value) if scalar.is_float else value, scalar, keep_float=True)


def _literal(value: Number, scalar: ScalarType, *, keep_float: bool = False) -> ast.expr:
    """The shortest decimal that stands for the value in its type."""
    if isinstance(value, bool) or scalar.is_integer:
        return ast.Constant(value)
    number = float(value)
    if math.isnan(number):
        return ast.Name("nan")
    magnitude = abs(number)
    text: ast.expr = ast.Name("inf") if math.isinf(number) else ast.Constant(_shortest(magnitude, scalar, keep_float))
    if math.copysign(1.0, number) > 0:
        return text
    # -0 would be the integer.
    return ast.UnaryOp(ast.USub(), text if number else ast.Constant(0.0))


def _shortest(magnitude: float, scalar: ScalarType, keep_float: bool) -> Number:
    if magnitude.is_integer() and magnitude < 1 << 24 and not keep_float:
        return int(magnitude)
    for digits in range(1, 18):
        candidate = float(f"{magnitude:.{digits}g}")
        try:
            if represent(candidate, scalar, _NOWHERE) == magnitude:
                return candidate
        except ExpressionError:
            continue
    return magnitude
