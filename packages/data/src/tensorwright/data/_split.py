"""Parts of a dataset, drawn at random."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

import tensorwright as tw

from ._datasets import Dataset, Subset

T = TypeVar("T")


def random_split(
    dataset: Dataset[T], lengths: Sequence[int | float], generator: tw.Generator | None = None
) -> list[Subset[T]]:
    """Divide a dataset at random into parts that share no sample.

    Args:
        dataset: it has a length.
        lengths: of the parts, or fractions that add up to one: each part gets the whole samples of its fraction, and
            what is left goes one by one to the first parts.
        generator: decides which sample goes where; the default one if absent.

    Raises:
        ValueError: lengths that do not add up to the dataset's, or fractions that are negative or add up to more.

    Warns:
        UserWarning: a fraction gave a part without samples.

    Example:
        >>> import tensorwright as tw
        >>> parts = random_split(range(10), [0.35, 0.35, 0.3], generator=tw.Generator().manual_seed(1))
        >>> [len(part) for part in parts]
        [4, 3, 3]
        >>> sorted(sample for part in parts for sample in part)
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    total = len(_sized(dataset))
    given = list(lengths)
    one_sample = total == 1 and all(isinstance(length, int) for length in given)
    counts = _counts_of_fractions(given, total) if math.isclose(sum(given), 1) and not one_sample else given
    if any(count < 0 or count != int(count) for count in counts) or sum(counts) != total:
        raise ValueError(f"random_split: lengths must add up to the dataset's {total} samples, got {given}")
    whole = [int(count) for count in counts]
    order = tw.randperm(total, generator=generator).tolist()
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(itertools.accumulate(whole), whole, strict=True)
    ]


def _sized(dataset: Any) -> Any:
    if not hasattr(dataset, "__len__"):
        raise TypeError(f"random_split: argument 'dataset' must have a length, {type(dataset).__name__} has none")
    return dataset


def _counts_of_fractions(fractions: list[int | float], total: int) -> list[int | float]:
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: fraction {position} must be between 0 and 1, got {fraction}")
    counts: list[int | float] = [math.floor(total * fraction) for fraction in fractions]
    for left in range(total - int(sum(counts))):
        counts[left % len(counts)] += 1
    for position, count in enumerate(counts):
        if count == 0:
            warnings.warn(f"random_split: part {position} of {fractions} is empty", UserWarning, stacklevel=3)
    return counts
