"""Rows of sorting, of what needs part of an order, of searching and of distinct elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import BOOL, FLOAT, LOW, REAL, Array, Case, Make, case, refused, rounded, row


def distinct(make: Make, *shape: int) -> Array:
    """Values that are all different, so that places are unique."""
    count = int(np.prod(shape, dtype=int))
    values = make.permutation(count).reshape(shape)
    if make.dtype in LOW:
        return rounded((values - count // 2).astype(np.float32) / 4, make.dtype)
    if make.is_float:
        return np.asarray((values - count // 2 + make.floats(*shape, low=0.1, high=0.9)) / 4, make.dtype)
    return values.astype(make.dtype)


def _at(values: Array, places: Array, dim: int) -> tuple[Array, Array]:
    return np.take_along_axis(values, places, dim), places


def np_sort(x: Array, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    if x.ndim == 0:
        return x, np.int64(0)
    key = -x.astype(np.float64) if descending else x
    return _at(x, np.argsort(key, axis=dim, kind="stable"), dim)


@row("sort", dtypes=REAL + BOOL, reference=np_sort)
def sort(make: Make) -> Iterator[Case]:
    x = make(3, 5) if make.is_float else make(3, 40)
    yield case(x, stable=True)
    yield case(x, dim=0, stable=True)
    yield case(x, descending=True, stable=True)
    yield case(make(300), stable=True)
    yield case(make())
    yield case(make(0, 3), dim=0)
    yield refused(make(3), dim=1, error=IndexError, match="out of range")


@row("argsort", dtypes=REAL + BOOL, grad=False, reference=lambda x, *a, **k: np_sort(x, *a, **k)[1])
def argsort(make: Make) -> Iterator[Case]:
    yield from (c for c in sort(make) if "stable" in c.kwargs or c.error)


@row("msort", dtypes=REAL + BOOL, reference=lambda x: np.sort(x, axis=0))
def msort(make: Make) -> Iterator[Case]:
    yield case(make(4, 3))
    yield case(make(5))
    yield case(make(0, 2))


def np_topk(x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if x.ndim == 0:
        return x, np.int64(0)
    return _at(x, np.take(np_sort(x, dim, largest)[1], np.arange(k), axis=dim), dim)


@row("topk", dtypes=REAL, reference=np_topk)
def topk(make: Make) -> Iterator[Case]:
    x = distinct(make, 4, 5)
    yield case(x, 2)
    yield case(x, 3, 0, False)
    yield case(x, 5, dim=-1, largest=False, sorted=True)
    yield case(x, 0)
    yield case(distinct(make, 60), 3)
    yield case(make(), 1)
    yield refused(x, 6, error=ValueError, match="k must be between")


def np_kthvalue(x: Array, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if x.ndim == 0:
        return x, np.int64(0)
    results = _at(x, np.take(np_sort(x, dim)[1], [k - 1], axis=dim), dim)
    return results if keepdim else tuple(r.squeeze(dim) for r in results)


@row("kthvalue", dtypes=REAL, reference=np_kthvalue)
def kthvalue(make: Make) -> Iterator[Case]:
    x = distinct(make, 4, 5)
    yield case(x, 2)
    yield case(x, 4, 0)
    yield case(x, 1, dim=1, keepdim=True)
    yield case(make(), 1)
    yield refused(x, 6, error=ValueError, match="k counts")
    yield refused(x, 0, error=ValueError, match="k counts")


def _median(ignore_nan: bool) -> Callable[..., Any]:
    def reference(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
        def place(line: Array) -> np.int64:
            bad = np.isnan(line.astype(np.float64))
            if bad.any() and (not ignore_nan or bad.all()):
                return np.int64(np.argmax(bad))
            return np.int64(np.argsort(line, kind="stable")[(len(line) - bad.sum() - 1) // 2])

        if dim is None:
            flat = x.reshape(-1)
            return flat[place(flat)]
        if x.ndim == 0:
            return x, np.int64(0)
        places = np.expand_dims(np.apply_along_axis(place, dim, np.asarray(x)), dim)
        results = _at(x, places, dim)
        return results if keepdim else tuple(r.squeeze(dim) for r in results)

    return reference


def medians(make: Make) -> Iterator[Case]:
    x = distinct(make, 4, 5)
    yield case(x)
    yield case(x, 1)
    yield case(x, dim=0, keepdim=True)
    yield case(make())
    yield case(make(), 0)
    if make.is_float and make.dtype != "float64":  # in which finite differences are taken
        x = x.copy()
        x[0, 2] = x[2, :4] = np.nan
        yield case(x)
        yield case(x, 1)
    yield refused(x, 2, error=IndexError, match="out of range")


row("median", dtypes=REAL, reference=_median(False))(medians)
row("nanmedian", dtypes=REAL, reference=_median(True))(medians)


def np_mode(x: Array, dim: int = -1, keepdim: bool = False) -> Any:
    def place(line: Array) -> np.int64:
        values, counts = np.unique(line, return_counts=True)
        return np.int64(np.flatnonzero(line == values[np.argmax(counts)])[-1])

    places = np.expand_dims(np.apply_along_axis(place, dim, np.asarray(x)), dim)
    results = _at(x, places, dim)
    return results if keepdim else tuple(r.squeeze(dim) for r in results)


@row("mode", dtypes=REAL + BOOL, reference=np_mode)
def mode(make: Make) -> Iterator[Case]:
    x = np.repeat(make(3, 2), (1, 3), axis=1)
    if make.dtype == "float64":  # finite differences would part equal elements
        x = distinct(make, 3, 4)
    yield case(x)
    yield case(x, 1, True)
    if not make.is_float:
        yield case(make(5, 12), 0)
        yield case(make(5, 12))


def np_quantile(function: Any) -> Callable[..., Any]:
    def reference(
        x: Array, q: Any, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
    ) -> Any:
        return function(x, np.asarray(q, x.dtype), axis=dim, keepdims=keepdim, method=interpolation)

    return reference


def quantiles(make: Make) -> Iterator[Case]:
    x = distinct(make, 3, 6)
    q = np.asarray([0.04, 0.33, 0.51, 0.97], x.dtype)
    yield case(x, 0.4)
    yield case(x, 0.4, 1, True)
    for interpolation in ("linear", "lower", "higher", "midpoint", "nearest"):
        yield case(x, q, dim=0, interpolation=interpolation)
    yield case(x, q, keepdim=True)
    yield case(make(), 0.5)
    yield refused(x, 1.5, error=ValueError, match="between 0 and 1")
    yield refused(x, 0.5, interpolation="cubic", error=ValueError, match="interpolation")


row("quantile", dtypes=FLOAT, reference=np_quantile(np.quantile))(quantiles)


@row("nanquantile", dtypes=FLOAT, reference=np_quantile(np.nanquantile))
def nanquantile(make: Make) -> Iterator[Case]:
    yield from quantiles(make)
    if make.dtype == "float64":  # in which finite differences are taken
        return
    x = distinct(make, 3, 6)
    x[0, 2] = x[2, 1] = np.nan
    yield case(x, 0.4, 1)
    yield case(x, np.asarray([0.1, 0.9], x.dtype))


def np_aminmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    return x.min(axis=dim, keepdims=keepdim), x.max(axis=dim, keepdims=keepdim)


@row("aminmax", dtypes=REAL + BOOL, reference=np_aminmax)
def aminmax(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(3, 4), dim=1)
    yield case(make(3, 4), dim=0, keepdim=True)
    yield case(make())
    yield refused(make(0), error=ValueError, match="nothing to reduce")


def _arg(function: Any) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim)


def places(make: Make) -> Iterator[Case]:
    x = distinct(make, 3, 4, 2)
    yield case(x)
    yield case(x, 1)
    yield case(x, -1, True)
    yield case(make())
    yield refused(make(2, 0), 1, error=ValueError, match="no element")


row("argmax", dtypes=REAL, grad=False, reference=_arg(np.argmax))(places)
row("argmin", dtypes=REAL, grad=False, reference=_arg(np.argmin))(places)


# ---- searching ------------------------------------------------------------------------------------------------


def np_searchsorted(
    sequence: Array, values: Any, *, out_int32: bool = False, right: bool = False, side: Any = None, sorter: Any = None
) -> Any:
    side = side or ("right" if right else "left")
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter, -1)
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, values, side)
    else:
        rows = zip(sequence.reshape(-1, sequence.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True)
        found = np.stack([np.searchsorted(s, v, side) for s, v in rows]).reshape(values.shape)
    return np.asarray(found, np.int32 if out_int32 else np.int64)


@row("searchsorted", dtypes=REAL, grad=False, reference=np_searchsorted)
def searchsorted(make: Make) -> Iterator[Case]:
    sequence, x = np.sort(make(6)), make(3, 4)
    yield case(sequence, x)
    yield case(sequence, sequence, right=True)
    yield case(sequence, sequence, side="right", out_int32=True)
    batch = make(2, 6)
    order = np.argsort(batch, axis=-1, kind="stable")
    yield case(np.sort(batch, axis=-1), make(2, 3))
    yield case(batch, make(2, 3), sorter=order)
    yield case(sequence, 1)
    yield case(sequence[:0], x)
    yield refused(np.sort(batch, axis=-1), make(3, 3), error=ValueError, match="agree")
    yield refused(sequence, x, right=True, side="left", error=ValueError, match="contradict")


def np_bucketize(x: Any, boundaries: Array, *, out_int32: bool = False, right: bool = False) -> Any:
    return np_searchsorted(boundaries, x, out_int32=out_int32, right=right)


@row("bucketize", dtypes=REAL, grad=False, reference=np_bucketize)
def bucketize(make: Make) -> Iterator[Case]:
    boundaries = np.sort(make(5))
    yield case(make(3, 4), boundaries)
    yield case(boundaries, boundaries, right=True, out_int32=True)
    yield case(2, boundaries)
    yield refused(make(3), make(2, 2), error=ValueError, match="vector")


def np_isin(elements: Any, tests: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    return np.isin(elements, tests, invert=invert)


@row("isin", dtypes=REAL, grad=False, reference=np_isin)
def isin(make: Make) -> Iterator[Case]:
    x = make(4, 5)
    yield case(x, x[1:3])
    yield case(x, x[0], invert=True)
    yield case(x, 2)
    yield case(2, x)
    yield case(x, make(0))
    yield case(make(0), x)


# ---- distinct elements ----------------------------------------------------------------------------------------


def np_unique(
    x: Array, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    values, inverse, counts = np.unique(np.asarray(x), return_inverse=True, return_counts=True, axis=dim)
    inverse = inverse.reshape(x.shape if dim is None else x.shape[dim])
    chosen = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    return tuple(chosen) if len(chosen) > 1 else values


@row("unique", dtypes=REAL + BOOL, grad=False, reference=np_unique)
def unique(make: Make) -> Iterator[Case]:
    x = make(3, 4)
    x[1] = x[0]
    yield case(x)
    yield case(x, return_inverse=True, return_counts=True)
    yield case(x, True, False, True)
    yield case(x, dim=0, return_inverse=True, return_counts=True)
    yield case(x, dim=1)
    yield case(make(0))
    yield case(np.tile(make(5), 80), return_inverse=True)


def np_unique_consecutive(x: Array, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    slices = np.asarray(x.reshape(-1) if dim is None else np.moveaxis(x, dim, 0))
    new = np.array([i == 0 or not np.array_equal(slices[i], slices[i - 1]) for i in range(len(slices))], bool)
    inverse = np.cumsum(new) - 1
    values = slices[new] if dim is None else np.moveaxis(slices[new], 0, dim)
    counts = np.bincount(inverse, minlength=int(new.sum()))
    shaped = inverse.reshape(x.shape) if dim is None else inverse
    chosen = [values, *([shaped] if return_inverse else []), *([counts] if return_counts else [])]
    return tuple(chosen) if len(chosen) > 1 else values


@row("unique_consecutive", dtypes=REAL + BOOL, grad=False, reference=np_unique_consecutive)
def unique_consecutive(make: Make) -> Iterator[Case]:
    x = np.repeat(make(3, 4), 2, axis=0)
    yield case(x, dim=0)
    yield case(x, True, True, 0)
    yield case(np.repeat(make(4), 3), return_inverse=True, return_counts=True)
    yield case(x)
