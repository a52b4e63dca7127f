"""Processes that share tensors: Python's ``multiprocessing``, through which shared tensors pass without a copy.

A tensor after ``share_memory_`` that is an argument of a process, or goes through a queue or a pipe, is the same
memory on the other side, also with the start methods "spawn" and "forkserver". Other tensors are copied. What a
process sends through a queue or a pipe must be received before it ends, as is the rule for descriptors.
"""

from __future__ import annotations

import mmap
import multiprocessing as _processes
import traceback
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from multiprocessing import reduction as _reduction
from typing import Any

from tensorwright import _C, _storage
from tensorwright._C import Tensor

__all__ = [*_processes.__all__, "ProcessFailedError", "get_all_sharing_strategies", "get_sharing_strategy",
           "set_sharing_strategy", "spawn"]  # fmt: skip

_STRATEGIES = {"file_descriptor", "file_system"}
_strategy = ["file_descriptor"]
_MOST_TEXT = 8_000  # of a traceback: a pipe takes it at once, also where a character has 4 bytes; nobody reads yet


def get_all_sharing_strategies() -> set[str]:
    """The names that ``set_sharing_strategy`` takes."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """The name that was set last; "file_descriptor" at first."""
    return _strategy[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Remember the name: tensors always pass as descriptors of files without a name.

    Raises:
        ValueError: for a name that is not known.
    """
    if new_strategy not in _STRATEGIES:
        raise ValueError(f"set_sharing_strategy: expected one of {sorted(_STRATEGIES)}, got {new_strategy!r}")
    _strategy[0] = new_strategy


# ---- tensors that pass ---------------------------------------------------------------------------------------


def _reduced(tensor: Tensor) -> Any:
    descriptor = _storage.shared_descriptor(tensor)
    if descriptor is None:
        return tensor.__reduce_ex__(4)
    place = (tensor.dtype, list(tensor.shape), list(tensor.stride()), tensor.storage_offset())
    requires_grad = bool(getattr(tensor, "requires_grad", False))
    return _rebuilt, (_reduction.DupFd(descriptor), tensor.untyped_storage().nbytes(), place, requires_grad)


def _rebuilt(duplicate: Any, size: int, place: Any, requires_grad: bool) -> Tensor:
    descriptor = duplicate.detach()
    memory = mmap.mmap(descriptor, size)
    content = _C.frombuffer(memory, _C.uint8, -1, 0)
    _storage.note_shared(memory, content, descriptor)
    dtype, shape, steps, offset = place
    tensor = content[: size - size % dtype.itemsize].view(dtype).as_strided(shape, steps, offset)
    return tensor.requires_grad_() if requires_grad else tensor


_reduction.ForkingPickler.register(Tensor, _reduced)


# ---- processes ---------------------------------------------------------------------------------------------------


class ProcessFailedError(RuntimeError):
    """A process of ``spawn`` has raised an exception, whose traceback is the text, or was killed.

    Attributes:
        rank: the number of the process.
        exitcode: as of ``Process``.
    """

    rank: int
    exitcode: int | None

    def __init__(self, rank: int, exitcode: int | None, text: str) -> None:
        super().__init__(f"process {rank} has ended with exit code {exitcode}{': ' if text else ''}{text}")
        self.rank, self.exitcode = rank, exitcode


def _run(fn: Callable[..., object], rank: int, args: tuple[Any, ...], failures: Any) -> None:
    try:
        fn(rank, *args)
    except Exception:  # whatever it is, the process that joins raises it
        failures.send(traceback.format_exc()[-_MOST_TEXT:])
        raise SystemExit(1) from None


class Spawned:
    """Processes that ``spawn`` has started."""

    processes: list[Any]

    def __init__(self, processes: list[Any], failures: list[Any]) -> None:
        self.processes, self._failures = processes, failures

    def join(self) -> None:
        """Wait until all have ended; if one fails the others are terminated.

        Raises:
            ProcessFailedError: names the first one that was seen to fail.
        """
        from multiprocessing.connection import wait

        waiting = {process.sentinel: rank for rank, process in enumerate(self.processes)}
        while waiting:
            for sentinel in wait(list(waiting)):
                self._ended(waiting.pop(sentinel))

    def _ended(self, rank: int) -> None:
        self.processes[rank].join()
        exitcode = self.processes[rank].exitcode
        if exitcode == 0:
            return
        for process in self.processes:
            process.terminate()
            process.join()
        raise ProcessFailedError(rank, exitcode, self._said(rank))

    def _said(self, rank: int) -> str:
        """What a process wrote before it failed; one that was killed wrote nothing."""
        try:
            return str(self._failures[rank].recv()) if self._failures[rank].poll() else ""
        except EOFError:
            return ""


def spawn(
    fn: Callable[..., object],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> Spawned | None:
    """Run ``fn(number, *args)`` in ``nprocs`` processes.

    Args:
        fn: a function that can be imported by its name.
        args: what it takes beside the number.
        nprocs: how many processes.
        join: wait for them. Otherwise the processes are returned, with a method ``join``.
        daemon: end them with this process.
        start_method: of ``multiprocessing``.

    Raises:
        ProcessFailedError: if one fails; the others are terminated.
    """
    context: Any = _processes.get_context(start_method)
    processes, failures = [], []
    for rank in range(nprocs):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, rank, args, writer), daemon=daemon)
        process.start()
        writer.close()
        processes.append(process)
        failures.append(reader)
    spawned = Spawned(processes, failures)
    if not join:
        return spawned
    spawned.join()
    return None
