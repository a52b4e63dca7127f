"""Workers: the same batches as without them, whatever they carry."""

from __future__ import annotations

import gc
import math
import os
import random
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.data import DataLoader, Dataset, IterableDataset, TensorDataset, WorkerError, get_worker_info

DTYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16"),
    *("float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2"),
)
METHODS = ("fork", "spawn", "forkserver")
Point = namedtuple("Point", "x y")


class Made(Dataset[Any]):
    """Samples are what a function makes of the index."""

    def __init__(self, make: Any, length: int = 8) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


def through_a_worker(value: Any) -> Any:
    """What a worker makes of a value that nobody collates."""
    return next(iter(DataLoader(Made(lambda index: value), batch_size=None, num_workers=1, collate_fn=lambda x: x)))


def same(left: Any, right: Any) -> bool:
    if isinstance(left, tw.Tensor):
        return left.dtype == right.dtype and left.shape == right.shape and left.tolist() == right.tolist()
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def mapped_files() -> int:
    """How many pieces of shared memory of ours this process looks at."""
    gc.collect()
    return Path("/proc/self/maps").read_text().count("memfd:tensorwright")


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_and_shape(name: str) -> None:
    dtype = getattr(tw, name)
    shapes = [(), (0,), (3, 0, 2), (5,), (3, 7), (64, 1000)]
    values = [tw.arange(math.prod(shape)).remainder(2).reshape(shape).to(dtype) for shape in shapes]
    came = through_a_worker(values)
    for left, right in zip(came, values, strict=True):
        assert left.dtype == dtype
        assert left.shape == right.shape
        assert left.to(tw.complex128).tolist() == right.to(tw.complex128).tolist()
        left.zero_()  # it can be written


@pytest.mark.parametrize("rows", [2, 3000])
def test_layouts(rows: int) -> None:
    base = tw.arange(rows * 12).reshape(rows, 3, 4)
    views = (base.transpose(0, 2), base[1], base[:, 1], base[::2], base.flip(0), tw.ones(1).expand(rows, 5))
    for view in views:
        assert same(through_a_worker(view), view)


def test_structures() -> None:
    value = {
        "tensor": tw.arange(5000),
        "array": np.arange(5000.0),
        "tiny": [np.float32(1), np.array([], dtype=np.int8), tw.zeros(0)],
        "point": Point(1, (2, [tw.ones(2), "x", None])),
        "text": "y" * 100_000,
        "bytes": b"z" * 50_000,
        "set": {1, 2},
    }
    assert same(through_a_worker(value), value)


def test_a_tensor_that_comes_twice_stays_one_tensor() -> None:
    tensor = tw.arange(4000)
    first, second = through_a_worker([tensor, tensor])
    assert first is second
    first[0] = 9
    assert second[0].item() == 9


def drawn(index: int) -> dict[str, Any]:
    return {
        "index": index,
        "tensor": tw.rand(3),
        "python": random.random(),
        "numpy": np.random.rand(),
        "large": tw.full((3000,), float(index)),
        "name": str(index),
    }


def epochs(loader: DataLoader[Any], count: int = 2) -> list[Any]:
    return [list(loader) for _ in range(count)]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_run_is_the_same_for_any_number_of_workers(workers: int, persistent: bool) -> None:
    def run(**options: Any) -> tuple[Any, ...]:
        tw.manual_seed(5)
        random.seed(5)
        loader = DataLoader(Made(drawn, 23), batch_size=3, shuffle=True, **options)
        batches = [(batch, tw.rand(1), random.random()) for _ in range(2) for batch in loader]
        return [list(batch) for batch in batches], tw.rand(1), random.random()

    assert same(run(num_workers=workers, persistent_workers=persistent), run())


@pytest.mark.parametrize("method", METHODS)
def test_every_way_to_start_a_process(method: str) -> None:
    tensors = tw.arange(40_000).reshape(20, 2000), tw.arange(20).to(tw.bfloat16)
    options = {"batch_size": 3, "shuffle": True}

    def run(**more: Any) -> list[Any]:
        tw.manual_seed(2)
        return epochs(DataLoader(TensorDataset(*tensors), **options, **more))

    assert same(run(num_workers=2, multiprocessing_context=method, persistent_workers=True), run())


