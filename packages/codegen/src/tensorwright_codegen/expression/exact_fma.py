"""Correctly rounded fused multiply-add on NumPy arrays, without relying on the machine having one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def fma_f32(a: Array, b: Array, c: Array) -> Array:
    """The product is exact in f64; the sum is rounded to odd there, so that rounding to f32 rounds once."""
    product = a.astype(np.float64) * b.astype(np.float64)
    return _add_to_odd(product, c.astype(np.float64)).astype(np.float32)


def fma_f64(a: Array, b: Array, c: Array) -> Array:
    """Error-free transforms (Boldo and Melquiond, 2008) where they are exact, rational arithmetic elsewhere."""
    a, b, c = np.broadcast_arrays(a, b, c)
    result = np.asarray(_fma_by_transforms(a, b, c))
    for index in zip(*np.nonzero(_outside_safe_range(a, b, c)), strict=True):
        result[index] = _fma_by_fractions(float(a[index]), float(b[index]), float(c[index]))
    return result


def _add_to_odd(x: Array, y: Array) -> Array:
    """x + y, rounded to the neighbour with an odd last bit where it is not exact."""
    total, error = _two_sum(x, y)
    bits = total.view(np.int64)
    inexact = (error > 0) | (error < 0)  # false where the error is NaN: the sum is inf or NaN
    outward = (error > 0) == (total > 0)
    step = np.where(outward, np.int64(1), np.int64(-1))
    return np.where(inexact & (bits & 1 == 0), bits + step, bits).view(np.float64)


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    total = np.asarray(x + y)
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _two_product(x: Array, y: Array) -> tuple[Array, Array]:
    product = x * y
    x_high, x_low = _split(x)
    y_high, y_low = _split(y)
    error = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return product, error


def _split(x: Array) -> tuple[Array, Array]:
    """Two halves of 26 bits."""
    scaled = x * 134217729.0
    high = scaled - (scaled - x)
    return high, x - high


def _fma_by_transforms(a: Array, b: Array, c: Array) -> Array:
    product, product_error = _two_product(a, b)
    low, low_error = _two_sum(c, product_error)
    high, high_error = _two_sum(product, low)
    return np.asarray(high + _add_to_odd(high_error, low_error))


def _outside_safe_range(a: Array, b: Array, c: Array) -> Array:
    """Where a transform might overflow, underflow or meet a zero whose sign counts."""
    exponents = [np.frexp(x)[1] for x in (a, b, c)]
    finite = np.isfinite(a) & np.isfinite(b) & np.isfinite(c)
    product = exponents[0] + exponents[1]
    small_enough = (exponents[0] < 900) & (exponents[1] < 900) & (product < 1000) & (exponents[2] < 1000)
    large_enough = (product > -800) & ((exponents[2] > -900) | (c == 0))
    nonzero = (a != 0) & (b != 0) & (a * b != -c)
    return np.asarray(~(finite & small_enough & large_enough & nonzero))


def _fma_by_fractions(a: float, b: float, c: float) -> float:
    if not (np.isfinite(a) and np.isfinite(b)):
        return a * b + c
    if not np.isfinite(c):
        return c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        # The product's zero is signed, and an exact cancellation is +0 in round-to-nearest.
        sign = np.copysign(1.0, a) * np.copysign(1.0, b)
        product_is_zero = a == 0 or b == 0
        return float(np.copysign(0.0, sign) + c) if product_is_zero else 0.0
    try:
        rounded = float(exact)
    except OverflowError:
        rounded = float("inf")
    return float(np.copysign(rounded, 1.0 if exact > 0 else -1.0))
