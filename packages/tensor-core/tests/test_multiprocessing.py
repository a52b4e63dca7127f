"""Processes that share tensors, with every start method; groups of processes, of which there are none."""

from __future__ import annotations

import gc
import os
import time
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import multiprocessing


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    """New interpreters find the functions of this file by the name that it has here."""
    monkeypatch.syspath_prepend(pytestconfig.rootpath)


def add_to(x: tw.Tensor, y: tw.Tensor, queue: Any, received: Any) -> None:
    x += 1
    y += 1
    queue.put((x.is_shared(), y.is_shared(), y.tolist(), x[1:]))
    received.wait()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_shared_tensors_are_the_same_memory_in_another_process(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    x, y = tw.arange(4, dtype=tw.float64).share_memory_(), tw.zeros(2)
    queue, received = context.Queue(), context.Event()
    process = context.Process(target=add_to, args=(x.view(2, 2), y, queue, received))
    process.start()
    x_shared, y_shared, y_there, part = queue.get(timeout=60)
    received.set()
    process.join()
    assert process.exitcode == 0
    assert x.tolist() == [1, 2, 3, 4]
    assert y.tolist() == [0, 0]
    assert (x_shared, y_shared, y_there) == (True, False, [1, 1])
    part.zero_()  # came back through the queue: still that memory
    assert x.tolist() == [1, 2, 0, 0]


def test_shared_memory_leaves_no_descriptor_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        tw.ones(1000).share_memory_()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def fill(rank: int, x: tw.Tensor) -> None:
    x[rank] = rank + 1


def fail_second(rank: int) -> None:
    if rank == 1:
        raise KeyError("of the second")
    time.sleep(60)


def test_spawn_runs_a_function_in_several_processes() -> None:
    x = tw.zeros(3).share_memory_()
    multiprocessing.spawn(fill, (x,), nprocs=3)
    assert x.tolist() == [1, 2, 3]
    started = multiprocessing.spawn(fill, (x.zero_(),), nprocs=2, join=False, start_method="fork")
    assert started is not None
    started.join()
    assert x.tolist() == [1, 2, 0]


def test_a_process_that_fails_ends_the_others() -> None:
    start = time.monotonic()
    text = r"process 1 has ended with exit code 1[\s\S]*KeyError: 'of the second'"
    with pytest.raises(multiprocessing.ProcessFailedError, match=text) as failed:
        multiprocessing.spawn(fail_second, nprocs=3, start_method="fork")
    assert failed.value.rank == 1
    assert time.monotonic() - start < 30


def die(rank: int) -> None:
    os._exit(3)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_that_dies_without_a_word_is_named(method: str) -> None:
    with pytest.raises(multiprocessing.ProcessFailedError, match=r"^process 0 has ended with exit code 3$") as failed:
        multiprocessing.spawn(die, nprocs=1, start_method=method)
    assert failed.value.exitcode == 3


def fail_at_length(rank: int) -> None:
    raise ValueError("x" * 1_000_000 + "the end")


def test_a_long_traceback_keeps_nobody_waiting() -> None:
    with pytest.raises(multiprocessing.ProcessFailedError, match="the end"):
        multiprocessing.spawn(fail_at_length, nprocs=2, start_method="fork")


def test_strategies_are_remembered() -> None:
    multiprocessing.set_sharing_strategy("file_system")
    assert multiprocessing.get_sharing_strategy() == "file_system"
    multiprocessing.set_sharing_strategy("file_descriptor")
    with pytest.raises(ValueError, match="expected one of"):
        multiprocessing.set_sharing_strategy("magic")


def test_there_are_no_groups() -> None:
    assert not tw.distributed.is_available()
    assert not tw.distributed.is_initialized()
    for name in set(tw.distributed.__all__) - {"is_available", "is_initialized"}:
        with pytest.raises(RuntimeError, match=f"distributed.{name}: there are no groups"):
            getattr(tw.distributed, name)()