class Numbers(IterableDataset[Any]):
    """The whole for whoever reads it."""

    def __iter__(self):
        for number in range(23):
            yield number, random.random(), tw.rand(1)


class Shared(IterableDataset[Any]):
    """Divides itself among those who read it."""

    def __init__(self, lengths: list[int] | None = None) -> None:
        self.lengths = lengths

    def __iter__(self):
        info = get_worker_info()
        which, count = (0, 1) if info is None else (info.id, info.num_workers)
        for number in range(which, 23, count) if self.lengths is None else range(self.lengths[which]):
            yield number, random.random(), which


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize(("dataset", "streams"), [(Numbers(), None), (Shared(), 1), (Shared(), 3), (Shared(), 5)])
def test_iterable_datasets_too(dataset: Any, streams: int | None, workers: int) -> None:
    def run(workers: int) -> list[Any]:
        tw.manual_seed(5)
        return epochs(DataLoader(dataset, batch_size=4, num_workers=workers, streams=streams))

    expected = run(0)
    assert same(run(workers), expected)
    numbers = sorted(int(number) for batch in expected[0] for number in batch[0])
    assert numbers == list(range(23))


def test_streams_take_turns_until_each_has_ended() -> None:
    loader = DataLoader(Shared([4, 0, 1]), batch_size=2, num_workers=3)
    assert [batch[2].tolist() for batch in loader] == [[0, 0], [2], [0, 0]]
    loader = DataLoader(Shared([4, 0, 1]), batch_size=2, streams=3)
    assert [batch[2].tolist() for batch in loader] == [[0, 0], [2], [0, 0]]
    loader = DataLoader(Shared([4, 0, 1]), batch_size=2, num_workers=3, drop_last=True, persistent_workers=True)
    assert [batch[2].tolist() for _ in range(2) for batch in loader] == [[0, 0]] * 4


def test_worker_info() -> None:
    def told(_: int) -> tuple[int, int, bool, int]:
        info = get_worker_info()
        assert info is not None
        return info.id, info.num_workers, info.dataset is dataset, info.seed % 2**40

    dataset = Made(told)
    assert get_worker_info() is None
    came = list(DataLoader(dataset, batch_size=None, num_workers=2))
    assert {row[0] for row in came} == {0, 1}
    assert {row[1:3] for row in map(tuple, came)} == {(2, True)}
    assert len({row[3] for row in came}) == 2
    assert get_worker_info() is None


def test_worker_init_fn_may_exchange_the_dataset() -> None:
    def init(number: int) -> None:
        info = get_worker_info()
        assert info is not None
        assert info.id == number
        info.dataset = Made(lambda index: 100 + index)

    loader = DataLoader(Made(int), batch_size=4, num_workers=2, worker_init_fn=init)
    assert [batch.tolist() for batch in loader] == [[100, 101, 102, 103], [104, 105, 106, 107]]


def test_out_of_order() -> None:
    def slow(index: int) -> int:
        time.sleep(0.3 if index == 0 else 0)
        return index

    came = [b.item() for b in DataLoader(Made(slow), num_workers=2, in_order=False)]
    assert sorted(came) == list(range(8))
    assert came[0] != 0
    assert [b.item() for b in DataLoader(Made(slow), num_workers=2)] == list(range(8))


