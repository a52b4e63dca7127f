"""Going through an epoch with workers."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from typing import Any

from . import _worker
from ._epoch import Epoch
from ._errors import LoaderTimeoutError
from ._pool import Pool, Result, discard, opened
from ._work import ENDED, described


class WorkerIterator(Iterator[Any]):
    """Gives tasks to workers ahead of time and hands on what they send."""

    def __init__(self, epoch: Epoch, pool: Pool, number: int, options: Options, keeps_pool: bool) -> None:
        self._epoch = epoch
        self._pool = pool
        self._number = number
        self._options = options
        self._came: dict[int, Result] = {}
        self._order: list[int] = []  # ordinals given to workers and not yet delivered
        self._error: BaseException | None = None  # of the sampler; its turn comes behind the batches before it
        self._failure: BaseException | None = None  # of the pool
        self._all_given = False
        self._end = None if keeps_pool else weakref.finalize(self, pool.shutdown)
        pool.begin(epoch.plan(number))
        self._give()

    def __next__(self) -> Any:
        if self._pool.epoch != self._number:
            raise RuntimeError("DataLoader: this iterator has ended: persistent workers began a later one")
        if self._failure is not None:
            raise self._failure
        deadline = time.monotonic() + self._options.timeout if self._options.timeout else None
        try:
            return self._next_batch(deadline)
        except KeyboardInterrupt as error:
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        """Batches may be lost: there is no going on."""
        self._failure = error
        self._pool.shutdown()

    def _next_batch(self, deadline: float | None) -> Any:
        if self._order:
            self._take(0)  # a death is told at once, not when its batch is due
        while not self._epoch.finished:
            result = self._next_result()
            if result is None and not self._order:
                return self._finish()
            if result is None:
                self._wait(deadline)
            elif (batch := self._delivered(result)) is not ENDED:
                return batch
        raise StopIteration

    def _give(self) -> None:
        """Keep every worker supplied."""
        while not self._all_given and len(self._order) < self._options.ahead:
            try:
                task = self._epoch.next_task()
            except Exception as error:
                self._error, task = error, None
            if task is None:
                self._all_given = True
                return
            self._order.append(task.ordinal)
            self._pool.give(task, self._epoch.worker_of(task))

    def _next_result(self) -> Result | None:
        if self._options.in_order:
            return self._came.pop(self._order[0], None) if self._order else None
        return self._came.pop(next(iter(self._came))) if self._came else None

    def _wait(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise self._late()
        self._take(left)

    def _take(self, seconds: float | None) -> None:
        try:
            for result in self._pool.results(seconds):
                self._came[result.task.ordinal] = result
        except Exception as error:
            self._fail(error)
            raise

    def _late(self) -> LoaderTimeoutError:
        busy = "; ".join(f"{worker!r} is {self._pool.place(worker)}" for worker in self._pool.workers)
        return LoaderTimeoutError(f"DataLoader: no batch came within timeout={self._options.timeout} s: {busy}")

    def _delivered(self, result: Result) -> Any:
        self._order.remove(result.task.ordinal)
        if result.kind == _worker.END:
            self._epoch.ended(result.task)
            self._give()
            return ENDED
        self._epoch.delivered(result.task, result.place)
        if result.kind == _worker.ERROR:
            self._give()
            where = described(result.task, result.content[3], self._options.iterable)
            raise self._pool.error(result.content[:3], f"{result.worker!r}, at {where}")
        batch = opened(result.worker, result.content)
        self._give()
        return batch

    def _finish(self) -> Any:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        self._epoch.finished = True
        if self._end is not None:
            self._end()
        raise StopIteration

    def close(self) -> None:
        """Give back what came and was not looked at."""
        for result in self._came.values():
            discard(result.worker, result.kind, result.content)
        self._came.clear()


class Options:
    """What decides how a ``WorkerIterator`` waits."""

    def __init__(self, timeout: float, ahead: int, in_order: bool, iterable: bool) -> None:
        self.timeout = timeout
        self.ahead = ahead
        self.in_order = in_order
        self.iterable = iterable
