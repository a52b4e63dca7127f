"""e**r on |r| <= ln 2 / 16, and the eight powers of two that it is multiplied by, for float32.

The powers 2**(k/8) are all taken times one factor, at which the eight are floats but for a twentieth of half a unit in
the last place; the polynomials are divided by it. They are of e**r less 1, so that one multiply-add makes the product.
The factor is above the largest e**r: then the polynomials are negative, and what they are added to does not grow.
"""

from __future__ import annotations

import numpy as np
from mpmath import mp, mpf
from reduction_tables import Table
from remez import Fit

COUNT = 8
BITS = 24
LOWEST, HIGHEST = 1.05, 1.1
EXPONENT_BITS = 23


def rest_at_zero() -> float:
    """The float that is 1 / factor - 1 for the factor at which the powers are closest to floats."""
    ends = np.array([1 / LOWEST - 1, 1 / HIGHEST - 1], np.float32).view(np.int32)
    rests = np.arange(ends[0], ends[1], dtype=np.int32).view(np.float32)
    factors = 1 / (1 + rests.astype(np.float64))
    errors = np.zeros(factors.shape)
    for k in range(COUNT):
        exact = factors * 2.0 ** (k / COUNT)
        errors = np.maximum(errors, abs(exact.astype(np.float32) / exact - 1))
    return float(rests[np.argmin(errors)])


FACTOR = 1 / (1 + rest_at_zero())
POWERS = tuple(float(np.float32(FACTOR * 2.0 ** (k / COUNT))) for k in range(COUNT))


def shifted_bits(k: int) -> int:
    """What gives the bits of 2**n times power k, if (8 n + k) << 20 is added."""
    bits = int(np.array(POWERS[k], np.float32).view(np.int32))
    return bits - (k << EXPONENT_BITS) // COUNT


def exponential_tables() -> list[Table]:
    return [
        Table("EIGHTHS_F32", POWERS, BITS),
        Table("EIGHTHS_BITS_F32", tuple(shifted_bits(k) for k in range(COUNT)), 0),
    ]


def exponential_rests() -> list[Fit]:
    """Of degree 3, and for sums whose rounding leaves less room, 4."""
    factor, limit = mpf(FACTOR), mp.log(2) / (2 * COUNT) * mpf("1.001")
    half = mpf(1) / (2 * COUNT)

    def natural(name: str, degree: int) -> Fit:
        return Fit(name, lambda r: mp.exp(r) / factor - 1, (-limit, limit), degree, BITS, lambda r: factor * mp.exp(-r))

    return [
        natural("EXP_EIGHTH_F32", 3),
        natural("EXP_EIGHTH_LONG_F32", 4),
        Fit(
            "EXP2_EIGHTH_F32",
            lambda r: mpf(2) ** r / factor - 1,
            (-half, half),
            3,
            BITS,
            lambda r: factor * mpf(2) ** -r,
        ),
    ]
