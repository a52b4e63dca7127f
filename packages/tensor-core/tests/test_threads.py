"""The thread pool: its size, forked children, and many Python threads at once."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tensorwright as tw
from tensorwright import _C


def test_size() -> None:
    before = tw.get_num_threads()
    tw.set_num_threads(3)
    assert tw.get_num_threads() == 3
    tw.set_num_threads(before)
    with pytest.raises(ValueError, match=r"set_num_threads\(\): n must lie between 1 and 1024, got 0"):
        tw.set_num_threads(0)


def test_as_many_threads_as_cpus_by_default() -> None:
    assert 1 <= _C.available_cpus() <= len(os.sched_getaffinity(0))
    code = "import tensorwright as tw; print(tw.get_num_threads())"
    environment = {**os.environ, "TENSORWRIGHT_NUM_THREADS": "5"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, text=True, capture_output=True, check=True)
    assert result.stdout == "5\n"


def quota_of(root: Path, memberships: str, files: dict[str, str]) -> float:
    """The quota that a tree of files of cgroups says."""
    for name, content in {"proc/self/cgroup": memberships, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return _C.cgroup_cpus(str(root))


def test_the_quota_of_a_cgroup_of_version_2(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/b/cpu.max": "350000 100000\n",
        "sys/fs/cgroup/a/cpu.max": "max 100000\n",
        "sys/fs/cgroup/other/cpu.max": "10000 100000\n",
    }
    assert quota_of(tmp_path, "0::/a/b\n", files) == 3.5
    assert quota_of(tmp_path, "0::/a/b\n", {"sys/fs/cgroup/a/cpu.max": "150000 100000\n"}) == 1.5  # the tightest
    assert quota_of(tmp_path, "0::/\n", {}) == math.inf
    assert quota_of(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": "200000 100000\n"}) == 2.0  # in a container


def test_the_quota_of_a_cgroup_of_version_1(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/cpu,cpuacct/docker/1"
    files = {f"{group}/cpu.cfs_quota_us": "250000\n", f"{group}/cpu.cfs_period_us": "100000\n"}
    memberships = "5:memory:/docker/2\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/\n"
    assert quota_of(tmp_path, memberships, files) == 2.5
    assert quota_of(tmp_path, memberships, {f"{group}/cpu.cfs_quota_us": "-1\n"}) == math.inf


def test_without_cgroups_there_is_no_quota(tmp_path: Path) -> None:
    assert _C.cgroup_cpus(str(tmp_path)) == math.inf


def test_a_forked_child_has_a_working_pool() -> None:
    code = """
import os, tensorwright as tw
tw.set_num_threads(4)
x = tw.ones(1000000)
assert tw.sum(x).item() == 1e6
child = os.fork()
assert tw.sum(x + x).item() == 2e6
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("threads", [2, 3, 100])
def test_each_element_is_computed_once(threads: int) -> None:
    """Also where there are more threads than shares of the work, and where chunks do not divide evenly."""
    code = f"""
import numpy as np, tensorwright as tw
tw.set_num_threads({threads})
x = tw.arange(4000000)
y = tw.zeros(4000000, dtype=tw.int64)
for _ in range(5):
    y += x
assert np.array_equal(y.numpy(), 5 * np.arange(4000000))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_python_threads_share_the_pool() -> None:
    x = tw.ones(300000)
    sums: list[float] = []

    def work() -> None:
        sums.extend(tw.sum(x + x).item() for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sums == [600000.0] * 80


def run(code: str, timeout: float = 60) -> str:
    """What a fresh interpreter prints, Ctrl-C being answered as in a terminal."""
    command = [sys.executable, "-c", f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{code}"]
    return subprocess.run(command, text=True, capture_output=True, check=True, timeout=timeout).stdout


def test_a_thousand_children_forked_after_parallel_work() -> None:
    code = """
import os, tensorwright as tw
tw.set_num_threads(2)
x = tw.ones(100000)
assert tw.sum(x + x).item() == 2e5
for _ in range(1000):
    child = os.fork()
    if child == 0:
        os._exit(0 if tw.sum(x + x).item() == 2e5 else 1)
    assert os.waitpid(child, 0)[1] == 0
"""
    run(code, timeout=300)


def test_a_forked_child_allocates_and_frees_large_blocks() -> None:
    code = """
import os, threading, tensorwright as tw
stop = threading.Event()
def work():
    while not stop.is_set():
        tw.ones(1 << 20)
worker = threading.Thread(target=work)
worker.start()
for _ in range(50):
    child = os.fork()
    if child == 0:
        tw.ones(1 << 20)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
worker.join()
"""
    run(code)


def test_idle_threads_sleep() -> None:
    code = """
import time, tensorwright as tw
tw.set_num_threads(4)
x = tw.ones(1 << 20)
tw.sum(x + x)
time.sleep(0.05)
before = time.process_time()
time.sleep(1)
print(time.process_time() - before)
"""
    assert float(run(code)) < 0.1


def test_affinity_limits_the_threads() -> None:
    code = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import tensorwright as tw
print(tw.get_num_threads())
"""
    assert run(code) == "1\n"