def test_samplers_may_give_large_batches_and_fail() -> None:
    def keys():
        yield list(range(200_000))
        yield [1]
        raise OSError("disk full")

    class Whole(Made):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [len(indices)]

    class Keys:
        def __iter__(self):
            return keys()

    batches = iter(DataLoader(Whole(int), batch_sampler=Keys(), num_workers=1, collate_fn=sum))
    assert [next(batches), next(batches)] == [200_000, 1]
    with pytest.raises(OSError, match="disk full"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_batches_that_are_kept_keep_their_values() -> None:
    loader = DataLoader(Made(lambda index: tw.full((5000,), index), 60), batch_size=2, num_workers=2)
    kept = list(loader)
    assert [batch[:, -1].tolist() for batch in kept] == [[i, i + 1] for i in range(0, 60, 2)]
    labels = [batch[0, :1] for batch in kept]
    del kept
    assert [label.item() for label in labels] == list(range(0, 60, 2))
    assert mapped_files() > 0
    del labels
    assert mapped_files() == 0


def test_a_collated_batch_that_the_worker_keeps_is_not_overwritten() -> None:
    kept: list[Any] = []

    def collate(samples: list[Any]) -> Any:
        from tensorwright.data import default_collate

        batch = default_collate(samples)
        kept.append(batch)
        return batch, [int(old[0, 0]) for old in kept]

    loader = DataLoader(Made(lambda i: tw.full((5000,), i), 10), num_workers=1, collate_fn=collate)
    assert [told for _, told in loader][-1] == list(range(10))


def test_nothing_is_left_of_a_loop(tmp_path: Path) -> None:
    def files() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    loader = DataLoader(Made(lambda index: tw.full((5000,), index), 40), num_workers=2)
    before, named, mapped = files(), os.listdir("/dev/shm"), mapped_files()
    for _ in range(3):
        for _batch in loader:
            break
        assert sum(1 for _ in loader) == 40
    del _batch
    gc.collect()
    assert (files(), os.listdir("/dev/shm"), mapped_files()) == (before, named, mapped)


def test_memory_is_used_again() -> None:
    def place(_: int) -> tw.Tensor:
        return tw.zeros(100_000)

    loader = DataLoader(Made(place, 200), num_workers=1)
    addresses = {batch.data_ptr() for batch in loader}
    assert len(addresses) <= 6


def test_persistent_workers_stay() -> None:
    loader = DataLoader(Made(lambda _: os.getpid()), num_workers=2, persistent_workers=True)
    first = {batch.item() for batch in loader}
    for batch in loader:
        assert batch.item() in first
        break
    assert {batch.item() for batch in loader} == first
    early, late = iter(loader), iter(loader)
    assert next(late).item() in first
    with pytest.raises(RuntimeError, match="this iterator has ended: persistent workers began a later one"):
        next(early)


def test_abandoned_batches_give_their_memory_back() -> None:
    loader = DataLoader(Made(lambda i: tw.full((50_000,), i), 30), num_workers=1, persistent_workers=True)
    addresses = set()
    for _ in range(12):
        for batch in loader:
            addresses.add(batch.data_ptr())
            break
    assert [int(batch[0, 0]) for batch in loader] == list(range(30))
    assert len(addresses) <= 8


def test_gradients_stay_in_their_process() -> None:
    pytest.importorskip("tensorwright.autograd")
    leaf = through_a_worker(tw.ones(3, requires_grad=True))
    assert leaf.requires_grad
    with pytest.raises(RuntimeError, match=r"a tensor of shape \[3\] has a gradient graph, .* detach\(\) it"):
        through_a_worker(tw.ones(3, requires_grad=True) * 2)


def test_workers_compute_after_the_thread_pool_was_used() -> None:
    big = tw.ones(600, 600)
    assert (big @ big).sum().item() == 600.0**3  # starts the threads of this process

    def product(_: int) -> float:
        return (big @ big).sum().item()

    assert [batch.item() for batch in DataLoader(Made(product, 4), num_workers=2)] == [600.0**3] * 4
    assert (big @ big).sum().item() == 600.0**3


def test_loaders_inside_loops_of_loaders() -> None:
    outer = DataLoader(Made(int, 3), num_workers=2)
    inner = DataLoader(Made(int, 2), num_workers=2)
    assert [(a.item(), b.item()) for a in outer for b in inner] == [(i, j) for i in range(3) for j in range(2)]


def test_a_batch_that_cannot_be_pickled_gives_its_memory_back() -> None:
    def bad(index: int) -> Any:
        return [tw.zeros(300_000), (lambda: index) if index < 40 else index]

    batches = iter(DataLoader(Made(bad, 44), batch_size=None, num_workers=1, collate_fn=lambda x: x))
    for _ in range(40):
        with pytest.raises((AttributeError, TypeError, WorkerError), match="lambda"):
            next(batches)
    assert [index for _, index in batches] == [40, 41, 42, 43]
    assert mapped_files() <= 2


def test_many_batches_need_few_descriptors() -> None:
    before = len(os.listdir("/proc/self/fd"))
    loader = DataLoader(Made(lambda i: tw.full((25_000,), i), 1500), num_workers=1)
    kept = list(loader)
    assert len(os.listdir("/proc/self/fd")) - before < 10
    assert [int(batch[0, -1]) for batch in kept] == list(range(1500))
