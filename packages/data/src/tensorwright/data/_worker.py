"""The life of a worker process: it takes tasks from its socket and sends batches back."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Iterable
from typing import Any

import tensorwright as tw

from . import _collate
from ._channel import Channel
from ._memory import Arena
from ._packing import BatchMemory, Packed, Packer
from ._random import mixed, seed_everything, use_mersenne_twister
from ._setup import Setup
from ._work import ENDED, Abandoned, Plan, Task, Work
from ._worker_info import Current, WorkerInfo

# Kinds of what a worker sends.
BATCH, END, ERROR, FAILED_START, NOTHING = "batch", "end", "error", "failed start", "nothing"


def main(setup: Setup, number: int, end: Any, foreign: Iterable[Channel]) -> None:
    """What the process runs.

    Args:
        setup: dataset and options.
        number: which worker this is.
        end: its socket.
        foreign: ends of the main process that a fork has copied: open here, they would hide that process's death.
    """
    _settle()
    for channel in list(foreign):
        channel.socket.close()
    worker = _Worker(setup, number, Channel(end))
    try:
        if worker.start():
            worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the main process has gone, or no longer wants anything


def _settle() -> None:
    """Ctrl-C is the main process's to handle; a terminated worker just ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    tw.set_num_threads(1)
    use_mersenne_twister()


class _Worker:
    def __init__(self, setup: Setup, number: int, channel: Channel) -> None:
        self._setup = setup
        self._number = number
        self._channel = channel
        self._parent = os.getppid()
        self._arena = Arena()
        self._memory = BatchMemory(self._arena)

    def start(self) -> bool:
        """Unpack the dataset and let the user prepare this process."""
        try:
            recipe, init = self._setup.opened()
            Current.asked = False
            seed = mixed(self._setup.seed, -2, self._number)
            Current.info = self._info = WorkerInfo(self._number, self._setup.workers, seed, recipe.dataset)
            seed_everything(seed)
            if init is not None:
                init(self._number)
            recipe.dataset = self._info.dataset  # it may have put another one there
            self._work = Work(recipe, self._setup.progress(self._number), Current.asked)
        except Exception as error:
            self._send(FAILED_START, 0, -1, _carried(error))
            return False
        self._work.finished()
        _collate.batch_memory = self._memory
        return True

    def serve(self) -> None:
        """Do what comes until the main process closes its end."""
        while (message := self._channel.receive(self._parent_lives)) is not None:
            order = pickle.loads(message[0])
            if order[0] == "begin":
                self._begin(Plan(*order[1]))
            else:
                _, epoch, task, released = order
                self._arena.release(released)
                self._do(epoch, Task(*task))

    def _parent_lives(self) -> bool:
        """A process that the main one has forked may keep the socket open behind its death."""
        return os.getppid() == self._parent

    def _begin(self, plan: Plan) -> None:
        self._epoch = plan.number
        self._info.seed = mixed(plan.seed, -2, self._number)
        Current.info = self._info
        self._work.begin(plan)

    def _do(self, epoch: int, task: Task) -> None:
        if epoch != self._setup.wanted_epoch():
            self._send(NOTHING, epoch, task.ordinal, None)
            return
        kind: str
        content: Any
        place = None
        try:
            batch = self._work.run(task)
            kind, content = (END, None) if batch is ENDED else (BATCH, self._packed(batch))
            place = self._work.place(task)
        except Abandoned:
            kind, content = NOTHING, None
        except Exception as error:
            kind, content = ERROR, (*_carried(error), self._work.position)
        batch = None
        self._memory.own.clear()
        self._send(kind, epoch, task.ordinal, content, place)
        self._work.finished()

    def _packed(self, batch: Any) -> Packed:
        return Packer(self._arena, self._memory.own).packed(batch)

    def _send(self, kind: str, epoch: int, ordinal: int, content: Any, place: Any = None) -> None:
        made, dropped, descriptors = self._arena.news()
        message = (kind, epoch, ordinal, content, place, made, dropped)
        self._channel.send(pickle.dumps(message, protocol=5), descriptors)


def _carried(error: Exception) -> tuple[bytes | None, str, str]:
    """An exception as bytes (None if it cannot be), its line, and its traceback."""
    text = "".join(traceback.format_exception(error))
    line = "".join(traceback.format_exception_only(error)).strip()
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:
        return None, line, text
    return data, line, text
