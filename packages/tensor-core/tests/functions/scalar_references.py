"""What the scalar functions should give, by mpmath, and how far off the evaluator's results are, in ulp.

An error of 1 ulp is one unit in the last place of the exact result's binade (of the smallest normal one below that).
Overflow counts as the power of two after the largest finite number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mpmath import mp, mpf
from tensorwright_codegen.expression import ScalarType, evaluate, parse_function_library

Array = npt.NDArray[Any]
Reference = Callable[..., mpf]

FOLDER = Path(__file__).parents[2] / "ops" / "functions"
LIBRARY = parse_function_library(sorted(FOLDER.glob("*.expr")))
PRECISION = 150  # bits of mpmath

DTYPES: dict[str, Any] = {"f32": np.float32, "f64": np.float64}
WORDS: dict[str, Any] = {"f32": np.uint32, "f64": np.uint64}


def log1p_exp(x: mpf) -> mpf:
    return max(x, mpf(0)) + mp.log1p(mp.exp(-abs(x)))


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x)) if x > 0 else mp.exp(x) / (1 + mp.exp(x))


def normal_cdf(x: mpf) -> mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def mish(x: mpf) -> mpf:
    e = mp.exp(-abs(x))
    return x * (1 + 2 * e) / (1 + 2 * e + 2 * e * e) if x > 0 else x * e * (2 + e) / (2 + 2 * e + e * e)


def moderate(function: Reference) -> Reference:
    """The same function, not asked for what has long overflowed or underflowed."""
    return lambda x: function(max(mpf(-4000), min(mpf(4000), x)))


def vanishing(function: Reference) -> Reference:
    """The same function, 0 where it has long underflowed and x where it has long become x."""
    return lambda x: mpf(0) if x < -4000 else x if x > 4000 else function(x)


UNARY: dict[str, Reference] = {
    "exp": moderate(mp.exp),
    "exp2": moderate(lambda x: mpf(2) ** x),
    "expm1": moderate(mp.expm1),
    "sigmoid": moderate(sigmoid),
    "softplus": vanishing(log1p_exp),
    "log_sigmoid": lambda x: -vanishing(log1p_exp)(-x),
    "log": mp.log,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "sinh": moderate(mp.sinh),
    "cosh": moderate(mp.cosh),
    "tanh": moderate(mp.tanh),
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "erf": moderate(mp.erf),
    "erfc": moderate(mp.erfc),
    "normal_cdf": moderate(normal_cdf),
    "gelu": vanishing(lambda x: x * normal_cdf(x)),
    "gelu_tanh": vanishing(lambda x: x * sigmoid(mp.sqrt(8 / mp.pi) * (x + mpf("0.044715") * x**3))),
    "silu": vanishing(lambda x: x * sigmoid(x)),
    "mish": vanishing(mish),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "rsqrt": lambda x: 1 / mp.sqrt(x),
}
BINARY: dict[str, Reference] = {
    "pow": lambda x, y: mp.exp(max(mpf(-4000), min(mpf(4000), y * mp.log(x)))),
    "hypot": lambda x, y: mp.sqrt(x * x + y * y),
    "atan2": mp.atan2,
}
DOMAINS: dict[str, tuple[float, float]] = {
    "log": (0, np.inf),
    "log2": (0, np.inf),
    "log10": (0, np.inf),
    "rsqrt": (0, np.inf),
    "log1p": (-1, np.inf),
    "acosh": (1, np.inf),
    "asin": (-1, 1),
    "acos": (-1, 1),
    "atanh": (-1, 1),
}


# Where scans of the whole domain with compiled kernels found the largest errors: random samples would miss them.
HARDEST: dict[tuple[str, str], tuple[str, ...]] = {}


@dataclass(frozen=True)
class Worst:
    """The largest error found, and where."""

    ulp: float
    arguments: tuple[float, ...]


def run(name: str, kind: str, *arguments: Array) -> Array:
    """A library function on arrays of its type."""
    types = [ScalarType(kind)] * len(arguments)
    (result,) = evaluate(LIBRARY.function(name, *types).program, [np.asarray(a, DTYPES[kind]) for a in arguments])
    return np.asarray(result)


def floats_of_every_exponent(kind: str, count: int, seed: int) -> Array:
    """Floats of both signs: of every exponent, subnormals included, the ends and `count` between.

    Exponents from -40 to 12, where functions bend, have twelve times as many.
    """
    info, word = np.finfo(DTYPES[kind]), WORDS[kind]
    mantissa_bits = info.nmant
    largest = 2 * info.maxexp - 2
    exponents = np.arange(largest + 1)
    bent = exponents[(exponents > info.maxexp - 41) & (exponents < info.maxexp + 12)]
    drawn = np.concatenate([np.repeat(exponents, count), np.repeat(bent, 11 * count)])
    random = np.random.default_rng(seed).integers(0, 1 << mantissa_bits, drawn.size)
    ends = np.concatenate([exponents << mantissa_bits, (exponents << mantissa_bits) | ((1 << mantissa_bits) - 1)])
    positive = np.concatenate([(drawn << mantissa_bits) | random, ends]).astype(word).view(DTYPES[kind])
    return np.concatenate([positive, -positive])


def samples(name: str, kind: str, count: int, seed: int = 1) -> Array:
    """Arguments of a unary function from its whole domain."""
    low, high = DOMAINS.get(name, (-np.inf, np.inf))
    x = floats_of_every_exponent(kind, count, seed)
    return x[(x > low) & (x < high) & (x != 0)]


def ulp_error(value: float, exact: mpf, kind: str) -> float:
    """Distance of a finite or infinite `value` from the exact result, in ulp."""
    info = np.finfo(DTYPES[kind])
    limit = mpf(2) ** info.maxexp
    if np.isinf(value):
        value = np.copysign(1, value) * limit
        exact = max(-limit, min(limit, exact))
    if abs(exact) >= 4 * limit:
        return 0.0 if abs(value) == limit and (value > 0) == (exact > 0) else float("inf")
    exponent = mp.frexp(exact)[1] if exact else info.minexp
    return float(abs(mpf(value) - exact) / mpf(2) ** (max(exponent - 1, info.minexp) - info.nmant))


def measure(name: str, kind: str, *arguments: Array) -> Worst:
    """The largest error over the arguments; an unexpected NaN is an infinite error."""
    reference = UNARY.get(name) or BINARY[name]
    results = run(name, kind, *arguments)
    worst = Worst(0.0, tuple(float(a[0]) for a in arguments))
    with mp.workprec(PRECISION):
        for value, *point in zip(results.tolist(), *(a.tolist() for a in arguments), strict=True):
            error = float("inf") if value != value else ulp_error(value, reference(*map(mpf, point)), kind)
            if error > worst.ulp:
                worst = Worst(error, tuple(point))
    return worst


def nonzero(x: Array) -> Array:
    return x[x != 0]


def pairs(name: str, kind: str, count: int, seed: int = 1) -> tuple[Array, Array]:
    """Arguments of a binary function: any two floats, and pairs whose result is neither trivial nor out of range."""
    rng = np.random.default_rng(seed)
    dtype = DTYPES[kind]
    x, y = (nonzero(rng.permutation(floats_of_every_exponent(kind, 2, seed + k)))[:count] for k in (1, 2))
    if name == "pow":
        limit = 150 if kind == "f32" else 1080
        spread = np.ldexp(rng.uniform(-1, 1, count), -rng.integers(0, np.finfo(dtype).nmant - 1, count))
        near_one = (1 + 0.5 * spread).astype(dtype)
        base = np.concatenate([abs(x), near_one])
        base = base[(base > 0) & (base != 1)]
        # log of a base near 1 loses digits in f64 too; the exponent only has to be roughly right
        return base, (rng.uniform(-limit, limit, base.size) / np.log2(base.astype(np.float64))).astype(dtype)
    factor = np.ldexp(rng.uniform(-2, 2, count), rng.integers(-30, 30, count)).astype(dtype)
    with np.errstate(over="ignore"):
        near = np.where(np.isfinite(x * factor), x * factor, x)
    return np.concatenate([x, x]), np.concatenate([y, near])
