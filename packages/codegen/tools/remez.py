"""Weighted minimax polynomial fits whose coefficients are exact in float32 or float64.

A fit minimises the largest weighted error |P(t) - g(t)| * w(t) on an interval by the Remez exchange
algorithm in 200-bit arithmetic. Coefficients are then rounded to the working precision one at a time,
lowest order first, each time fitting the remaining ones again: they take up most of the rounding error.
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
    leading coefficients that are given (a leading 1, say), `free` is how many of the others are wanted in
    more than working precision (0: none); such coefficients are printed as a high and a low part.
    """

    name: str
    target: Function
    interval: tuple[float | mpf, float | mpf]
    degree: int
    bits: int
    weight: Function = lambda t: mpf(1)
    fixed: tuple[float | mpf, ...] = ()
    split: int = 0


@dataclass(frozen=True)
class Fitted:
    """Coefficients (lowest order first; split ones as extra low parts) and the weighted error in bits."""

    coefficients: tuple[float, ...]
    low_parts: tuple[float, ...]
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
        self.w = [fit.weight(t) for t in self.t]


def horner(coefficients: Sequence[mpf], t: mpf) -> mpf:
    """Polynomial value, lowest order first."""
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * t + c
    return total


def solve_reference(samples: Samples, residual: list[mpf], first: int, count: int, reference: list[int]) -> list[mpf]:
    """The polynomial of `count` terms from t**first that levels the weighted error on the reference."""
    size = count + 1
    matrix = mp.matrix(size, size)
    right = mp.matrix(size, 1)
    for row, k in enumerate(reference):
        t = samples.t[k]
        for column in range(count):
            matrix[row, column] = t ** (first + column)
        matrix[row, count] = (-1) ** row / samples.w[k]
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


def remez(samples: Samples, residual: list[mpf], first: int, count: int) -> tuple[list[mpf], mpf]:
    """The minimax coefficients of t**first .. t**(first + count - 1) and their largest weighted error."""
    last = len(samples.t) - 1
    reference = [round(last * (1 - float(mp.cos(mp.pi * k / count))) / 2) for k in range(count + 1)]
    reference = [min(max(k, 1 if samples.w[0] == 0 else 0), last) for k in reference]
    best: tuple[list[mpf], mpf] | None = None
    for _ in range(30):
        coefficients = solve_reference(samples, residual, first, count, reference)
        errors = [
            (horner(coefficients, t) * t**first - r) * w
            for t, r, w in zip(samples.t, residual, samples.w, strict=True)
        ]
        largest = max(abs(e) for e in errors)
        if best is None or largest < best[1]:
            best = (coefficients, largest)
        extrema = alternating_extrema(errors, count + 1)
        if len(extrema) < count + 1 or extrema == reference:
            break
        reference = extrema
    assert best is not None
    return best


def fit_polynomial(fit: Fit) -> Fitted:
    """Fit, rounding the coefficients to working precision one after the other."""
    samples = Samples(fit)
    done: list[mpf] = [mpf(c) for c in fit.fixed]
    low: list[float] = []
    while len(done) <= fit.degree:
        residual = [g - horner(done, t) for g, t in zip(samples.g, samples.t, strict=True)]
        coefficients, _ = remez(samples, residual, len(done), fit.degree + 1 - len(done))
        value = mpf(round_to(coefficients[0], fit.bits))
        if len(low) < fit.split:
            low.append(round_to(coefficients[0] - value, fit.bits))
            value += low[-1]
        done.append(value)
    error = max(abs((horner(done, t) - g) * w) for t, g, w in zip(samples.t, samples.g, samples.w, strict=True))
    return Fitted(tuple(round_to(c, fit.bits) for c in done), tuple(low), float(mp.log(error, 2)))
