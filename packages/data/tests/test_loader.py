"""The loader in one process: arguments, batches, randomness."""

from __future__ import annotations

import multiprocessing
import random
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
    default_convert,
)


class Count(IterableDataset[int]):
    def __init__(self, end: int, promised: int | None = None) -> None:
        self.end, self.promised = end, promised

    def __iter__(self):
        return iter(range(self.end))

    def __len__(self) -> int:
        if self.promised is None:
            raise TypeError("Count has no len()")
        return self.promised


class Failing(Dataset[int]):
    def __init__(self, at: int, error: Exception) -> None:
        self.at, self.error = at, error

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> int:
        if index == self.at:
            raise self.error
        return index


def lists(loader: Any) -> list[Any]:
    return [batch.tolist() if isinstance(batch, tw.Tensor) else batch for batch in loader]


def test_batches() -> None:
    assert lists(DataLoader(range(5))) == [[0], [1], [2], [3], [4]]
    assert lists(DataLoader(range(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert lists(DataLoader(range(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert lists(DataLoader(range(5), 2, sampler=[4, 2, 0])) == [[4, 2], [0]]
    assert lists(DataLoader(range(5), batch_sampler=[[4], [1, 1]])) == [[4], [1, 1]]
    assert lists(DataLoader({"a": 1, "b": 2}, sampler="ba")) == [[2], [1]]
    assert lists(DataLoader(range(3), batch_size=None)) == [0, 1, 2]
    assert lists(DataLoader(range(3), batch_size=2, collate_fn=tuple)) == [(0, 1), (2,)]
    assert lists(DataLoader([])) == []
    drawn = lists(DataLoader(range(50), batch_size=50, shuffle=True))[0]
    assert drawn != list(range(50)) == sorted(drawn)


def test_batches_of_an_iterable_dataset() -> None:
    assert lists(DataLoader(Count(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert lists(DataLoader(Count(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert lists(DataLoader(Count(3), batch_size=None)) == [0, 1, 2]
    assert lists(DataLoader(Count(0))) == []


def test_lengths() -> None:
    assert len(DataLoader(range(10), batch_size=3)) == 4
    assert len(DataLoader(range(10), batch_size=3, drop_last=True)) == 3
    assert len(DataLoader(range(10), batch_size=None)) == 10
    assert len(DataLoader(range(10), batch_sampler=[[1], [2]])) == 2
    assert len(DataLoader(Count(9, promised=4), batch_size=3)) == 2
    with pytest.raises(TypeError, match="no len"):
        len(DataLoader(Count(3)))


def test_more_batches_than_promised() -> None:
    loader = DataLoader(Count(9, promised=4), batch_size=3)
    assert len(list(loader)) == 3  # nobody has asked for the length
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="said that it has 4 samples, which is 2 batches; batch 3 has come"):
        assert len(list(loader)) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_workers": -1}, "'num_workers' must be an int and not negative, got -1"),
        ({"timeout": -1}, "'timeout' must not be negative"),
        ({"timeout": 1}, "'timeout' needs num_workers > 0"),
        ({"prefetch_factor": 2}, "'prefetch_factor' needs num_workers > 0"),
        ({"num_workers": 1, "prefetch_factor": 0}, "'prefetch_factor' must be positive, got 0"),
        ({"persistent_workers": True}, "'persistent_workers' needs num_workers > 0"),
        ({"shuffle": True, "sampler": [1]}, "'sampler' and 'shuffle' exclude each other"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "'batch_sampler' excludes"),
        ({"batch_sampler": [[1]], "shuffle": True}, "'batch_sampler' excludes"),
        ({"batch_sampler": [[1]], "drop_last": True}, "'batch_sampler' excludes"),
        ({"batch_sampler": [[1]], "sampler": [1]}, "'batch_sampler' excludes"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None makes no batches"),
        ({"batch_size": 0}, "'batch_size' must be a positive int, got 0"),
        ({"batch_size": 1.5}, "'batch_size' must be a positive int, got 1.5"),
        ({"multiprocessing_context": "fork"}, "'multiprocessing_context' needs num_workers > 0"),
        ({"num_workers": 1, "multiprocessing_context": "threads"}, "must be one of"),
        ({"streams": 2}, "'streams' is a positive number for an IterableDataset"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DataLoader(range(10), **arguments)


@pytest.mark.parametrize("arguments", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}, {"streams": 0}])
def test_arguments_that_an_iterable_dataset_refuses(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="IterableDataset"):
        DataLoader(Count(3), **arguments)
    DataLoader(Count(3), shuffle=False)


def test_an_empty_dataset_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="got 0"):
        DataLoader([], shuffle=True)


def test_contexts() -> None:
    with pytest.raises(TypeError, match="must be a context or its name, got int"):
        DataLoader(range(3), num_workers=1, multiprocessing_context=3)  # type: ignore[arg-type]
    spawn = multiprocessing.get_context("spawn")
    assert DataLoader(range(3), num_workers=1, multiprocessing_context=spawn).multiprocessing_context is spawn
    loader = DataLoader(range(3), num_workers=1)
    assert loader.multiprocessing_context is None
    loader.multiprocessing_context = "fork"
    assert loader.multiprocessing_context.get_start_method() == "fork"


def test_attributes() -> None:
    loader = DataLoader(range(10), 3)
    assert (loader.batch_size, loader.drop_last, loader.num_workers, loader.timeout) == (3, False, 0, 0)
    assert (loader.prefetch_factor, loader.pin_memory, loader.generator) == (None, False, None)
    assert isinstance(loader.sampler, SequentialSampler)
    assert isinstance(loader.batch_sampler, BatchSampler)
    assert loader.collate_fn is default_collate
    assert isinstance(DataLoader(range(3), shuffle=True).sampler, RandomSampler)
    alone = DataLoader(range(3), batch_size=None)
    assert alone.batch_sampler is None
    assert alone.collate_fn is default_convert
    assert DataLoader(range(3), batch_sampler=[[1]]).batch_size is None
    assert DataLoader(range(3), num_workers=2).prefetch_factor == 2
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"'{name}' cannot be set"):
            setattr(loader, name, 1)
    loader.collate_fn = sum
    assert lists(loader) == [3, 12, 21, 9]
    DataLoader(range(3), pin_memory=True, pin_memory_device="cpu")


def test_an_error_names_the_sample_and_the_loop_can_go_on() -> None:
    batches = iter(DataLoader(Failing(3, KeyError("no such file")), batch_size=2))
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(KeyError) as raised:
        next(batches)
    assert raised.value.__notes__ == ["raised in DataLoader at sample index 3 (sample 1 of batch 1)"]
    assert next(batches).tolist() == [4, 5]
    with pytest.raises(StopIteration):
        next(batches)


def test_stop_iteration_of_a_dataset_does_not_end_the_loop_silently() -> None:
    with pytest.raises(RuntimeError, match="the dataset raised StopIteration"):
        list(DataLoader(Failing(3, StopIteration())))


class Draws(Dataset[tuple[float, ...]]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[float, ...]:
        return tw.rand(1).item(), random.random(), float(np.random.rand()), float(np.random.randn())


def test_the_numbers_of_an_epoch_come_from_its_seed() -> None:
    def epoch(seed: int, before: int) -> list[Any]:
        tw.manual_seed(seed)
        random.seed(before)
        np.random.seed(before)
        return [[column.tolist() for column in batch] for batch in DataLoader(Draws(), batch_size=2)]

    assert epoch(1, 1) == epoch(1, 2) != epoch(2, 1)
    drawn = [number for batch in epoch(1, 1) for column in batch for number in column]
    assert len(set(drawn)) == len(drawn)


def test_the_global_generators_go_on_as_if_nothing_was_loaded() -> None:
    def drawn() -> tuple[float, ...]:
        return tw.rand(1).item(), random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.randn())

    tw.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    tw.randint(0, 5, ())  # an epoch takes one draw
    expected = [drawn() for _ in range(3)]  # each leaves half of a pair of normal numbers for the next
    tw.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    assert [drawn() for _ in DataLoader(Draws(), batch_size=2)] == expected


def test_another_generator_of_numpy_goes_on_too() -> None:
    before = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(3))
        expected = [float(np.random.randn()) for _ in range(3)]
        np.random.set_bit_generator(np.random.PCG64(3))
        assert [float(np.random.randn()) for _ in DataLoader(Draws(), batch_size=2)] == expected
    finally:
        np.random.set_bit_generator(before)


def test_a_generator_of_its_own_leaves_the_default_one_alone() -> None:
    before = tw.get_rng_state().tolist()
    first = lists(DataLoader(range(20), 20, shuffle=True, generator=tw.Generator().manual_seed(3)))
    assert tw.get_rng_state().tolist() == before
    assert first == lists(DataLoader(range(20), 20, shuffle=True, generator=tw.Generator().manual_seed(3)))


def test_two_iterations_at_a_time() -> None:
    loader = DataLoader(range(4), batch_size=2)
    assert [(a.tolist(), b.tolist()) for a in loader for b in loader][:2] == [([0, 1], [0, 1]), ([0, 1], [2, 3])]


def test_tensors_keep_their_values_when_the_dataset_changes() -> None:
    data = tw.zeros(4)
    batches = iter(DataLoader(TensorDataset(data), batch_size=2))
    (first,) = next(batches)
    data.fill_(7)
    assert first.tolist() == [0, 0]


def test_the_names_of_pytorch() -> None:
    from tensorwright.utils import data
    from tensorwright.utils.data.distributed import DistributedSampler

    assert data.DataLoader is DataLoader is tw.data.DataLoader is tw.utils.data.DataLoader
    assert DistributedSampler is tw.data.DistributedSampler
    assert data.sampler.RandomSampler is tw.data.RandomSampler
    assert data.dataset.Dataset is tw.data.Dataset
    assert data.dataloader.default_collate is tw.data.default_collate


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_tensors_are_gathered_at_once_as_if_collated(workers: int) -> None:
    tensors = TensorDataset(tw.randn(30, 700), tw.arange(30), tw.ones(30, 2, 3).to(tw.bfloat16), tw.zeros(30, 0))
    for dataset in (
        tensors,
        Subset(tensors, range(29, -1, -2)),
        Subset(Subset(tensors, range(9, 29)), [-1, *range(9)]),
    ):
        options: dict[str, Any] = {"batch_size": 8, "num_workers": workers}
        plainly = DataLoader(dataset, collate_fn=lambda samples: default_collate(samples), **options)
        for left, right in zip(DataLoader(dataset, **options), plainly, strict=True):
            assert [part.dtype for part in left] == [part.dtype for part in right]
            assert [part.tolist() for part in left] == [part.tolist() for part in right]
    for index in (30, -31):
        with pytest.raises(IndexError) as raised:
            list(DataLoader(tensors, batch_sampler=[[1, index]], num_workers=workers))
        assert f"sample index {index} (sample 1 of batch 0)" in raised.value.__notes__[0]


def test_a_subclass_that_changes_samples_is_asked_for_them() -> None:
    class Negated(TensorDataset):
        def __getitem__(self, index: int) -> tuple[tw.Tensor, ...]:
            return tuple(-part for part in super().__getitem__(index))

    ((batch,),) = DataLoader(Negated(tw.arange(3)), batch_size=3)
    assert batch.tolist() == [0, -1, -2]
    ((batch,),) = DataLoader(Subset(Negated(tw.arange(3)), [2, 1]), batch_size=3)
    assert batch.tolist() == [-2, -1]
