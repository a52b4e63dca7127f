"""The thread pool: its size, forked children, and many Python threads at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

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
