"""Weighted minimax polynomial fits whose coefficients are exact in float32 or float64.

A fit minimises the largest weighted error |P(t) - g(t)| * w(t) on an interval by the Remez exchange
algorithm in 200-bit arithmetic. Coefficients are then rounded to the working precision one at a time,
each time fitting the remaining ones again: they take up most of the rounding error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

mp.prec = 200

Function = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Fit:
    """One polynomial: P(t) = sum of c[k] * t**k for k = 0..degree, close to `target` on [lo, hi].

    `weight` turns an error of P into a relative error of the function that P is part of. `fixed` holds
    leading coefficients that are given (a leading 1, say).
    """

    name: str
    target: Function
    interval: tuple[float | mpf, float | mpf]
    degree: int
    bits: int
    weight: Function = lambda t: mpf(1)
    fixed: tuple[float, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """Coefficients, lowest order first, and the weighted error in bits."""

    coefficients: tuple[float, ...]
    error_bits: float


def round_to(value: mpf, bits: int) -> float:
    """The float32 (bits=24) or float64 (bits=53) nearest to `value`."""
    return float(np.float32(float(value))) if bits == 24 else float(value)


class Samples:
    """The target and the weight on a Chebyshev grid, computed once per fit."""

    def __init__(self, fit: Fit) -> None:
        lo, hi = mpf(fit.interval[0]), mpf(fit.interval[1])
        count = 48 * (fit.degree + 2)
        self.t = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * k / (count - 1)) for k in range(count)]
        self.g = [fit.target(t) for t in self.t]
        self.w = [abs(fit.weight(t)) for t in self.t]


def horner(coefficients: Sequence[mpf], t: mpf) -> mpf:
    """Polynomial value, lowest order first."""
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * t + c
    return total


def alternation_sign(t: mpf, first: int) -> int:
    """The sign that t**first has: a fit that starts at an odd power alternates after division by it."""
    return -1 if t < 0 and first % 2 else 1


def solve_reference(samples: Samples, residual: list[mpf], first: int, count: int, reference: list[int]) -> list[mpf]:
    """The polynomial of `count` terms from t**first that levels the weighted error on the reference."""
    size = count + 1
    matrix = mp.matrix(size, size)
    right = mp.matrix(size, 1)
    for row, k in enumerate(reference):
        t = samples.t[k]
        for column in range(count):
            matrix[row, column] = t ** (first + column)
        matrix[row, count] = (-1) ** row * alternation_sign(t, first) / samples.w[k]
        right[row] = residual[k]
    solution = mp.lu_solve(matrix, right)
    return [solution[i] for i in range(count)]


def alternating_extrema(errors: list[mpf], size: int) -> list[int]:
    """Grid indices of `size` consecutive extrema of alternating sign, keeping the largest."""
    extrema: list[int] = []
    for k, e in enumerate(errors):
        if extrema and (errors[extrema[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[extrema[-1]]):
                extrema[-1] = k
        else:
            extrema.append(k)
    while len(extrema) > size:
        extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
    return extrema


def signed_errors(samples: Samples, residual: list[mpf], first: int, coefficients: list[mpf]) -> list[mpf]:
    """Weighted errors, with the signs by which they alternate."""
    return [
        (horner(coefficients, t) * t**first - r) * w * alternation_sign(t, first)
        for t, r, w in zip(samples.t, residual, samples.w, strict=True)
    ]


def remez(samples: Samples, residual: list[mpf], first: int, count: int, start: list[mpf]) -> list[mpf]:
    """The minimax coefficients of t**first .. t**(first + count - 1); `start` if the exchange finds none better."""
    last = len(samples.t) - 1
    reference = [round(last * (1 - float(mp.cos(mp.pi * k / count))) / 2) for k in range(count + 1)]
    reference = [min(max(k, 1 if samples.w[0] == 0 else 0), last) for k in reference]
    best, smallest = start, max(abs(e) for e in signed_errors(samples, residual, first, start))
    for _ in range(30):
        coefficients = solve_reference(samples, residual, first, count, reference)
        errors = signed_errors(samples, residual, first, coefficients)
        largest = max(abs(e) for e in errors)
        if largest < smallest:
            best, smallest = coefficients, largest
        extrema = alternating_extrema(errors, count + 1)
        if len(extrema) < count + 1 or extrema == reference:
            break
        reference = extrema
    return best


def error_bits(samples: Samples, coefficients: list[mpf]) -> float:
    """Largest weighted error, as log2."""
    error = max(abs((horner(coefficients, t) - g) * w) for t, g, w in zip(samples.t, samples.g, samples.w, strict=True))
    return float(mp.log(error, 2))


def fit_polynomial(fit: Fit) -> Fitted:
    """Fit; round the lowest free coefficient to working precision, fit the higher ones again, and so on."""
    samples = Samples(fit)
    exact_weights = samples.w
    late_weights = damped(fit, samples)
    done: list[mpf] = [mpf(c) for c in fit.fixed]
    rest = [mpf(0)] * (fit.degree + 1 - len(done))
    while rest:
        residual = [g - horner(done, t) for g, t in zip(samples.g, samples.t, strict=True)]
        coefficient, *rest = remez(samples, residual, len(done), len(rest), rest)
        done.append(mpf(round_to(coefficient, fit.bits)))
        samples.w = late_weights
    samples.w = exact_weights
    return Fitted(tuple(float(c) for c in done), error_bits(samples, done))


def damped(fit: Fit, samples: Samples) -> list[mpf]:
    """Weights that vanish at 0 if 0 is inside the interval: there a rounded constant term cannot be made up for."""
    if fit.fixed or not samples.t[0] < 0 < samples.t[-1] or not fit.weight(mpf(0)):
        return samples.w
    width = (samples.t[-1] - samples.t[0]) / 20
    return [w * abs(t) / (abs(t) + width) for w, t in zip(samples.w, samples.t, strict=True)]
