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
HARDEST: dict[tuple[str, str], tuple[str, ...]] = {
    ("exp", "f32"): (
        "-0x1.76b83ap+2",
        "-0x1.765026p+2",
        "-0x1.c169cp+5",
        "-0x1.5d7b62p+6",
    ),
    ("exp", "f64"): ("0x1.3c69bc94da32fp+8",),
    ("exp2", "f32"): (
        "-0x1.f9e22ap+6",
        "-0x1.6875p-5",
    ),
    ("exp2", "f64"): (
        "-0x1.ff2802ce42f5p+9",
        "0x1.50932594a338fp+3",
    ),
    ("expm1", "f32"): (
        "0x1.19ae8p+6",
        "0x1.f581e4p+3",
    ),
    ("expm1", "f64"): (
        "0x1.9d807f645a949p-2",
        "0x1.8572fb113aa07p-2",
    ),
    ("sigmoid", "f32"): (
        "-0x1.1c7094p+0",
        "-0x1.fa4bdcp-6",
        "-0x1.e7db46p-6",
    ),
    ("sigmoid", "f64"): ("-0x1.19fb4ca54a260p+0",),
    ("softplus", "f32"): (
        "-0x1.4cad06p+0",
        "-0x1.4d233cp+0",
    ),
    ("softplus", "f64"): ("0x1.81b4065ae4191p-2",),
    ("log_sigmoid", "f32"): (
        "0x1.48e86ep+0",
        "0x1.4d233cp+0",
    ),
    ("log_sigmoid", "f64"): ("0x1.bdf384a7a7126p-2",),
    ("log", "f32"): ("0x1.65aa6p-1",),
    ("log", "f64"): ("0x1.69b7d460f16fp-1",),
    ("log2", "f32"): ("0x1.6885fcp+0",),
    ("log2", "f64"): ("0x1.63af99a364f4ep-1",),
    ("log10", "f32"): (
        "0x1.4e78dep-1",
        "0x1.4afb7ap-1",
    ),
    ("log10", "f64"): (
        "0x1.4cf5a7676bf54p-1",
        "0x1.4e6b20fec1716p-1",
    ),
    ("log1p", "f32"): ("0x1.ae2e3ap-2",),
    ("log1p", "f64"): ("0x1.b5945cb964205p-2",),
    ("sin", "f32"): ("0x1.f4fd96p+11",),
    ("sin", "f64"): ("0x1.1fad7fe9aab9ap+714",),
    ("cos", "f32"): ("0x1.88f4b2p+60",),
    ("cos", "f64"): ("0x1.a5054ba545dp+59",),
    ("tan", "f32"): ("-0x1.84971cp+73",),
    ("tan", "f64"): ("-0x1.d9bd2p+500",),
    ("asin", "f32"): ("0x1.13a148p-1",),
    ("asin", "f64"): ("0x1.0daaddd0404d4p-1",),
    ("acos", "f32"): ("0x1.163674p-1",),
    ("acos", "f64"): ("0x1.373b19bfec003p-1",),
    ("atan", "f32"): ("-0x1.02402ep+0",),
    ("atan", "f64"): ("-0x1.1ff1b92b31466p+0",),
    ("sinh", "f32"): (
        "-0x1.fe292cp+2",
        "0x1.ffc606p+2",
    ),
    ("sinh", "f64"): (
        "-0x1.25fc910ce9b33p+4",
        "-0x1.25e768d528cbp+4",
    ),
    ("cosh", "f32"): ("0x1.4ec63cp+2",),
    ("cosh", "f64"): ("-0x1.b1f4ae5dd663dp+3",),
    ("tanh", "f32"): (
        "-0x1.1b18a2p-1",
        "0x1.fa1a38p-5",
        "0x1.f9a71ep-7",
    ),
    ("tanh", "f64"): ("-0x1.1ac6818915fb5p-1",),
    ("asinh", "f32"): ("0x1.098a9p-1",),
    ("asinh", "f64"): ("-0x1.2b5ed70333d03p+0",),
    ("acosh", "f32"): ("0x1.07f082p+0",),
    ("acosh", "f64"): ("0x1.207c3fcc89073p+0",),
    ("atanh", "f32"): ("0x1.fa5e58p-4",),
    ("atanh", "f64"): ("0x1.f62b788786a5ep-4",),
    ("erf", "f32"): (
        "-0x1.cfc11ap-1",
        "-0x1.cd498ap-1",
        "0x1.d15f7ep-1",
    ),
    ("erf", "f64"): ("-0x1.1044d36e4ebeap+0",),
    ("erfc", "f32"): ("0x1.873314p+0",),
    ("erfc", "f64"): ("0x1.8251678943b15p-42",),
    ("normal_cdf", "f32"): ("-0x1.14dcc6p+1",),
    ("normal_cdf", "f64"): ("-0x1.dde375f913991p+0",),
    ("gelu", "f32"): (
        "-0x1.4e1e2p+2",
        "-0x1.5f60d4p+2",
        "-0x1.4dd3fep+2",
    ),
    ("gelu", "f64"): ("-0x1.15f0cf0695a38p+5",),
    ("gelu_tanh", "f32"): (
        "-0x1.6172acp+1",
        "-0x1.fdccdp-12",
    ),
    ("gelu_tanh", "f64"): ("-0x1.73c3b22568b44p+2",),
    ("silu", "f32"): (
        "-0x1.6b5466p+5",
        "-0x1.00f8p-5",
        "-0x1.028e06p-5",
    ),
    ("silu", "f64"): ("-0x1.6b72d3124f844p+5",),
    ("mish", "f32"): ("-0x1.81ebe2p+5",),
    ("mish", "f64"): ("-0x1.6a0e7b98e0f47p+6",),
    ("cbrt", "f32"): ("0x1.6974d6p-124",),
    ("cbrt", "f64"): ("0x1.65a54a451e152p-25",),
}


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
