"""Lowers the syntax tree of a restricted Python text to a `Program`. The text is never executed."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .builder import Literal, ProgramBuilder, Typed, Value, describe, fold
from .complex_parts import PART_FORMS, complex_primitive, has_complex, part_of_real
from .ir import ExpressionError, Function, Location, Number, ScalarType
from .primitives import BINARY_OPERATORS, COMPARISONS, PRIMITIVES, UNARY_OPERATORS

Table = tuple[Number, ...]
Binding = Value | Table

CONSTANTS: dict[str, float] = {"inf": math.inf, "nan": math.nan, "pi": math.pi}
SPECIAL_FORMS = ("hexf", "poly", "lookup")


class Functions(Protocol):
    """Where a call of a library function finds its typed instance."""

    def names(self) -> Sequence[str]: ...

    def resolve(self, name: str, args: Sequence[Value], location: Location) -> Function: ...


Locate = Callable[[ast.AST], Location]


class Lowering:
    """Lowers statements and expressions into a builder. `names` holds operands, constants and tables in scope."""

    def __init__(
        self,
        builder: ProgramBuilder,
        type_variables: Mapping[str, ScalarType],
        constants: Mapping[str, Binding],
        functions: Functions,
        locate: Locate,
    ) -> None:
        self.builder = builder
        self.type_variables = type_variables
        self.functions = functions
        self.locate = locate
        self.names: dict[str, Binding] = {**constants}
        self._operands = {operand.name: position for position, operand in enumerate(builder.operands)}

    # -- statements

    def assign(self, statement: ast.stmt) -> None:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise self._unsupported(statement, "an assignment to one name, or return")
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            raise self._unsupported(target, "one name on the left of =")
        if target.id in self._operands or target.id in self.names:
            raise ExpressionError(self.locate(target), f"{target.id} already has a value; assign to a fresh name")
        self.names[target.id] = self._binding(statement.value)

    def _binding(self, node: ast.expr) -> Binding:
        if isinstance(node, ast.Tuple):
            return tuple(self._number(item) for item in node.elts)
        return self.value(node)

    def _number(self, node: ast.expr) -> Number:
        value = self.value(node)
        if not isinstance(value, Literal):
            raise ExpressionError(self.locate(node), f"a table holds numbers only, got {describe(value)}")
        return value.value

    # -- expressions

    def value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self._unsupported(node, "a number, a name, an operator or a call")

    def _constant(self, node: ast.Constant) -> Literal:
        if not isinstance(node.value, (bool, int, float)):
            raise self._unsupported(node, "a number, True or False")
        return Literal(node.value)

    def _name(self, node: ast.Name) -> Value:
        location = self.locate(node)
        if node.id in self._operands:
            return self.builder.operand(self._operands[node.id], location)
        if node.id in self.names:
            bound = self.names[node.id]
            if isinstance(bound, tuple):
                raise ExpressionError(location, f"{node.id} is a table; use it in poly() or lookup()")
            return bound
        if node.id in CONSTANTS:
            return Literal(CONSTANTS[node.id])
        known = [*self._operands, *self.names, *CONSTANTS]
        raise ExpressionError(location, f"unknown name {node.id!r}; expected {_alternatives(node.id, known)}")

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        literals = [side for side in (left, right) if isinstance(side, Literal)]
        if isinstance(node.op, ast.Pow):
            if len(literals) != 2:
                raise ExpressionError(self.locate(node), "** is for literals only; use pow(), or multiply")
            return fold("power", literals, self.locate(node))
        name = BINARY_OPERATORS.get(type(node.op))
        if name is None:
            raise self._unsupported(node, "one of + - * / // % & | ^ << >>")
        if len(literals) == 2:
            return fold(name, literals, self.locate(node))
        return self._primitive(name, (left, right), self.locate(node))

    def _unary(self, node: ast.UnaryOp) -> Value:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            raise ExpressionError(self.locate(node), "not has no lanes; use ~ on a mask")
        if isinstance(node.op, ast.UAdd):
            return operand
        name = UNARY_OPERATORS[type(node.op)]
        if isinstance(operand, Literal):
            return fold(name, (operand,), self.locate(node))
        return self._primitive(name, (operand,), self.locate(node))

    def _compare(self, node: ast.Compare) -> Value:
        if len(node.ops) != 1:
            raise ExpressionError(self.locate(node), "a chain of comparisons; write (a < b) & (b < c)")
        name = COMPARISONS.get(type(node.ops[0]))
        if name is None:
            raise self._unsupported(node, "one of < <= > >= == !=")
        sides = (self.value(node.left), self.value(node.comparators[0]))
        return self._primitive(name, sides, self.locate(node))

    def _primitive(self, name: str, values: Sequence[Value], location: Location) -> Value:
        """A primitive; of complex numbers, what it comes down to: its parts, or a function of the library."""
        if not has_complex(values):
            return self.builder.primitive(name, values, location)
        expanded = complex_primitive(self.builder, name, values, location)
        if expanded is not None:
            return expanded
        if name in self.functions.names():
            return self.builder.call(self.functions.resolve(name, values, location), values, location)
        given = ", ".join(describe(value) for value in values)
        raise ExpressionError(location, f"no {name}({given}); complex numbers have no {name}")

    # -- calls

    def _call(self, node: ast.Call) -> Value:
        if not isinstance(node.func, ast.Name):
            raise self._unsupported(node.func, "a plain function name")
        if node.keywords:
            raise ExpressionError(self.locate(node), f"{node.func.id}: arguments are positional only")
        name, location = node.func.id, self.locate(node)
        if name == "hexf":
            return self._hexadecimal(node)
        if name == "poly":
            return self._polynomial(node)
        if name == "lookup":
            return self.builder.lookup(self._table(node), self.value(node.args[1]), location)
        target = self.type_named(name)
        if target is not None:
            return self._convert(node, target)
        args = [self.value(arg) for arg in node.args]
        if name in PART_FORMS and len(args) == 1 and not has_complex(args):
            return part_of_real(self.builder, name, args[0], location)
        if name in PRIMITIVES or name in PART_FORMS:
            return self._primitive(name, args, location)
        if name not in self.functions.names():
            known = [*PRIMITIVES, *PART_FORMS, *self.functions.names(), *SPECIAL_FORMS]
            raise ExpressionError(location, f"unknown function {name!r}; expected {_alternatives(name, known)}")
        return self.builder.call(self.functions.resolve(name, args, location), args, location)

    def type_named(self, name: str) -> ScalarType | None:
        if name in self.type_variables:
            return self.type_variables[name]
        try:
            return ScalarType.parse(name)
        except ValueError:
            return None

    def _hexadecimal(self, node: ast.Call) -> Literal:
        text = node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], ast.Constant) else None
        try:
            if not isinstance(text, str):
                raise ValueError
            return Literal(float.fromhex(text))
        except (ValueError, OverflowError):
            raise ExpressionError(self.locate(node), 'hexf: expected one string such as "0x1.8p+3"') from None

    def _table(self, node: ast.Call, position: int = 0) -> Table:
        form = "lookup(TABLE, index)" if position == 0 else "poly(x, TABLE)"
        if len(node.args) != 2:
            raise ExpressionError(self.locate(node), f"expected {form}, got {len(node.args)} arguments")
        argument = node.args[position]
        bound = self.names.get(argument.id) if isinstance(argument, ast.Name) else None
        if isinstance(argument, ast.Tuple):
            bound = self._binding(argument)
        if not isinstance(bound, tuple) or not bound:
            raise ExpressionError(self.locate(argument), f"expected {form} with a non-empty tuple of numbers")
        return bound

    def _polynomial(self, node: ast.Call) -> Typed:
        """Horner's scheme, lowest coefficient first in the table, one fma a step."""
        table, location = self._table(node, 1), self.locate(node)
        variable = self.value(node.args[0])
        if not isinstance(variable, Typed) or not variable.type.is_float:
            raise ExpressionError(location, f"poly: expected an f32 or f64 variable, got {describe(variable)}")
        result = self.builder.constant(table[-1], variable.type, location)
        for coefficient in reversed(table[:-1]):
            result = self.builder.primitive("fma", (result, variable, Literal(coefficient)), location)
        return result

    def _convert(self, node: ast.Call, target: ScalarType) -> Typed:
        location = self.locate(node)
        if len(node.args) != 1:
            raise ExpressionError(location, f"a conversion to {target.value} takes 1 argument, got {len(node.args)}")
        value = self.value(node.args[0])
        if isinstance(value, Literal) or value.type is target:
            return self.builder.coerce(value, target, location, "conversion")
        if value.type is ScalarType.MASK:
            return self._truth_as_number(value, target, location)
        if target is ScalarType.MASK:
            mask = self._primitive("ne", (value, Literal(0)), location)
            assert isinstance(mask, Typed)
            return mask
        if target.is_complex and value.type is target.part:
            return self.builder.pair(value, self.builder.constant(0, target.part, location), location)
        if target.is_complex or value.type.is_complex:
            raise ExpressionError(location, f"no conversion from {value.type.value} to {target.value}")
        if value.type is target.twin or (value.type is ScalarType.U64 and target is ScalarType.F64):
            return self.builder.primitive("to_float" if target.is_float else "to_int", (value,), location)
        if value.type is target.resized:
            return self.builder.primitive("widen" if target.lane_bytes == 8 else "narrow", (value,), location)
        raise ExpressionError(
            location,
            f"no direct conversion from {value.type.value} to {target.value}; "
            f"write {target.value}({target.twin.value}(x)) or {target.value}({target.resized.value}(x))",
        )

    def _truth_as_number(self, value: Typed, target: ScalarType, location: Location) -> Typed:
        one, zero = (self.builder.constant(number, target, location) for number in (1, 0))
        if target.is_complex:
            return self.builder.choose(value, one, zero, location)
        return self.builder.primitive("select", (value, one, zero), location)

    def _unsupported(self, node: ast.AST, expected: str) -> ExpressionError:
        hints = {
            ast.IfExp: "; use select(condition, a, b)",
            ast.BoolOp: "; use & and | on masks",
            ast.AugAssign: "; assign to a fresh name",
            ast.Subscript: "; use lookup(TABLE, index)",
        }
        hint = hints.get(type(node), "")
        return ExpressionError(self.locate(node), f"expected {expected}, got {type(node).__name__}{hint}")


def _alternatives(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return " or ".join(close) if close else "one of " + ", ".join(sorted(known))
