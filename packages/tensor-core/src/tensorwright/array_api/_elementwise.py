"""Element-wise functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorwright as tw
from tensorwright.array_api._types import Number, Tensor

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "conj",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
]  # fmt: skip


Unary: TypeAlias = Callable[[Tensor], Tensor]
Binary: TypeAlias = Callable[[Tensor | Number, Tensor | Number], Tensor]


def _unary(name: str, op: Callable[[Tensor], Tensor], doc: str) -> Callable[[Tensor], Tensor]:
    def function(x: Tensor, /) -> Tensor:
        return op(x)

    return _named(function, name, doc)


def _binary(name: str, op: Callable[[Tensor, Tensor], Tensor], doc: str) -> Binary:
    def function(x1: Tensor | Number, x2: Tensor | Number, /) -> Tensor:
        return op(*operands(name, x1, x2))

    return _named(function, name, doc)


def _named(function: Callable[..., Tensor], name: str, doc: str) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__module__, function.__doc__ = "tensorwright.array_api", doc
    return function


def operands(name: str, x1: Tensor | Number, x2: Tensor | Number) -> tuple[Tensor, Tensor]:
    """Two operands as tensors: a number beside a tensor becomes one of the dtype that both promote to."""
    if isinstance(x1, Tensor):
        return x1, x2 if isinstance(x2, Tensor) else _beside(x1, x2)
    if isinstance(x2, Tensor):
        return _beside(x2, x1), x2
    raise TypeError(f"{name}: expected an array among the operands, got {type(x1).__name__} and {type(x2).__name__}")


def _beside(x: Tensor, number: Number) -> Tensor:
    return tw.full((), number, dtype=tw.result_type(x, number), device=x.device)


def _real_part(x: Tensor) -> Tensor:
    return x.real


def _imaginary_part(x: Tensor) -> Tensor:
    return x.imag


def _same(x: Tensor) -> Tensor:
    return x.clone()


abs: Unary = _unary("abs", tw.abs, "|x|")
acos: Unary = _unary("acos", tw.acos, "The arc cosine.")
acosh: Unary = _unary("acosh", tw.acosh, "The inverse hyperbolic cosine.")
asin: Unary = _unary("asin", tw.asin, "The arc sine.")
asinh: Unary = _unary("asinh", tw.asinh, "The inverse hyperbolic sine.")
atan: Unary = _unary("atan", tw.atan, "The arc tangent.")
atanh: Unary = _unary("atanh", tw.atanh, "The inverse hyperbolic tangent.")
bitwise_invert: Unary = _unary("bitwise_invert", tw.bitwise_not, "~x")
ceil: Unary = _unary("ceil", tw.ceil, "The smallest integral value that is not below x.")
cos: Unary = _unary("cos", tw.cos, "The cosine.")
cosh: Unary = _unary("cosh", tw.cosh, "The hyperbolic cosine.")
exp: Unary = _unary("exp", tw.exp, "e to the power of x.")
expm1: Unary = _unary("expm1", tw.expm1, "exp(x) - 1, accurate near 0.")
floor: Unary = _unary("floor", tw.floor, "The largest integral value that is not above x.")
imag: Unary = _unary("imag", _imaginary_part, "The imaginary parts.")
isfinite: Unary = _unary("isfinite", tw.isfinite, "Whether x is neither infinite nor NaN.")
isinf: Unary = _unary("isinf", tw.isinf, "Whether x is infinite.")
isnan: Unary = _unary("isnan", tw.isnan, "Whether x is NaN.")
log: Unary = _unary("log", tw.log, "The natural logarithm.")
log10: Unary = _unary("log10", tw.log10, "The logarithm to base 10.")
log1p: Unary = _unary("log1p", tw.log1p, "log(1 + x), accurate near 0.")
log2: Unary = _unary("log2", tw.log2, "The logarithm to base 2.")
logical_not: Unary = _unary("logical_not", tw.logical_not, "Whether x is zero.")
negative: Unary = _unary("negative", tw.neg, "-x")
positive: Unary = _unary("positive", _same, "A copy of x.")
real: Unary = _unary("real", _real_part, "The real parts.")
reciprocal: Unary = _unary("reciprocal", tw.reciprocal, "1 / x")
signbit: Unary = _unary("signbit", tw.signbit, "Whether the sign bit is set.")
sin: Unary = _unary("sin", tw.sin, "The sine.")
sinh: Unary = _unary("sinh", tw.sinh, "The hyperbolic sine.")
sqrt: Unary = _unary("sqrt", tw.sqrt, "The square root.")
square: Unary = _unary("square", tw.square, "x * x")
tan: Unary = _unary("tan", tw.tan, "The tangent.")
tanh: Unary = _unary("tanh", tw.tanh, "The hyperbolic tangent.")
trunc: Unary = _unary("trunc", tw.trunc, "The integral part of x.")

add: Binary = _binary("add", tw.add, "x1 + x2")
atan2: Binary = _binary("atan2", tw.atan2, "The angle of the point (x2, x1).")
bitwise_and: Binary = _binary("bitwise_and", tw.bitwise_and, "x1 & x2")
bitwise_left_shift: Binary = _binary("bitwise_left_shift", tw.bitwise_left_shift, "x1 << x2")
bitwise_or: Binary = _binary("bitwise_or", tw.bitwise_or, "x1 | x2")
bitwise_right_shift: Binary = _binary("bitwise_right_shift", tw.bitwise_right_shift, "x1 >> x2")
bitwise_xor: Binary = _binary("bitwise_xor", tw.bitwise_xor, "x1 ^ x2")
copysign: Binary = _binary("copysign", tw.copysign, "The magnitude of x1 with the sign of x2.")
divide: Binary = _binary("divide", tw.true_divide, "x1 / x2")
equal: Binary = _binary("equal", tw.eq, "x1 == x2")
floor_divide: Binary = _binary("floor_divide", tw.floor_divide, "x1 // x2")
greater: Binary = _binary("greater", tw.gt, "x1 > x2")
greater_equal: Binary = _binary("greater_equal", tw.ge, "x1 >= x2")
hypot: Binary = _binary("hypot", tw.hypot, "The length of (x1, x2).")
less: Binary = _binary("less", tw.lt, "x1 < x2")
less_equal: Binary = _binary("less_equal", tw.le, "x1 <= x2")
logaddexp: Binary = _binary("logaddexp", tw.logaddexp, "log(exp(x1) + exp(x2))")
logical_and: Binary = _binary("logical_and", tw.logical_and, "Whether both are true.")
logical_or: Binary = _binary("logical_or", tw.logical_or, "Whether any of them is true.")
logical_xor: Binary = _binary("logical_xor", tw.logical_xor, "Whether one of them is true.")
maximum: Binary = _binary("maximum", tw.maximum, "The larger one; NaN if either is.")
minimum: Binary = _binary("minimum", tw.minimum, "The smaller one; NaN if either is.")
multiply: Binary = _binary("multiply", tw.mul, "x1 * x2")
nextafter: Binary = _binary("nextafter", tw.nextafter, "The number next to x1 towards x2.")
not_equal: Binary = _binary("not_equal", tw.ne, "x1 != x2")
pow: Binary = _binary("pow", tw.pow, "x1 to the power of x2.")
remainder: Binary = _binary("remainder", tw.remainder, "x1 % x2, with the sign of x2.")
subtract: Binary = _binary("subtract", tw.sub, "x1 - x2")


def round(x: Tensor, /) -> Tensor:
    """The nearest integral value, ties to even; of complex numbers each part is rounded."""
    if x.dtype.is_complex:
        return tw.view_as_complex(tw.round(tw.view_as_real(x)))
    return tw.round(x)


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1, as x is negative, zero or positive, and NaN of NaN; x / abs(x) of complex numbers."""
    out = tw.sgn(x)
    if x.dtype.is_complex:
        return out + 0  # a zero without a sign
    return tw.where(x != x, x, out) if x.dtype.is_floating_point else out


def conj(x: Tensor, /) -> Tensor:
    """The complex conjugate."""
    return tw.conj_physical(x)


def clip(x: Tensor, /, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    """``x`` limited to what is not below ``min`` and not above ``max``, in the dtype of ``x``."""
    low, high = (bound.to(x.dtype) if isinstance(bound, Tensor) else bound for bound in (min, max))
    if low is not None:
        x = tw.maximum(x, _bound(x, low))
    if high is not None:
        x = tw.minimum(x, _bound(x, high))
    return x.clone() if low is None and high is None else x


def _bound(x: Tensor, value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else tw.full((), value, dtype=x.dtype, device=x.device)