def test_linear_algebra_starts_no_threads_of_its_own() -> None:
    code = """
import os, tensorwright as tw
tw.set_num_threads(2)
x = tw.rand(300, 300) + 300 * tw.eye(300)
tw.linalg.inv(x @ x)
print(len(os.listdir("/proc/self/task")))
"""
    assert int(run(code)) <= 2


def test_an_error_leaves_the_pool_in_use() -> None:
    code = """
import os, tensorwright as tw
tw.set_num_threads(2)
try:
    tw.rand(4, 4).gather(0, tw.full((4, 4), 9))
except IndexError:
    pass
tw.ones(1 << 20) + 1
print(len(os.listdir("/proc/self/task")))
"""
    assert run(code) == "2\n"


@pytest.mark.parametrize(
    "call",
    [
        "x.sort()",
        "x.cumsum(0)",
        "x.cummax(0)",
        "x.exp()",
        "x.unique()",
        "tw.randperm(1 << 24)",
        "x.view(1 << 12, -1) @ x.view(-1, 1 << 12)",
        "x.view(-1, 64).t().softmax(0)",
    ],
)
def test_ctrl_c_is_answered_inside_of_a_kernel(call: str) -> None:
    code = f"""
import os, threading, time, tensorwright as tw
tw.set_num_threads(2)
x = tw.rand(1 << 24)
pressed = []
def press():
    time.sleep(0.3)
    pressed.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
try:
    while True:
        {call}
except KeyboardInterrupt:
    print(time.perf_counter() - pressed[0])
"""
    assert float(run(code)) < 5  # a busy machine; the kernel alone would be asked every few milliseconds


@pytest.mark.parametrize(
    ("prepare", "call"),
    [
        ("x = tw.ones(10_000, 1_000)", "x.tolist()"),
        ("x = [[1.0] * 1_000] * 10_000", "tw.tensor(x)"),
        ("", "tw.arange(1 << 27)"),  # a gigabyte, whose pages the system has to find
        ("", "tw.linspace(0, 1, 1 << 27)"),
        ("", "tw.eye(16_000)"),
        ("x = tw.tensor([1])", "tw.bincount(x, minlength=1 << 27)"),
        ("x = tw.tensor([1 << 27])", "tw.repeat_interleave(tw.ones(1), x)"),
    ],
)
def test_ctrl_c_is_answered_while_a_huge_result_is_made(prepare: str, call: str) -> None:
    """Interrupted after a tenth of the time that it takes, it does not go on to the end."""
    code = f"""
import time, tensorwright as tw
tw.set_cache_limit(0)
signal.signal(signal.SIGALRM, signal.default_int_handler)
{prepare}
parts = []
for _ in range(5):  # other work on the machine makes single times longer
    start = time.perf_counter()
    {call}
    whole = time.perf_counter() - start
    signal.setitimer(signal.ITIMER_REAL, whole / 10)
    start = time.perf_counter()
    try:
        {call}
        time.sleep(1)
    except KeyboardInterrupt:
        parts.append((time.perf_counter() - start) / whole)
print(sorted(parts)[0])
"""
    assert float(run(code)) < 0.6


def test_a_list_that_a_signal_handler_changes_is_refused() -> None:
    code = """
import tensorwright as tw
x = [1.0] * 20_000_000
signal.signal(signal.SIGALRM, lambda *_: x.clear())
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    tw.tensor(x)
except ValueError as error:
    print(error)
"""
    assert "expected a list of length 20000000 at dimension 0, got 0" in run(code)


@pytest.mark.parametrize(
    "call",
    [
        "tw.linalg.eig(tw.rand(2500, 2500, dtype=tw.float64))",  # one call of LAPACK, half a minute
        "tw.linalg.eig(tw.rand(2, 2500, 2500, dtype=tw.float64))",  # one on each thread
        "tw.linalg.lu_factor(tw.rand(2, 5000, 5000, dtype=tw.float64), pivot=False)",
    ],
)
def test_ctrl_c_is_answered_inside_of_a_decomposition(call: str) -> None:
    code = f"""
import os, time, tensorwright as tw
tw.set_num_threads(2)
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 1)
start = time.perf_counter()
try:
    {call}
except KeyboardInterrupt:
    print(time.perf_counter() - start, flush=True)
assert tw.ones(3).sum().item() == 3
os._exit(0)  # an ordinary end waits for what still computes
"""
    assert float(run(code)) < 8


def test_the_end_of_a_program_waits_for_an_abandoned_decomposition() -> None:
    code = """
import tensorwright as tw
signal.signal(signal.SIGALRM, signal.default_int_handler)
matrix = tw.rand(700, 700, dtype=tw.float64)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    for _ in range(1000):
        tw.linalg.eig(matrix)
except KeyboardInterrupt:
    print("stopped")
"""
    assert run(code) == "stopped\n"
