"""Rows of running sums, products and extremes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import ALL, BOOL, COMPLEX, FLOAT, LOW, REAL, Array, Case, Make, case, refused, row


def along(function: Any) -> Callable[..., Any]:
    """NumPy's scan with PyTorch's argument names; integers and bools are added in int64."""

    def reference(x: Array, dim: int, dtype: Any = None) -> Any:
        if x.ndim == 0:
            return np.asarray(x, dtype or (x.dtype if x.dtype.kind in "fc" else np.int64))
        return function(x, axis=dim, dtype=dtype or (None if x.dtype.kind in "fc" else np.int64))

    return reference


def lines(make: Make, **limits: float) -> Iterator[Case]:
    x = make(3, 4, 2, **limits)
    yield case(x, 1)
    yield case(x, dim=-1)
    yield case(x, 0)
    yield case(make(**limits), 0)
    yield case(make(0, 3, **limits), 0)
    yield case(make(2, 0, **limits), 1)
    yield case(make(9, 1, **limits), 0)
    yield refused(x, 3, error=IndexError, match="out of range")


@row("cumsum", dtypes=ALL, reference=along(np.cumsum))
def cumsum(make: Make) -> Iterator[Case]:
    yield from lines(make)
    yield case(make(5), 0, dtype="complex128" if make.is_complex else "float64")


@row("cumprod", dtypes=ALL, reference=along(np.cumprod))
def cumprod(make: Make) -> Iterator[Case]:
    yield from lines(make, low=0.6, high=1.5)
    yield case(make(5), 0, dtype="complex128" if make.is_complex else "float64")
    x = make(4, 3)
    x[1, 1] = x[0, 2] = x[2, 2] = 0
    yield case(x, 0)


def running(better: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def reference(x: Array, dim: int) -> Any:
        if x.ndim == 0:
            return x, np.int64(0)
        places = np.zeros(x.shape, np.int64)
        moved, to = np.moveaxis(np.asarray(x), dim, -1), np.moveaxis(places, dim, -1)
        for index in np.ndindex(moved.shape[:-1]):
            best = 0
            for k, value in enumerate(moved[index]):
                best = k if better(value, moved[index][best]) else best
                to[index][k] = best
        return np.take_along_axis(x, places, dim), places

    return reference


row("cummax", dtypes=REAL + BOOL, reference=running(lambda a, b: a >= b))(lines)
row("cummin", dtypes=REAL + BOOL, reference=running(lambda a, b: a <= b))(lines)


def np_logcumsumexp(x: Array, dim: int) -> Any:
    sums = np.cumsum(np.exp(x.astype(np.result_type(x.dtype, np.float64))), axis=dim if x.ndim else None)
    return np.log(sums).reshape(x.shape)


@row("logcumsumexp", dtypes=FLOAT + LOW + COMPLEX, reference=np_logcumsumexp)
def logcumsumexp(make: Make) -> Iterator[Case]:
    yield from lines(make)
    if not make.is_complex:
        yield case(make(6, low=200.0, high=600.0), 0)
