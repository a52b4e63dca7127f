"""Tables of polynomials on neighbouring intervals: one table for each power, an entry of each for an interval.

A polynomial is in the distance from a centre of its own. The centre is a float at which the function and its slope are
close to floats themselves, so that rounding the first two coefficients costs nothing.
"""

from __future__ import annotations

import itertools
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


def piecewise(
    name: str, function: Function, slope: Function, edges: list[float], places: list[float], degree: int
) -> list[Table]:
    """Tables `name_CENTRES_F32` and `name_<power>_F32`, whose entries are for the intervals between the edges.

    The first edge and the first place are 0; the other centres lie a little below their places.
    """
    centres = [centre_near(place, function, slope) for place in places]
    intervals = zip(centres, edges, edges[1:], strict=False)
    rows = [polynomial(function, slope, centre, low, high, degree) for centre, low, high in intervals]
    tables = [Table(f"{name}_{power}_F32", column, BITS) for power, column in enumerate(zip(*rows, strict=True))]
    return [Table(f"{name}_CENTRES_F32", tuple(centres), BITS), *tables]


def rotated(tables: list[Table], first: int) -> list[Table]:
    """The tables with what was their entry 0 as entry `first`."""
    return [Table(table.name, table.values[-first:] + table.values[:-first], table.bits) for table in tables]


COUNT = 16
LIMIT_OF_TAIL = 5.5


def normal_tails() -> list[Table]:
    """The tail of gelu up to 5.5, beyond which x - tail is x: what is nearest to each multiple of a width."""
    width = LIMIT_OF_TAIL / (COUNT - 0.5)
    edges = [0.0, *(width * (k + 0.5) for k in range(COUNT))]
    places = [0.0, width, *(edge - 0.2 * width for edge in edges[3:])]  # most terms of a sum then have one sign
    return piecewise("NORMAL_TAIL", normal_tail, normal_tail_slope, edges, places, 7)


def hyperbolic_tangents() -> list[Table]:
    """tanh up to where it rounds to 1: four intervals for each power of two of s = 0.8125 x + 0.5, from 0.5 to 8.

    Of a float, the lowest two bits of the exponent and the highest two of the mantissa number them, from 8 on.
    """
    edges = [(2.0**power * (1 + k / 4) - 0.5) / 0.8125 for power in range(-1, 3) for k in range(4)]
    edges.append((8.0 - 0.5) / 0.8125)
    middles = [1.005 * (low + high) / 2 for low, high in itertools.pairwise(edges[1:])]
    return rotated(piecewise("TANH_PIECE", mp.tanh, lambda x: mp.sech(x) ** 2, edges, [0.0, *middles], 5), 8)


def piecewise_tables() -> list[Table]:
    return [*normal_tails(), *hyperbolic_tangents()]
