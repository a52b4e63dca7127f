"""Programs print as text that parses back, and their symbolic derivatives agree with finite differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorwright_codegen.expression import (
    EMPTY_LIBRARY,
    ExpressionError,
    Library,
    Location,
    Program,
    ScalarType,
    derivative,
    evaluate,
    expression_text,
    parse_expression,
    parse_function_library,
)

FUNCTIONS = Path(__file__).parents[2] / "tensor-core" / "ops" / "functions"
F64 = ScalarType.F64
HERE = Location("test.yaml", 3, 5)


@pytest.fixture(scope="module")
def library() -> Library:
    if not FUNCTIONS.is_dir():
        pytest.skip("needs tensor-core's scalar functions beside codegen")
    return parse_function_library(sorted(FUNCTIONS.glob("*.expr")))


def parse(text: str, library: Library = EMPTY_LIBRARY, kind: str = "f64") -> Program:
    return parse_expression(text, dict.fromkeys(("a", "b", "c"), kind), library, HERE)


TEXTS = [
    "a + b * c",
    "(a - b) - (c - a)",
    "a / (b * c) + -(a * -1.5)",
    "select((a < b) & ~(b == c), a * a, T(a > 0) * inf)",
    "t = a * b\nu = t + c\nt * u + u",
    "fma(a, 0.1, -0.0) + minimum(a, -inf)",
    "t0 = a * a\nt0 + sqrt(t0)",
    "to_float(bitcast(a) >> 3 & 0xFF | 1) * lookup((1.0, 0.5, 1e-3), bitcast(b) % 3)",
    "T(2) * a + T(1)",
    "copysign(T(1), a)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_printed_programs_compute_the_same(text: str) -> None:
    program = parse(text)
    printed = expression_text(program, F64)
    again = parse(printed)
    assert expression_text(again, F64) == printed
    values = list(np.random.default_rng(0).standard_normal((3, 100)) * 10)
    for before, after in zip(evaluate(program, values), evaluate(again, values), strict=True):
        assert np.array_equal(before, after, equal_nan=True)


def test_printed_numbers_are_short() -> None:
    assert expression_text(parse("a * 0.1 + 3.0", kind="f32"), ScalarType.F32) == "a * 0.1 + 3"
    assert expression_text(parse("T(-0.0)"), F64) == "T(-0.0)"


def finite_difference(program: Program, values: list[np.ndarray], position: int) -> np.ndarray:
    step = 1e-6
    up, down = ([*values] for _ in range(2))
    up[position], down[position] = values[position] + step, values[position] - step
    result: np.ndarray = (evaluate(program, up)[0] - evaluate(program, down)[0]) / (2 * step)
    return result


SMOOTH = [
    "a * b + c / a",
    "sqrt(a) - 1 / sqrt(b)",
    "a * sigmoid(b * a)",
    "select(a > b, a * c, b * expm1(a))",
    "minimum(maximum(a, b), c) * a",
    "a * tanh(softplus(a + b))",
    "gelu(a) + erf(b) * erfc(c) + normal_cdf(a - b)",
    "abs(a - b) + a - trunc(c)",
    "poly(a, (1.0, 2.0, 3.0)) * fma(a, b, c)",
    "log(a) + log2(b) * log10(c) + log1p(a * b)",
    "sin(a) * cos(b) + tan(c / 4) + atan(a * b)",
    "sinh(a) / cosh(b) + asinh(c) + exp2(a)",
    "asin(a / 5) + acos(b / 5) * atanh(c / 5)",
    "acosh(1 + a) + atan2(a, b) + logaddexp(a, c) * logaddexp2(b, a)",
    "remainder(a * 7, b) + fmod(c * 9, b) + log_sigmoid(a)",
    "max_(a, b) * min_(b, c) + copysign(a, b - c)",
    "exp(-(a - b) * (a - b))",
]


@pytest.mark.parametrize("text", SMOOTH)
def test_derivatives_agree_with_finite_differences(text: str, library: Library) -> None:
    program = parse(text, library)
    values = [np.random.default_rng(seed).uniform(0.5, 2.5, 50) for seed in (1, 2, 3)]
    for position, name in enumerate("abc"):
        symbolic = parse(derivative(program, name, library), library)
        expected = finite_difference(program, values, position)
        np.testing.assert_allclose(evaluate(symbolic, values)[0], expected, rtol=1e-5, atol=1e-6)


def test_derivatives_are_short(library: Library) -> None:
    assert derivative(parse("a + b * c"), "a", library) == "T(1)"
    assert derivative(parse("a + b * c"), "b", library) == "c"
    assert derivative(parse("a * b"), "c", library) == "T(0)"
    assert derivative(parse("a * sigmoid(a)", library), "a", library) == "t0 = sigmoid(a)\nt0 + a * (t0 * (1 - t0))"


def test_kinks(library: Library) -> None:
    at_zero = [np.zeros(1)] * 3
    assert evaluate(parse(derivative(parse("abs(a)"), "a", library)), at_zero)[0] == 0
    assert evaluate(parse(derivative(parse("maximum(a, b)"), "b", library)), at_zero)[0] == 0.5


def test_functions_without_a_rule_are_differentiated_through_their_definition(tmp_path: Path) -> None:
    (tmp_path / "f.expr").write_text("def cube(x: F) -> F:\n    y = x * x\n    return y * x\n")
    library = parse_function_library([tmp_path / "f.expr"])
    assert derivative(parse("cube(a + b)", library), "a", library) == ("t0 = a + b\nt0 * (t0 + t0) + t0 * t0")


def test_what_has_no_derivative_says_so(library: Library) -> None:
    with pytest.raises(ExpressionError, match=r"test.yaml:3:13: bitcast has no derivative"):
        derivative(parse("bitcast(bitcast(a) + 1)"), "a", library)
    with pytest.raises(ExpressionError, match="a result of type mask has no derivative"):
        derivative(parse("a < b"), "a", library)
