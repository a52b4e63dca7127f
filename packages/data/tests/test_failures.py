"""Workers that raise, die, hang or are interrupted: what is said, and that nothing stays behind."""

from __future__ import annotations

import faulthandler
import gc
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
from tensorwright.data import DataLoader, Dataset, IterableDataset, LoaderTimeoutError, WorkerDiedError, WorkerError


@pytest.fixture(autouse=True)
def _no_workers_are_left() -> Iterator[None]:
    """Neither by the test nor by others before it, whose exceptions hold frames that hold iterators."""
    gc.collect()
    assert not multiprocessing.active_children()
    yield
    gc.collect()
    assert not multiprocessing.active_children()


class Made(Dataset[Any]):
    def __init__(self, make: Any, length: int = 12) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


def at(index: int, act: Any) -> Made:
    """A dataset that does something at one index."""
    return Made(lambda i: act() if i == index else tw.full((3000,), float(i)))


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


class TwoArgumentsError(Exception):
    """Cannot be unpickled: its constructor wants more than its message."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")


def raising(error: BaseException) -> Any:
    def act() -> None:
        raise error

    return act


def test_an_exception_comes_as_it_is_with_its_traceback() -> None:
    batches = iter(DataLoader(at(5, raising(KeyError("no such file"))), batch_size=2, num_workers=2))
    assert [next(batches)[:, 0].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match="no such file") as raised:
        next(batches)
    said = notes(raised.value)
    assert "DataLoader worker" in said
    assert "sample index 5 (sample 1 of batch 2)" in said
    assert 'test_failures.py", line' in said
    assert "in act" in said
    assert [batch[:, 0].tolist() for batch in batches] == [[6, 7], [8, 9], [10, 11]]


def test_an_exception_that_cannot_travel_is_described() -> None:
    with pytest.raises(WorkerError, match="TwoArgumentsError: bad at here") as raised:
        list(DataLoader(at(0, raising(TwoArgumentsError("bad", "here"))), num_workers=1))
    assert "sample index 0" in notes(raised.value)


def test_exceptions_of_collate_and_of_streams() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self):
            yield 1
            raise OSError("broken")

    batches = iter(DataLoader(Stream(), num_workers=1))
    next(batches)
    with pytest.raises(OSError, match="broken") as raised:
        next(batches)
    assert "sample 1 of stream 0, batch 1" in notes(raised.value)
    assert list(batches) == []

    def collate(samples: list[int]) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room") as raised:
        list(DataLoader(Made(int), batch_size=3, num_workers=1, collate_fn=collate))
    assert "collating batch 0, indices [0, 1, 2]" in notes(raised.value)


def test_stop_iteration_does_not_end_the_loop() -> None:
    with pytest.raises(RuntimeError, match="the dataset raised StopIteration"):
        list(DataLoader(at(1, raising(StopIteration())), num_workers=1))


def test_worker_init_fn_fails() -> None:
    def init(number: int) -> None:
        raise ValueError(f"cannot open device {number}")

    with pytest.raises(ValueError, match="cannot open device") as raised:
        list(DataLoader(Made(int), num_workers=2, worker_init_fn=init))
    assert "while starting" in notes(raised.value)
    assert "in init" in notes(raised.value)


def crash() -> None:
    """Without what prints the stack."""
    faulthandler.disable()
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "was killed by signal SIGKILL, as the kernel does when memory"),
        (crash, "was killed by signal SIGSEGV"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "was killed by signal SIGTERM"),
        (lambda: os._exit(3), "exited with code 3"),
        (lambda: sys.exit(4), "exited with code 4"),
    ],
    ids=["kill", "segv", "term", "_exit", "exit"],
)
@pytest.mark.parametrize("iterable", [False, True])
def test_a_worker_dies(act: Any, words: str, iterable: bool) -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self):
            yield from (act() if number == 3 else number for number in range(6))

    start = time.monotonic()
    batches = iter(DataLoader(Stream() if iterable else at(3, act), batch_size=2, num_workers=2))
    with pytest.raises(WorkerDiedError, match=words) as raised:
        list(batches)
    place = "sample 3 of stream 0, batch" if iterable else r"sample index 3 (sample 1 of batch 1)"
    assert place in str(raised.value)
    assert str(raised.value).startswith("DataLoader worker ")
    with pytest.raises(WorkerDiedError):
        next(batches)
    assert time.monotonic() - start < 4
    assert not multiprocessing.active_children()


def test_a_worker_dies_while_starting() -> None:
    words = r"DataLoader worker 0 \(pid \d+\) exited with code 7; it was starting"
    with pytest.raises(WorkerDiedError, match=words):
        list(DataLoader(Made(int), num_workers=1, worker_init_fn=lambda _: os._exit(7)))


def test_what_cannot_be_pickled_is_told_before_anything_starts() -> None:
    loader = DataLoader(Made(lambda index: index), num_workers=2, multiprocessing_context="spawn")
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError), match="lambda") as raised:
        iter(loader)
    assert "'spawn' pickles the dataset, collate_fn and worker_init_fn for each worker" in notes(raised.value)


def test_a_dataset_that_cannot_be_unpickled_is_told_with_its_traceback(tmp_path: Path) -> None:
    body = """
        import sys
        from tensorwright.data import DataLoader

        class Odd:
            def __len__(self):
                return 3
            def __reduce__(self):
                return int, ("odd",)

        if __name__ == "__main__":
            list(DataLoader(Odd(), num_workers=1, multiprocessing_context="spawn"))
    """
    path = tmp_path / "odd.py"
    path.write_text(textwrap.dedent(body))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=30, check=False)
    assert "ValueError: invalid literal for int() with base 10: 'odd'" in done.stderr
    assert "raised in DataLoader worker 0" in done.stderr
    assert "while starting" in done.stderr


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "bare.py"
    path.write_text(
        "from tensorwright.data import DataLoader\n"
        "list(DataLoader(range(3), num_workers=1, multiprocessing_context='spawn'))\n"
    )
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=30, check=False)
    assert "WorkerDiedError: DataLoader worker 0" in done.stderr
    assert "exited with code 1; it was starting" in done.stderr
    assert "its loop belongs under `if __name__ == '__main__':`" in done.stderr


def test_the_next_epoch_starts_new_workers() -> None:
    flag = [True]
    loader = DataLoader(at(3, lambda: os._exit(1) if flag else 0.0), num_workers=1, persistent_workers=True)
    with pytest.raises(WorkerDiedError):
        list(loader)
    loader.dataset.make = float
    assert [batch.item() for batch in loader] == [float(i) for i in range(12)]


def test_killed_at_any_moment() -> None:
    """From outside, while batches travel: always a clear error, never a hang, and nothing left."""
    gc.collect()
    named, files = set(os.listdir("/dev/shm")), len(os.listdir("/proc/self/fd"))
    for attempt in range(25):
        loader = DataLoader(Made(lambda i: tw.full((20_000,), float(i)), 10_000), batch_size=4, num_workers=2)
        batches = iter(loader)
        for _ in range(random.Random(attempt).randrange(1, 6)):
            next(batches)
        assert len(multiprocessing.active_children()) == 2
        victim = random.Random(attempt).choice(multiprocessing.active_children())
        time.sleep(random.Random(attempt).random() / 200)
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        with pytest.raises(WorkerDiedError, match="SIGKILL"):
            list(batches)
    del batches, loader
    gc.collect()
    assert not multiprocessing.active_children()
    assert set(os.listdir("/dev/shm")) == named
    assert len(os.listdir("/proc/self/fd")) == files
    assert "memfd:tensorwright" not in Path("/proc/self/maps").read_text()


def test_a_worker_that_forked_dies() -> None:
    """Its child keeps the socket open, so that the end of the socket cannot tell."""

    def act() -> None:
        if os.fork() == 0:
            time.sleep(6)
            os._exit(0)
        os._exit(5)

    start = time.monotonic()
    with pytest.raises(WorkerDiedError, match="exited with code 5"):
        list(DataLoader(at(3, act), num_workers=1))
    assert time.monotonic() - start < 5


def test_timeout() -> None:
    batches = iter(DataLoader(at(3, lambda: time.sleep(1.5) or 0), batch_size=2, num_workers=1, timeout=0.3))
    next(batches)
    start = time.monotonic()
    words = r"within timeout=0.3 s: DataLoader worker 0 \(pid \d+\) is at sample index 3 \(sample 1 of batch 1\)"
    with pytest.raises(LoaderTimeoutError, match=words):
        next(batches)
    assert 0.2 < time.monotonic() - start < 1.3


def test_leaving_a_loop_stops_workers_at_their_next_sample() -> None:
    for _batch in DataLoader(Made(lambda i: time.sleep(0.01) or i, 10_000), batch_size=40, num_workers=2):
        start = time.monotonic()
        break
    gc.collect()
    assert time.monotonic() - start < 4  # not the patience there is with those that do not end
    assert not multiprocessing.active_children()


def test_a_worker_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorwright.data import _pool

    monkeypatch.setattr(_pool, "_PATIENCE", 0.2)
    batches = iter(DataLoader(at(2, lambda: time.sleep(60)), num_workers=1))
    next(batches)
    start = time.monotonic()
    del batches
    assert time.monotonic() - start < 3
    assert not multiprocessing.active_children()


def script(body: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", textwrap.dedent(body), *arguments]


LOOP = """
    import os, signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without
    import tensorwright as tw
    from tensorwright.data import DataLoader, TensorDataset
    loader = DataLoader(TensorDataset(tw.zeros(1_000_000, 64)), batch_size=64, num_workers=2,
                        multiprocessing_context=sys.argv[1])
    for number, batch in enumerate(loader):
        if number == 3:
            print("running", flush=True)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_ctrl_c(method: str) -> None:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(script(LOOP, method), **options) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
        _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert nobody_left(process.pid)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_main_process_is_killed(method: str) -> None:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    named = set(os.listdir("/dev/shm"))
    with subprocess.Popen(script(LOOP, method), **options) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "running\n"
        process.kill()
    assert nobody_left(process.pid)
    assert set(os.listdir("/dev/shm")) == named


def nobody_left(session: int) -> bool:
    """Whether all processes of a session end within some seconds."""
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        if not any(session_of(entry) == session for entry in os.listdir("/proc") if entry.isdigit()):
            return True
        time.sleep(0.05)
    return False


def session_of(process: str) -> int | None:
    try:
        state, _, _, session = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(session)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_program_that_ends_in_the_middle_says_nothing(method: str) -> None:
    body = LOOP + "            break\n"
    done = subprocess.run(script(body, method), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "running\n", "")
    body = LOOP + "            kept = iter(loader); next(kept); sys.exit(0)\n"
    done = subprocess.run(script(body, method), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "running\n", "")
