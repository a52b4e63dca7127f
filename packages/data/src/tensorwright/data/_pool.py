"""The worker processes, seen from the main one."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from . import _worker
from ._channel import Channel, wait
from ._errors import WorkerDiedError, WorkerError, exit_reason
from ._memory import Mapped
from ._packing import Packed, unpacked
from ._setup import Init, Setup
from ._work import BATCH, EPOCH, POSITION, STARTING, Plan, Recipe, Task, described

_OPEN: weakref.WeakSet[Channel] = weakref.WeakSet()  # this process's ends of the sockets of all loaders
_LOOK_EVERY = (
    1.0  # seconds after which a silent worker is looked for; its death closes its socket, but not if it forked
)
_PATIENCE = 5.0  # seconds that workers have to end by themselves
_NOBODY = -1  # the wanted epoch of a pool that is being shut down


class Result(NamedTuple):
    """What came for a task."""

    worker: Worker
    task: Task
    kind: str
    content: Any
    place: Any


class Worker:
    """One process, its socket, and the tasks it has not answered."""

    def __init__(self, number: int, process: Any, channel: Channel) -> None:
        self.number = number
        self.process = process
        self.channel = channel
        self.mapped = Mapped()
        self.unanswered: dict[int, Task] = {}

    def __repr__(self) -> str:
        return f"DataLoader worker {self.number} (pid {self.process.pid})"


class Pool:
    """Starts the workers, gives them tasks, takes their answers, ends them."""

    def __init__(self, recipe: Recipe, init: Init, context: Any, count: int, seed: int) -> None:
        self._iterable = recipe.iterable
        self._owner = os.getpid()
        self._forks = context.get_start_method() == "fork"
        self._setup = Setup(recipe, init, count, seed)
        self.workers: list[Worker] = []
        self.epoch = 0
        try:
            for number in range(count):
                self.workers.append(self._started(context, number))
        except BaseException:
            self.shutdown()
            raise
        finally:
            self._setup.started()

    def _started(self, context: Any, number: int) -> Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        channel = Channel(ours)
        _OPEN.add(channel)
        method = context.get_start_method()
        arguments = (self._setup, number, theirs, _OPEN if method == "fork" else ())
        process = context.Process(target=_worker.main, args=arguments, daemon=True, name=f"DataLoader-{number}")
        try:
            with _quiet_start(method):
                process.start()
        except BaseException as error:
            channel.close()
            if method != "fork":
                error.add_note(f"{method!r} pickles the dataset, collate_fn and worker_init_fn for each worker")
            raise
        finally:
            theirs.close()
        return Worker(number, process, channel)

    # --- tasks ----------------------------------------------------------------------------------------------------

    def begin(self, plan: Plan) -> None:
        """Start an epoch; what is still being made for an earlier one will be dropped."""
        self.epoch = plan.number
        self._setup.page.cells[EPOCH] = plan.number
        for worker in self.workers:
            worker.unanswered.clear()
            worker.channel.post(pickle.dumps(("begin", tuple(plan))))

    def give(self, task: Task, number: int | None) -> None:
        """Give a task to a worker, by default to the one with the fewest."""
        if number is None:
            worker = min(self.workers, key=lambda worker: len(worker.unanswered))
        else:
            worker = self.workers[number % len(self.workers)]
        worker.unanswered[task.ordinal] = task
        order = ("task", self.epoch, tuple(task), worker.mapped.taken_releases())
        worker.channel.post(pickle.dumps(order, protocol=5))

    def results(self, seconds: float | None) -> list[Result]:
        """The answers that have come; waits for the first up to ``seconds``, which may be 0.

        Raises:
            WorkerDiedError: a worker has ended.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = _LOOK_EVERY if deadline is None else min(_LOOK_EVERY, max(0.0, deadline - time.monotonic()))
            wait([worker.channel for worker in self.workers], left)
            found = [result for worker in self.workers for result in self._from(worker)]
            if found or (deadline is not None and time.monotonic() >= deadline):
                return found
            self._look_for_dead()

    def _from(self, worker: Worker) -> Iterator[Result]:
        worker.channel.flush()
        for data, descriptors in worker.channel.collect():
            kind, epoch, ordinal, content, place, made, dropped = pickle.loads(data)
            worker.mapped.learn(made, dropped, descriptors)
            if kind == _worker.FAILED_START:
                raise self.error(content, f"{worker!r}, while starting")
            if epoch == self.epoch and ordinal in worker.unanswered:
                yield Result(worker, worker.unanswered.pop(ordinal), kind, content, place)
            else:
                discard(worker, kind, content)
        if worker.channel.closed:
            self._died(worker)

    def _look_for_dead(self) -> None:
        for worker in self.workers:
            if not worker.process.is_alive():
                self._died(worker)

    def _died(self, worker: Worker) -> None:
        place = self.place(worker)
        worker.process.join(_PATIENCE)
        error = WorkerDiedError(f"{worker!r} {exit_reason(worker.process.exitcode)}; it was {place}")
        if place == "starting" and not self._forks:
            error.add_note(
                "A script whose workers do not fork must not start them when it is imported: "
                "its loop belongs under `if __name__ == '__main__':`."
            )
        raise error

    def place(self, worker: Worker) -> str:
        """Where a worker is, or was when it died."""
        row = self._setup.page.row(worker.number)
        if row[BATCH] == STARTING:
            return "starting"
        task = worker.unanswered.get(row[BATCH])
        return f"at {described(task, row[POSITION], self._iterable)}" if task else "between batches"

    def error(self, content: tuple[bytes | None, str, str], where: str) -> BaseException:
        """The exception that a worker has sent."""
        data, line, text = content
        error: BaseException
        try:
            error = pickle.loads(data) if data is not None else WorkerError(line)
        except Exception:
            error = WorkerError(line)
        error.add_note(f"raised in {where}. The traceback there:\n{text.rstrip()}")
        return error

    # --- the end --------------------------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """End the processes: at once if they are between samples, by force if they do not end in some seconds."""
        if os.getpid() != self._owner:
            return  # a copy in a forked process
        workers, self.workers = self.workers, []
        self._setup.page.cells[EPOCH] = _NOBODY
        for worker in workers:
            worker.channel.close()
        deadline = time.monotonic() + _PATIENCE
        for worker in workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
        for worker in workers:
            for end in (worker.process.terminate, worker.process.kill):
                if worker.process.is_alive():
                    end()
                    worker.process.join(1.0)
            if not worker.process.is_alive():  # else the kernel holds it
                worker.process.close()


def discard(worker: Worker, kind: str, content: Any) -> None:
    """Give back the memory of a batch that nobody will look at."""
    if kind == _worker.BATCH:
        pickled, places = content
        taken = [*places, pickled] if isinstance(pickled, tuple) else places
        worker.mapped.released.extend((chunk, offset) for chunk, offset, _ in taken if chunk >= 0)


def opened(worker: Worker, content: Packed) -> Any:
    """A batch that has come."""
    return unpacked(content, worker.mapped)


@contextmanager
def _quiet_start(method: str) -> Iterator[None]:
    """A context to start a process in.

    Ctrl-C is held back until the child ignores it. Python 3.12 warns of a fork beside threads: those are the thread
    pool's, which a fork does not disturb.
    """
    held_back = method != "forkserver" and hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if held_back else None
    try:
        with warnings.catch_warnings():
            if method == "fork":
                warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
            yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
