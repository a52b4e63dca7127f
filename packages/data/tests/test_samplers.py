"""Samplers: which indices come, in which order, how many."""

from __future__ import annotations

from collections import Counter

import pytest
import tensorwright as tw
from hypothesis import given
from hypothesis import strategies as st
from tensorwright.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

seeds = st.integers(0, 2**63)


def seeded(seed: int) -> tw.Generator:
    return tw.Generator().manual_seed(seed)


def test_the_base_class_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="define __iter__"):
        iter(Sampler())


@given(st.integers(0, 50))
def test_in_order(length: int) -> None:
    sampler = SequentialSampler(range(length))
    assert list(sampler) == list(range(length))
    assert len(sampler) == length


@given(st.integers(1, 40), st.integers(1, 130), seeds)
def test_without_replacement_each_round_is_a_permutation(length: int, count: int, seed: int) -> None:
    sampler = RandomSampler(range(length), num_samples=count, generator=seeded(seed))
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == count
    for start in range(0, count - length + 1, length):
        assert sorted(drawn[start : start + length]) == list(range(length))
    assert max(Counter(drawn).values()) <= -(-count // length)
    assert drawn == list(RandomSampler(range(length), num_samples=count, generator=seeded(seed)))


@given(st.integers(1, 40), st.integers(1, 130), seeds)
def test_with_replacement_each_index_is_in_range(length: int, count: int, seed: int) -> None:
    drawn = list(RandomSampler(range(length), True, count, seeded(seed)))
    assert len(drawn) == count
    assert all(type(index) is int and 0 <= index < length for index in drawn)


def test_replacement_is_uniform() -> None:
    counts = Counter(RandomSampler(range(10), True, 100_000, seeded(0)))
    assert all(abs(counts[index] - 10_000) < 500 for index in range(10))


def test_epochs_differ_and_take_one_draw_of_the_generator() -> None:
    generator = seeded(1)
    sampler = RandomSampler(range(100), generator=generator)
    assert list(sampler) != list(sampler)
    before = generator.get_state().tolist()
    order = iter(sampler)
    drawn = generator.get_state().tolist()
    list(order)
    assert before != drawn == generator.get_state().tolist()


@pytest.mark.parametrize("arguments", [{"num_samples": 0}, {"num_samples": -1}, {"num_samples": 1.5}])
def test_random_sampler_refuses(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="RandomSampler: argument 'num_samples' must be a positive int, got"):
        RandomSampler(range(3), **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got 0"):
        RandomSampler([])
    with pytest.raises(ValueError, match="must not be empty"):
        RandomSampler([], True, 3)
    with pytest.raises(TypeError, match="'replacement' must be bool, got 1"):
        RandomSampler(range(3), replacement=1)  # type: ignore[arg-type]


@given(st.lists(st.integers(), max_size=30), seeds)
def test_a_subset_in_random_order(indices: list[int], seed: int) -> None:
    sampler = SubsetRandomSampler(indices, seeded(seed))
    assert Counter(sampler) == Counter(indices)
    assert len(sampler) == len(indices)


def test_weights() -> None:
    assert list(WeightedRandomSampler([0.0, 3.0, 0.0], 4)) == [1, 1, 1, 1]
    assert sorted(WeightedRandomSampler([1, 2, 3], 3, replacement=False)) == [0, 1, 2]
    counts = Counter(WeightedRandomSampler([1.0, 3.0], 40_000, generator=seeded(3)))
    assert abs(counts[1] - 30_000) < 500
    assert len(WeightedRandomSampler([1.0], 7)) == 7


def test_weights_that_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one dimension, got shape \[1, 2\]"):
        WeightedRandomSampler([[1.0, 2.0]], 2)  # type: ignore[list-item]
    for count in (0, True, 1.0):
        with pytest.raises(ValueError, match="'num_samples' must be a positive int"):
            WeightedRandomSampler([1.0], count)  # type: ignore[arg-type]
    with pytest.raises(tw.ShapeError, match="not enough categories"):
        list(WeightedRandomSampler([1.0, 2.0], 3, replacement=False))
    with pytest.raises(ValueError, match="not negative"):
        list(WeightedRandomSampler([-1.0, 2.0], 3))


@given(st.integers(0, 60), st.integers(1, 12), st.booleans())
def test_batches(length: int, size: int, drop: bool) -> None:
    sampler = BatchSampler(SequentialSampler(range(length)), size, drop)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert all(len(batch) == size for batch in batches[:-1])
    joined = [index for batch in batches for index in batch]
    assert joined == list(range(length - length % size if drop else length))


def test_batches_of_any_iterable_and_what_is_refused() -> None:
    assert list(BatchSampler(iter("abc"), 2, False)) == [["a", "b"], ["c"]]  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no len"):
        len(BatchSampler(iter([1]), 2, False))
    for size in (0, -1, True, 2.0):
        with pytest.raises(ValueError, match="'batch_size' must be a positive int"):
            BatchSampler(range(3), size, False)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'drop_last' must be bool, got 1"):
        BatchSampler(range(3), 2, 1)  # type: ignore[arg-type]


@given(st.integers(0, 40), st.integers(1, 6), st.booleans(), st.booleans(), st.integers(0, 100))
def test_replicas_share_the_samples(length: int, replicas: int, shuffle: bool, drop: bool, seed: int) -> None:
    parts = []
    for rank in range(replicas):
        sampler = DistributedSampler(range(length), replicas, rank, shuffle, seed, drop)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler)
    assert len({len(part) for part in parts}) == 1
    counts = Counter(index for part in parts for index in part)
    if drop:
        assert all(count == 1 for count in counts.values())
        assert length - len(counts) < replicas
    else:
        assert set(counts) == set(range(length))


def test_epochs_of_replicas() -> None:
    sampler = DistributedSampler(range(50), 2, 1)
    first = list(sampler)
    assert first == list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    other = DistributedSampler(range(50), 2, 1)
    other.load_state_dict(sampler.state_dict())
    assert list(other) == second
    for rank in (-1, 2):
        with pytest.raises(ValueError, match=f"rank must be between 0 and 1, got {rank}"):
            DistributedSampler(range(5), 2, rank)
    with pytest.raises(ValueError, match="must be given"):
        DistributedSampler(range(5))
