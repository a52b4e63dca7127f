"""Rows of second moments, histograms, and calculus with samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import COMPLEX, FLOAT, INTEGER, LOW, Array, Case, Make, case, refused, row


def moments(*functions: Any) -> Callable[..., Any]:
    def reference(
        x: Array,
        dim: Any = None,
        *older: Any,
        correction: float | None = None,
        unbiased: Any = None,
        keepdim: bool = False,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if older:
            unbiased, keepdim = (*older, keepdim)[:2]
        ddof = float(unbiased) if unbiased is not None else 1.0 if correction is None else correction
        results = [f(x, axis=dim, keepdims=keepdim, **({} if f is np.mean else {"ddof": ddof})) for f in functions]
        return results[0] if len(results) == 1 else tuple(results)

    return reference


def spreads(make: Make) -> Iterator[Case]:
    x = make(3, 4, 5)
    yield case(x)
    yield case(x, 1)
    yield case(x, (0, -1), keepdim=True)
    yield case(x, 2, correction=0)
    yield case(x, correction=2)
    yield case(x, True)
    yield case(x, 0, False)
    yield case(x, 1, True, True)
    yield case(x, unbiased=False)
    yield refused(x, 3, error=IndexError, match="out of range")


for _name, _functions in (("var", (np.var,)), ("std", (np.std,)), ("var_mean", (np.var, np.mean)),
                          ("std_mean", (np.std, np.mean))):  # fmt: skip
    row(_name, dtypes=FLOAT + LOW + COMPLEX, reference=moments(*_functions))(spreads)


def np_cov(x: Array, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    return np.cov(
        x, ddof=correction, fweights=fweights, aweights=aweights, dtype=x.dtype if x.dtype.kind in "fc" else None
    )


@row("cov", dtypes=FLOAT + COMPLEX, grad=(0,), reference=np_cov)
def cov(make: Make) -> Iterator[Case]:
    x = make(3, 6)
    counts, weights = make.integers(6, low=1), make.floats(6, low=0.1, high=1.0)
    yield case(x)
    yield case(x, correction=0)
    yield case(x, fweights=counts)
    yield case(x, aweights=weights, correction=2)
    yield case(x, fweights=counts, aweights=weights)
    yield case(make(5))
    yield refused(make(2, 2, 2), error=ValueError, match="matrix")


@row("corrcoef", dtypes=FLOAT + COMPLEX, reference=np.corrcoef)
def corrcoef(make: Make) -> Iterator[Case]:
    yield case(make(3, 6))
    yield case(make(1, 6).reshape(6) * 2)


# ---- histograms -----------------------------------------------------------------------------------------------


def np_histc(x: Array, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    low, high = (min, max) if min != max else (x.min(), x.max())
    if low == high:
        low, high = low - 1, high + 1
    return np.histogram(x, bins, (float(low), float(high)))[0].astype(x.dtype)


@row("histc", dtypes=FLOAT, grad=False, reference=np_histc)
def histc(make: Make) -> Iterator[Case]:
    x = make(5, 8)
    yield case(x, 4, -1.5, 1.5)
    yield case(x, bins=7)
    yield case(np.ones_like(x), bins=3)
    yield refused(x, 0, error=ValueError, match="positive")
    yield refused(x, 3, min=2, max=1, error=ValueError, match="empty")


def np_histogram(x: Array, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    hist, edges = np.histogram(x, bins, range, weights=weight, density=density)
    return hist.astype(x.dtype), np.asarray(edges, x.dtype)


@row("histogram", dtypes=FLOAT, grad=False, reference=np_histogram)
def histogram(make: Make) -> Iterator[Case]:
    x = make(5, 8)
    yield case(x, 4)
    yield case(x, bins=5, range=(-1.0, 1.5), density=True)
    yield case(x, 6, weight=make(5, 8))
    yield case(x, np.sort(make(5)))
    yield refused(x, 0, error=ValueError, match="positive")
    yield refused(x, -np.sort(make(5)), error=ValueError, match="ascend")


def np_histogramdd(x: Array, bins: Any, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    points = x.reshape(-1, x.shape[-1])
    limits = None if range is None else list(zip(range[::2], range[1::2], strict=True))
    weights = None if weight is None else weight.reshape(-1)
    hist, edges = np.histogramdd(points, bins, limits, density=density, weights=weights)
    return hist.astype(x.dtype), [e.astype(x.dtype) for e in edges]


@row("histogramdd", dtypes=FLOAT, grad=False, reference=np_histogramdd)
def histogramdd(make: Make) -> Iterator[Case]:
    x = make(40, 2)
    yield case(x, [3, 4])
    yield case(x, 3, range=(-1.0, 1.0, -2.0, 0.5), density=True)
    yield case(x, bins=[2, 2], weight=make(40))
    yield case(make(5, 6, 3), [np.sort(make(3)), np.sort(make(4)), np.sort(make(3))])
    yield refused(x, [3], error=ValueError, match="each dimension")


@row("bincount", dtypes=("float32", *INTEGER), grad=False, reference=np.bincount)
def bincount(make: Make) -> Iterator[Case]:
    x = make.integers(20, high=7, dtype=make.dtype if not make.is_float else "int64")
    yield case(x)
    yield case(x, minlength=10)
    yield case(x, make.integers(20).astype(np.float64))
    yield case(x[:0])
    yield refused(make.integers(3, 3), error=ValueError, match="vector")


# ---- calculus -------------------------------------------------------------------------------------------------


def np_diff(x: Array, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = {key: value for key, value in (("prepend", prepend), ("append", append)) if value is not None}
    return np.diff(x, n, dim, **ends)


@row("diff", dtypes=(*FLOAT, *LOW, *INTEGER, "bool", *COMPLEX), reference=np_diff)
def diff(make: Make) -> Iterator[Case]:
    x = make(3, 5)
    yield case(x)
    yield case(x, 2, 0)
    yield case(x, prepend=make(3, 1), append=make(3, 2))
    yield case(x, n=7)
    yield case(x, 0)
    yield refused(x, -1, error=ValueError, match="negative")
    yield refused(x, prepend=make(2, 1), error=ValueError, match="prepend")


def np_gradient(x: Array, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    dims = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    steps = [1.0 if spacing is None else spacing] * len(dims) if not isinstance(spacing, (tuple, list)) else spacing
    steps = [np.asarray(s, np.float64) if isinstance(s, np.ndarray) else s for s in steps]
    results = [np.gradient(x, s, axis=d, edge_order=edge_order) for s, d in zip(steps, dims, strict=True)]
    return [np.asarray(r, x.dtype if x.dtype.kind in "fc" else "float32") for r in results]


@row("gradient", dtypes=FLOAT + COMPLEX, reference=np_gradient)
def gradient(make: Make) -> Iterator[Case]:
    x = make(4, 5)
    uneven = [np.cumsum(make.floats(n, low=0.5, high=1.5)) for n in (4, 5)]
    yield case(x)
    yield case(x, edge_order=2)
    yield case(x, spacing=0.5, dim=1)
    yield case(x, spacing=(0.5, 2.0))
    yield case(x, spacing=[2.0], dim=-1)
    yield case(x, spacing=uneven)
    yield case(x, spacing=uneven[:1], dim=0, edge_order=2)
    yield case(make(3), edge_order=1)
    yield refused(make(2), edge_order=2, error=ValueError, match="at least 3")
    yield refused(x, edge_order=3, error=ValueError, match="edge_order")
    yield refused(x, spacing=(1.0, 2.0, 3.0), error=ValueError, match="spacing")


def np_trapezoid(y: Array, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    return np.trapezoid(y, x, dx, dim)


def np_cumulative(y: Array, x: Any = None, *, dx: float = 1.0, dim: int = -1) -> Any:
    strips = (np.moveaxis(y, dim, -1)[..., 1:] + np.moveaxis(y, dim, -1)[..., :-1]) / 2
    widths = dx if x is None else np.diff(x if x.ndim == 1 else np.moveaxis(x, dim, -1), axis=-1)
    return np.moveaxis(np.cumsum(strips * widths, -1), -1, dim)


def integrals(make: Make) -> Iterator[Case]:
    y = make(3, 5)
    yield case(y)
    yield case(y, dx=0.5)
    yield case(y, dim=0)
    yield case(y, make(5))
    yield case(y, make(3), dim=0)
    yield case(y, make(3, 5), dim=0)
    yield case(make(1))
    yield refused(y, make(4), error=ValueError, match="coordinate")


for _name, _reference in (
    ("trapezoid", np_trapezoid),
    ("trapz", np_trapezoid),
    ("cumulative_trapezoid", np_cumulative),
):
    row(_name, dtypes=FLOAT + COMPLEX, reference=_reference)(integrals)
