"""A loop that stops and goes on later sees what it would have seen."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorwright.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    get_worker_info,
)


class Drawn(Dataset[tuple[int, float]]):
    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[int, float]:
        return index, tw.rand(1).item() + random.random()


class Numbers(IterableDataset[Any]):
    def __init__(self, divided: bool) -> None:
        self.divided = divided

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info() if self.divided else None
        which, count = (0, 1) if info is None else (info.id, info.num_workers)
        skewed = [number for number in range(20) if number * number % 7 % count == which]
        for number in skewed:
            yield number, random.random()


class Shuffled(Sampler[int]):
    """As people write them: draws from the global generator when the first index is asked for."""

    def __iter__(self) -> Iterator[int]:
        order = list(range(20))
        random.shuffle(order)
        yield from order

    def __len__(self) -> int:
        return 20


def made(source: str, workers: int, **options: Any) -> DataLoader[Any]:
    options |= {"num_workers": workers, "batch_size": 3}
    if source == "shuffled":
        return DataLoader(Drawn(), shuffle=True, **options)
    if source == "own generator":
        return DataLoader(Drawn(), shuffle=True, generator=tw.Generator().manual_seed(4), **options)
    if source == "custom sampler":
        return DataLoader(Drawn(), sampler=Shuffled(), **options)
    if source == "subset":
        return DataLoader(Drawn(), sampler=SubsetRandomSampler(range(5, 20)), **options)
    if source == "weighted":
        return DataLoader(Drawn(), sampler=WeightedRandomSampler(range(1, 21), 20), **options)
    if source == "distributed":
        sampler = DistributedSampler(range(40), 2, 1)
        sampler.set_epoch(3)
        return DataLoader({index: (index, tw.ones(1)) for index in range(40)}, sampler=sampler, **options)
    if source == "streams":
        return DataLoader(Numbers(divided=True), streams=3, **options)
    return DataLoader(Numbers(divided=source == "divided"), **options)


KEYED = ["shuffled", "own generator", "custom sampler", "subset", "weighted", "distributed"]
SOURCES = [*KEYED, "streams", "undivided"]


def plain(batch: Any) -> Any:
    return [column.tolist() for column in batch]


def run(source: str, workers: int, **options: Any) -> tuple[list[Any], list[str], list[Any]]:
    """Two epochs; the states of the first, and of the global generators, before each batch and at its end."""
    tw.manual_seed(1)
    random.seed(1)
    loader = made(source, workers, **options)
    batches, states, generators = [], [], []
    iterator = iter(loader)
    while True:
        states.append(json.dumps(loader.state_dict()))
        generators.append((tw.get_rng_state(), random.getstate()))
        batch = next(iterator, None)
        if batch is None:
            break
        batches.append(plain(batch))
        tw.rand(3)  # what a training step may draw
        random.random()
    batches += [None, *(plain(batch) for batch in loader)]
    return batches, states, generators


def resumed(source: str, workers: int, state: str, generators: Any, **options: Any) -> list[Any]:
    """What is left of the first epoch, and the second, in a program that starts anew."""
    tw.manual_seed(99)
    random.seed(99)
    loader = made(source, workers, **options)
    loader.load_state_dict(json.loads(state))
    assert loader.state_dict() == json.loads(state)
    tw.set_rng_state(generators[0])
    random.setstate(generators[1])
    batches: list[Any] = []
    for batch in loader:
        batches.append(plain(batch))
        tw.rand(3)
        random.random()
    return [*batches, None, *(plain(batch) for batch in loader)]


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 2), (0, 3), (3, 0)])
@pytest.mark.parametrize("source", SOURCES)
def test_every_step_can_be_resumed_with_any_number_of_workers(source: str, before: int, after: int) -> None:
    batches, states, generators = run(source, before)
    if before:
        assert run(source, 0)[0] == batches
    for step in range(0, len(states), 1 if not after else 3):
        assert resumed(source, after, states[step], generators[step]) == batches[step:]


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_parts_stay_when_the_number_of_workers_changes(after: int) -> None:
    """The dataset divides itself by the number of workers; the rest of its epoch keeps the division."""
    batches, states, generators = run("divided", 2)
    end = batches.index(None)
    for step in (0, 1, 4, end):
        rest = resumed("divided", after, states[step], generators[step])
        assert rest[: rest.index(None)] == batches[step:end]


@pytest.mark.parametrize("persistent", [False, True])
def test_a_loader_goes_back_to_its_own_state(persistent: bool) -> None:
    loader = made("shuffled", 2, persistent_workers=persistent)
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    rest = [plain(batch) for batch in iterator]
    for _ in range(2):
        loader.load_state_dict(state)
        assert [plain(batch) for batch in loader] == rest
    assert [plain(batch) for batch in loader] != rest


def test_batches_that_came_out_of_order_are_not_repeated() -> None:
    loader = made("shuffled", 3, in_order=False)
    iterator = iter(loader)
    seen = [plain(next(iterator)) for _ in range(4)]
    state = loader.state_dict()
    rest = [plain(batch) for batch in iterator]
    for workers in (0, 2):
        again = made("shuffled", workers)
        again.load_state_dict(json.loads(json.dumps(state)))
        assert sorted(plain(batch) for batch in again) == sorted(rest)
    assert sorted(index for batch in seen + rest for index in batch[0]) == list(range(20))


def test_between_epochs_there_is_nothing_to_resume() -> None:
    loader = made("shuffled", 0)
    assert loader.state_dict() == {"version": 1, "kind": "keys", "open": False}
    list(loader)
    state = loader.state_dict()
    assert not state["open"]
    loader.load_state_dict(state)
    assert len(list(loader)) == 7


def test_the_state_is_of_the_loop_not_of_the_workers_ahead_of_it() -> None:
    loader = made("shuffled", 2, prefetch_factor=3)
    iterator = iter(loader)
    assert loader.state_dict()["batches"] == 0
    next(iterator)
    assert loader.state_dict()["batches"] == 1
    iterator = None  # the loop was left
    assert loader.state_dict()["batches"] == 1


def test_states_that_are_refused() -> None:
    keyed, streamed = made("shuffled", 0), made("streams", 0)
    iter(keyed)
    state = keyed.state_dict()
    with pytest.raises(
        ValueError, match="expected a state of version 1 of a dataset with streams, got version 1 and keys"
    ):
        streamed.load_state_dict(state)
    with pytest.raises(ValueError, match="got version 7"):
        keyed.load_state_dict(state | {"version": 7})
    with pytest.raises(ValueError, match="got version None"):
        keyed.load_state_dict({})
    keyed.load_state_dict(state | {"batches": 8})
    with pytest.raises(ValueError, match="the state is at batch 8, but the sampler gave only 7"):
        iter(keyed)
    other = DataLoader(Drawn(), batch_sampler=[[1]])
    other.load_state_dict(state)
    with pytest.raises(ValueError, match="the state is of 0 generators and 2 samplers; this loader has 0 and 1"):
        iter(other)


@settings(max_examples=25)
@given(st.integers(0, 40), st.integers(1, 9), st.booleans(), st.data())
def test_any_length_and_any_step(length: int, size: int, drop: bool, data: st.DataObject) -> None:
    loader = DataLoader(range(length), size, drop_last=drop, sampler=SubsetRandomSampler(range(length)))
    step = data.draw(st.integers(0, len(loader)))
    iterator = iter(loader)
    for _ in range(step):
        next(iterator)
    state = loader.state_dict()
    rest = [batch.tolist() for batch in iterator]
    loader.load_state_dict(state)
    assert [batch.tolist() for batch in loader] == rest


class Counter:
    """An iterator that can say where it is; it notes how many numbers it was asked for."""

    def __init__(self, first: int, step: int) -> None:
        self.next, self.step = first, step

    def __iter__(self) -> Counter:
        return self

    def __next__(self) -> tuple[int, float]:
        if self.next >= 30:
            raise StopIteration
        self.next += self.step
        return self.next - self.step, random.random()

    def state_dict(self) -> dict[str, int]:
        return {"next": self.next}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.next = state["next"]


class WithIterator(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        return Counter(info.id, info.num_workers) if info else Counter(0, 1)


class WithState(IterableDataset[Any]):
    """Goes on from where it is told, once."""

    def __init__(self) -> None:
        self.at = -1

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        self.at = self.at if self.at >= 0 else first
        while self.at < 30:
            self.at += step
            yield self.at - step, random.random()
        self.at = -1

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


@pytest.mark.parametrize(
    ("dataset", "streams", "before", "after"),
    [
        *((WithIterator, *way) for way in ((None, 0, 0), (None, 0, 2), (2, 2, 2), (2, 2, 0), (3, 0, 2))),
        *((WithState, *way) for way in ((None, 0, 0), (None, 0, 2), (2, 2, 2))),  # a state for each process
    ],
)
def test_datasets_that_know_their_place(dataset: Any, streams: int | None, before: int, after: int) -> None:
    tw.manual_seed(3)
    loader = DataLoader(dataset(), batch_size=4, num_workers=before, streams=streams)
    states, batches = [], []
    for batch in loader:
        states.append(json.dumps(loader.state_dict()))
        batches.append(plain(batch))
    for step in (0, 3, len(states) - 1):
        again = DataLoader(dataset(), batch_size=4, num_workers=after, streams=streams)
        again.load_state_dict(json.loads(states[step]))
        assert [plain(batch) for batch in again] == batches[step + 1 :]
    assert any(json.loads(states[0])["datasets"])


def test_a_place_that_is_known_is_not_read_up_to() -> None:
    class Remembered(Counter):
        asked: ClassVar[list[int]] = []

        def __next__(self) -> tuple[int, float]:
            self.asked.append(self.next)
            return super().__next__()

    class Source(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return Remembered(0, 1)

    loader = DataLoader(Source(), batch_size=5)
    for number, _batch in enumerate(loader):
        if number == 3:
            break
    state = loader.state_dict()
    Remembered.asked.clear()
    again = DataLoader(Source(), batch_size=5)
    again.load_state_dict(state)
    assert next(iter(again))[0].tolist() == [20, 21, 22, 23, 24]
    assert Remembered.asked == [20, 21, 22, 23, 24]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_iterator_that_is_dropped_takes_nothing_away(workers: int) -> None:
    """Progress bars ask for one when they are made, and for another when they are used."""
    loader = made("shuffled", workers)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    state = loader.state_dict()
    rest = [plain(batch) for batch in batches]
    loader = made("shuffled", workers)
    loader.load_state_dict(state)
    dropped = iter(loader)
    assert loader.state_dict() == state
    assert [plain(batch) for batch in loader] == rest
    del dropped
    assert len(list(loader)) == 7
