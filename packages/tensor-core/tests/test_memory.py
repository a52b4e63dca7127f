"""The allocator seen from outside: statistics, the cache and its limit, the error that says that memory is short."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorwright as tw
from sanitized import is_sanitized

MEGABYTE = 1 << 20

keeps_blocks = pytest.mark.skipif(is_sanitized(), reason="a sanitizer build keeps no blocks")


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    limit = tw.memory_stats()["cache_limit"]
    tw.empty_cache()
    yield
    tw.set_cache_limit(limit)
    tw.record_memory(False)


def test_what_is_in_use_follows_tensors() -> None:
    before = tw.memory_stats()["in_use"]
    x = tw.empty(MEGABYTE)
    view = x[10:]
    del x
    assert tw.memory_stats()["in_use"] - before == 4 * MEGABYTE
    del view
    assert tw.memory_stats()["in_use"] == before


def test_the_peak_is_of_all_that_lived_together() -> None:
    tw.reset_peak_memory()
    before = tw.memory_stats()["peak"]
    for _ in range(3):
        x, y = tw.empty(MEGABYTE), tw.empty(MEGABYTE)
        del x, y
    assert tw.memory_stats()["peak"] - before == 8 * MEGABYTE
    tw.reset_peak_memory()
    assert tw.memory_stats()["peak"] == before


def test_the_peak_of_small_tensors() -> None:
    tw.reset_peak_memory()
    before = tw.memory_stats()["peak"]
    tensors = [tw.empty(250) for _ in range(1000)]
    del tensors
    grown = tw.memory_stats()["peak"] - before
    assert 980_000 <= grown <= 1_000_000  # a thread keeps up to 16 blocks of a size, which come first


@keeps_blocks
def test_freed_blocks_are_kept_and_given_back() -> None:
    x = tw.empty(MEGABYTE)
    address = x.data_ptr()
    del x
    assert tw.memory_stats()["cached"] == 4 * MEGABYTE
    assert tw.empty(MEGABYTE).data_ptr() == address
    tw.empty_cache()
    assert tw.memory_stats()["cached"] == 0


@keeps_blocks
def test_no_more_is_kept_than_the_limit() -> None:
    tw.set_cache_limit(10 * MEGABYTE)
    tensors = [tw.empty(MEGABYTE) for _ in range(5)]
    del tensors
    assert tw.memory_stats()["cached"] == 8 * MEGABYTE
    tw.set_cache_limit(4 * MEGABYTE)
    assert tw.memory_stats()["cached"] == 0
    tw.set_cache_limit(0)
    tw.empty(MEGABYTE)
    assert tw.memory_stats()["cached"] == 0
    with pytest.raises(ValueError, match="limit must not be negative, got -1"):
        tw.set_cache_limit(-1)


def test_the_limit_comes_from_the_environment() -> None:
    code = "import tensorwright as tw; print(tw.memory_stats()['cache_limit'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TENSORWRIGHT_CACHE_LIMIT": "12345", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "12345\n"


def test_the_largest_tensors_are_listed() -> None:
    small, x, y = tw.empty(10), tw.empty(3, MEGABYTE), tw.empty(2, MEGABYTE, dtype=tw.float64)
    first, second = tw.memory_stats(largest=2)["largest"]
    assert first == {"bytes": 16 * MEGABYTE, "dtype": tw.float64, "shape": (2, MEGABYTE), "line": None}
    assert second == {"bytes": 12 * MEGABYTE, "dtype": tw.float32, "shape": (3, MEGABYTE), "line": None}
    del small, x, y
    with pytest.raises(ValueError, match="largest must not be negative, got -1"):
        tw.memory_stats(largest=-1)


def test_lines_are_recorded_on_demand() -> None:
    tw.record_memory()
    x = tw.rand(5, MEGABYTE)
    (entry,) = tw.memory_stats(largest=1)["largest"]
    path, _, line = entry["line"].rpartition(":")
    assert path == __file__
    assert "x = tw.rand(5, MEGABYTE)" in Path(path).read_text().splitlines()[int(line) - 1]
    del x


def test_running_out_of_memory_says_who_takes_it() -> None:
    tw.record_memory()
    held = tw.empty(8, MEGABYTE)
    with pytest.raises(MemoryError, match=r"tensor of shape \[1099511627776, 64\] takes \d+ bytes") as caught:
        tw.empty(1 << 40, 64)
    assert f"33.6 MB float32 {list(held.shape)} made at {__file__}:" in str(caught.value)


def test_threads_count_together() -> None:
    before = tw.memory_stats()["in_use"]
    made: list[tw.Tensor] = []
    worker = threading.Thread(target=lambda: made.append(tw.empty(MEGABYTE)))
    worker.start()
    worker.join()
    assert tw.memory_stats()["in_use"] - before == 4 * MEGABYTE
    made.clear()
    assert tw.memory_stats()["in_use"] == before
