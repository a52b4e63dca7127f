"""Measure tensorwright beside PyTorch in one process, runs of the two interleaved; print ratios and save JSON.

`nox -s bench` runs this in an environment with both. `--quick` takes fewer rounds; `--threads 1 2` both settings;
`--only NAME` some cases; `--before FILE` compares with an earlier result.
A ratio below 1 means that tensorwright needs less time. Bars are those of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cases
import loading
import startup

Run = Callable[[], object]


def calibrate(run: Run, seconds: float) -> int:
    """How many calls take about `seconds`."""
    run()
    count = 1
    while True:
        elapsed = measure(run, count)
        if elapsed > seconds / 4:
            return max(1, round(count * seconds / elapsed))
        count *= 4


def measure(run: Run, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - start


def interleave(ours: Run, theirs: Run, rounds: int, seconds: float) -> dict[str, float]:
    """Median seconds per call of both, and the median of the ratios of neighbouring runs."""
    counts = calibrate(ours, seconds), calibrate(theirs, seconds)
    pairs = [(measure(ours, counts[0]) / counts[0], measure(theirs, counts[1]) / counts[1]) for _ in range(rounds)]
    return {
        "ours": statistics.median(a for a, _ in pairs),
        "torch": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def compare_case(case: cases.Case, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    import tensorwright as tw
    import torch

    tw.set_num_threads(threads)
    torch.set_num_threads(threads)
    result = interleave(case.build(tw), case.build(torch), rounds, seconds)
    return {"name": case.name, "threads": threads, "bar": case.bar, **result}


def table(rows: list[dict[str, Any]], before: dict[tuple[str, int], float]) -> str:
    lines = [f"{'case':52} {'threads':>7} {'ours':>12} {'torch':>12} {'ratio':>7} {'bar':>6}  "]
    for row in rows:
        old = before.get((row["name"], row["threads"]))
        lines.append(
            f"{row['name']:52} {row['threads']:>7} {duration(row['ours']):>12} {duration(row['torch']):>12} "
            f"{row['ratio']:>7.3f} {row['bar']:>6.3f}  {'met' if row['ratio'] <= row['bar'] else 'MISSED'}"
            + (f"  was {old:.3f}" if old is not None else "")
        )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def main() -> None:
    """Measure everything asked for and print one table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--only", nargs="+", default=[])
    arguments.add_argument("--output", type=Path, default=Path("benchmarks.json"))
    arguments.add_argument("--before", type=Path)
    options = arguments.parse_args()
    rounds, seconds = (7, 0.05) if options.quick else (21, 0.2)
    chosen = [case for case in cases.CASES if not options.only or any(word in case.name for word in options.only)]
    rows = [
        compare_case(case, threads, rounds, seconds)
        for case in chosen
        for threads in options.threads
        if threads == options.threads[0] or case.parallel
    ]
    before = {}
    if options.before:
        before = {(r["name"], r["threads"]): r["ratio"] for r in json.loads(options.before.read_text())["cases"]}
    print(table(rows, before))
    start = startup.report(5 if options.quick else 15) if not options.only else {}
    print(startup.text(start))
    loads = loading.report(5 if options.quick else 15) if not options.only else []
    print(loading.text(loads) if loads else "")
    results = {"python": sys.version, "cases": rows, "startup": start, "loading": loads}
    options.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
