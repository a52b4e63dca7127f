"""Where samples come from."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import tensorwright as tw
from tensorwright import Tensor

from ._collate import gathered

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples found by a key: subclasses define ``__getitem__``, and ``__len__`` where samplers need it.

    A subclass may also define ``__getitems__``, which takes a list of keys and returns the list of their samples.

    Example:
        >>> class Squares(Dataset[int]):
        ...     def __len__(self) -> int:
        ...         return 4
        ...     def __getitem__(self, index: int) -> int:
        ...         return index * index
        >>> both = Squares() + Squares()
        >>> len(both), both[-1]
        (8, 9)
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__}: subclasses of Dataset define __getitem__")

    def __add__(self, other: Dataset[T_co]) -> Dataset[T_co]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples that come one after another: subclasses define ``__iter__``.

    With workers, each has a copy of the dataset. ``get_worker_info()`` tells ``__iter__`` which part is its own; if it
    never asks, one worker reads the whole, so that no sample comes twice.

    Example:
        >>> class Count(IterableDataset[int]):
        ...     def __iter__(self):
        ...         return iter(range(3))
        >>> list(Count() + Count())
        [0, 1, 2, 0, 1, 2]
    """

    def __add__(self, other: Dataset[T_co]) -> Dataset[T_co]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are the entries of tensors along their first dimension.

    Raises:
        ValueError: no tensors, one without dimensions, or first dimensions that differ.

    Example:
        >>> import tensorwright as tw
        >>> dataset = TensorDataset(tw.arange(6).reshape(3, 2), tw.tensor([7, 8, 9]))
        >>> len(dataset), dataset[1]
        (3, (tensor([2, 3]), tensor(8)))
    """

    def __init__(self, *tensors: Tensor) -> None:
        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(f"TensorDataset: argument {position} must be Tensor, got {type(tensor).__name__}")
        shapes = [list(tensor.shape) for tensor in tensors]
        if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(f"TensorDataset: tensors must have the same first dimension, got shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def _collated(self, keys: list[Any]) -> list[Tensor] | None:
        """What ``default_collate`` makes of the samples, gathered at once; None where only they can tell."""
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None
        try:
            index = tw.tensor(keys, dtype=tw.int64)
            return [gathered(tensor, index) for tensor in self.tensors]
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            return None  # an index counts from the end, or is wrong: the samples' own message says which


class StackDataset(Dataset[Any]):
    """Samples of several datasets side by side: tuples, or dicts where the datasets were given by keyword.

    Raises:
        ValueError: no datasets, positional ones beside named ones, or different lengths.

    Example:
        >>> StackDataset([1, 2], "ab")[0]
        (1, 'a')
        >>> StackDataset(number=[1, 2], letter="ab")[1]
        {'number': 2, 'letter': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                f"StackDataset: expected datasets either by position or by keyword, got {len(args)} and {len(kwargs)}"
            )
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._parts()]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: datasets must have the same length, got {lengths}")
        self._length = lengths[0]

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _joined(self, samples: Iterable[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, samples, strict=True))
        return tuple(samples)

    def __getitem__(self, index: Any) -> Any:
        return self._joined(dataset[index] for dataset in self._parts())

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        columns = [samples_of(dataset, indices) for dataset in self._parts()]
        return [self._joined(samples) for samples in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Datasets one behind the other.

    Raises:
        ValueError: no datasets.
        TypeError: one of them is an ``IterableDataset``.
        IndexError: when an index is out of range.

    Example:
        >>> both = ConcatDataset(["ab", "cde"])
        >>> both.cumulative_sizes, both[2], both[-1]
        ([2, 5], 'c', 'e')
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one dataset, got none")
        for position, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise TypeError(f"ConcatDataset: dataset {position} is an IterableDataset; ChainDataset takes these")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The sums of the lengths so far."""
        return list(itertools.accumulate(len(dataset) for dataset in sequence))

    def _place(self, index: int) -> tuple[int, int]:
        """Which dataset, and the index in it."""
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {length} samples")
        index %= length
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return which, index - (self.cumulative_sizes[which - 1] if which else 0)

    def __getitem__(self, index: int) -> T_co:
        which, inside = self._place(index)
        return self.datasets[which][inside]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[T_co]):
    """Iterable datasets one after the other.

    Raises:
        TypeError: when one of them is no ``IterableDataset``.
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for position, dataset in enumerate(self.datasets):
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ChainDataset: dataset {position} must be an IterableDataset, got {type(dataset).__name__}"
                )
            yield dataset

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T_co]):
    """The samples of a dataset at some indices.

    Example:
        >>> Subset("abcd", [3, 1])[0]
        'd'
    """

    dataset: Dataset[T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        return samples_of(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)

    def _collated(self, keys: list[Any]) -> Any:
        """As of ``TensorDataset``, if this is a part of one."""
        inner = getattr(self.dataset, "_collated", None)
        if inner is None or type(self) is not Subset:
            return None
        return inner([self.indices[key] for key in keys])


def samples_of(dataset: Any, indices: list[Any]) -> list[Any]:
    """The samples at ``indices``, in one call where the dataset offers that.

    Raises:
        ValueError: ``__getitems__`` returned another number of samples.
    """
    together = getattr(dataset, "__getitems__", None)
    if together is None:
        return [dataset[index] for index in indices]
    samples: list[Any] = together(indices)
    if len(samples) != len(indices):
        name = type(dataset).__name__
        raise ValueError(f"{name}.__getitems__ returned {len(samples)} samples for {len(indices)} indices")
    return samples
