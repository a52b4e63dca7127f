"""Time of both libraries' runs, interleaved: what disturbs one round disturbs both."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass

from case import Run


@dataclass(frozen=True)
class Effort:
    """How long one case may take: `seconds` of rounds, at least `fewest` of them; `slice` is one timed run."""

    seconds: float
    slice: float
    fewest: int
    most: int


QUICK = Effort(seconds=0.1, slice=0.004, fewest=2, most=9)
FULL = Effort(seconds=3.0, slice=0.02, fewest=7, most=41)


def time_of(run: Run, count: int) -> float:
    """Seconds of one of `count` calls."""
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def calls_in(run: Run, seconds: float) -> int:
    """How many calls take about `seconds`; the first ones warm up."""
    count = 1
    run()
    while True:
        elapsed = time_of(run, count) * count
        if elapsed > seconds / 4:
            return max(1, round(count * seconds / elapsed))
        count *= 4


def interleave(ours: Run, theirs: Run, effort: Effort, rest: float) -> dict[str, float]:
    """Median seconds per call of both, and the median of the ratios of neighbouring runs.

    Before each run the process sleeps `rest` seconds: threads of OpenMP hold their processors for a while after their
    work, and are to be gone when the other library's turn comes.
    """
    counts = calls_in(ours, effort.slice), calls_in(theirs, effort.slice)
    pairs: list[tuple[float, float]] = []
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    while len(pairs) < effort.fewest or (len(pairs) < effort.most and time.perf_counter() - start < effort.seconds):
        time.sleep(rest)
        mine = time_of(ours, counts[0])
        time.sleep(rest)
        pairs.append((mine, time_of(theirs, counts[1])))
    gc.enable()
    return {
        "ours": statistics.median(a for a, _ in pairs),
        "torch": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }
