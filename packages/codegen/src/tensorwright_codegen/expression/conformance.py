"""Operand values that reach the corners of every primitive, and the comparison of bits, for tests of kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .ir import ScalarType
from .semantics import DTYPES, complex_of

Array = npt.NDArray[Any]


def special_values(compute: ScalarType) -> Array:
    if compute is ScalarType.MASK:
        return np.array([False, True])
    if compute.is_complex:
        limits = np.finfo(DTYPES[compute.part])
        few = [-0.0, 0.5, -3.7, limits.max, np.inf, np.nan]
        parts = np.array(few, dtype=limits.dtype)
        return complex_of(*np.broadcast_arrays(parts[:, None], parts)).reshape(-1)
    if compute.is_float:
        dtype = DTYPES[compute]
        limits = np.finfo(dtype)
        subnormal = limits.smallest_subnormal
        usual = [0, 0.3, 0.5, 1, 1.5, 2.5, 3.7, 2.0**23 - 0.5, 2.0**31, 2.0**52, 2.0**63]
        values = np.array([*usual, subnormal, limits.tiny, limits.max, np.inf, np.nan], dtype=dtype)
        return np.concatenate([values, -values])
    limits_i = np.iinfo(DTYPES[compute])
    small = [0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 1000003]
    negative = [int(limits_i.max) + 1 - x if limits_i.min == 0 else -x for x in small[1:]]
    return np.array([*small, *negative, limits_i.max, limits_i.min, limits_i.min + 1], DTYPES[compute])


def random_values(compute: ScalarType, n: int, seed: int) -> Array:
    """Half any bits, half numbers of ordinary size."""
    rng = np.random.default_rng(seed)
    dtype = DTYPES[compute]
    if compute is ScalarType.MASK:
        return rng.random(n) < 0.5
    if compute.is_complex:
        return complex_of(random_values(compute.part, n, seed), random_values(compute.part, n, seed + 1000))
    bits = rng.bytes(n * dtype.itemsize)
    anything = np.frombuffer(bits, dtype=dtype)
    ordinary = (rng.standard_normal(n) * 100).astype(dtype)
    return np.where(rng.random(n) < 0.5, anything, ordinary).astype(dtype)


def assert_same_bits(actual: Array, expected: Array, what: str) -> None:
    """Equal bits, where any NaN equals any other."""
    assert actual.dtype == expected.dtype
    if expected.dtype.kind == "c":
        part = expected.real.dtype
        expected, actual = np.ascontiguousarray(expected).view(part), np.ascontiguousarray(actual).view(part)
    if expected.dtype.kind == "f":
        word = np.dtype(f"u{expected.dtype.itemsize}")
        same = (actual.view(word) == expected.view(word)) | (np.isnan(actual) & np.isnan(expected))
    else:
        same = actual.view(np.uint8 if expected.dtype == np.bool_ else actual.dtype) == expected
    if not np.all(same):
        first = int(np.argmin(same))
        raise AssertionError(f"{what}: element {first} is {actual[first]!r}, expected {expected[first]!r}")
