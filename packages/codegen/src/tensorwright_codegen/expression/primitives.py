"""The scalar primitive table: one row an operation.

A row gives the name (also the name of its C++ function in `simd/vec.h` and of its NumPy evaluation in
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
INTEGER = "i32 or i64"
NUMBER = "f32, f64, i32 or i64"
SINGLE = "f32 or i32"
DOUBLE = "f64 or i64"
BITS = "i32, i64 or mask"
ANY = "f32, f64, i32, i64 or mask"

_ACCEPTED = {
    text: frozenset(scalar for scalar in ScalarType if scalar.value in text)
    for text in (FLOAT, INTEGER, NUMBER, SINGLE, DOUBLE, MASK, BITS, ANY)
}

# How the result's type follows from the parameters' common type.
SAME = "same"
TRUTH = "mask"
TWIN = "twin"
RESIZED = "resized"

# Binding strength of a printed formula, weakest first.
CASES, OR, XOR, AND, COMPARE, SHIFT, SUM, PRODUCT, UNARY, ATOM = range(10)


@dataclass(frozen=True)
class Formula:
    """How a primitive prints. `{0}` is an argument; it gets brackets if it binds weaker than `needs` says."""

    unicode: str
    latex: str
    binds: int = ATOM
    needs: tuple[int, ...] = ()


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
        if self.result == TWIN:
            return common.twin
        return common.resized if self.result == RESIZED else common


def _infix(symbol: str, latex: str, binds: int) -> Formula:
    return Formula(f"{{0}} {symbol} {{1}}", f"{{0}} {latex} {{1}}", binds, (binds, binds + 1))


def _compare(symbol: str, latex: str) -> Formula:
    return Formula(f"{{0}} {symbol} {{1}}", f"{{0}} {latex} {{1}}", COMPARE, (SHIFT, SHIFT))


def _around(left: str, right: str, latex_left: str, latex_right: str) -> Formula:
    return Formula(f"{left}{{0}}{right}", f"{latex_left} {{0}} {latex_right}", ATOM, (CASES,))


def _binary(name: str, parameter: str, formula: Formula | None = None, result: str = SAME) -> Primitive:
    return Primitive(name, (parameter, parameter), result, formula)


def _unary(name: str, parameter: str, formula: Formula | None = None, result: str = SAME) -> Primitive:
    return Primitive(name, (parameter,), result, formula)


_FRACTION = Formula("{0} / {1}", r"\frac{{{0}}}{{{1}}}", PRODUCT, (PRODUCT, UNARY))
_FUSED = Formula("{0} · {1} + {2}", r"{0} \cdot {1} + {2}", SUM, (PRODUCT, UNARY, SUM))
_SELECT = Formula(
    "{{ {1} if {0}; {2} otherwise }}", r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}"
)

_ROWS = (
    # arithmetic; on masks add is or, mul is and
    _binary("add", ANY, _infix("+", "+", SUM)),
    _binary("sub", NUMBER, _infix("-", "-", SUM)),
    _binary("mul", ANY, _infix("·", r"\cdot", PRODUCT)),
    _binary("div", FLOAT, _FRACTION),
    _unary("neg", NUMBER, Formula("-{0}", "-{0}", UNARY, (UNARY,))),
    _unary("abs", NUMBER, _around("|", "|", r"\left|", r"\right|")),
    _unary("sqrt", FLOAT, _around("√(", ")", r"\sqrt{{", "}}")),
    Primitive("fma", (FLOAT, FLOAT, FLOAT), SAME, _FUSED),
    # minimum and maximum propagate NaN and order -0 below +0; min_ is a < b ? a : b, max_ is a > b ? a : b
    _binary("minimum", ANY, Formula("min({0}, {1})", r"\min\left({0}, {1}\right)", ATOM, (CASES, CASES))),
    _binary("maximum", ANY, Formula("max({0}, {1})", r"\max\left({0}, {1}\right)", ATOM, (CASES, CASES))),
    _binary("min_", NUMBER, Formula("min({0}, {1})", r"\min\left({0}, {1}\right)", ATOM, (CASES, CASES))),
    _binary("max_", NUMBER, Formula("max({0}, {1})", r"\max\left({0}, {1}\right)", ATOM, (CASES, CASES))),
    # rounding to an integral value of the same type
    _unary("floor", FLOAT, _around("⌊", "⌋", r"\left\lfloor", r"\right\rfloor")),
    _unary("ceil", FLOAT, _around("⌈", "⌉", r"\left\lceil", r"\right\rceil")),
    _unary("trunc", FLOAT),
    _unary("rint", FLOAT, Formula("round({0})", r"\operatorname{{round}}\left({0}\right)", ATOM, (CASES,))),
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
    _unary("not_", BITS, Formula("¬{0}", r"\lnot {0}", UNARY, (UNARY,))),
    _binary("shl", INTEGER, _infix("≪", r"\ll", SHIFT)),
    _binary("shr", INTEGER, _infix("≫", r"\gg", SHIFT)),
    _binary("ushr", INTEGER),
    # integer division; a zero divisor gives 0
    _binary(
        "idiv_floor", INTEGER, Formula("⌊{0} / {1}⌋", r"\left\lfloor {0} / {1} \right\rfloor", ATOM, (PRODUCT, UNARY))
    ),
    _binary("imod_floor", INTEGER, _infix("mod", r"\bmod", PRODUCT)),
    _binary("idiv_trunc", INTEGER),
    _binary("irem_trunc", INTEGER),
    # selection and conversion
    Primitive("select", (MASK, ANY, ANY), SAME, _SELECT),
    _unary("bitcast", NUMBER, None, TWIN),
    _unary("to_float", INTEGER, None, TWIN),
    _unary("to_int", FLOAT, None, TWIN),
    _unary("widen", SINGLE, None, RESIZED),
    _unary("narrow", DOUBLE, None, RESIZED),
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
