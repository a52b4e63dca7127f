"""Rows of elementary pointwise functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.special

from .table import BOOL, COMPLEX, FLOAT, LOW, REAL, Array, Case, Make, case, pointwise, refused, row

ANY_FLOAT = FLOAT + LOW

pointwise("abs", "square", dtypes=REAL + COMPLEX)
pointwise("neg", dtypes=FLOAT + LOW + ("int32", "int64") + COMPLEX, reference=np.negative)
pointwise("sign", dtypes=REAL)
pointwise("sin", "cos", "sinh", "cosh", "tanh", "exp", dtypes=ANY_FLOAT + COMPLEX)
pointwise("tan", "exp2", "expm1", dtypes=ANY_FLOAT + COMPLEX)
pointwise("log", "log2", "log10", "log1p", "sqrt", dtypes=ANY_FLOAT + COMPLEX, low=0.1, high=3.0)
pointwise("asin", "acos", "atanh", dtypes=ANY_FLOAT + COMPLEX, low=-0.9, high=0.9, reference=None)
pointwise("atan", dtypes=FLOAT + COMPLEX, reference=np.arctan)
pointwise("asinh", dtypes=FLOAT + COMPLEX, reference=np.arcsinh)
pointwise("acosh", dtypes=FLOAT + COMPLEX, reference=np.arccosh, low=1.1, high=4.0)
pointwise("floor", "ceil", "trunc", dtypes=ANY_FLOAT)
pointwise("erf", reference=scipy.special.erf)
pointwise("erfc", reference=scipy.special.erfc)
pointwise("erfinv", reference=scipy.special.erfinv, low=-0.9, high=0.9)
pointwise("sigmoid", dtypes=ANY_FLOAT + COMPLEX, reference=lambda x: 1 / (1 + np.exp(-x)))
pointwise("reciprocal", dtypes=ANY_FLOAT + COMPLEX, low=0.5, high=3.0)
pointwise("rsqrt", dtypes=ANY_FLOAT + COMPLEX, low=0.5, high=3.0, reference=lambda x: 1 / np.sqrt(x))
pointwise("deg2rad", "rad2deg", low=-200, high=200)
pointwise("frac", dtypes=ANY_FLOAT, reference=lambda x: x - np.trunc(x))


def broadcasts(make: Make, **ranges: float) -> Iterator[Case]:
    """Two operands in the shapes that matter, and numbers."""
    for left, right in (((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2,)), ((0, 3), (1, 3)), ((2, 1, 3), (4, 1))):
        yield case(make(*left, **ranges), make(*right, **ranges))
    yield refused(make(3, **ranges), make(4, **ranges), error=ValueError, match="broadcast")


def binary(
    name: str, reference: Callable[..., Any], dtypes: tuple[str, ...], number: float | None = 2, **options: Any
) -> None:
    """A row of a function of two tensors, of which the second may be a number."""
    ranges = {key: options.pop(key) for key in ("low", "high") if key in options}

    def samples(make: Make) -> Iterator[Case]:
        yield from broadcasts(make, **ranges)
        if number is not None:
            yield case(make(3, **ranges), number)

    row(name, dtypes=dtypes, reference=reference, **options)(samples)


binary("mul", np.multiply, REAL + COMPLEX)
binary("maximum", np.maximum, REAL, None)
binary("minimum", np.minimum, REAL, None)
binary("fmax", np.fmax, ANY_FLOAT, None)
binary("fmin", np.fmin, ANY_FLOAT, None)
binary("div", np.true_divide, ANY_FLOAT + COMPLEX, low=0.5, high=3.0)
binary("true_divide", np.true_divide, ANY_FLOAT + COMPLEX, low=0.5, high=3.0)
binary("floor_divide", np.floor_divide, FLOAT + ("int32", "int64"), low=0.3, high=3.0, grad=False)
binary("remainder", np.remainder, FLOAT + ("int32", "int64"), low=0.3, high=3.0, grad=(0,))
binary("fmod", np.fmod, FLOAT + ("int32", "int64"), low=0.3, high=3.0, grad=(0,))
binary("atan2", np.arctan2, ANY_FLOAT, None)
binary("hypot", np.hypot, ANY_FLOAT, None)
binary("copysign", np.copysign, ANY_FLOAT, None)
binary("heaviside", np.heaviside, FLOAT, None, grad=False)
binary("logaddexp", np.logaddexp, FLOAT, None)
binary("logaddexp2", np.logaddexp2, FLOAT, None)
binary("xlogy", scipy.special.xlogy, FLOAT, 2.0, low=0.3, high=3.0)


@row("pow", dtypes=FLOAT + ("int32", "int64") + COMPLEX, reference=np.power)
def power(make: Make) -> Iterator[Case]:
    yield from broadcasts(make, low=0.3, high=1.2)
    yield case(make(3, low=0.3), 2)
    yield case(make(3, low=0.3), 3)
    if make.is_float:
        yield case(make(2, 2, low=0.3), 0.5)
        yield case(2.0, make(3))


def scaled(combine: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A sum or difference with `alpha`; without it, what NumPy gives for the dtypes."""
    return lambda x, y, alpha=1: combine(x, y if alpha == 1 else alpha * y)


