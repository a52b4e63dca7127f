"""The loader: what it is told, and what it says about its state."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import tensorwright as tw

from ._collate import default_collate, default_convert
from ._datasets import IterableDataset
from ._epoch import VERSION, Epoch, KeyedEpoch, State, StreamedEpoch
from ._local import LocalIterator
from ._samplers import BatchSampler, RandomSampler, SequentialSampler
from ._work import Recipe

if TYPE_CHECKING:  # what workers need is imported when there are some
    from multiprocessing.context import BaseContext

    from ._iterators import WorkerIterator
    from ._pool import Pool

T_co = TypeVar("T_co", covariant=True)
_FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class _Endless:
    """The sampler of an iterable dataset: None for ever."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Makes batches of a dataset's samples, in this process or in worker processes.

    The samples, their order and the random numbers drawn while they are made are the same for any number of workers:
    before each batch the global generators of tensorwright, ``random`` and NumPy are seeded from the epoch's seed and
    the number of the batch. The epoch's seed is one draw from ``generator``.

    Args:
        dataset: has ``__getitem__`` and ``__len__``, or is an ``IterableDataset``.
        batch_size: how many samples make a batch; None hands on the samples as they are.
        shuffle: take the samples in random order.
        sampler: gives the keys of the samples.
        batch_sampler: gives lists of them.
        num_workers: how many processes make batches; 0 makes them in this one.
        collate_fn: makes a batch of a list of samples; ``default_collate`` if absent.
        pin_memory, pin_memory_device: accepted; CPU tensors need no pinning.
        drop_last: leave out the last batch if it is shorter.
        timeout: seconds to wait for a batch of the workers; 0 waits for ever.
        worker_init_fn: is called in each worker with its number, after it was seeded.
        multiprocessing_context: how workers are started: ``"fork"``, ``"spawn"``, ``"forkserver"`` or a context.
        generator: draws the epoch's seed, and the order if ``shuffle``.
        prefetch_factor: batches that each worker makes ahead; 2 if absent.
        persistent_workers: keep the workers from one epoch to the next.
        in_order: False hands on batches as they are ready.
        streams: for an ``IterableDataset``: into how many parts it divides itself by ``get_worker_info()``, whatever
            the number of workers; as many as workers if absent.

    Raises:
        ValueError: arguments that exclude each other, or are out of range.
        WorkerDiedError: while iterating, a worker has died.
        LoaderTimeoutError: while iterating, no batch came in time.

    Example:
        >>> import tensorwright as tw
        >>> loader = DataLoader(tw.arange(5), batch_size=2)
        >>> [batch.tolist() for batch in loader]
        [[0, 1], [2, 3], [4]]
    """

    dataset: Any
    num_workers: int
    prefetch_factor: int | None
    pin_memory: bool
    pin_memory_device: str
    batch_size: int | None
    drop_last: bool
    sampler: Iterable[Any]
    batch_sampler: Iterable[list[Any]] | None
    collate_fn: Callable[[Any], Any]

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: tw.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        streams: int | None = None,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self._iterable = isinstance(dataset, IterableDataset)
        if streams is not None and (not self._iterable or streams < 1):
            raise ValueError(f"DataLoader: 'streams' is a positive number for an IterableDataset, got {streams}")
        self.num_workers = num_workers
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.in_order = in_order
        self.streams = streams
        self.persistent_workers = persistent_workers
        self.multiprocessing_context = multiprocessing_context
        self._set_samplers(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)
        self._epoch: Epoch | None = None
        self._latest: weakref.ref[WorkerIterator] | None = None
        self._resumed: State | None = None
        self._pool: Pool | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self._announced_length: int | None = None
        self._ready = True

    def _set_samplers(
        self,
        batch_size: int | None,
        shuffle: bool | None,
        sampler: Iterable[Any] | None,
        batch_sampler: Iterable[list[Any]] | None,
        drop_last: bool,
    ) -> None:
        if self._iterable:
            for name, value in (("shuffle", shuffle), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value:
                    raise ValueError(f"DataLoader: an IterableDataset has an order of its own, got {name}={value!r}")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: 'sampler' and 'shuffle' exclude each other")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError(
                "DataLoader: 'batch_sampler' excludes 'batch_size', 'shuffle', 'sampler' and 'drop_last', "
                f"got batch_size={batch_size}, shuffle={shuffle}, sampler={sampler}, drop_last={drop_last}"
            )
        if batch_size is None and drop_last:
            raise ValueError("DataLoader: batch_size=None makes no batches, so 'drop_last' cannot be set")
        if sampler is None:
            sampler = self._own_sampler(shuffle)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, bool(drop_last))
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler

    def _own_sampler(self, shuffle: bool | None) -> Iterable[Any]:
        if self._iterable:
            return _Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    # --- attributes -----------------------------------------------------------------------------------------------

    @property
    def _batched(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """How workers are started; None is the platform's default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        if context is None:
            self._context: BaseContext | None = None
            return
        import multiprocessing
        from multiprocessing.context import BaseContext

        if not self.num_workers:
            raise ValueError("DataLoader: 'multiprocessing_context' needs num_workers > 0, got num_workers=0")
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(f"DataLoader: 'multiprocessing_context' must be one of {methods}, got {context!r}")
            context = multiprocessing.get_context(context)
        if not isinstance(context, BaseContext):
            raise TypeError(
                f"DataLoader: 'multiprocessing_context' must be a context or its name, got {type(context).__name__}"
            )
        self._context = context

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED and getattr(self, "_ready", False):
            raise ValueError(f"DataLoader: '{name}' cannot be set after the loader was made")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """How many batches an epoch has; of an iterable dataset, what its own length promises."""
        if not self._iterable:
            return len(self._index_sampler)  # type: ignore[arg-type]
        samples = self._announced_length = len(self.dataset)
        if self.batch_size is None:
            return samples
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    # --- iterating ------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        state = self._waiting_state()
        recipe = Recipe(self.dataset, self.collate_fn, self._iterable, self.batch_size, self._batched, self.drop_last)
        epoch = self._epoch = self._new_epoch(state)
        iterator = self._with_workers(epoch, recipe) if self.num_workers else LocalIterator(epoch, recipe)
        return self._counted(iterator) if self._announced_length is not None else iterator

    def _new_epoch(self, state: State | None) -> Epoch:
        if self._iterable:
            return StreamedEpoch(self.streams, self.num_workers, self.generator, state)
        return KeyedEpoch(self._index_sampler, self.generator, state)

    def _with_workers(self, epoch: Epoch, recipe: Recipe) -> WorkerIterator:
        import multiprocessing

        from ._iterators import Options, WorkerIterator
        from ._pool import Pool

        before = self._latest() if self._latest is not None else None
        if before is not None and self.persistent_workers:
            before.close()
        pool = self._pool if self._pool is not None and self._pool.workers else None
        if pool is None:
            context = self._context or multiprocessing.get_context()
            pool = Pool(recipe, self.worker_init_fn, context, self.num_workers, epoch.seed)
        if self.persistent_workers and pool is not self._pool:
            self._pool = pool
            if self._end is not None:
                self._end.detach()
            self._end = weakref.finalize(self, pool.shutdown)
        ahead = self.num_workers * (self.prefetch_factor or 1)
        options = Options(self.timeout, ahead, self.in_order, self._iterable)
        iterator = WorkerIterator(epoch, pool, pool.epoch + 1, options, self.persistent_workers)
        self._latest = weakref.ref(iterator)
        return iterator

    def _counted(self, iterator: Iterator[Any]) -> Iterator[Any]:
        """Batches of an iterable dataset whose length somebody has relied on."""
        assert self._announced_length is not None
        promised = len(self)
        for number, batch in enumerate(iterator, 1):
            if number > promised:
                warnings.warn(
                    f"DataLoader: {type(self.dataset).__name__} said that it has {self._announced_length} samples, "
                    f"which is {promised} batches; batch {number} has come",
                    stacklevel=2,
                )
            yield batch

    def __getstate__(self) -> State:
        """Without what belongs to this process."""
        return self.__dict__ | {"_pool": None, "_end": None, "_latest": None, "_epoch": None}

    def _waiting_state(self) -> State | None:
        """The state to go on from, until a batch was delivered: some programs make an iterator and drop it."""
        if self._epoch is not None and (self._epoch.begun or self._epoch.finished):
            self._resumed = None
        return self._resumed

    # --- state ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Where the latest iteration is, as plain numbers, strings, lists and dicts.

        Example:
            >>> import tensorwright as tw
            >>> loader = DataLoader(tw.arange(6), batch_size=2, shuffle=True)
            >>> batches = iter(loader)
            >>> first = next(batches)
            >>> state = loader.state_dict()
            >>> rest = [batch.tolist() for batch in batches]
            >>> loader.load_state_dict(state)
            >>> [batch.tolist() for batch in loader] == rest
            True
        """
        kind = "streams" if self._iterable else "keys"
        waiting = self._waiting_state()
        if waiting is not None:
            return dict(waiting)
        if self._epoch is None or self._epoch.finished:
            return {"version": VERSION, "kind": kind, "open": False}
        return self._epoch.state()

    def load_state_dict(self, state: State) -> None:
        """Let the next iteration go on from where ``state_dict`` was called, with any number of workers.

        An iterable dataset is read again up to there, unless it or its iterator has ``state_dict`` and
        ``load_state_dict`` too.

        Raises:
            ValueError: the state is of another version or kind of dataset.
        """
        kind = "streams" if self._iterable else "keys"
        if state.get("version") != VERSION or state.get("kind") != kind:
            raise ValueError(
                f"load_state_dict: expected a state of version {VERSION} of a dataset with {kind}, "
                f"got version {state.get('version')} and {state.get('kind')}"
            )
        self._resumed = dict(state) if state["open"] else None
        self._epoch = None


def _check_workers(workers: Any, timeout: float, prefetch: int | None, persistent: bool) -> None:
    if not isinstance(workers, int) or workers < 0:
        raise ValueError(f"DataLoader: 'num_workers' must be an int and not negative, got {workers!r}")
    if timeout < 0:
        raise ValueError(f"DataLoader: 'timeout' must not be negative, got {timeout}")
    if not workers and timeout:
        raise ValueError(f"DataLoader: 'timeout' needs num_workers > 0, got timeout={timeout}")
    if not workers and prefetch is not None:
        raise ValueError(f"DataLoader: 'prefetch_factor' needs num_workers > 0, got prefetch_factor={prefetch}")
    if prefetch is not None and prefetch < 1:
        raise ValueError(f"DataLoader: 'prefetch_factor' must be positive, got {prefetch}")
    if persistent and not workers:
        raise ValueError("DataLoader: 'persistent_workers' needs num_workers > 0, got num_workers=0")
