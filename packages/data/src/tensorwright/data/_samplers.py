"""The order in which samples are taken: samplers give indices, batch samplers lists of them.

Each epoch of a sampler that draws comes from one number, which it draws from its generator (the default one if it has
none) when the iteration begins. So an order depends neither on how far workers read ahead nor on what else is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import tensorwright as tw

from ._random import drawn_seed

T_co = TypeVar("T_co", covariant=True)


def _positive(who: str, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{who}: argument '{name}' must be a positive int, got {value!r}")
    return value


def _boolean(who: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{who}: argument '{name}' must be bool, got {value!r}")
    return value


def _fresh(generator: tw.Generator | None) -> tw.Generator:
    """A generator for one epoch."""
    return tw.Generator().manual_seed(drawn_seed(generator))


class Sampler(Generic[T_co]):
    """Gives keys of a dataset: subclasses define ``__iter__``, and ``__len__`` where it is known."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: subclasses of Sampler define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2 and so on.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order.

    Args:
        data_source: what has the length.
        replacement: whether an index may come again before all have come.
        num_samples: how many indices; the length if absent. Without replacement, more are several permutations.
        generator: draws the order; the default one if absent.

    Raises:
        ValueError: ``num_samples`` is not positive, or the source is empty.

    Example:
        >>> import tensorwright as tw
        >>> sorted(RandomSampler("abcd", generator=tw.Generator().manual_seed(0)))
        [0, 1, 2, 3]
        >>> len(list(RandomSampler("ab", num_samples=5)))
        5
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: tw.Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement: bool = _boolean("RandomSampler", "replacement", replacement)
        self._num_samples = num_samples
        self.generator = generator
        _positive("RandomSampler", "num_samples", self.num_samples)
        if not len(data_source):
            raise ValueError("RandomSampler: argument 'data_source' must not be empty, got 0 samples")

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        return islice(self._drawn(_fresh(self.generator)), self.num_samples)

    def _drawn(self, generator: tw.Generator) -> Iterator[int]:
        length = len(self.data_source)
        while True:
            if self.replacement:
                yield from tw.randint(0, length, (min(self.num_samples, 4096),), generator=generator).tolist()
            else:
                yield from tw.randperm(length, generator=generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    Example:
        >>> sorted(SubsetRandomSampler([7, 3, 5]))
        [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: tw.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = tw.randperm(len(self.indices), generator=_fresh(self.generator)).tolist()
        return (self.indices[position] for position in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given weights, which need not add up to one.

    Args:
        weights: one for each sample, not negative.
        num_samples: how many are drawn.
        replacement: whether an index may come again.
        generator: draws; the default one if absent.

    Raises:
        ValueError: weights that are not one-dimensional, ``num_samples`` not positive; when drawing: weights that are
            negative or add up to nothing, more samples than weights without replacement.

    Example:
        >>> list(WeightedRandomSampler([0.0, 2.0, 0.0], 3))
        [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: tw.Generator | None = None,
    ) -> None:
        self.num_samples: int = _positive("WeightedRandomSampler", "num_samples", num_samples)
        self.replacement: bool = _boolean("WeightedRandomSampler", "replacement", replacement)
        self.weights: tw.Tensor = tw.as_tensor(weights, dtype=tw.float64)
        self.generator = generator
        if self.weights.ndim != 1:
            shape = list(self.weights.shape)
            raise ValueError(f"WeightedRandomSampler: weights must have one dimension, got shape {shape}")

    def __iter__(self) -> Iterator[int]:
        generator = _fresh(self.generator)
        drawn = tw.multinomial(self.weights, self.num_samples, self.replacement, generator=generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of the indices that another sampler gives.

    Args:
        sampler: any iterable of indices.
        batch_size: how many make a list.
        drop_last: leave out the last list if it is shorter.

    Example:
        >>> list(BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        self.sampler = sampler
        self.batch_size: int = _positive("BatchSampler", "batch_size", batch_size)
        self.drop_last: bool = _boolean("BatchSampler", "drop_last", drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))  # the sampler draws now, not at the first batch

    def _batches(self, indices: Iterator[int]) -> Iterator[list[int]]:
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        indices = len(self.sampler)  # type: ignore[arg-type]  # iterables without a length have none here either
        return indices // self.batch_size if self.drop_last else -(-indices // self.batch_size)


class DistributedSampler(Sampler[int]):
    """The part of a dataset that one of several processes takes; all parts are of the same length.

    Call ``set_epoch`` before each epoch: all processes shuffle by the same ``seed + epoch``.

    Args:
        dataset: what has the length.
        num_replicas: how many processes there are.
        rank: which of them this is.
        shuffle: whether the order is random.
        seed: the same in all processes.
        drop_last: leave out what cannot be divided evenly; otherwise some samples come twice.

    Raises:
        ValueError: ``num_replicas`` or ``rank`` absent, or a rank out of range.

    Example:
        >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in range(2)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ValueError("DistributedSampler: 'num_replicas' and 'rank' must be given: no process group is known")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"DistributedSampler: rank must be between 0 and {num_replicas - 1}, got {rank}")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch: int = 0
        self.drop_last = drop_last
        even = len(dataset) // num_replicas
        self.num_samples: int = even if drop_last else math.ceil(len(dataset) / num_replicas)
        self.total_size: int = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        length = len(self.dataset)
        if self.shuffle:
            generator = tw.Generator().manual_seed(self.seed + self.epoch)
            order: Sequence[int] = tw.randperm(length, generator=generator).tolist()
        else:
            order = range(length)
        mine = range(self.rank, self.total_size, self.num_replicas)
        return iter([order[position % length] for position in mine])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Another order for another epoch."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """The epoch, for the loader's ``state_dict``."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on with the epoch that ``state_dict`` returned."""
        self.epoch = state["epoch"]
