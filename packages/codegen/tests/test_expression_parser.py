"""Texts become typed programs, and what is wrong with a text is said with its place and what was expected."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from tensorwright_codegen.expression import (
    EMPTY_LIBRARY,
    ExpressionError,
    Library,
    Location,
    Program,
    ScalarType,
    formula,
    notation,
    parse_expression,
    parse_function_library,
)
from tensorwright_codegen.expression.primitives import PRIMITIVES

F32, F64, I32, MASK = ScalarType.F32, ScalarType.F64, ScalarType.I32, ScalarType.MASK
HERE = Location("ops/pointwise.yaml", 12, 17)


def parse(text: str | list[str], library: Library = EMPTY_LIBRARY, compute: str | None = None, **types: str) -> Program:
    return parse_expression(text, types, library, HERE, compute=compute)


def library_of(folder: Path, text: str) -> Library:
    (folder / "functions.expr").write_text(text, encoding="utf-8")
    return parse_function_library([folder / "functions.expr"])


def ops(program: Program) -> list[str]:
    return [item.op for item in program.body]


def constants(program: Program) -> list[object]:
    return [item.value for item in program.body if item.op == "constant"]


def test_a_program_is_in_single_assignment_form() -> None:
    program = parse("self + alpha * other", self="f32", other="f32", alpha="f32")
    assert ops(program) == ["operand", "operand", "operand", "mul", "add"]
    assert [operand.name for operand in program.operands] == ["self", "other", "alpha"]
    for index, item in enumerate(program.body):
        assert all(arg < index for arg in item.args)
    assert program.result_types == (F32,)


def test_programs_are_values() -> None:
    assert parse("a + b", a="f64", b="f64") == parse("a+b ", a="f64", b="f64")
    assert parse("a + b", a="f64", b="f64") != parse("b + a", a="f64", b="f64")


def test_equal_subexpressions_are_shared_and_unused_ones_dropped() -> None:
    program = parse("unused = sqrt(a)\nt = a * a\nt + a * a", a="f32")
    assert ops(program) == ["operand", "mul", "add"]


def test_literals_take_the_type_they_meet() -> None:
    assert constants(parse("a * 2", a="f32")) == [2.0]
    assert constants(parse("a * 0.1", a="f32")) == [0.10000000149011612]
    assert constants(parse("a & 0xFFFFFFFF", a="i32")) == [-1]
    assert constants(parse("1", a="i64")) == [1]
    assert constants(parse("True", a="bool")) == [True]


def test_literal_arithmetic_is_folded_before_it_is_rounded() -> None:
    assert constants(parse("a * (1 / 3)", a="f32")) == [0.3333333432674408]
    assert constants(parse("a + (2**24 - 1) * -3", a="i32")) == [-50331645]
    assert constants(parse('a * hexf("0x1.8p+1")', a="f64")) == [3.0]


def test_zeros_of_both_signs_are_different_constants() -> None:
    assert len(constants(parse("select(a < 0.0, T(0.0), T(-0.0))", a="f32"))) == 2


def test_conversions_by_type_name() -> None:
    assert ops(parse("f32(f64(a))", a="f32"))[1:] == ["widen", "narrow"]
    assert ops(parse("f32(i32(a))", a="f32"))[1:] == ["to_int", "to_float"]
    assert ops(parse("T(a < 0)", a="f32"))[-1] == "select"
    assert parse("mask(a)", a="i64").result_types == (MASK,)


def test_several_results_share_operands() -> None:
    program = parse(["a + b", "a < b"], a="f32", b="f32")
    assert program.result_types == (F32, MASK)
    assert ops(program).count("operand") == 2


def test_horner_is_fma_from_the_highest_coefficient() -> None:
    program = parse("poly(a, (1.0, 2.0, 3.0))", a="f32")
    assert ops(program) == ["operand", "constant", "constant", "fma", "constant", "fma"]
    assert constants(program) == [3.0, 2.0, 1.0]


def test_text_over_several_lines_and_places_in_it() -> None:
    assert ops(parse("a +\n  b", a="f32", b="f32"))[-1] == "add"
    with pytest.raises(ExpressionError, match=r"pointwise.yaml:13:3: unknown name 'c'"):
        parse("a +\n  c", a="f32", b="f32")


EXPRESSION_ERRORS = [
    ("a +", "12:20: not an expression"),
    ("", "12:17: expected an expression, got nothing"),
    ("a + c", "12:21: unknown name 'c'; expected one of a, b, i, inf, m, nan, pi"),
    ("a + slef", "12:21: unknown name 'slef'"),
    ("maximun(a, b)", "unknown function 'maximun'; expected maximum"),
    ("a if m else b", "got IfExp; use select(condition, a, b)"),
    ("a < b and b < a", "got BoolOp; use & and | on masks"),
    ("not m", "not has no lanes; use ~ on a mask"),
    ("0 < a < b", "a chain of comparisons; write (a < b) & (b < c)"),
    ("a[0]", "got Subscript; use lookup(TABLE, index)"),
    ("a ** 2", "** is for literals only; use pow(), or multiply"),
    ("a @ b", "expected one of + - * / // % & | ^ << >>, got BinOp"),
    ("a.sqrt()", "expected a plain function name, got Attribute"),
    ("lambda: a", "got Lambda"),
    ("'text'", "expected a number, True or False"),
    ("sqrt(x=a)", "sqrt: arguments are positional only"),
    ("sqrt(a, b)", "sqrt takes 1 arguments, got 2"),
    ("sqrt(i)", "argument 1 of sqrt: expected f32 or f64, got i32"),
    ("a + i", "argument 2 of add: expected f32, got i32"),
    ("a + m", "argument 2 of add: expected f32, got mask; T(condition) is 1 where it holds, 0 elsewhere"),
    ("select(a, a, b)", "argument 1 of select: expected mask, got f32; compare it, as in x != 0"),
    ("select(m, 1, 0)", "select has no typed argument (literal 1, literal 0); give one a type, as in T(1)"),
    ("sqrt(2.0)", "sqrt has no typed argument (literal 2.0)"),
    ("a & b", "argument 1 of and_: expected i32, i64, u64 or mask, got f32"),
    ("i + 1.5", "expected an integer literal for i32, got 1.5"),
    ("i + 5000000000", "literal 5000000000 does not fit in i32"),
    ("a + 1e39", "literal 1e+39 overflows f32; write inf if that is meant"),
    ("a + 1e-60", "literal 1e-60 rounds to zero in f32"),
    ("a + 1 / 0", "cannot compute this constant"),
    ("a + True", "expected a number for f32, got literal True"),
    ("f64(a)", "expected a result of type f32 or mask, got f64"),
    ("f32(i64(i))", "no direct conversion from i64 to f32; write f32(i32(x)) or f32(f64(x))"),
    ("poly(i, (1, 2))", "poly: expected an f32 or f64 variable, got i32"),
    ("poly(a, b)", "expected poly(x, TABLE) with a non-empty tuple of numbers"),
    ("lookup((1, 2), a)", "lookup: expected an i32 or i64 index, got f32"),
    ("hexf(1)", 'hexf: expected one string such as "0x1.8p+3"'),
    ("t = a\nt = b\nt", "13:1: t already has a value; assign to a fresh name"),
    ("a = b\na", "a already has a value"),
    ("t = a\nt += b\nt", "expected an assignment to one name, or return, got AugAssign"),
    ("t = a", "expected an expression at the end"),
    ("t = (1, 2)\nt + a", "t is a table; use it in poly() or lookup()"),
    ("t = (1, a)\nlookup(t, i)", "a table holds numbers only, got f32"),
]


@pytest.mark.parametrize(("text", "message"), EXPRESSION_ERRORS)
def test_expression_errors(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, a="f32", b="f32", i="i32", m="bool")
    place, said = str(caught.value).split(": ", 1)
    assert place.startswith("ops/pointwise.yaml:")
    assert message in f"{place.removeprefix('ops/pointwise.yaml:')}: {said}"


def test_half_width_values_have_no_place_in_64_bit_lanes() -> None:
    with pytest.raises(ExpressionError, match="f32 value in an expression over f64 lanes"):
        parse("f64(f32(a))", a="f64")
    with pytest.raises(ExpressionError, match="f32 value in an expression over mask lanes"):
        parse("f32(a) < 1", a="bool")


# -- libraries


def test_overloads_and_generic_functions(tmp_path: Path) -> None:
    library = library_of(
        tmp_path,
        '''"""A file may have a docstring."""
HALF = 0.5
def halve(x: F) -> F:
    """Half of x."""
    return x * HALF
def quarter(x: T) -> T:
    return halve(halve(x))
def scale(x: f32) -> f32:
    return x * 2
def scale(x: f64) -> f64:
    return x * 3
def scale(x: T) -> T:
    return x + x
''',
    )
    assert [item.result_type for item in library.instances() if item.name == "quarter"] == [F32, F64]
    assert constants(library.function("scale", F64).program) == [3.0]
    assert ops(library.function("scale", I32).program) == ["operand", "add"]
    program = parse("quarter(a) + scale(a)", library, a="f64")
    assert [callee.name for callee in program.callees()] == ["halve", "quarter", "scale"]
    assert library.function("halve", F32).doc == "Half of x."
    assert program.weight() == 4


def test_literal_arguments_take_the_parameter_type(tmp_path: Path) -> None:
    library = library_of(tmp_path, "def power(x: F, y: F) -> F:\n    return x * y\n")
    assert constants(parse("power(a, 2)", library, a="f32")) == [2.0]
    with pytest.raises(ExpressionError, match=r"power\(literal 2, literal 3\) is ambiguous; give an argument a type"):
        parse("power(2, 3)", library, a="f32")
    with pytest.raises(ExpressionError, match=r"no power\(i32, i32\); there is power\(f32, f32\), power\(f64, f64\)"):
        parse("power(i, i)", library, i="i32")


LIBRARY_ERRORS = [
    ("def f(x: f32) -> f32\n    return x\n", "1:21: expected ':'"),
    ("def f(x: f32) -> f32:\n    y = x\n", "1:1: f: expected the last statement to be return with a value"),
    ("def f(x: f32) -> f32:\n    return f(x)\n", "1:1: f calls itself; recursion is not allowed [in f(f32)]"),
    ("def f(x: f32) -> f64:\n    return x\n", "2:5: result of f: expected f64, got f32"),
    (
        "def f(x) -> f32:\n    return x\n",
        "expected a type, one of f32, f64, i32, i64, u64, mask, c32, c64, C, T, F, I, got nothing",
    ),
    (
        "def f(x: float) -> f32:\n    return x\n",
        "1:10: expected a type, one of f32, f64, i32, i64, u64, mask, c32, c64, C, T, F, I, got float",
    ),
    ("def f(x: T, y: F) -> T:\n    return x\n", "f: expected one type variable, used by a parameter"),
    ("def f(x: f32, *y: f32) -> f32:\n    return x\n", "f: expected plain parameters only"),
    ("def f(x: f32 = 1) -> f32:\n    return x\n", "f: expected plain parameters only"),
    ("def sqrt(x: f32) -> f32:\n    return x\n", "sqrt is a primitive; name the function otherwise"),
    ("def f(x: f32) -> f32:\n    return x\n" * 2, "3:1: f is already defined for these types at"),
    (
        "def f(x: f32) -> f32:\n    for i in x:\n        y = x\n    return x\n",
        "2:5: expected an assignment to one name, or return, got For",
    ),
    ("def f(x: f32) -> f32:\n    x = x + 1\n    return x\n", "2:5: x already has a value"),
    ("import os\n", "1:1: expected an assignment to one name, or return, got Import"),
    ("def f(x: T) -> T:\n    return exq(x)\n", "2:12: unknown function 'exq'"),
    (
        "def f(x: F) -> F:\n    return x & 1\n",
        "2:12: argument 1 of and_: expected i32, i64, u64 or mask, got f32 [in f(f32)]",
    ),
]


@pytest.mark.parametrize(("text", "message"), LIBRARY_ERRORS)
def test_library_errors(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        library_of(tmp_path, text)
    assert "functions.expr:" in str(caught.value)
    assert message in str(caught.value).split("functions.expr:", 1)[1]


# -- formulas

FORMULAS = [
    ("self + alpha * other", "self + α · other", r"\mathrm{self} + \alpha \cdot \mathrm{other}"),
    ("a - (b - c)", "a - (b - c)", r"a - \left(b - c\right)"),
    ("x / (a * b)", "x / (a · b)", r"\frac{x}{a \cdot b}"),
    ("a * (-b)", "a · (-b)", r"a \cdot (-b)"),
    ("pow(x, 2) + 1e-5", "x² + 10⁻⁵", "{x}^{2} + 10^{-5}"),
    ("g * T(x > 0)", "g · [x > 0]", r"g \cdot [x > 0]"),
    ("(a < b) & ~(b == c)", "a < b ∧ ¬(b = c)", r"a < b \land \lnot \left(b = c\right)"),
    ("select(x > 0, x, a)", "{x if x > 0, else a}", r"\begin{cases} x & x > 0 \\ a & \text{otherwise} \end{cases}"),
    (
        "t = exp(x)\nt / (1 + t)",
        "t / (1 + t) where t = exp(x)",
        r"\frac{t}{1 + t} \quad \text{where } t = \exp\left(x\right)",
    ),
]


@pytest.mark.parametrize(("text", "unicode", "latex"), FORMULAS)
def test_formulas(text: str, unicode: str, latex: str) -> None:
    assert formula(text) == unicode
    assert formula(text, "latex") == latex


def test_formula_of_a_program_with_several_results() -> None:
    assert formula(parse(["a + b", "a < b"], a="f32", b="f32")) == "a + b; a < b"


def test_formula_examples_run() -> None:
    assert doctest.testmod(notation).failed == 0


# -- the specification

SPECIFICATION = Path(__file__).parents[3] / "docs" / "expression-language.md"


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="needs the documentation beside the packages")
def test_the_specification_lists_every_primitive() -> None:
    text = SPECIFICATION.read_text(encoding="utf-8")
    assert [name for name in PRIMITIVES if f"`{name}(" not in text] == []
