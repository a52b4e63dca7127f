"""The evaluator against Python's exact arithmetic: it is the oracle, so it needs one of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tensorwright_codegen.expression import (
    EMPTY_LIBRARY,
    Location,
    Program,
    evaluate,
    evaluate_reduction,
    parse_expression,
)
from tensorwright_codegen.expression.primitives import PRIMITIVES
from tensorwright_codegen.expression.semantics import SEMANTICS

Array = npt.NDArray[Any]


def parse(text: str, **types: str) -> Program:
    return parse_expression(text, types, EMPTY_LIBRARY, Location("test.yaml"))


def run(text: str, dtype: str, *values: float, **kinds: str) -> Any:
    """The value of an expression over operands a, b, c of one type."""
    names = "abc"[: len(values)]
    program = parse(text, **dict.fromkeys(names, dtype))
    kind = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}[dtype]
    return evaluate(program, [np.array(value, dtype=kind) for value in values])[0][()]


def test_every_primitive_has_semantics() -> None:
    assert set(SEMANTICS) == set(PRIMITIVES)


# -- correctly rounded multiply-add


def exact_fma(a: float, b: float, c: float) -> Fraction:
    return Fraction(a) * Fraction(b) + Fraction(c)


def nearest(exact: Fraction, dtype: type[np.floating[Any]], candidates: Array) -> float:
    """The candidate closest to the exact value; of two equally close ones, the one with an even last bit."""
    word = np.dtype(f"u{np.dtype(dtype).itemsize}")
    ranked = sorted(candidates, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(word)) & 1))
    return float(ranked[0])


def assert_fma_is_exact(dtype: type[np.floating[Any]], name: str, a: float, b: float, c: float) -> None:
    result = run("fma(a, b, c)", name, a, b, c)
    a, b, c = (float(dtype(x)) for x in (a, b, c))
    exact = exact_fma(a, b, c)
    limit = Fraction(float(np.finfo(dtype).max))
    if abs(exact) > limit or not np.isfinite(result):
        half_step = limit - Fraction(float(np.nextafter(np.finfo(dtype).max, dtype(0))))
        assert np.isinf(result) == (abs(exact) >= limit + half_step / 2)
        return
    with np.errstate(over="ignore"):  # the number after the largest is infinite
        around = np.array([np.nextafter(result, dtype(-np.inf)), result, np.nextafter(result, dtype(np.inf))], dtype)
    assert float(result) == nearest(exact, dtype, around[np.isfinite(around)])


def test_fma_at_the_largest_number() -> None:
    for dtype, name in ((np.float32, "f32"), (np.float64, "f64")):
        assert_fma_is_exact(dtype, name, 0.0, 0.0, float(np.finfo(dtype).max))


singles = st.floats(width=32, allow_nan=False, allow_infinity=False)
doubles = st.floats(allow_nan=False, allow_infinity=False)


@given(singles, singles, singles)
@example(1 + 2**-23, 1 + 2**-23, 2**-46)
@example(1 + 2**-12, 1 + 2**-12, 2**-80)
@example(2.0**-75, 2.0**-75, 2.0**-149)
@example(2.0**127, 2.0, -(2.0**127))
def test_fma_f32_rounds_once(a: float, b: float, c: float) -> None:
    assert_fma_is_exact(np.float32, "f32", a, b, c)


@given(doubles, doubles, doubles)
@example(1 + 2**-52, 1 + 2**-52, 2.0**-110)
@example(1 + 2**-30, 1 + 2**-30, -1 - 2**-29)
@example(2.0**-540, 2.0**-540, 5e-324)
@example(2.0**1023, 2.0, -(2.0**1023))
@example(5e-324, 0.5, 5e-324)
def test_fma_f64_rounds_once(a: float, b: float, c: float) -> None:
    assert_fma_is_exact(np.float64, "f64", a, b, c)


@given(st.floats(0.5, 2), st.floats(0.5, 2), st.integers(-4, 4))
def test_fma_f64_after_cancellation(a: float, b: float, ulps: int) -> None:
    assert_fma_is_exact(np.float64, "f64", a, b, -a * b * (1 + ulps * 2.0**-52))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_fma_signed_zeros_and_specials(dtype: str) -> None:
    assert math.copysign(1, run("fma(a, b, c)", dtype, -0.0, 1, -0.0)) == -1
    assert math.copysign(1, run("fma(a, b, c)", dtype, -0.0, 1, 0.0)) == 1
    assert math.copysign(1, run("fma(a, b, c)", dtype, 2, 3, -6)) == 1
    assert math.copysign(1, run("fma(a, b, c)", dtype, -1e-30, 1e-30, 0.0)) == -1
    assert run("fma(a, b, c)", dtype, 2, 3, -np.inf) == -np.inf
    assert np.isnan(run("fma(a, b, c)", dtype, np.inf, 0, 1))
    assert np.isnan(run("fma(a, b, c)", dtype, np.inf, 1, -np.inf))


# -- other primitives


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_minimum_and_maximum_order_zeros_and_keep_nan(dtype: str) -> None:
    for a, b in ((-0.0, 0.0), (0.0, -0.0)):
        assert np.signbit(run("minimum(a, b)", dtype, a, b))
        assert not np.signbit(run("maximum(a, b)", dtype, a, b))
    assert np.isnan(run("minimum(a, b)", dtype, np.nan, 1))
    assert np.isnan(run("maximum(a, b)", dtype, 1, np.nan))
    assert run("min_(a, b)", dtype, np.nan, 1) == 1
    assert np.isnan(run("min_(a, b)", dtype, 1, np.nan))
    assert not np.signbit(run("max_(a, b)", dtype, -0.0, 0.0))
    assert np.signbit(run("max_(a, b)", dtype, 0.0, -0.0))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_rounding_keeps_the_sign_of_zero(dtype: str) -> None:
    assert [run("rint(a)", dtype, x) for x in (0.5, 1.5, 2.5, -3.5)] == [0, 2, 2, -4]
    for name in ("ceil", "trunc", "rint"):
        assert np.signbit(run(f"{name}(a)", dtype, -0.25))
    assert not np.signbit(run("floor(a)", dtype, 0.25))


words = {"i32": 32, "i64": 64}
integers = {name: st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for name, bits in words.items()}


def wrap(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def divide_towards_zero(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


PYTHON: dict[str, Callable[[int, int, int], int]] = {
    "a + b": lambda a, b, bits: a + b,
    "a - b": lambda a, b, bits: a - b,
    "a * b": lambda a, b, bits: a * b,
    "-a": lambda a, b, bits: -a,
    "abs(a)": lambda a, b, bits: abs(a),
    "~a ^ b": lambda a, b, bits: ~a ^ b,
    "a // b": lambda a, b, bits: a // b if b else 0,
    "a % b": lambda a, b, bits: a % b if b else 0,
    "idiv_trunc(a, b)": lambda a, b, bits: divide_towards_zero(a, b) if b else 0,
    "irem_trunc(a, b)": lambda a, b, bits: a - b * divide_towards_zero(a, b) if b else 0,
    "a << b": lambda a, b, bits: a << b if 0 <= b < bits else 0,
    "a >> b": lambda a, b, bits: a >> (b if 0 <= b < bits else bits - 1),
    "ushr(a, b)": lambda a, b, bits: a % (1 << bits) >> b if 0 <= b < bits else 0,
}


@pytest.mark.parametrize("dtype", ["i32", "i64"])
@pytest.mark.parametrize("text", PYTHON)
def test_integers_wrap_around(dtype: str, text: str) -> None:
    bits = words[dtype]
    lowest = -(1 << (bits - 1))

    @given(integers[dtype], st.one_of(integers[dtype], st.integers(-3, bits + 3)))
    @example(lowest, -1)
    @example(lowest, 0)
    @example(7, 0)
    @example(-7, 2)
    def check(a: int, b: int) -> None:
        assert int(run(text, dtype, a, b)) == wrap(PYTHON[text](a, b, bits), bits)

    check()


def test_conversion_out_of_range_gives_the_smallest_integer() -> None:
    for value in (np.nan, np.inf, -np.inf, 2.0**31, -(2.0**31)):
        assert evaluate(parse("bitcast(to_int(a))", a="f32"), [np.float32(value)])[0].view(np.int32) == -(2**31)
    assert evaluate(parse("bitcast(to_int(a))", a="f64"), [np.float64(2.0**63)])[0].view(np.int64) == -(2**63)
    assert run("f32(to_int(a))", "f32", -1.9) == -1


def test_lookup_clamps_its_index() -> None:
    program = parse("lookup((10, 20, 30), a)", a="i32")
    assert evaluate(program, [np.array([-5, 0, 1, 2, 99], dtype=np.int32)])[0].tolist() == [10, 10, 20, 30, 30]


def test_operands_broadcast_by_name_or_position() -> None:
    program = parse("a + b", a="f32", b="f32")
    column, row = np.ones((3, 1), np.float32), np.arange(4, dtype=np.float32)
    (result,) = evaluate(program, {"b": row, "a": column})
    assert result.shape == (3, 4)
    assert np.array_equal(result, evaluate(program, [column, row])[0])


def test_operand_mistakes_are_named() -> None:
    program = parse("a + b", a="f32", b="f32")
    with pytest.raises(TypeError, match="operand b: expected float32, got float64"):
        evaluate(program, [np.float32(1), np.float64(1)])
    with pytest.raises(TypeError, match="expected 2 operands, got 1"):
        evaluate(program, [np.float32(1)])


# -- the reduction tree


def tree_by_definition(values: list[np.float32]) -> np.float32:
    """The specification word for word, on scalars."""
    blocks = [values[start : start + 1024] for start in range(0, len(values), 1024)]
    return counter([lanes_of_block(block) for block in blocks])


def lanes_of_block(block: list[np.float32]) -> np.float32:
    lanes: list[np.float32 | None] = [None] * 16
    for index, value in enumerate(block):
        lane = lanes[index % 16]
        lanes[index % 16] = value if lane is None else lane + value
    for distance in (8, 4, 2, 1):
        for lane_index in range(distance):
            low, high = lanes[lane_index], lanes[lane_index + distance]
            lanes[lane_index] = high if low is None else low if high is None else low + high
    assert lanes[0] is not None
    return lanes[0]


def counter(totals: list[np.float32]) -> np.float32:
    """The largest power of two of blocks from the front, combined in halves, then the rest likewise."""
    if len(totals) == 1:
        return totals[0]
    half = 1 << (len(totals) - 1).bit_length() - 1
    return counter(totals[:half]) + counter(totals[half:])


@pytest.mark.parametrize("n", [1, 2, 7, 15, 16, 17, 100, 1023, 1024, 1025, 3000, 5 * 1024, 7 * 1024 + 13])
def test_reduction_tree(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    expected = tree_by_definition(list(values))
    assert evaluate_reduction(parse("a", a="f32"), "sum", [values]) == expected


def test_reduction_along_an_axis_has_the_tree_of_each_line() -> None:
    program = parse("a * a", a="f64")
    values = np.random.default_rng(1).standard_normal((50, 40, 3))
    rows = evaluate_reduction(program, "sum", [values], axis=1)
    assert rows.shape == (50, 3)
    assert rows[7, 2] == evaluate_reduction(program, "sum", [values[7, :, 2].copy()])


def test_reduction_of_nothing() -> None:
    nothing = np.zeros(0, np.float32)
    assert evaluate_reduction(parse("a", a="f32"), "sum", [nothing]) == 0
    assert evaluate_reduction(parse("a", a="f32"), "prod", [nothing]) == 1
    assert not evaluate_reduction(parse("mask(a)", a="f32"), "any", [nothing])
    assert evaluate_reduction(parse("mask(a)", a="f32"), "all", [nothing])
    with pytest.raises(ValueError, match="max of no elements is not defined"):
        evaluate_reduction(parse("a", a="f32"), "max", [nothing])