def sums(make: Make) -> Iterator[Case]:
    yield from broadcasts(make)
    yield case(make(3), 2)
    yield case(make(3), make(2, 3), alpha=2)


NUMBERS = FLOAT + LOW + ("int8", "int16", "int32", "int64", "uint8")
row("add", dtypes=NUMBERS + COMPLEX, reference=scaled(np.add))(sums)
row("sub", dtypes=NUMBERS + COMPLEX, reference=scaled(np.subtract))(sums)
row("rsub", dtypes=FLOAT + COMPLEX, reference=lambda x, y, alpha=1: y - alpha * x)(sums)


@row("where", dtypes=REAL + BOOL + COMPLEX, reference=np.where)
def where(make: Make) -> Iterator[Case]:
    yield case(make.bools(2, 3), make(2, 3), make(2, 3))
    yield case(make.bools(2, 1), make(3), make(2, 3))
    yield case(make.bools(0), make(0), make(0))


@row("clamp", dtypes=NUMBERS, reference=np.clip)
def clamp(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), 0 if make.dtype == "uint8" else -1, 1)
    yield case(make(3, 4), min=0)
    yield case(make(3, 4), max=1)
    yield case(make(3, 4), make(4), make(3, 1) + 3)
    yield refused(make(3), error=ValueError, match="min")


def bound(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), 1)
    yield case(make(3, 4), make(4))


row("clamp_min", dtypes=NUMBERS, reference=np.maximum)(bound)
row("clamp_max", dtypes=NUMBERS, reference=np.minimum)(bound)


@row("round", dtypes=FLOAT + ("int32", "int64"), reference=lambda x, decimals=0: np.round(x, decimals))
def rounded(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=-5, high=5))
    if make.is_float:
        yield case(make(3, 4, low=-5, high=5), decimals=1)
        yield case(make(5, low=-500, high=500), decimals=-1)


@row(
    "nan_to_num",
    dtypes=FLOAT,
    reference=lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, True, nan, posinf, neginf),
)
def nan_to_num(make: Make) -> Iterator[Case]:
    yield case(make(3))
    strange = make(4)
    strange[:3] = np.nan, np.inf, -np.inf
    yield case(strange, nan=1.0, posinf=2.0, neginf=-2.0)


@row("logit", reference=lambda x, eps=None: scipy.special.logit(x if eps is None else np.clip(x, eps, 1 - eps)))
def logit(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.1, high=0.9))
    yield case(make(3, 4, low=0.2, high=0.8), eps=0.05)


def with_value(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda x, a, b, value=1: x + value * operation(a, b)


def fused(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4), make(3, 4, low=0.5, high=2))
    yield case(make(4), make(3, 1), make(4, low=0.5, high=2), value=2)
    yield refused(make(3), make(2), make(3), error=ValueError, match="broadcast")


row("addcmul", dtypes=FLOAT + COMPLEX, reference=with_value(np.multiply))(fused)
row("addcdiv", dtypes=FLOAT + COMPLEX, reference=with_value(np.divide))(fused)


@row("lerp", dtypes=FLOAT, reference=lambda start, end, weight: start + weight * (end - start))
def lerp(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4), 0.3)
    yield case(make(3, 4), make(4), make(3, 1))


def gelu_reference(x: Array, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + scipy.special.erf(x / np.sqrt(2)))


@row("nn.functional.gelu", dtypes=ANY_FLOAT, reference=gelu_reference)
def gelu(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(3, 4), approximate="tanh")
    yield case(make(0))
