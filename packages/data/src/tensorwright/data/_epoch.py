"""One pass over a dataset: which batch comes next, which have been delivered, and how to go on from there later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import tensorwright as tw

from . import _samplers
from ._random import (
    drawn_seed,
    generator_state,
    global_state,
    restored_afterwards,
    set_generator_state,
    set_global_state,
)
from ._work import Plan, Task, batch_seed

VERSION = 1
State = dict[str, Any]

# They draw from their generator only, and only when the iteration begins.
_KNOWN = (
    list, tuple, range, _samplers.SequentialSampler, _samplers.RandomSampler, _samplers.SubsetRandomSampler,
    _samplers.WeightedRandomSampler, _samplers.BatchSampler, _samplers.DistributedSampler,
)  # fmt: skip


class Randomness:
    """The states that decide an epoch: of the generators that its sampler draws from, and of the sampler itself."""

    def __init__(self, sampler: Any, generator: tw.Generator | None) -> None:
        self._samplers = list(_chain(sampler))
        owners = [generator, *(getattr(part, "generator", None) for part in self._samplers)]
        self._generators: list[tw.Generator] = []
        for owner in owners:
            if isinstance(owner, tw.Generator) and not any(owner is known for known in self._generators):
                self._generators.append(owner)

    def state(self) -> State:
        """As plain numbers, lists and dicts."""
        return {
            "default": generator_state(tw.default_generator),
            "generators": [generator_state(generator) for generator in self._generators],
            "samplers": [part.state_dict() if hasattr(part, "state_dict") else None for part in self._samplers],
            "globals": None if all(type(part) in _KNOWN for part in self._samplers) else global_state(),
        }

    def set(self, state: State) -> None:
        counts = len(state["generators"]), len(state["samplers"])
        if counts != (len(self._generators), len(self._samplers)):
            raise ValueError(
                f"load_state_dict: the state is of {counts[0]} generators and {counts[1]} samplers; "
                f"this loader has {len(self._generators)} and {len(self._samplers)}"
            )
        set_generator_state(tw.default_generator, state["default"])
        for generator, saved in zip(self._generators, state["generators"], strict=True):
            set_generator_state(generator, saved)
        for part, saved in zip(self._samplers, state["samplers"], strict=True):
            if saved is not None:
                part.load_state_dict(saved)
        if state["globals"] is not None:
            set_global_state(state["globals"])


def _chain(sampler: Any) -> Iterator[Any]:
    while sampler is not None:
        yield sampler
        sampler = getattr(sampler, "sampler", None)


class KeyedEpoch:
    """Over a dataset with keys: batches are numbered as the sampler gives them."""

    begun = finished = False

    def __init__(self, sampler: Iterable[Any], generator: tw.Generator | None, state: State | None) -> None:
        randomness = Randomness(sampler, generator)
        if state is None:
            self._randomness = randomness.state()
            self._start(sampler, generator, 0)
        else:
            self._randomness = state["randomness"]
            with restored_afterwards():
                randomness.set(self._randomness)
                self._start(sampler, generator, state["batches"])
        self._delivered = self._next = 0 if state is None else state["batches"]
        self._skipped = frozenset(state["ahead"]) if state else frozenset()
        self._ahead = set(self._skipped)

    def _start(self, sampler: Iterable[Any], generator: tw.Generator | None, skip: int) -> None:
        self.seed = drawn_seed(generator)
        keys = iter(sampler)
        skipped = sum(1 for _ in islice(keys, skip))
        if skipped < skip:
            raise ValueError(f"load_state_dict: the state is at batch {skip}, but the sampler gave only {skipped}")
        self._keys = chain(list(islice(keys, 1)), keys)  # a sampler that shuffles does so now, with workers or without

    def plan(self, number: int) -> Plan:
        return Plan(number, self.seed, 1, False, False, [0], [None], True)

    def next_task(self) -> Task | None:
        """The next batch to make."""
        for keys in self._keys:
            ordinal = self._next
            self._next += 1
            if ordinal not in self._skipped:
                return Task(ordinal, batch_seed(self.seed, 0, ordinal), keys)
        return None

    def worker_of(self, task: Task) -> int | None:
        """Any worker can make any batch."""
        return None

    def ended(self, task: Task) -> None:
        raise AssertionError("a dataset with keys has no streams")

    def delivered(self, task: Task, place: Any = None) -> None:
        self.begun = True
        self._ahead.add(task.ordinal)
        while self._delivered in self._ahead:
            self._ahead.remove(self._delivered)
            self._delivered += 1

    def state(self) -> State:
        position = {"batches": self._delivered, "ahead": sorted(self._ahead)}
        return {"version": VERSION, "kind": "keys", "open": True, "randomness": self._randomness, **position}


class StreamedEpoch:
    """Over an iterable dataset: its streams give batches in turn, until each has ended."""

    begun = finished = False

    def __init__(self, streams: int | None, workers: int, generator: tw.Generator | None, state: State | None) -> None:
        if state is None:
            self.seed = drawn_seed(generator)
            self._streams = streams or workers or 1
            self._automatic = streams is None
            self._made: list[int] = [0] * self._streams
            self._saved: list[Any] = [None] * self._streams
            self._cursor = 0
        else:
            self.seed, self._streams, self._automatic = state["seed"], state["streams"], state["automatic"]
            self._made = list(state["delivered"])
            self._saved = list(state["datasets"])
            self._cursor = state["cursor"]
        self._known = streams is not None or workers > 0 or self._streams > 1
        self._skipped = list(self._made)
        self._delivered = list(self._made)
        self._places = list(self._saved)
        self._alone = self._streams <= max(workers, 1)
        self._after = self._cursor
        self._live = [True] * self._streams
        self._next = 0

    def plan(self, number: int) -> Plan:
        return Plan(
            number, self.seed, self._streams, self._known, self._automatic, self._skipped, self._saved, self._alone
        )

    def next_task(self) -> Task | None:
        if not any(self._live):
            return None
        while not self._live[self._cursor]:
            self._cursor = (self._cursor + 1) % self._streams
        stream, self._cursor = self._cursor, (self._cursor + 1) % self._streams
        number, ordinal = self._made[stream], self._next
        self._made[stream] += 1
        self._next += 1
        return Task(ordinal, batch_seed(self.seed, stream, number), (stream, number))

    def worker_of(self, task: Task) -> int | None:
        """A stream stays in its process."""
        return int(task.request[0])

    def ended(self, task: Task) -> None:
        self._live[task.request[0]] = False

    def delivered(self, task: Task, place: Any = None) -> None:
        self.begun = True
        stream, number = task.request
        self._places[stream] = place
        self._delivered[stream] = number + 1
        self._after = (stream + 1) % self._streams

    def state(self) -> State:
        position = {"delivered": list(self._delivered), "cursor": self._after, "datasets": list(self._places)}
        streams = {"seed": self.seed, "streams": self._streams, "automatic": self._automatic}
        return {"version": VERSION, "kind": "streams", "open": True, **streams, **position}


Epoch = KeyedEpoch | StreamedEpoch
