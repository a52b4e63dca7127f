"""Tables of polynomials on neighbouring intervals: one table for each power, an entry of each for an interval.

A polynomial is in the distance from a centre of its own. The centre is a float at which the function and its slope are
close to floats themselves, so that rounding the first two coefficients costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from mpmath import mp, mpf
from reduction_tables import Table
from remez import Fit, Function, fit_polynomial

CANDIDATES = 200_000
BITS = 24

Derivative = Callable[[float], float]


def normal_tail(t: mpf) -> mpf:
    """t * normal_cdf(-t)."""
    return t * mp.erfc(t / mp.sqrt(2)) / 2


def normal_tail_slope(t: mpf) -> mpf:
    return mp.erfc(t / mp.sqrt(2)) / 2 - t * mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi)


def roughness(value: float) -> float:
    """How far the value is from a float32, in units of its last place."""
    scaled = math.ldexp(math.frexp(value)[0], BITS)
    return abs(scaled - round(scaled))


def centre_near(place: float, function: Function, slope: Function) -> float:
    """The float32 a little below `place` that suits best, or 0 where the function vanishes."""
    if place == 0:
        return 0.0
    below = np.unique(np.linspace(0.99 * place, place, CANDIDATES).astype(np.float32))
    with mp.workprec(70):
        chosen = (float(c) for c in below[:: max(1, len(below) // 2000)])
        return min(chosen, key=lambda c: max(roughness(float(function(mpf(c)))), roughness(float(slope(mpf(c))))))


def polynomial(function: Function, slope: Function, centre: float, low: float, high: float, degree: int) -> list[float]:
    """Coefficients around the centre, of least relative error from `low` to `high`."""
    start = (float(np.float32(float(f(mpf(centre))))) for f in (function, slope))

    def weight(u: mpf) -> mpf:
        value = function(mpf(centre) + u)
        return 1 / value if value else mpf(0)

    interval = (mpf(low) - mpf(centre), mpf(high) - mpf(centre))
    fit = Fit("", lambda u: function(mpf(centre) + u), interval, degree, BITS, weight, tuple(start))
    return list(fit_polynomial(fit).coefficients)


def piecewise(name: str, function: Function, slope: Function, width: float, count: int, degree: int) -> list[Table]:
    """Tables `name_CENTRES_F32` and `name_<power>_F32` on [0, count * width)."""
    places = [0.0, 1.5 * width, *(width * (k + 1) for k in range(2, count))]
    centres = [centre_near(place, function, slope) for place in places]
    rows = [polynomial(function, slope, centre, width * k, width * (k + 1), degree) for k, centre in enumerate(centres)]
    tables = [Table(f"{name}_{power}_F32", column, BITS) for power, column in enumerate(zip(*rows, strict=True))]
    return [Table(f"{name}_CENTRES_F32", tuple(centres), BITS), *tables]


def piecewise_tables() -> list[Table]:
    """The tail of gelu up to 5.5, beyond which x - tail is x."""
    return piecewise("NORMAL_TAIL", normal_tail, normal_tail_slope, 0.34375, 16, 7)
