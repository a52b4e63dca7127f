"""Rows of look-ups in tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .table import FLOAT, LOW, Array, Case, Make, case, refused, row


def indices(make: Make, *shape: int) -> Array:
    return make.integers(*shape, high=5)


@row("embedding", dtypes=FLOAT + LOW, reference=lambda table, i, *_, **__: table[i])
def embedding(make: Make) -> Iterator[Case]:
    yield case(make(5, 3), indices(make, 2, 4))
    yield case(make(5, 3), indices(make, 2, 4), -1, False)
    yield case(make(5, 3), np.array(4))
    yield case(make(5, 3), indices(make, 0))
    yield case(make(5, 0), indices(make, 3))
    yield case(make(5, 3), np.asarray(indices(make, 3), np.int32))
    yield refused(make(5, 3), np.array([5]), error=IndexError, match="index 5 is out of range")
    yield refused(make(5, 3), np.array([0]), 5, error=ValueError, match="padding_idx")


@row(
    "nn.functional.embedding",
    dtypes=FLOAT + LOW,
    reference=lambda i, table, padding_idx=None: table[i],
    grad=(1,),
)
def functional_embedding(make: Make) -> Iterator[Case]:
    yield case(indices(make, 2, 4), make(5, 3))
    yield refused(np.array([5]), make(5, 3), error=IndexError, match="index 5 is out of range")
    yield refused(np.array([0]), make(5, 3), padding_idx=5, error=ValueError, match="padding_idx")


def bags(
    i: Array,
    table: Array,
    offsets: Array | None = None,
    mode: str = "mean",
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> Any:
    if offsets is None:
        groups = [(row, None if per_sample_weights is None else per_sample_weights[n]) for n, row in enumerate(i)]
    else:
        bounds = list(offsets) if include_last_offset else [*offsets, len(i)]
        groups = [
            (i[a:b], None if per_sample_weights is None else per_sample_weights[a:b]) for a, b in pairwise(bounds)
        ]
    padding = None if padding_idx is None else padding_idx % len(table)
    result = np.zeros((len(groups), table.shape[1]), table.dtype)
    for n, (bag, weights) in enumerate(groups):
        counted = np.array([index != padding for index in bag], bool)
        rows = table[bag][counted] * (1 if weights is None else weights[counted][:, None])
        if len(rows):
            result[n] = rows.sum(0) if mode == "sum" else rows.mean(0) if mode == "mean" else rows.max(0)
    return result


@row("nn.functional.embedding_bag", reference=bags, grad=(1, "per_sample_weights"))
def embedding_bag(make: Make) -> Iterator[Case]:
    for mode in ("sum", "mean", "max"):
        yield case(indices(make, 3, 2), make(5, 3), mode=mode)
        yield case(indices(make, 6), make(5, 3), offsets=np.array([0, 2, 2, 5]), mode=mode)
        yield case(indices(make, 6), make(5, 3), offsets=np.array([0, 2, 6]), mode=mode, include_last_offset=True)
        yield case(indices(make, 6), make(5, 3), offsets=np.array([0, 2]), mode=mode, padding_idx=1)
    yield case(indices(make, 6), make(5, 3), offsets=np.array([0, 2]), mode="sum", per_sample_weights=make(6))
    yield case(indices(make, 2, 3), make(5, 3), mode="sum", per_sample_weights=make(2, 3), padding_idx=-2)
    yield refused(indices(make, 6), make(5, 3), error=ValueError, match="offsets")
    yield refused(np.array([5]), make(5, 3), offsets=np.array([0]), error=IndexError, match="index 5 is out of range")
    yield refused(indices(make, 6), make(5, 3), offsets=np.array([0, 7]), error=ValueError, match="offsets must rise")


@row("embedding_bag", reference=None, grad=(0,))
def raw_embedding_bag(make: Make) -> Iterator[Case]:
    for mode in range(3):
        yield case(make(5, 3), indices(make, 6), np.array([0, 2, 2, 5]), False, mode)


def renormed(table: Array, i: Array, max_norm: float, order: float) -> Array:
    result = np.array(table)
    for index in np.unique(i):
        norm = np.linalg.norm(table[index], order)
        if norm > max_norm:
            result[index] = table[index] * (max_norm / (norm + 1e-7))
    return result


@row("embedding_renorm_", reference=renormed, grad=False)
def embedding_renorm_(make: Make) -> Iterator[Case]:
    yield case(make(5, 3), indices(make, 4), 0.5, 2.0)
    yield case(make(5, 3), indices(make, 2, 2), 0.5, 1.0)
    yield case(make(5, 3), indices(make, 0), 0.5, float("inf"))
    yield refused(make(5, 3), np.array([5]), 1.0, 2.0, error=IndexError, match="index 5 is out of range")


@row("nn.functional.one_hot", dtypes=("int64",), reference=None, grad=False)
def one_hot(make: Make) -> Iterator[Case]:
    yield case(indices(make, 2, 3))
    yield case(indices(make, 4), num_classes=7)
    yield case(np.array(2))
    yield refused(np.array([3]), num_classes=3, error=IndexError, match="index 3 is out of range")
