"""Rows of reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import ALL, BOOL, COMPLEX, FLOAT, INTEGER, LOW, REAL, Array, Case, Make, case, refused, row

DIMS = (None, 0, -1, (0, 2), (1,))


def over_dims(make: Make, *, empty: bool = True, lists: bool = True, **limits: float) -> Iterator[Case]:
    """Whole tensors, dimensions, lists of dimensions, kept and not."""
    x = make(2, 3, 4, **limits)
    yield case(x)
    yield case(make(**limits))
    for dim in (0, -1, *(((0, 2), (1,)) if lists else ())):
        yield case(x, dim=dim)
        yield case(x, dim=dim, keepdim=True)
    yield case(make(1200, **limits)[:, None], 0)
    if empty:
        yield case(make(0, 3), dim=0)
        yield case(make(0, 3), dim=1)
    yield refused(x, dim=3, error=IndexError, match="out of range")


def along(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's reduction with PyTorch's argument names; sums of integers are int64."""

    def reference(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        options = {} if dtype is None else {"dtype": dtype}
        return function(x, axis=dim, keepdims=keepdim, **options)

    return reference


# 16-bit results are sums of many roundings
@row("sum", dtypes=ALL, reference=along(np.sum), rtol=1e-2, atol=1e-2)
def sum_(make: Make) -> Iterator[Case]:
    yield from over_dims(make)
    yield case(make(2, 3), dtype="complex128" if make.is_complex else "float64")


@row("prod", dtypes=ALL, reference=along(np.prod), rtol=1e-2)
def prod(make: Make) -> Iterator[Case]:
    yield from (c for c in over_dims(make, lists=False, low=0.6, high=1.3) if np.size(c.args[0]) < 1000)
    yield case(make(2, 3, low=0.6, high=1.3), dtype="complex128" if make.is_complex else "float64")
    zeros = make(3, 3, low=0.6, high=1.3)
    zeros[0, 0] = zeros[1, 0] = zeros[1, 1] = 0
    yield case(zeros, dim=1)


@row("mean", dtypes=FLOAT + LOW + COMPLEX, reference=along(np.mean))
def mean(make: Make) -> Iterator[Case]:
    yield from over_dims(make, empty=False)
    yield case(make(2, 3), dtype="complex128" if make.is_complex else "float64")
    yield refused(make.integers(3), error=TypeError, match="floating")


@row("nansum", dtypes=REAL + BOOL, reference=along(np.nansum), rtol=1e-2, atol=1e-2)
def nansum(make: Make) -> Iterator[Case]:
    yield from over_dims(make)
    if make.is_float:
        x = make(3, 4)
        x[0, 1] = x[2, 3] = np.nan
        yield case(x)
        yield case(x, 1)


@row("nanmean", dtypes=FLOAT + LOW, reference=along(np.nanmean), rtol=1e-2)
def nanmean(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x)
    x = x.copy()
    x[0, 1] = x[2, 3] = np.nan
    yield case(x)
    yield case(x, 1)
    yield case(x, (0, 1), True)


def extremes(make: Make) -> Iterator[Case]:
    yield from over_dims(make, empty=False)
    yield case(make(0, 3), dim=1)
    yield refused(make(0, 3), dim=0, error=ValueError, match="nothing to reduce")


for _name, _function in (("amax", np.amax), ("amin", np.amin)):
    row(_name, dtypes=REAL + BOOL, reference=along(_function))(extremes)

for _name, _function in (("any", np.any), ("all", np.all)):
    # of uint8 PyTorch keeps the dtype, here the result is bool
    row(_name, dtypes=tuple(d for d in ALL if d != "uint8"), reference=along(_function), grad=False)(over_dims)


def _extreme_or_pair(function: Any, arg: Any, binary: Any) -> Callable[..., Any]:
    def reference(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, np.ndarray):
            return binary(x, dim)
        if dim is None:
            return function(x)
        if x.ndim == 0:
            return x, np.int64(0)
        return function(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    return reference


def whole_or_dim(make: Make) -> Iterator[Case]:
    x = make(2, 3, 4)
    yield case(x)
    yield case(x, 1)
    yield case(x, -1, True)
    yield case(make())
    yield case(make(3, 1), make(4))
    yield refused(x, 3, error=IndexError, match="out of range")


for _name, _args in (("max", (np.max, np.argmax, np.maximum)), ("min", (np.min, np.argmin, np.minimum))):
    # several equal extremes share the gradient differently with and without a dimension: only FLOAT has none
    row(_name, dtypes=FLOAT + LOW + INTEGER, reference=_extreme_or_pair(*_args))(whole_or_dim)


@row("count_nonzero", dtypes=ALL, reference=lambda x, dim=None: np.count_nonzero(x, axis=dim), grad=False)
def count_nonzero(make: Make) -> Iterator[Case]:
    x = make(2, 3, 4)
    x[0] = 0
    for dim in DIMS:
        yield case(x, dim)
    yield case(make())


def np_logsumexp(x: Array, dim: Any, keepdim: bool = False) -> Array:
    top = np.max(x, axis=dim, keepdims=True)
    sums = np.log(np.sum(np.exp(x - top), axis=dim, keepdims=True)) + top
    return np.asarray(sums if keepdim else np.squeeze(sums, dim), x.dtype)


@row("logsumexp", dtypes=FLOAT + LOW, reference=np_logsumexp)
def logsumexp(make: Make) -> Iterator[Case]:
    x = make(2, 3, 4)
    yield case(x, 1)
    yield case(x, (0, 2), True)
    yield case(make(5, low=200.0, high=800.0), 0)
    yield refused(x, 3, error=IndexError, match="out of range")
