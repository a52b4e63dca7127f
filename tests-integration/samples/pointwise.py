"""Rows of elementary pointwise functions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .table import BOOL, FLOAT, LOW, REAL, Case, Make, case, pointwise, refused, row

ANY_FLOAT = FLOAT + LOW

pointwise("abs", "square", dtypes=REAL)
pointwise("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "exp2", "expm1", dtypes=ANY_FLOAT)
pointwise("log", "log2", "log10", "log1p", "sqrt", dtypes=ANY_FLOAT, low=0.1, high=3.0)
pointwise("asin", "acos", "atanh", dtypes=ANY_FLOAT, low=-0.9, high=0.9)
pointwise("floor", "ceil", "trunc", dtypes=ANY_FLOAT)


def broadcasts(make: Make) -> Iterator[Case]:
    """Two operands in the shapes that matter, and numbers."""
    for left, right in (((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2,)), ((0, 3), (1, 3)), ((2, 1, 3), (4, 1))):
        yield case(make(*left), make(*right))
    yield case(make(3), 2)
    yield refused(make(3), make(4), error=ValueError, match="broadcast")


row("mul", dtypes=REAL, reference=np.multiply)(broadcasts)
row("maximum", dtypes=REAL, reference=np.maximum)(broadcasts)


@row("add", dtypes=REAL, reference=lambda x, y, alpha=1: x + (y if alpha == 1 else alpha * y))
def add(make: Make) -> Iterator[Case]:
    yield from broadcasts(make)
    yield case(make(3), make(2, 3), alpha=2)


@row("where", dtypes=REAL + BOOL, reference=np.where)
def where(make: Make) -> Iterator[Case]:
    yield case(make.bools(2, 3), make(2, 3), make(2, 3))
    yield case(make.bools(2, 1), make(3), make(2, 3))
    yield case(make.bools(0), make(0), make(0))
