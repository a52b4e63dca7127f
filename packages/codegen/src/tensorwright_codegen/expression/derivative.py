"""Symbolic derivatives of programs, as expression text.

The derivative is of the mathematics an expression stands for: rounding has derivative 0, and a library function is
differentiated by its rule in `FUNCTION_RULES`, or through its definition where it has none.
At a kink the value is that of the field's convention: abs has 0 at 0, minimum and maximum share equally between equals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .ir import ExpressionError, Instruction, Location, Program, ScalarType
from .library import Library
from .parser import parse_expression
from .printer import expression_text

# The partial derivative by each argument: {0}, {1}, ... are arguments, {y} the value. "" is zero everywhere.
PRIMITIVE_RULES: dict[str, tuple[str, ...]] = {
    "add": ("1", "1"),
    "sub": ("1", "-1"),
    "mul": ("{1}", "{0}"),
    "div": ("1 / {1}", "-{y} / {1}"),
    "neg": ("-1",),
    "abs": ("select({0} > 0, T(1), select({0} < 0, T(-1), T(0)))",),
    "sqrt": ("0.5 / {y}",),
    "fma": ("{1}", "{0}", "1"),
    "minimum": ("select({0} < {1}, T(1), select({0} == {1}, T(0.5), T(0)))",) * 2,
    "maximum": ("select({0} > {1}, T(1), select({0} == {1}, T(0.5), T(0)))",) * 2,
    "min_": ("T({0} < {1})", "T(~({0} < {1}))"),
    "max_": ("T({0} > {1})", "T(~({0} > {1}))"),
    "floor": ("",),
    "ceil": ("",),
    "trunc": ("",),
    "rint": ("",),
    "to_int": ("",),
    "copysign": ("copysign(T(1), {0}) * copysign(T(1), {1})", ""),
}
# What the second argument of the rules that look at an order needs: the roles exchanged.
_MIRRORED = ("minimum", "maximum")

_TWO_OVER_SQRT_PI = "1.1283791670955126"
FUNCTION_RULES: dict[str, tuple[str, ...]] = {
    "exp": ("{y}",),
    "exp2": ("0.6931471805599453 * {y}",),
    "expm1": ("{y} + 1",),
    "log": ("1 / {0}",),
    "log2": ("1 / (0.6931471805599453 * {0})",),
    "log10": ("1 / (2.302585092994046 * {0})",),
    "log1p": ("1 / (1 + {0})",),
    "sin": ("cos({0})",),
    "cos": ("-sin({0})",),
    "tan": ("1 + {y} * {y}",),
    "asin": ("1 / sqrt(1 - {0} * {0})",),
    "acos": ("-1 / sqrt(1 - {0} * {0})",),
    "atan": ("1 / (1 + {0} * {0})",),
    "atan2": ("{1} / ({0} * {0} + {1} * {1})", "-{0} / ({0} * {0} + {1} * {1})"),
    "sinh": ("cosh({0})",),
    "cosh": ("sinh({0})",),
    "tanh": ("1 - {y} * {y}",),
    "asinh": ("1 / sqrt({0} * {0} + 1)",),
    "acosh": ("1 / sqrt(({0} - 1) * ({0} + 1))",),
    "atanh": ("1 / (1 - {0} * {0})",),
    "erf": (f"{_TWO_OVER_SQRT_PI} * exp(-{{0}} * {{0}})",),
    "erfc": (f"-{_TWO_OVER_SQRT_PI} * exp(-{{0}} * {{0}})",),
    "normal_cdf": ("0.3989422804014327 * exp(-0.5 * {0} * {0})",),
    "gelu": ("normal_cdf({0}) + {0} * (0.3989422804014327 * exp(-0.5 * {0} * {0}))",),
    "sigmoid": ("{y} * (1 - {y})",),
    "softplus": ("sigmoid({0})",),
    "log_sigmoid": ("sigmoid(-{0})",),
    "logaddexp": ("sigmoid({0} - {1})", "sigmoid({1} - {0})"),
    "logaddexp2": ("sigmoid(0.6931471805599453 * ({0} - {1}))", "sigmoid(0.6931471805599453 * ({1} - {0}))"),
    "pow": ("{1} * pow({0}, {1} - 1)", "{y} * log({0})"),
    "fmod": ("1", "-trunc({0} / {1})"),
    "remainder": ("1", "-floor({0} / {1})"),
    "floor_divide": ("", ""),
    "trunc_divide": ("", ""),
}


def derivative(program: Program, operand: str, library: Library, *, result: int = 0) -> str:
    """The derivative of one result by an operand, as text over the same operands.

    Raises ExpressionError, at the place in the differentiated text, for what has no derivative: results that are
    not floats, and values that pass through bits, integers or tables.
    """
    target = program.body[program.results[result]]
    if not target.type.is_float:
        raise ExpressionError(target.location, f"a result of type {target.type.value} has no derivative")
    expanded = _expand_calls(program)
    text = _Tangents(expanded, operand).text(expanded.results[result])
    types: Mapping[str, ScalarType] = {item.name: item.type for item in program.operands}
    # Parsing shares what is equal and drops what is unused; printing that is shorter than what was written.
    clean = parse_expression(text, types, library, Location("<derivative>"), compute=target.type)
    return expression_text(clean, target.type)


class _Tangents:
    """Writes a value `v<i>` for every instruction and a tangent `d<i>` where the operand moves it."""

    def __init__(self, program: Program, operand: str) -> None:
        self.program = program
        self.position = [item.name for item in program.operands].index(operand)
        self.lines: list[str] = []
        self.values: list[str] = []
        self.tangents: list[str] = []

    def text(self, result: int) -> str:
        for index, item in enumerate(self.program.body[: result + 1]):
            self._instruction(index, item)
        tangent = self.tangents[result]
        return "\n".join([*self.lines, f"T({tangent or 0})" if tangent in ("", "1", "-1") else tangent])

    def _instruction(self, index: int, item: Instruction) -> None:
        single = Program(self.program.operands, self.program.body[: index + 1], (index,))
        if item.op in ("operand", "constant"):
            self.values.append(self._leaf(single, item))
            self.tangents.append("1" if item.op == "operand" and item.value == self.position else "")
            return
        self.values.append(self._define("primal", index, self._primal(item)))
        moved = [self.tangents[arg] for arg in item.args]
        # A truth value changes in jumps only.
        moving = any(moved) and item.type is not ScalarType.MASK
        tangent = self._chain(item, moved, self.values[-1]) if moving else ""
        simple = tangent in ("", "1", "-1")
        self.tangents.append(tangent if simple else self._define("tangent", index, tangent))

    def _define(self, kind: str, index: int, text: str) -> str:
        name = f"{kind}_{index}_"
        self.lines.append(f"{name} = {text}")
        return name

    def _leaf(self, single: Program, item: Instruction) -> str:
        text = expression_text(single, item.type)
        return f"({text})" if item.op == "constant" else text

    def _primal(self, item: Instruction) -> str:
        args = [self.values[arg] for arg in item.args]
        if item.op == "lookup":
            assert isinstance(item.value, tuple)
            return f"lookup(({', '.join(map(repr, item.value))},), {args[0]})"
        return f"{item.callee.name if item.callee else item.op}({', '.join(args)})"

    def _chain(self, item: Instruction, moved: Sequence[str], value: str) -> str:
        args = [self.values[arg] for arg in item.args]
        if item.op == "select":
            return f"select({args[0]}, T({moved[1] or 0}), T({moved[2] or 0}))"
        if item.op in ("widen", "narrow"):
            return f"{item.op}({moved[0]})" if moved[0] not in ("1", "-1") else moved[0]
        rules = self._rules(item)
        terms = [
            _product(self._partial(item, rules, position, args, value), tangent)
            for position, tangent in enumerate(moved)
            if tangent and rules[position]
        ]
        return " + ".join(terms)

    def _partial(self, item: Instruction, rules: Sequence[str], position: int, args: Sequence[str], value: str) -> str:
        ordered = list(reversed(args)) if item.op in _MIRRORED and position == 1 else args
        return rules[position].format(*ordered, y=value)

    def _rules(self, item: Instruction) -> tuple[str, ...]:
        name = item.callee.name if item.callee else item.op
        rules = FUNCTION_RULES.get(name) if item.callee else PRIMITIVE_RULES.get(name)
        if rules is None:
            raise ExpressionError(item.location, f"{name} has no derivative")
        return rules


def _expand_calls(program: Program) -> Program:
    """The program with every call of a function without a rule replaced by the function's instructions."""
    body: list[Instruction] = []
    results = _append(body, program, None)
    return Program(program.operands, tuple(body), tuple(results))


def _append(body: list[Instruction], program: Program, arguments: Sequence[int] | None) -> list[int]:
    """Appends the program's instructions; its operands are `arguments`, or stay operands."""
    place: list[int] = []
    for item in program.body:
        args = tuple(place[arg] for arg in item.args)
        if item.op == "operand" and arguments is not None:
            assert isinstance(item.value, int)
            place.append(arguments[item.value])
        elif item.callee is not None and item.callee.name not in FUNCTION_RULES:
            place.append(_append(body, item.callee.program, args)[0])
        else:
            body.append(replace(item, args=args))
            place.append(len(body) - 1)
    return [place[index] for index in program.results]


def _product(partial: str, tangent: str) -> str:
    if partial == "1":
        return tangent
    if tangent == "1":
        return partial if partial == "-1" else f"({partial})"
    return f"({partial}) * {tangent}" if tangent != "-1" else f"-({partial})"
