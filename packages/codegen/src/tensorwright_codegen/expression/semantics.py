"""What each primitive computes, on NumPy arrays: the reference that generated code must equal bit for bit.

Integers wrap around. f32 and f64 follow IEEE 754 in round-to-nearest-even with subnormals. Masks are bool arrays.
Every function takes arrays of one dtype (select's first argument apart) and is total: no input raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .exact_fma import fma_f32, fma_f64
from .ir import ScalarType

Array = npt.NDArray[Any]

DTYPES: dict[ScalarType, np.dtype[Any]] = {
    ScalarType.F32: np.dtype(np.float32),
    ScalarType.F64: np.dtype(np.float64),
    ScalarType.I32: np.dtype(np.int32),
    ScalarType.I64: np.dtype(np.int64),
    ScalarType.U64: np.dtype(np.uint64),
    ScalarType.MASK: np.dtype(np.bool_),
    ScalarType.C32: np.dtype(np.complex64),
    ScalarType.C64: np.dtype(np.complex128),
}


def _twin(x: Array) -> np.dtype[Any]:
    """The other number type of the same width."""
    return np.dtype(f"{'i' if x.dtype.kind == 'f' else 'f'}{x.dtype.itemsize}")


def _resized(x: Array) -> np.dtype[Any]:
    """The number type of the same kind and the other width."""
    return np.dtype(f"{x.dtype.kind}{12 - x.dtype.itemsize}")


def _unsigned(x: Array) -> Array:
    return x.view(np.dtype(f"u{x.dtype.itemsize}"))


def fma(a: Array, b: Array, c: Array) -> Array:
    return fma_f32(a, b, c) if a.dtype == np.float32 else fma_f64(a, b, c)


def minimum(a: Array, b: Array) -> Array:
    """IEEE 754-2019 minimum: NaN if either is, and -0 below +0."""
    if a.dtype.kind != "f":
        return np.minimum(a, b)
    smaller = np.where(a < b, a, b)
    zeros = np.where(np.signbit(a), a, b)
    return np.where(np.isnan(a) | np.isnan(b), a + b, np.where(a == b, zeros, smaller))


def maximum(a: Array, b: Array) -> Array:
    return -minimum(-a, -b) if a.dtype.kind == "f" else np.maximum(a, b)


def copysign(a: Array, b: Array) -> Array:
    magnitude, sign = np.abs(a).view(_twin(a)), b.view(_twin(b))
    return np.asarray((magnitude | (sign & np.iinfo(sign.dtype).min)).view(a.dtype))


def _shift(count: Array) -> tuple[Array, Array]:
    """Which counts lie in the word, and the counts with the others replaced by 0."""
    inside = (count >= 0) & (count < 8 * count.dtype.itemsize)
    return inside, np.where(inside, count, 0).astype(count.dtype)


def shl(a: Array, b: Array) -> Array:
    inside, count = _shift(b)
    return np.where(inside, a << count, 0).astype(a.dtype)


def shr(a: Array, b: Array) -> Array:
    inside, count = _shift(b)
    outside = a.dtype.type(0) if a.dtype.kind == "u" else a >> (8 * a.dtype.itemsize - 1)
    return np.where(inside, a >> count, outside).astype(a.dtype)


def ushr(a: Array, b: Array) -> Array:
    inside, count = _shift(b)
    return np.where(inside, (_unsigned(a) >> _unsigned(count)).view(a.dtype), 0).astype(a.dtype)


def _safe_divisor(a: Array, b: Array) -> tuple[Array, Array]:
    """Where the quotient is not a / b (a zero divisor; the overflow of min / -1), and b with 1 in those places."""
    special = b == 0
    if a.dtype.kind == "i":
        special = special | (b == -1) & (a == np.iinfo(a.dtype).min)
    return special, np.where(special, 1, b).astype(b.dtype)


def idiv_floor(a: Array, b: Array) -> Array:
    special, divisor = _safe_divisor(a, b)
    return np.where(special, np.where(b == 0, 0, a), a // divisor).astype(a.dtype)


def imod_floor(a: Array, b: Array) -> Array:
    special, divisor = _safe_divisor(a, b)
    return np.where(special, 0, a % divisor).astype(a.dtype)


def irem_trunc(a: Array, b: Array) -> Array:
    special, divisor = _safe_divisor(a, b)
    return np.where(special, 0, np.fmod(a, divisor)).astype(a.dtype)


def idiv_trunc(a: Array, b: Array) -> Array:
    special, divisor = _safe_divisor(a, b)
    exact = (a - np.fmod(a, divisor)) // divisor
    return np.where(special, np.where(b == 0, 0, a), exact).astype(a.dtype)


def to_int(x: Array) -> Array:
    """Truncation; NaN and what does not fit give the smallest integer."""
    target = _twin(x)
    lowest = int(np.iinfo(target).min)
    fits = (x >= float(lowest)) & (x < -float(lowest))
    return np.where(fits, np.where(fits, x, 0).astype(target), lowest).astype(target)


def lookup(table: Array, index: Array) -> Array:
    return np.asarray(table[np.clip(index, 0, len(table) - 1)])


def select(condition: Array, a: Array, b: Array) -> Array:
    return np.asarray(np.where(condition, a, b))


def complex_of(real: Array, imag: Array) -> Array:
    shape = np.broadcast_shapes(real.shape, imag.shape)
    result = np.empty(shape, dtype=np.result_type(real.dtype, np.complex64))
    result.real, result.imag = real, imag
    return result


def product(a: Array, b: Array) -> Array:
    """How prod combines: a complex factor that is exactly 1 leaves the other as it is, whatever that is."""
    if a.dtype.kind != "c":
        return a * b
    (p, q), (r, s) = (a.real, a.imag), (b.real, b.imag)
    value = complex_of(p * r - q * s, p * s + q * r)
    return select(_is_one(a), b, select(_is_one(b), a, value))


def _is_one(z: Array) -> Array:
    return np.asarray((z.real == 1) & (z.imag == 0) & ~np.signbit(z.imag))


SEMANTICS: dict[str, Callable[..., Array]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "fma": fma,
    "minimum": minimum,
    "maximum": maximum,
    "min_": lambda a, b: select(a < b, a, b),  # the second of equals and of the unordered, as x86 has it
    "max_": lambda a, b: select(a > b, a, b),
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": np.rint,
    "copysign": copysign,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "and_": lambda a, b: a & b,
    "or_": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "not_": lambda a: ~a,
    "shl": shl,
    "shr": shr,
    "ushr": ushr,
    "idiv_floor": idiv_floor,
    "imod_floor": imod_floor,
    "idiv_trunc": idiv_trunc,
    "irem_trunc": irem_trunc,
    "unlikely": lambda condition: condition,
    "select": select,
    "bitcast": lambda x: x.view(_twin(x)),
    "to_float": lambda x: x.astype(_twin(x)),
    "to_int": to_int,
    "widen": lambda x: x.astype(_resized(x)),
    "narrow": lambda x: x.astype(_resized(x)),
    "real": lambda z: z.real.copy(),
    "imag": lambda z: z.imag.copy(),
    "complex": complex_of,
}
