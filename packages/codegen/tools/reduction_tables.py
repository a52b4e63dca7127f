"""Tables of 2/pi for the argument reduction of sin, cos and tan where x is too large for x - n * pi/2.

Row i of a table holds (2**exponent * 2/pi) mod 4 for one exponent, as a sum of floats.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpmath import mp, mpf

PRECISION = 1400


@dataclass(frozen=True)
class Table:
    """A table of constants in an .expr file: float64, of fewer bits, or of 0 bits: integers."""

    name: str
    values: tuple[float, ...]
    bits: int = 53


def residue(exponent: int) -> mpf:
    """(2**exponent * 2/pi) mod 4."""
    with mp.workprec(PRECISION):
        return mp.fmod(mpf(2) ** exponent * 2 / mp.pi, 4)


def leading(value: mpf, bits: int) -> float:
    """`value` rounded to so many bits."""
    with mp.workprec(bits):
        return float(+value)


def expansion(value: mpf, sizes: tuple[int, ...]) -> list[float]:
    """Floats of so many bits whose sum is close to `value`."""
    parts = []
    with mp.workprec(PRECISION):
        for bits in sizes:
            parts.append(leading(value, bits))
            value -= parts[-1]
    return parts


def tables(names: tuple[str, ...], exponents: range, sizes: tuple[int, ...]) -> list[Table]:
    rows = [expansion(residue(exponent), sizes) for exponent in exponents]
    return [Table(name, column) for name, column in zip(names, zip(*rows, strict=True), strict=True)]


# float32: x = m * 2**e with an integer m of 24 bits; m times 29 bits is exact in float64. One row for each e from -6.
# float64: x = y * 2**(32 i - 32) with an integer y below 2**84, one row for each i from 0.
TABLES = [
    *tables(("TWO_OVER_PI_HIGH_F32", "TWO_OVER_PI_LOW_F32"), range(-6, 105), (29, 53)),
    *tables(tuple(f"TWO_OVER_PI_{k}_F64" for k in range(4)), range(-32, 992, 32), (53, 53, 53, 53)),
]
