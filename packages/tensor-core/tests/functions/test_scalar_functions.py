"""Accuracy and special values of the scalar functions, against mpmath, by the bit-exact evaluator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from mpmath import mp, mpf
from scalar_references import (
    BINARY,
    DTYPES,
    HARDEST,
    LIBRARY,
    UNARY,
    floats_of_every_exponent,
    measure,
    pairs,
    run,
    samples,
)

Array = npt.NDArray[Any]

BOUND = 2.0
KINDS = ("f32", "f64")
INF, NAN = math.inf, math.nan


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", UNARY)
def test_error_is_below_the_bound_over_all_exponents(name: str, kind: str) -> None:
    x = samples(name, kind, 2) if kind == "f32" else samples(name, kind, 1)[::4]
    worst = measure(name, kind, x)
    assert worst.ulp <= BOUND, f"{name} {kind}: {worst.ulp:.2f} ulp at {worst.arguments[0].hex()}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BINARY)
def test_error_of_two_arguments_is_below_the_bound(name: str, kind: str) -> None:
    worst = measure(name, kind, *pairs(name, kind, 3000))
    assert worst.ulp <= BOUND, f"{name} {kind}: {worst.ulp:.2f} ulp at {[x.hex() for x in worst.arguments]}"


@pytest.mark.parametrize(("name", "kind"), HARDEST)
def test_error_at_the_worst_arguments_known(name: str, kind: str) -> None:
    x = np.array([float.fromhex(text) for text in HARDEST[name, kind]], DTYPES[kind])
    assert measure(name, kind, x).ulp <= BOUND


# -- special values: exact, the sign of zero included

SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(INF, INF), (-INF, 0.0), (0.0, 1.0), (-0.0, 1.0), (1000.0, INF), (-1000.0, 0.0)],
    "exp2": [(INF, INF), (-INF, 0.0), (-0.0, 1.0), (10.0, 1024.0), (-3.0, 0.125), (1024.0, INF), (-1100.0, 0.0)],
    "expm1": [(INF, INF), (-INF, -1.0), (0.0, 0.0), (-0.0, -0.0), (1000.0, INF), (-1000.0, -1.0)],
    "sigmoid": [(INF, 1.0), (-INF, 0.0), (0.0, 0.5), (-0.0, 0.5), (1000.0, 1.0), (-1000.0, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1000.0, 1000.0), (-1000.0, 0.0)],
    "log_sigmoid": [(INF, -0.0), (-INF, -INF), (1000.0, -0.0), (-1000.0, -1000.0)],
    "log": [(INF, INF), (-INF, NAN), (0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN)],
    "log2": [(INF, INF), (-INF, NAN), (0.0, -INF), (-0.0, -INF), (1.0, 0.0), (8.0, 3.0), (0.125, -3.0), (-1.0, NAN)],
    "log10": [(INF, INF), (-INF, NAN), (0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN)],
    "log1p": [(INF, INF), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-1.5, NAN)],
    "sin": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "cos": [(INF, NAN), (-INF, NAN), (0.0, 1.0), (-0.0, 1.0)],
    "tan": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
    "acos": [(1.0, 0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0)],
    "sinh": [(INF, INF), (-INF, -INF), (0.0, 0.0), (-0.0, -0.0), (1000.0, INF), (-1000.0, -INF)],
    "cosh": [(INF, INF), (-INF, INF), (0.0, 1.0), (-0.0, 1.0), (1000.0, INF), (-1000.0, INF)],
    "tanh": [(INF, 1.0), (-INF, -1.0), (0.0, 0.0), (-0.0, -0.0), (1000.0, 1.0), (-1000.0, -1.0)],
    "asinh": [(INF, INF), (-INF, -INF), (0.0, 0.0), (-0.0, -0.0)],
    "acosh": [(INF, INF), (1.0, 0.0), (0.5, NAN), (0.0, NAN), (-1.0, NAN), (-INF, NAN)],
    "atanh": [(1.0, INF), (-1.0, -INF), (0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)],
    "erf": [(INF, 1.0), (-INF, -1.0), (0.0, 0.0), (-0.0, -0.0), (100.0, 1.0)],
    "erfc": [(INF, 0.0), (-INF, 2.0), (0.0, 1.0), (-0.0, 1.0), (100.0, 0.0), (-100.0, 2.0)],
    "normal_cdf": [(INF, 1.0), (-INF, 0.0), (0.0, 0.5), (-0.0, 0.5), (100.0, 1.0), (-100.0, 0.0)],
    "gelu": [(INF, INF), (0.0, 0.0), (-0.0, -0.0), (1000.0, 1000.0), (-1000.0, -0.0), (-INF, -0.0)],
    "gelu_tanh": [(INF, INF), (0.0, 0.0), (-0.0, -0.0), (1000.0, 1000.0), (-1000.0, -0.0), (-INF, -0.0)],
    "silu": [(INF, INF), (0.0, 0.0), (-0.0, -0.0), (1000.0, 1000.0), (-1000.0, -0.0), (-INF, -0.0)],
    "mish": [(INF, INF), (0.0, 0.0), (-0.0, -0.0), (1000.0, 1000.0), (-1000.0, -0.0), (-INF, -0.0)],
    "cbrt": [(INF, INF), (-INF, -INF), (0.0, 0.0), (-0.0, -0.0), (27.0, 3.0), (-8.0, -2.0)],
    "rsqrt": [(INF, 0.0), (0.0, INF), (-0.0, -INF), (-1.0, NAN), (4.0, 0.5)],
}


def assert_same(actual: Array, expected: Array) -> None:
    """Equal values, signs of zeros too; any NaN equals any other."""
    np.testing.assert_array_equal(actual, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(actual)[numbers], np.signbit(expected)[numbers])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str, kind: str) -> None:
    x, y = np.array([*SPECIAL[name], (NAN, NAN)], DTYPES[kind]).T
    assert_same(run(name, kind, x), y)


def test_every_unary_function_has_special_values() -> None:
    assert set(SPECIAL) == set(UNARY)


@pytest.mark.parametrize(
    ("name", "kind", "last_finite"),
    [
        ("exp", "f32", 88.72283),
        ("exp", "f64", 709.782712893384),
        ("sinh", "f32", 89.415985),
        ("sinh", "f64", 710.4758600739439),
        ("cosh", "f32", 89.415985),
        ("cosh", "f64", 710.4758600739439),
    ],
)
def test_overflow_begins_after_the_last_argument_with_a_finite_result(name: str, kind: str, last_finite: float) -> None:
    x = DTYPES[kind](last_finite)
    assert np.isfinite(run(name, kind, np.array([x]))[0])
    assert np.isinf(run(name, kind, np.array([np.nextafter(x, DTYPES[kind](INF))]))[0])


ODD = ["sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "cbrt"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*ODD, "cos", "cosh"])
def test_symmetry_is_exact(name: str, kind: str) -> None:
    x = samples(name, kind, 1)[::7]
    mirrored = run(name, kind, -x)
    assert_same(-mirrored if name in ODD else mirrored, run(name, kind, x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        *((name, -1, 1) for name in ("sin", "cos", "tanh", "erf")),
        ("sigmoid", 0, 1),
        ("normal_cdf", 0, 1),
        ("erfc", 0, 2),
    ],
)
def test_results_stay_in_the_range(name: str, kind: str, low: float, high: float) -> None:
    y = run(name, kind, floats_of_every_exponent(kind, 1, 3)[::5])
    assert low <= y.min()
    assert y.max() <= high


@pytest.mark.parametrize("kind", KINDS)
def test_small_arguments_come_back(kind: str) -> None:
    """The odd functions with slope 1 at 0, and log1p and expm1, give x itself where it is tiny or subnormal."""
    info = np.finfo(DTYPES[kind])
    x = np.array([info.smallest_subnormal, 3 * info.smallest_subnormal, info.tiny, info.tiny * 1e5], DTYPES[kind])
    for name in [*ODD[:-2], "log1p", "expm1"]:
        assert_same(run(name, kind, x), x)


# -- two arguments


@pytest.mark.parametrize("kind", KINDS)
def test_pow_special_values(kind: str) -> None:
    """The list of C, annex F."""
    cases = [
        (0.0, -3.0, INF), (-0.0, -3.0, -INF), (0.0, -2.0, INF), (-0.0, -2.0, INF), (0.0, -INF, INF),
        (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0), (-0.0, 2.5, 0.0),
        (-1.0, INF, 1.0), (-1.0, -INF, 1.0), (1.0, NAN, 1.0), (1.0, INF, 1.0), (NAN, 0.0, 1.0), (NAN, -0.0, 1.0),
        (-2.0, 0.5, NAN), (-2.0, 3.0, -8.0), (-2.0, 4.0, 16.0), (-2.0, -1.0, -0.5), (NAN, 1.0, NAN), (2.0, NAN, NAN),
        (0.5, -INF, INF), (2.0, -INF, 0.0), (0.5, INF, 0.0), (-0.5, INF, 0.0), (2.0, INF, INF), (-2.0, INF, INF),
        (-INF, -3.0, -0.0), (-INF, -2.0, 0.0), (-INF, 3.0, -INF), (-INF, 2.0, INF), (-INF, 0.5, INF),
        (INF, -1.0, 0.0), (INF, 1.0, INF), (-1.0, NAN, NAN), (10.0, 1000.0, INF), (10.0, -1000.0, 0.0),
    ]  # fmt: skip
    x, y, expected = np.array(cases, DTYPES[kind]).T
    assert_same(run("pow", kind, x, y), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_pow_of_small_integers_is_exact(kind: str) -> None:
    x, y = (grid.ravel().astype(DTYPES[kind]) for grid in np.meshgrid(np.arange(-9, 10), np.arange(0, 8)))
    np.testing.assert_array_equal(run("pow", kind, x, y), x**y)


@pytest.mark.parametrize("kind", KINDS)
def test_atan2_of_zeros_and_infinities(kind: str) -> None:
    edge = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF], DTYPES[kind])
    y, x = (grid.ravel() for grid in np.meshgrid(edge, edge))
    expected = np.array([math.atan2(b, a) for b, a in zip(y.tolist(), x.tolist(), strict=True)], DTYPES[kind])
    result = run("atan2", kind, y, x)
    np.testing.assert_array_max_ulp(result, expected, 1)
    assert_same(np.sign(result), np.sign(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_hypot_neither_overflows_nor_underflows(kind: str) -> None:
    info = np.finfo(DTYPES[kind])
    x = np.array([info.max, info.max / 2, info.smallest_subnormal, INF, NAN, 3.0], DTYPES[kind])
    y = np.array([0.0, info.max / 2, 0.0, NAN, 1.0, 4.0], DTYPES[kind])
    expected = np.array([info.max, math.sqrt(0.5) * float(info.max), info.smallest_subnormal, INF, NAN, 5.0], x.dtype)
    np.testing.assert_array_max_ulp(run("hypot", kind, x, y), expected, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_remainders_are_exact_for_quotients_of_any_size(kind: str) -> None:
    a, b = pairs("fmod", kind, 1500)
    a, b = a[b != 0], b[b != 0]
    expected = np.array([math.fmod(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)], DTYPES[kind])
    assert_same(run("fmod", kind, a, b), expected)
    assert_same(run("remainder", kind, a, b), np.remainder(a, b))


@pytest.mark.parametrize("kind", KINDS)
def test_division_follows_python(kind: str) -> None:
    edge = np.array([7.0, -7.0, 0.5, -0.5, 1.0, -1.0, 0.0, -0.0, INF, -INF, NAN, 6.0, 3.0, -3.0], DTYPES[kind])
    a, b = (grid.ravel() for grid in np.meshgrid(edge, edge))
    with np.errstate(all="ignore"):
        quotient, remainder, fmod = np.floor_divide(a, b), np.remainder(a, b), np.fmod(a, b)
        truncated = np.trunc(a / b)
    finite = np.isfinite(a) & ~np.isinf(b)  # with infinities the array API has a rule of its own
    assert_same(run("floor_divide", kind, a, b)[finite], quotient[finite])
    assert_same(run("remainder", kind, a, b), remainder)
    assert_same(run("fmod", kind, a, b), fmod)
    assert_same(run("trunc_divide", kind, a, b), truncated)


def test_integer_division_by_zero_gives_zero() -> None:
    for kind in ("i32", "i64"):
        DTYPES.setdefault(kind, {"i32": np.int32, "i64": np.int64}[kind])
        a, b = np.array([7, -7, 7, -7, 5]), np.array([2, 2, -2, -2, 0])
        assert run("floor_divide", kind, a, b).tolist() == [3, -4, -4, 3, 0]
        assert run("remainder", kind, a, b).tolist() == [1, 1, -1, -1, 0]
        assert run("trunc_divide", kind, a, b).tolist() == [3, -3, -3, 3, 0]
        assert run("fmod", kind, a, b).tolist() == [1, -1, 1, -1, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "base"), [("logaddexp", mp.e), ("logaddexp2", mpf(2))])
def test_logaddexp_error_relative_to_the_largest_operand(name: str, base: mpf, kind: str) -> None:
    rng = np.random.default_rng(5)
    a = (rng.standard_normal(3000) * 10.0 ** rng.integers(-4, 3, 3000)).astype(DTYPES[kind])
    b = (a + rng.standard_normal(3000) * 10.0 ** rng.integers(-4, 2, 3000)).astype(DTYPES[kind])
    results = run(name, kind, a, b)
    with mp.workprec(150):
        for x, y, value in zip(a.tolist(), b.tolist(), results.tolist(), strict=True):
            exact = mp.log(base ** mpf(x) + base ** mpf(y), base)
            unit = np.spacing(DTYPES[kind](max(abs(x), abs(y), abs(float(exact)))))
            assert abs(mpf(value) - exact) <= BOUND * float(unit), (x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_logaddexp_of_infinities(kind: str) -> None:
    a = np.array([INF, -INF, INF, -INF, NAN, 1.0], DTYPES[kind])
    b = np.array([INF, -INF, -INF, 1.0, 1.0, NAN], DTYPES[kind])
    assert_same(run("logaddexp", kind, a, b), np.array([INF, -INF, INF, 1.0, NAN, NAN], DTYPES[kind]))


def test_every_function_has_documentation() -> None:
    undocumented = [name for name in LIBRARY.names() if not any(item.doc for item in LIBRARY.definitions[name])]
    assert undocumented == []
