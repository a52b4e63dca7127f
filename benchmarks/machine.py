"""What this machine can do: bytes a second at each size of working set, and float operations a second."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from case import Library

ROUNDS = 5


def fastest(run: Callable[[], object]) -> float:
    """The least time of one call; short ones are repeated."""
    start = time.perf_counter()
    run()
    count = max(1, int(2e-3 / (time.perf_counter() - start + 1e-9)))
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            run()
        times.append((time.perf_counter() - start) / count)
    return min(times)


@functools.cache
def _bandwidth(size: int, threads: int) -> float:
    """Bytes a second of copies whose source and destination take `size` bytes together, NumPy's, a part per thread."""
    source, target = np.ones(size // 2, np.uint8), np.ones(size // 2, np.uint8)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    if threads == 1:
        return size / fastest(lambda: np.copyto(target, source))
    with ThreadPoolExecutor(threads) as pool:
        return size / fastest(lambda: list(pool.map(lambda part: np.copyto(part[1], part[0]), parts)))


def bandwidth(moved: int, threads: int) -> float:
    """Of a kernel that moves `moved` bytes: copies are measured at powers of two from 64 KiB to 256 MiB.

    Handing parts to threads costs small copies more than it gains, as it does kernels: the better of the two counts.
    """
    size = 1 << min(28, max(16, moved.bit_length()))
    return max(_bandwidth(size, t) for t in {1, threads})


@functools.cache
def peak(threads: int, libraries: tuple[Library, ...]) -> float:
    """Float32 operations a second: those of the fastest matrix product that a library was seen to do."""
    best = 0.0
    for lib in libraries:
        lib.set_num_threads(threads)
        for n in (512, 768, 1024):
            a, b = lib.ones(n, n), lib.ones(n, n)
            best = max(best, 2 * n**3 / fastest(functools.partial(lib.matmul, a, b)))
    return best
