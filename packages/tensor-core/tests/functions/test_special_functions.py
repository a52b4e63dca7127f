"""Accuracy and special values of the special functions, against mpmath, by the bit-exact evaluator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from mpmath import mp, mpf
from scalar_references import PRECISION, run, ulp_error

INF, NAN = math.inf, math.nan


def log_normal_cdf(x: mpf) -> mpf:
    return mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2) if x > 0 else mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def normal_quantile(p: mpf) -> mpf:
    if p > mpf("0.1"):
        return mp.sqrt(2) * mp.erfinv(2 * p - 1)
    return mp.findroot(lambda x: log_normal_cdf(x) - mp.log(p), -mp.sqrt(-2 * mp.log(p)))


def sinc(x: mpf) -> mpf:
    return mp.sinpi(x) / (mp.pi * x)


@dataclass(frozen=True)
class Claim:
    """On an interval the error is at most `ulp`; or `absolute`, times 1 / sqrt(|x|) for what oscillates."""

    reference: Callable[[mpf], mpf]
    interval: tuple[float, float]
    ulp: float = 4.0
    absolute: float = 0.0


def scaled(function: Callable[[int, mpf], mpf], order: int, sign: int) -> Callable[[mpf], mpf]:
    return lambda x: mp.exp(sign * abs(x)) * function(order, x)


def order(function: Callable[[int, mpf], mpf], n: int) -> Callable[[mpf], mpf]:
    return lambda x: function(n, x)


def log_gamma(x: mpf) -> mpf:
    return mp.log(abs(mp.gamma(x)))


def airy_slope(x: mpf) -> mpf:
    return mp.airyai(x, derivative=1)


CLAIMS: list[tuple[str, Claim]] = [
    ("sin_pi", Claim(mp.sinpi, (-50, 50), 2)),
    ("sinc", Claim(sinc, (-50, 50), 3)),
    ("lgamma", Claim(log_gamma, (0, 1), 3)),
    ("lgamma", Claim(log_gamma, (1, 3), 3)),
    ("lgamma", Claim(log_gamma, (1.99, 2.01), 3)),
    ("lgamma", Claim(log_gamma, (3, 30), 3)),
    ("lgamma", Claim(log_gamma, (30, 1e6), 3)),
    ("lgamma", Claim(log_gamma, (-20, 0), absolute=1e-13)),
    ("digamma", Claim(mp.digamma, (0, 3), 4)),
    ("digamma", Claim(mp.digamma, (1.4, 1.5), 4)),
    ("digamma", Claim(mp.digamma, (3, 1000), 4)),
    ("digamma", Claim(mp.digamma, (-5.4, -5.1), absolute=4e-14)),
    ("i0e", Claim(scaled(mp.besseli, 0, -1), (-8, 8), 3)),
    ("i0e", Claim(scaled(mp.besseli, 0, -1), (8, 1000), 3)),
    ("i1e", Claim(scaled(mp.besseli, 1, -1), (-8, 8), 5)),
    ("i1e", Claim(scaled(mp.besseli, 1, -1), (8, 1000), 3)),
    ("i0", Claim(order(mp.besseli, 0), (-20, 20), 4)),
    ("i0", Claim(order(mp.besseli, 0), (20, 713), 4)),
    ("i1", Claim(order(mp.besseli, 1), (-20, 20), 6)),
    ("i1", Claim(order(mp.besseli, 1), (20, 713), 4)),
    ("k0", Claim(order(mp.besselk, 0), (0, 3), 4)),
    ("k0", Claim(order(mp.besselk, 0), (3, 700), 4)),
    ("k1", Claim(order(mp.besselk, 1), (0, 3), 4)),
    ("k1", Claim(order(mp.besselk, 1), (3, 700), 4)),
    ("k0e", Claim(scaled(mp.besselk, 0, 1), (0, 700), 4)),
    ("k1e", Claim(scaled(mp.besselk, 1, 1), (0, 700), 4)),
    ("j0", Claim(order(mp.besselj, 0), (-8, 8), 12)),
    ("j0", Claim(order(mp.besselj, 0), (8, 1000), absolute=6e-16)),
    ("j1", Claim(order(mp.besselj, 1), (-8, 8), 12)),
    ("j1", Claim(order(mp.besselj, 1), (8, 1000), absolute=6e-16)),
    ("y0", Claim(order(mp.bessely, 0), (0, 8), 8)),
    ("y0", Claim(order(mp.bessely, 0), (8, 1000), absolute=6e-16)),
    ("y1", Claim(order(mp.bessely, 1), (0, 8), 8)),
    ("y1", Claim(order(mp.bessely, 1), (8, 1000), absolute=6e-16)),
    ("spherical_j0", Claim(lambda x: mp.sin(x) / x, (-30, 30), 3)),
    ("airy_ai", Claim(mp.airyai, (-5, 2), 5)),
    ("airy_ai", Claim(mp.airyai, (2, 100), 5)),
    ("airy_ai", Claim(mp.airyai, (-100, -5), absolute=2e-15)),
    ("airy_ai_slope", Claim(airy_slope, (-0.5, 100), 5)),
    ("airy_ai_slope", Claim(airy_slope, (-5, -0.5), 20)),
    ("airy_ai_slope", Claim(airy_slope, (-100, -5), absolute=4e-14)),
    ("erfcx", Claim(lambda x: mp.exp(x * x) * mp.erfc(x), (-26, 26), 3)),
    ("erfcx", Claim(lambda x: mp.exp(x * x) * mp.erfc(x), (26, 100), 3)),
    ("log_ndtr", Claim(log_normal_cdf, (-40, 3), 4)),
    ("log_ndtr", Claim(log_normal_cdf, (3, 30), 4)),
    ("ndtri", Claim(normal_quantile, (0, 1), 5)),
    ("ndtri", Claim(normal_quantile, (1e-300, 1e-100), 5)),
    ("entr", Claim(lambda x: -x * mp.log(x), (0, 5), 3)),
]


@pytest.mark.parametrize(("name", "claim"), CLAIMS, ids=lambda value: getattr(value, "interval", value))
def test_error(name: str, claim: Claim) -> None:
    x = np.random.default_rng(3).uniform(*claim.interval, 60)
    results = run(name, "f64", x).tolist()
    with mp.workprec(PRECISION):
        for argument, result in zip(x.tolist(), results, strict=True):
            exact = mp.mpf(mp.re(claim.reference(mpf(argument))))
            if claim.absolute:
                assert abs(result - exact) <= claim.absolute / math.sqrt(min(abs(argument), 1000)), argument
            else:
                assert ulp_error(result, exact, "f64") <= claim.ulp, argument


SINGLE = sorted({name for name, _ in CLAIMS} - {"sin_pi"})


@pytest.mark.parametrize("name", SINGLE)
def test_float32_is_float64_rounded(name: str) -> None:
    low, high = next(claim.interval for other, claim in CLAIMS if other == name)
    x = np.random.default_rng(5).uniform(low, high, 200).astype(np.float32)
    with np.errstate(over="ignore"):
        expected = run(name, "f64", x).astype(np.float32)
    np.testing.assert_array_max_ulp(run(name, "f32", x), expected, 2)


SPECIAL: dict[str, list[tuple[float, float]]] = {
    "sinc": [(0.0, 1.0), (-0.0, 1.0), (1.0, 0.0), (3.0, 0.0)],
    "lgamma": [(0.0, INF), (-0.0, INF), (1.0, 0.0), (2.0, 0.0), (-1.0, INF), (-7.0, INF), (INF, INF), (-INF, INF)],
    "digamma": [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (-3.0, NAN), (INF, INF), (-INF, NAN)],
    "i0": [(0.0, 1.0), (INF, INF), (-INF, INF), (1000.0, INF)],
    "i0e": [(0.0, 1.0), (INF, 0.0), (-INF, 0.0)],
    "i1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "i1e": [(0.0, 0.0), (-0.0, -0.0), (INF, 0.0), (-INF, -0.0)],
    "k0": [(0.0, INF), (-1.0, NAN), (INF, 0.0), (1000.0, 0.0)],
    "k1": [(0.0, INF), (-1.0, NAN), (INF, 0.0), (1000.0, 0.0)],
    "k0e": [(0.0, INF), (-1.0, NAN), (INF, 0.0)],
    "k1e": [(0.0, INF), (-1.0, NAN), (INF, 0.0)],
    "j0": [(0.0, 1.0), (INF, 0.0), (-INF, 0.0)],
    "j1": [(0.0, 0.0), (-0.0, -0.0), (INF, 0.0)],
    "y0": [(0.0, -INF), (-1.0, NAN), (INF, 0.0)],
    "y1": [(0.0, -INF), (-1.0, NAN), (INF, 0.0)],
    "spherical_j0": [(0.0, 1.0), (INF, 0.0), (-INF, 0.0)],
    "airy_ai": [(INF, 0.0), (-INF, 0.0), (300.0, 0.0)],
    "erfcx": [(0.0, 1.0), (INF, 0.0), (-INF, INF), (-30.0, INF)],
    "log_ndtr": [(INF, -0.0), (-INF, -INF)],
    "ndtri": [(0.0, -INF), (1.0, INF), (0.5, 0.0), (-0.1, NAN), (1.1, NAN), (INF, NAN)],
    "entr": [(0.0, 0.0), (-1.0, -INF), (INF, -INF), (-INF, -INF)],
}


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str, kind: str) -> None:
    x, y = np.array([*SPECIAL[name], (NAN, NAN)], {"f32": np.float32, "f64": np.float64}[kind]).T
    np.testing.assert_array_equal(run(name, kind, x), y)


def test_values_beyond_where_the_exponential_overflows() -> None:
    """I0 overflows at 713.98, the exponential already at 709.78."""
    assert np.isfinite(run("i0", "f64", np.array([713.0]))[0])
    assert np.isinf(run("i0", "f64", np.array([715.0]))[0])
