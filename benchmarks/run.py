"""Measure tensorwright beside PyTorch in one process, runs of the two interleaved; print one table and save JSON.

`nox -s bench` runs this in an environment with both. `--quick` takes about two minutes, with fewer rounds and without
what takes long before it can be measured; `--threads 1 2` both settings;
`--family NAME` and `--only NAME` some of the cases; `--before FILE` compares with an earlier result.
A ratio below 1 means that tensorwright needs less time. `limit` is the part of the time that the machine itself needs:
the bytes moved over its bandwidth, or the operations over its peak, both measured in the same run. Bars and limits are
those of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import loading
import machine
import peak_memory
import startup
import tensorwright as tw
import torch
from case import Case, Family
from families import FAMILIES
from measure import FULL, QUICK, Effort, interleave

Row = dict[str, Any]
LIBRARIES = (tw, torch)
REST = 0.015  # seconds


def chosen(options: argparse.Namespace) -> Iterator[tuple[Family, Case]]:
    """The cases asked for, all if nothing is."""
    for family in FAMILIES:
        if options.family and not any(word in family.name for word in options.family):
            continue
        if options.quick and not (options.family or options.only or family.quick):
            continue
        for case in family.cases:
            if not options.only or any(word in case.name for word in options.only):
                yield family, case


def least_time(case: Case, threads: int) -> float:
    """Seconds that no kernel can undercut: for its bytes or for its operations."""
    memory = case.moved / machine.bandwidth(case.moved, threads) if case.moved else 0.0
    arithmetic = case.flops / machine.peak(threads, LIBRARIES) if case.flops else 0.0
    return max(memory, arithmetic)


def compare(family: Family, case: Case, threads: int, effort: Effort) -> Row:
    for lib in LIBRARIES:
        lib.set_num_threads(threads)
    least = least_time(case, threads)
    for lib in LIBRARIES:
        lib.set_num_threads(threads)
    result = interleave(case.build(tw), case.build(torch), effort, rest=0.0 if threads == 1 else REST)
    limit = least / result["ours"] if least else None
    return {"family": family.name, "name": case.name, "threads": threads, "bar": case.bar, "limit": limit, **result}


def line(row: Row, before: dict[tuple[str, str, int], float]) -> str:
    old = before.get((row["family"], row["name"], row["threads"]))
    limit = f"{row['limit']:>6.0%}" if row["limit"] else f"{'':>6}"
    text = (
        f"{row['name']:48} {row['threads']:>7} {duration(row['ours']):>10} {duration(row['torch']):>10} "
        f"{row['ratio']:>7.3f} {limit}"
    )
    if row["bar"] is not None:
        text += f"  bar {row['bar']:.3g} {'met' if row['ratio'] <= row['bar'] else 'MISSED'}"
    return text + (f"  was {old:.3f}" if old is not None else "")


def duration(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def geometric_mean(values: Iterable[float]) -> float:
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))


def summarise(rows: list[Row]) -> list[Row]:
    """Per family and number of threads: the mean and the worst ratio beside their bars."""
    result = []
    for family in FAMILIES:
        for threads in sorted({row["threads"] for row in rows}):
            mine = [row for row in rows if row["family"] == family.name and row["threads"] == threads]
            if not mine:
                continue
            worst = max(mine, key=lambda row: row["ratio"])
            result.append({
                "family": family.name, "threads": threads, "cases": len(mine),
                "mean": geometric_mean(row["ratio"] for row in mine), "mean_bar": family.mean,
                "worst": worst["ratio"], "worst_bar": family.worst, "worst_case": worst["name"],
            })  # fmt: skip
    return result


def against(value: float, bar: float | None) -> str:
    return f"{value:>6.3f}" + (
        f" ({bar:.3g}) {'met   ' if value <= bar else 'MISSED'}" if bar is not None else " " * 14
    )


def summary_text(summary: list[Row]) -> str:
    lines = [f"{'family':40} {'threads':>7} {'cases':>5}  {'geometric mean (bar)':22} worst (bar)"]
    lines += [
        f"{row['family']:40} {row['threads']:>7} {row['cases']:>5}  {against(row['mean'], row['mean_bar']):22} "
        f"{against(row['worst'], row['worst_bar'])} {row['worst_case']}"
        for row in summary
    ]
    return "\n".join(lines)


def measure(options: argparse.Namespace, before: dict[tuple[str, str, int], float]) -> list[Row]:
    """Every chosen case, a line printed as each is done."""
    print(f"{'case':48} {'threads':>7} {'ours':>10} {'torch':>10} {'ratio':>7} {'limit':>6}")
    rows: list[Row] = []
    for family, case in chosen(options):
        if not rows or rows[-1]["family"] != family.name:
            print(f"--- {family.name}")
        for threads in options.threads if family.parallel else options.threads[:1]:
            rows.append(compare(family, case, threads, QUICK if options.quick else FULL))
            print(line(rows[-1], before), flush=True)
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--family", nargs="+", default=[])
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"))
    parser.add_argument("--before", type=Path)
    return parser.parse_args()


def main() -> None:
    """Measure everything asked for."""
    warnings.simplefilter("ignore")  # what torch says about its own layouts and sparse gradients
    options = arguments()
    began = time.perf_counter()
    before = {}
    if options.before:
        rows = json.loads(options.before.read_text())["cases"]
        before = {(row["family"], row["name"], row["threads"]): row["ratio"] for row in rows}
    rows = measure(options, before)
    summary = summarise(rows)
    print("\n" + summary_text(summary))
    results: dict[str, Any] = {"python": sys.version, "cases": rows, "summary": summary}
    if not options.family and not options.only and not options.quick:  # these start processes of their own
        rounds = 15
        results["memory"], results["startup"] = peak_memory.report(), startup.report(rounds)
        results["loading"] = loading.report(rounds)
        print("\n" + peak_memory.text(results["memory"]))
        print(startup.text(results["startup"]))
        print(loading.text(results["loading"]))
    options.output.write_text(json.dumps(results, indent=1))
    print(f"\n{time.perf_counter() - began:.0f} s; saved as {options.output}")


if __name__ == "__main__":
    main()
