"""Rows of the pointwise nonlinearities, and of comparisons in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import FLOAT, LOW, REAL, Array, Case, Make, case, refused, row

REAL_FLOAT = FLOAT + LOW
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return np.where(beta * x > threshold, x, np.log1p(np.exp(beta * x)) / beta)


def celu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(x))


def softmin(x: Array, dim: int) -> Array:
    e = np.exp(x.min(dim, keepdims=True) - x)
    return np.asarray(e / e.sum(dim, keepdims=True))


def threshold(x: Array, threshold: float, value: float) -> Array:
    return np.where(x > threshold, x, value)


def hardshrink(x: Array, lambd: float = 0.5) -> Array:
    return np.where(abs(x) <= lambd, 0, x)


def softshrink(x: Array, lambd: float = 0.5) -> Array:
    return np.sign(x) * np.maximum(abs(x) - lambd, 0)


def rrelu(x: Array, lower: float = 1 / 8, upper: float = 1 / 3) -> Array:
    return np.where(x > 0, x, x * (lower + upper) / 2)


def glu(x: Array, dim: int = -1) -> Array:
    a, b = np.split(x, 2, axis=dim)
    return np.asarray(a * sigmoid(b))


def prelu(x: Array, weight: Array) -> Array:
    slope = weight if weight.size == 1 or x.ndim < 2 else weight.reshape(-1, *[1] * (x.ndim - 2))
    return np.where(x > 0, x, slope * x).reshape(x.shape)


def kept(reference: Callable[..., Any]) -> Callable[..., Array]:
    """The reference in double precision, rounded to the argument's precision."""

    def function(x: Array, *args: Any, **kwargs: Any) -> Array:
        return np.asarray(reference(np.asarray(x, np.float64), *args, **kwargs)).astype(x.dtype)

    return function


def activation(name: str, reference: Callable[..., Any], *variants: dict[str, Any], low: float = -3.0) -> None:
    """A row with the default arguments in all shapes, and with each of the others in one."""

    def samples(make: Make) -> Iterator[Case]:
        for shape in ((), (5,), (2, 3, 4), (0,)):
            yield case(make(*shape, low=low, high=3.0))
        for kwargs in variants:
            yield case(make(3, 4, low=low, high=3.0), **kwargs)

    row(name, dtypes=REAL_FLOAT, reference=kept(reference))(samples)


F = "nn.functional."
activation(F + "relu", lambda x: np.maximum(x, 0))
activation(F + "relu6", lambda x: np.clip(x, 0, 6))
activation(
    F + "leaky_relu", lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x), {"negative_slope": 0.2}
)
activation(F + "elu", elu, {"alpha": 0.5})
activation(F + "celu", celu, {"alpha": 0.5})
activation("celu", celu, {"alpha": 0.5})
activation(F + "selu", lambda x: SCALE * elu(x, ALPHA))
activation("selu", lambda x: SCALE * elu(x, ALPHA))
activation(F + "silu", lambda x: x * sigmoid(x))
activation(F + "mish", lambda x: x * np.tanh(softplus(x)))
activation(F + "softplus", softplus, {"beta": 2.0}, {"beta": 0.5, "threshold": 1.0})
activation(F + "logsigmoid", lambda x: -softplus(-x))
activation(F + "sigmoid", sigmoid)
activation(F + "tanh", np.tanh)
activation(
    F + "hardtanh", lambda x, min_val=-1, max_val=1: np.clip(x, min_val, max_val), {"min_val": -0.5, "max_val": 2.0}
)
activation(F + "hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6)
activation(F + "hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6)
activation(F + "softsign", lambda x: x / (1 + abs(x)))
activation(F + "tanhshrink", lambda x: x - np.tanh(x))
activation(F + "hardshrink", hardshrink, {"lambd": 1.0})
activation("hardshrink", hardshrink, {"lambd": 1.0})
activation(F + "softshrink", softshrink, {"lambd": 1.0})
activation(F + "rrelu", rrelu, {"lower": 0.25, "upper": 0.75})
activation("rrelu", rrelu, {"lower": 0.25, "upper": 0.75})


def thresholds(make: Make) -> Iterator[Case]:
    for shape in ((), (5,), (2, 3, 4), (0,)):
        yield case(make(*shape), 0.1, 7.0)


row(F + "threshold", dtypes=REAL_FLOAT, reference=threshold)(thresholds)
row("threshold", dtypes=REAL_FLOAT, reference=threshold)(thresholds)


@row(F + "softmin", dtypes=REAL_FLOAT, reference=softmin)
def softmins(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 1)
    yield case(make(2, 3, 4), dim=0)
    yield case(make(5), -1)


@row(F + "glu", dtypes=REAL_FLOAT, reference=glu)
def glus(make: Make) -> Iterator[Case]:
    yield case(make(2, 4))
    yield case(make(4, 3), dim=0)
    yield case(make(0, 2))
    yield refused(make(3), error=ValueError, match="even")


def prelus(make: Make) -> Iterator[Case]:
    yield case(make(5), make(1))
    yield case(make(2, 3), make(3))
    yield case(make(2, 3, 4), make(3))
    yield case(make(), make(1))
    yield refused(make(2, 3), make(4), error=ValueError, match="channel")


row(F + "prelu", dtypes=FLOAT, reference=prelu)(prelus)
row("prelu", dtypes=FLOAT, reference=prelu)(prelus)


def compared(function: Any) -> Callable[..., Array]:
    """A comparison whose result is stored in its first argument."""
    return lambda x, y: np.asarray(function(x, y)).astype(x.dtype)


def pairs(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(3, 4), make(4))
    yield case(make(3), 1)


COMPARISONS = {
    "eq_": np.equal, "ne_": np.not_equal, "not_equal_": np.not_equal, "lt_": np.less, "less_": np.less,
    "le_": np.less_equal, "less_equal_": np.less_equal, "gt_": np.greater, "greater_": np.greater,
    "ge_": np.greater_equal, "greater_equal_": np.greater_equal,
}  # fmt: skip
LOGICAL = {"logical_and_": np.logical_and, "logical_or_": np.logical_or, "logical_xor_": np.logical_xor}
for name, function in COMPARISONS.items():
    row(f"Tensor.{name}", dtypes=REAL, reference=compared(function), grad=False)(pairs)


def tensor_pairs(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(3, 4), make(4))


for name, function in LOGICAL.items():
    row(f"Tensor.{name}", dtypes=REAL, reference=compared(function), grad=False)(tensor_pairs)
