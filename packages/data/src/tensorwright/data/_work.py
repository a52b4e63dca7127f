"""What makes batches: the same code in the main process and in workers, so that both make the same ones.

Before each batch the global random generators are seeded with a number that depends on the epoch's seed and on the
batch's place in the epoch, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ._collate import current_indices, default_collate
from ._random import mixed, seed_everything
from ._worker_info import Current, WorkerInfo

ENDED = object()  # instead of a batch: the stream has no more
_NO_SAMPLE = object()

# Cells of the page that tells how far the work is.
EPOCH, BATCH, POSITION = 0, 1, 2
IDLE, STARTING = -1, -2  # instead of a batch
COLLATING, TOGETHER = -1, -2  # instead of a sample's position


class Abandoned(Exception):  # noqa: N818  # no error: nobody wants the batch any more
    """The epoch has ended before the batch was made."""


@dataclass
class Recipe:
    """What a loader was told about its batches."""

    dataset: Any
    collate_fn: Callable[[Any], Any]
    iterable: bool
    batch_size: int | None  # None: the sampler's keys are the batches
    batched: bool
    drop_last: bool


class Task(NamedTuple):
    """One batch to make: its keys, or the stream that it comes from and its number there."""

    ordinal: int
    seed: int
    request: Any


class Plan(NamedTuple):
    """What is the same for all batches of an epoch."""

    number: int
    seed: int
    streams: int
    known_streams: bool  # the dataset is told its stream
    automatic: bool  # nobody has said how many streams there are: a dataset that does not ask has one
    skipped: list[int]  # batches of each stream that were delivered before
    saved: list[Any]  # what each stream's dataset said of its place then, or None
    alone: bool  # no two streams share a copy of the dataset


class Cells(Protocol):
    """Numbers that can be read and written: a list, or a view of shared memory."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class Progress:
    """Where the work is, in memory that the main process can read after a worker died."""

    def __init__(self, shared: Cells, mine: Cells) -> None:
        self.shared = shared
        self.mine = mine


class Work:
    """Makes the batches of one process."""

    def __init__(self, recipe: Recipe, progress: Progress, asked: bool = False) -> None:
        self._recipe = recipe
        self._asked = asked  # by worker_init_fn: which worker this is
        self._progress = progress
        self._shared, self._mine = progress.shared, progress.mine
        self._collated_by_dataset = self._shortcut()
        self._streams: dict[int, _Stream] = {}
        self._plan = Plan(0, 0, 1, False, False, [0], [None], True)

    def _shortcut(self) -> Callable[[list[Any]], Any] | None:
        """How a dataset makes the default batch at once, if it can."""
        if not self._recipe.batched or self._recipe.collate_fn is not default_collate:
            return None
        return getattr(self._recipe.dataset, "_collated", None)

    def begin(self, plan: Plan) -> None:
        """Start an epoch."""
        self._plan = plan
        self._streams.clear()

    def run(self, task: Task) -> Any:
        """The batch of a task, or ``ENDED``.

        Raises:
            Abandoned: the epoch was over before the batch was made.
        """
        self._mine[BATCH] = task.ordinal
        try:
            if self._recipe.iterable:
                return self._from_stream(task)
            seed_everything(task.seed)
            return self._from_keys(task.request)
        except StopIteration as error:  # it would end the loop over the loader without a word
            raise RuntimeError(f"the dataset raised StopIteration: {error}") from error

    def place(self, task: Task) -> Any:
        """What the dataset of the task's stream says of its place behind the batch; None if it says nothing."""
        return self._streams[task.request[0]].place() if self._recipe.iterable else None

    def finished(self) -> None:
        """No batch is in work: a death from now on is not its fault."""
        self._mine[BATCH] = IDLE

    @property
    def position(self) -> int:
        """Of the sample in work, or COLLATING or TOGETHER."""
        return self._mine[POSITION]

    # --- by key ---------------------------------------------------------------------------------------------------

    def _from_keys(self, keys: Any) -> Any:
        recipe = self._recipe
        if not recipe.batched:
            self._mine[POSITION] = 0
            return self._collated(recipe.dataset[keys], [keys])
        if self._collated_by_dataset is not None:
            self._mine[POSITION] = TOGETHER
            batch = self._collated_by_dataset(keys)
            if batch is not None:
                return batch
        return self._collated(self._samples(keys), keys)

    def _samples(self, keys: list[Any]) -> list[Any]:
        dataset, mine, shared, epoch = self._recipe.dataset, self._mine, self._shared, self._plan.number
        together = getattr(dataset, "__getitems__", None)
        if together is not None:
            mine[POSITION] = TOGETHER
            samples: list[Any] = together(keys)
            return samples
        samples = []
        for position, key in enumerate(keys):
            mine[POSITION] = position
            if shared[EPOCH] != epoch:
                raise Abandoned
            samples.append(dataset[key])
        return samples

    def _collated(self, samples: Any, keys: Any) -> Any:
        self._mine[POSITION] = COLLATING
        token = current_indices.set(keys)
        try:
            return self._recipe.collate_fn(samples)
        finally:
            current_indices.reset(token)

    # --- from streams ---------------------------------------------------------------------------------------------

    def _from_stream(self, task: Task) -> Any:
        number, _ = task.request
        stream = self._streams.get(number)
        if stream is None:
            stream = self._streams[number] = _Stream(self._recipe, self._plan, number, self._progress, self._asked)
        stream.enter()
        samples = stream.samples(task.seed)
        if samples is None:
            return ENDED
        first = stream.taken - len(samples)
        if self._recipe.batched:
            return self._collated(samples, range(first, stream.taken))
        return self._collated(samples[0], range(first, stream.taken))


