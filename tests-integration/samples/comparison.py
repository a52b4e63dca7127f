"""Rows of comparisons, logic and predicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import ALL, BOOL, COMPLEX, FLOAT, INTEGER, REAL, Case, Make, case, refused, row


def pairs(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    y = x.copy()
    y[0] = make(4)
    yield case(x, y)
    yield case(make(3, 1), make(4))
    yield case(make(), make(2))
    yield case(make(0, 3), make(1, 3))
    yield case(x, 1)
    yield refused(make(3), make(4), error=ValueError, match="broadcast")


for _name, _function in (("lt", np.less), ("le", np.less_equal), ("gt", np.greater), ("ge", np.greater_equal)):
    row(_name, dtypes=REAL + BOOL, reference=_function, grad=False)(pairs)
for _name, _function in (("eq", np.equal), ("ne", np.not_equal)):
    row(_name, dtypes=ALL, reference=_function, grad=False)(pairs)


def truths(make: Make) -> Iterator[Case]:
    x, y = make(3, 4), make(3, 4)
    x[0] = y[:, 0] = 0
    yield case(x, y)
    yield case(x[:, :1], y[0])
    yield case(make(0), make(0))
    yield refused(make(3), make(4), error=ValueError, match="broadcast")


for _name in ("logical_and", "logical_or", "logical_xor"):
    row(_name, dtypes=ALL, reference=getattr(np, _name), grad=False)(truths)


@row("logical_not", dtypes=ALL, reference=np.logical_not, grad=False)
def logical_not(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    x[1] = 0
    yield case(x)
    yield case(make())
    yield case(make(0))


def bits(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(3, 1), make(4))
    yield case(make(3), 1 if make.dtype != "bool" else True)
    yield case(make(0), make(0))
    yield refused(make(3), 1.5, error=TypeError, match="integers or bool")


for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    row(_name, dtypes=INTEGER + BOOL, reference=getattr(np, _name), grad=False)(bits)


@row("bitwise_not", dtypes=INTEGER + BOOL, reference=np.bitwise_not, grad=False)
def bitwise_not(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make())
    yield refused(make.floats(3), error=TypeError, match="integers or bool")


def shifts(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.integers(3, 4, dtype=make.dtype))
    yield case(make(3, 1), make.integers(4, dtype=make.dtype))
    yield case(make(3), 2)
    yield refused(make.floats(3), 1, error=TypeError, match="integers")


row("bitwise_left_shift", dtypes=INTEGER, reference=np.left_shift, grad=False)(shifts)
row("bitwise_right_shift", dtypes=INTEGER, reference=np.right_shift, grad=False)(shifts)


def special_values(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x)
    yield case(make())
    yield case(make(0))
    if make.is_float:
        x = x.copy()
        x[0, :] = np.nan, np.inf, -np.inf, -0.0
        yield case(x)


def signs(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x)
    if make.is_float:
        x = x.copy()
        x[0, :3] = np.inf, -np.inf, -0.0
        yield case(x)


for _name in ("isnan", "isinf", "isfinite"):
    row(_name, dtypes=ALL, reference=getattr(np, _name), grad=False)(special_values)


def of_float64(function: Any) -> Callable[..., Any]:
    """NumPy has these for floats only."""
    return lambda x: function(np.asarray(x, np.float64))


for _name, _samples in (("isposinf", special_values), ("isneginf", special_values), ("signbit", signs)):
    row(_name, dtypes=REAL, reference=of_float64(getattr(np, _name)), grad=False)(_samples)


def near(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, x)
    y = x.copy()
    y[0, 0] += 1
    yield case(x, y)
    yield case(x, y, rtol=1.0, atol=5.0)
    if make.is_float:
        y = x.copy()
        y[0, 0] = x[0, 0] = np.nan
        x[1, 1] = y[1, 1] = np.inf
        yield case(x, y)
        yield case(x, y, equal_nan=True)


row("isclose", dtypes=FLOAT + INTEGER + COMPLEX, reference=np.isclose, grad=False)(near)
row("allclose", dtypes=FLOAT + COMPLEX, reference=np.allclose, grad=False)(near)


@row("equal", dtypes=ALL, reference=np.array_equal, grad=False)
def equal(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    yield case(x, x.copy())
    yield case(x, make(4, 3))
    yield case(x, x[:2])
    yield case(make(0), make(0))
