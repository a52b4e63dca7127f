"""The distinct elements of an array, in ascending order; every NaN is distinct from any other."""

from __future__ import annotations

from typing import NamedTuple

import tensorwright as tw
from tensorwright.array_api._types import Tensor

__all__ = ["unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """The distinct values, where each occurs first, which one each element is, and how often each occurs."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """The distinct values and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """The distinct values, and which one each element is."""

    values: Tensor
    inverse_indices: Tensor


def _order(flat: Tensor) -> Tensor:
    """A stable order in which equal elements are neighbours."""
    if not flat.dtype.is_complex:
        return tw.argsort(flat, stable=True)
    by_imaginary = tw.argsort(flat.imag, stable=True)
    return by_imaginary[tw.argsort(flat.real[by_imaginary], stable=True)]


def unique_all(x: Tensor, /) -> UniqueAll:
    """The distinct elements, the index of the first of each, the inverse, and counts."""
    flat = x.reshape(-1)
    order = _order(flat)
    ordered = flat[order]
    is_first = tw.ones(flat.shape[0], dtype=tw.bool, device=x.device)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = tw.nonzero(is_first).reshape(-1)
    ends = tw.concat([starts[1:], tw.full((1,), flat.shape[0], dtype=tw.int64)])[: starts.shape[0]]
    inverse = tw.empty_like(order)
    inverse[order] = tw.cumsum(is_first, 0) - 1
    return UniqueAll(ordered[starts], order[starts], inverse.reshape(x.shape), ends - starts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The distinct elements, and how often each occurs."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The distinct elements, and which one each element is."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct elements."""
    return unique_all(x).values