def batch_seed(seed: int, stream: int, number: int) -> int:
    """For batch ``number`` of a stream; the batches of a dataset with keys are stream 0."""
    return mixed(seed, stream, number)


class _Stream:
    """An iterator over an iterable dataset, which gives samples for one batch at a time."""

    def __init__(self, recipe: Recipe, plan: Plan, number: int, progress: Progress, asked: bool) -> None:
        self._size = recipe.batch_size if recipe.batched and recipe.batch_size else 1
        self._drop_last = recipe.drop_last and recipe.batched
        self._shared, self._mine = progress.shared, progress.mine
        self._may_be_anothers = plan.automatic and number > 0 and not asked
        self._dataset = recipe.dataset
        self._info = WorkerInfo(number, plan.streams, mixed(plan.seed, -1, number), recipe.dataset)
        self._known = plan.known_streams
        self._iterator: Iterator[Any] | None = None
        self._plan, self._number = plan, number
        self._ended = False
        self.taken = 0

    def enter(self) -> None:
        """Let ``get_worker_info()`` answer for this stream."""
        Current.info = self._info if self._known else None

    def samples(self, seed: int) -> list[Any] | None:
        """The samples of the next batch; None when there is none."""
        if self._iterator is None:
            self._begin()
        return self._next(seed)

    def _begin(self) -> None:
        """Make the iterator, and bring it to where it was."""
        seed_everything(self._info.seed)
        Current.asked = False
        saved = self._plan.saved[self._number]
        if saved is not None and saved["of"] == "end":
            self._ended, self._iterator, self.taken = True, iter(()), saved["taken"]
            return
        if saved is not None and saved["of"] == "dataset" and self._plan.alone:
            self._dataset.load_state_dict(saved["state"])
            self._iterator, self.taken = iter(self._dataset), saved["taken"]
            return
        iterator: Any = iter(self._dataset)
        self._iterator = iterator
        if saved is not None and saved["of"] == "iterator":
            iterator.load_state_dict(saved["state"])
            self.taken = saved["taken"]
            return
        for number in range(self._plan.skipped[self._number]):
            self._next(batch_seed(self._plan.seed, self._number, number))

    def place(self) -> Any:
        """The state of the iterator or of the dataset, if one of them has one."""
        owners: tuple[tuple[str, Any], ...] = (("iterator", self._iterator), ("dataset", self._dataset))
        for kind, owner in owners:
            if hasattr(owner, "state_dict") and hasattr(owner, "load_state_dict"):
                state = None if self._ended else owner.state_dict()  # at its end, many start again
                return {"of": "end" if self._ended else kind, "taken": self.taken, "state": state}
        return None

    def _next(self, seed: int) -> list[Any] | None:
        assert self._iterator is not None
        seed_everything(seed)
        samples: list[Any] = []
        while len(samples) < self._size and not self._ended:
            self._mine[POSITION] = self.taken
            if self._shared[EPOCH] != self._plan.number:
                raise Abandoned
            sample = next(self._iterator, _NO_SAMPLE)
            if sample is _NO_SAMPLE or self._is_of_another():
                self._ended = True
                break
            samples.append(sample)
            self.taken += 1
        return samples if len(samples) == self._size or (samples and not self._drop_last) else None

    def _is_of_another(self) -> bool:
        """A dataset that has given a sample without asking where it is gives the same ones in every stream."""
        anothers = self._may_be_anothers and not Current.asked
        self._may_be_anothers = False
        return anothers


def described(task: Task, position: int, iterable: bool) -> str:
    """Where the work was, in words."""
    if iterable:
        stream, _ = task.request
        where = "collating" if position == COLLATING else f"sample {position}"
        return f"{where} of stream {stream}, batch {task.ordinal}"
    keys = task.request if isinstance(task.request, list) else [task.request]
    if position == COLLATING:
        return f"collating batch {task.ordinal}, indices {_shortened(keys)}"
    if 0 <= position < len(keys):
        return f"sample index {keys[position]!r} (sample {position} of batch {task.ordinal})"
    return f"batch {task.ordinal}, indices {_shortened(keys)}"


def _shortened(keys: list[Any]) -> str:
    return repr(keys) if len(keys) <= 8 else f"[{', '.join(map(repr, keys[:8]))}, ...] ({len(keys)})"
