"""The scalar primitive table: one row an operation.

A row gives the name (also the name of its C++ function in `tensorwright/simd/vec.h` and of its NumPy evaluation in
`semantics.py`), the types it takes, and how the documentation prints it. Exact semantics are specified in
docs/expression-language.md.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .ir import ScalarType

# What a parameter accepts. All parameters but MASK of one primitive have the same type.
MASK = "a mask"
FLOAT = "f32 or f64"
INTEGER = "i32, i64 or u64"
NUMBER = "f32, f64, i32, i64 or u64"
SIGNED = "f32, f64, i32 or i64"
SINGLE = "f32 or i32"
DOUBLE = "f64 or i64"
BITS = "i32, i64, u64 or mask"
ANY = "f32, f64, i32, i64, u64 or mask"
COMPLEX = "c32 or c64"

_ACCEPTED = {
    text: frozenset(scalar for scalar in ScalarType if scalar.value in text)
    for text in (FLOAT, INTEGER, NUMBER, SIGNED, SINGLE, DOUBLE, MASK, BITS, ANY, COMPLEX)
}

# How the result's type follows from the parameters' common type.
SAME = "same"
TRUTH = "mask"
TWIN = "twin"
RESIZED = "resized"
PART = "part"
PAIRED = "paired"

# Binding strength of a printed formula, weakest first.
CASES, OR, XOR, AND, COMPARE, SHIFT, SUM, PRODUCT, UNARY, ATOM = range(10)


@dataclass(frozen=True)
class Notation:
    """How a primitive prints. `{0}` is an argument; it gets brackets if it binds weaker than `needs` says."""

    text: str
    binds: int = ATOM
    needs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Formula:
    unicode: Notation
    latex: Notation


@dataclass(frozen=True)
class Primitive:
    name: str
    parameters: tuple[str, ...]
    result: str
    formula: Formula | None = None
    cpp: str = ""  # the C++ function's name where it cannot be the row's

    def accepts(self, index: int, scalar: ScalarType) -> bool:
        wanted = self.parameters[index]
        return scalar in _ACCEPTED[wanted]

    def result_type(self, common: ScalarType) -> ScalarType:
        if self.result == TRUTH:
            return ScalarType.MASK
        return {
            TWIN: lambda: common.twin,
            RESIZED: lambda: common.resized,
            PART: lambda: common.part,
            PAIRED: lambda: common.paired,
        }.get(self.result, lambda: common)()


def _infix(symbol: str, latex: str, binds: int, needs: tuple[int, int] | None = None) -> Formula:
    sides = needs or (binds, binds + 1)
    return Formula(Notation(f"{{0}} {symbol} {{1}}", binds, sides), Notation(f"{{0}} {latex} {{1}}", binds, sides))


def _compare(symbol: str, latex: str) -> Formula:
    return _infix(symbol, latex, COMPARE, (SHIFT, SHIFT))


def _around(left: str, right: str, latex_left: str, latex_right: str) -> Formula:
    unicode, latex = f"{left}{{0}}{right}", f"{latex_left} {{0}} {latex_right}"
    return Formula(Notation(unicode, ATOM, (CASES,)), Notation(latex, ATOM, (CASES,)))


def _prefix(symbol: str, latex: str) -> Formula:
    return Formula(Notation(f"{symbol}{{0}}", UNARY, (UNARY,)), Notation(f"{latex}{{0}}", UNARY, (UNARY,)))


def _named(name: str, arguments: int, latex: str) -> Formula:
    listed, needs = ", ".join(f"{{{k}}}" for k in range(arguments)), (CASES,) * arguments
    return Formula(Notation(f"{name}({listed})", ATOM, needs), Notation(f"{latex}\\left({listed}\\right)", ATOM, needs))


def _binary(name: str, parameter: str, formula: Formula | None = None, result: str = SAME) -> Primitive:
    return Primitive(name, (parameter, parameter), result, formula)


def _unary(name: str, parameter: str, formula: Formula | None = None, result: str = SAME) -> Primitive:
    return Primitive(name, (parameter,), result, formula)


_FRACTION = Formula(
    Notation("{0} / {1}", PRODUCT, (PRODUCT, UNARY)), Notation(r"\frac{{{0}}}{{{1}}}", ATOM, (CASES, CASES))
)
_FUSED = Formula(
    Notation("{0} · {1} + {2}", SUM, (PRODUCT, UNARY, SUM)),
    Notation(r"{0} \cdot {1} + {2}", SUM, (PRODUCT, UNARY, SUM)),
)
_SELECT = Formula(
    Notation("{{{1} if {0}, else {2}}}", ATOM, (CASES, CASES, CASES)),
    Notation(r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}", ATOM, (CASES, CASES, CASES)),
)
_QUOTIENT = Formula(
    Notation("⌊{0} / {1}⌋", ATOM, (PRODUCT, UNARY)), Notation(r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor")
)

_ROWS = (
    # arithmetic; on masks add is or, mul is and
    _binary("add", ANY, _infix("+", "+", SUM)),
    _binary("sub", NUMBER, _infix("-", "-", SUM)),
    _binary("mul", ANY, _infix("·", r"\cdot", PRODUCT)),
    _binary("div", FLOAT, _FRACTION),
    _unary("neg", NUMBER, _prefix("-", "-")),
    _unary("abs", NUMBER, _around("|", "|", r"\left|", r"\right|")),
    _unary("sqrt", FLOAT, _around("√(", ")", r"\sqrt{{", "}}")),
    Primitive("fma", (FLOAT, FLOAT, FLOAT), SAME, _FUSED),
    # minimum and maximum propagate NaN and order -0 below +0; min_ is a < b ? a : b, max_ is a > b ? a : b
    _binary("minimum", ANY, _named("min", 2, r"\min")),
    _binary("maximum", ANY, _named("max", 2, r"\max")),
    _binary("min_", NUMBER, _named("min", 2, r"\min")),
    _binary("max_", NUMBER, _named("max", 2, r"\max")),
    # rounding to an integral value of the same type
    _unary("floor", FLOAT, _around("⌊", "⌋", r"\left\lfloor", r"\right\rfloor")),
    _unary("ceil", FLOAT, _around("⌈", "⌉", r"\left\lceil", r"\right\rceil")),
    _unary("trunc", FLOAT),
    _unary("rint", FLOAT, _named("round", 1, r"\operatorname{{round}}")),
    _binary("copysign", FLOAT),
    # comparisons
    _binary("lt", ANY, _compare("<", "<"), TRUTH),
    _binary("le", ANY, _compare("≤", r"\le"), TRUTH),
    _binary("gt", ANY, _compare(">", ">"), TRUTH),
    _binary("ge", ANY, _compare("≥", r"\ge"), TRUTH),
    _binary("eq", ANY, _compare("=", "="), TRUTH),
    _binary("ne", ANY, _compare("≠", r"\ne"), TRUTH),
    # bits of integers, truth of masks
    _binary("and_", BITS, _infix("∧", r"\land", AND)),
    _binary("or_", BITS, _infix("∨", r"\lor", OR)),
    Primitive("xor", (BITS, BITS), SAME, _infix("⊕", r"\oplus", XOR), cpp="xor_"),  # a keyword in C++
    _unary("not_", BITS, _prefix("¬", r"\lnot ")),
    _binary("shl", INTEGER, _infix("≪", r"\ll", SHIFT)),
    _binary("shr", INTEGER, _infix("≫", r"\gg", SHIFT)),
    _binary("ushr", INTEGER),
    # integer division; a zero divisor gives 0
    _binary("idiv_floor", INTEGER, _QUOTIENT),
    _binary("imod_floor", INTEGER, _infix("mod", r"\bmod", PRODUCT)),
    _binary("idiv_trunc", INTEGER),
    _binary("irem_trunc", INTEGER),
    # selection and conversion; unlikely(m) is m, and tells that select(unlikely(m), a, b) rarely needs a
    Primitive("unlikely", (MASK,), SAME, Formula(Notation("{0}", CASES), Notation("{0}", CASES))),
    Primitive("select", (MASK, ANY, ANY), SAME, _SELECT),
    _unary("bitcast", SIGNED, None, TWIN),
    _unary("to_float", INTEGER, None, TWIN),
    _unary("to_int", FLOAT, None, TWIN),
    _unary("widen", SINGLE, None, RESIZED),
    _unary("narrow", DOUBLE, None, RESIZED),
    # the parts of complex numbers; all other arithmetic on these is expanded into their parts (complex_parts.py)
    _unary("real", COMPLEX, _named("Re", 1, r"\operatorname{{Re}}"), PART),
    _unary("imag", COMPLEX, _named("Im", 1, r"\operatorname{{Im}}"), PART),
    Primitive("complex", (FLOAT, FLOAT), PAIRED),
)

PRIMITIVES: dict[str, Primitive] = {row.name: row for row in _ROWS}

BINARY_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "idiv_floor",
    ast.Mod: "imod_floor",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "shr",
}
UNARY_OPERATORS: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.Invert: "not_"}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
