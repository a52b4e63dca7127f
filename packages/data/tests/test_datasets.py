"""Datasets, their combinations and random_split."""

from __future__ import annotations

import pytest
import tensorwright as tw
from hypothesis import given
from hypothesis import strategies as st
from tensorwright.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Count(IterableDataset[int]):
    def __init__(self, end: int) -> None:
        self.end = end

    def __iter__(self):
        return iter(range(self.end))

    def __len__(self) -> int:
        return self.end


class Together(Dataset[int]):
    """Gives samples by the list, and notes the lists."""

    def __init__(self, length: int, give: int | None = None) -> None:
        self.length, self.give, self.asked = length, give, []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index

    def __getitems__(self, indices: list[int]) -> list[int]:
        self.asked.append(indices)
        return indices[: self.give]


def test_the_base_classes_say_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="define __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="no len"):
        len(Dataset())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="__iter__"):
        IterableDataset()  # type: ignore[abstract]


def test_tensors_side_by_side() -> None:
    dataset = TensorDataset(tw.arange(6).reshape(3, 2), tw.tensor([7, 8, 9]))
    assert len(dataset) == 3
    assert [part.tolist() for part in dataset[-1]] == [[4, 5], 9]
    assert [part.tolist() for part in dataset[1:]] == [[[2, 3], [4, 5]], [8, 9]]


@pytest.mark.parametrize("shapes", [[], [()], [(3,), (2,)], [(3,), ()]])
def test_tensors_without_a_common_first_dimension_are_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="same first dimension, got shapes"):
        TensorDataset(*[tw.zeros(shape) for shape in shapes])


def test_a_tensor_dataset_takes_only_tensors() -> None:
    with pytest.raises(TypeError, match="argument 1 must be Tensor, got list"):
        TensorDataset(tw.zeros(2), [1, 2])  # type: ignore[arg-type]


def test_datasets_side_by_side() -> None:
    assert StackDataset([1, 2], "ab")[1] == (2, "b")
    assert StackDataset(n=[1, 2], c="ab")[0] == {"n": 1, "c": "a"}
    assert len(StackDataset([1, 2])) == 2
    parts = Together(4), "abcd"
    assert StackDataset(*parts).__getitems__([3, 1]) == [(3, "d"), (1, "b")]
    assert StackDataset(n=parts[0], c=parts[1]).__getitems__([2]) == [{"n": 2, "c": "c"}]
    assert parts[0].asked == [[3, 1], [2]]


def test_what_cannot_stand_side_by_side() -> None:
    with pytest.raises(ValueError, match="either by position or by keyword, got 0 and 0"):
        StackDataset()
    with pytest.raises(ValueError, match="either by position or by keyword, got 1 and 1"):
        StackDataset([1], b=[1])
    with pytest.raises(ValueError, match=r"same length, got \[2, 3\]"):
        StackDataset([1, 2], "abc")
    with pytest.raises(ValueError, match=r"Together.__getitems__ returned 1 samples for 2 indices"):
        StackDataset(Together(3, give=1)).__getitems__([0, 1])


def test_datasets_behind_each_other() -> None:
    both = TensorDataset(tw.arange(2)) + TensorDataset(tw.arange(3))
    assert isinstance(both, ConcatDataset)
    assert both.cumulative_sizes == [2, 5]
    assert [both[i][0].item() for i in range(5)] == [0, 1, 0, 1, 2]
    assert [both[i - 5][0].item() for i in range(5)] == [0, 1, 0, 1, 2]
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 5 samples"):
            both[index]
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="dataset 1 is an IterableDataset"):
        ConcatDataset([TensorDataset(tw.arange(2)), Count(2)])


def test_iterable_datasets_behind_each_other() -> None:
    both = Count(2) + Count(3)
    assert isinstance(both, ChainDataset)
    assert list(both) == [0, 1, 0, 1, 2]
    assert len(both) == 5
    with pytest.raises(TypeError, match="dataset 1 must be an IterableDataset, got TensorDataset"):
        list(Count(1) + TensorDataset(tw.arange(2)))  # type: ignore[operator]


def test_subsets() -> None:
    inner = Together(6)
    subset = Subset(Subset(inner, [5, 3, 1, 0]), [2, 0])
    assert len(subset) == 2
    assert [subset[0], subset[1]] == [1, 5]
    assert subset.__getitems__([1, 0, 1]) == [5, 1, 5]
    assert inner.asked == [[5, 1, 5]]
    with pytest.raises(IndexError):
        subset[2]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.integers(0, 2**40))
def test_a_split_by_counts_is_a_partition(counts: list[int], seed: int) -> None:
    total = sum(counts)
    parts = random_split(range(total), counts, generator=tw.Generator().manual_seed(seed))
    assert [len(part) for part in parts] == counts
    assert sorted(sample for part in parts for sample in part) == list(range(total))
    again = random_split(range(total), counts, generator=tw.Generator().manual_seed(seed))
    assert [part.indices for part in parts] == [part.indices for part in again]


@pytest.mark.filterwarnings("ignore:random_split")
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 100))
def test_a_split_by_fractions_leaves_nothing_out(weights: list[int], total: int) -> None:
    fractions = [weight / sum(weights) for weight in weights]
    parts = random_split(range(total), fractions)
    assert sum(len(part) for part in parts) == total
    for part, fraction in zip(parts, fractions, strict=True):
        assert 0 <= len(part) - int(total * fraction) <= 1 + total // len(parts)


def test_what_cannot_be_split() -> None:
    for lengths in ([3, 3], [0.7, 0.6], [0.1, 0.1], [-1, 11], [2.5, 7.5]):
        with pytest.raises(ValueError, match="random_split"):
            random_split(range(10), lengths)
    with pytest.raises(ValueError, match=r"fraction 0 must be between 0 and 1, got -0.1"):
        random_split(range(10), [-0.1, 1.1])
    with pytest.warns(UserWarning, match="part 0 of"):
        assert [len(part) for part in random_split(range(10), [0.0, 1.0])] == [0, 10]
    with pytest.raises(TypeError, match="must have a length"):
        random_split(iter(range(3)), [3])  # type: ignore[arg-type]
