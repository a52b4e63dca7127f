"""Samples per second of the data loader beside PyTorch's, epochs of the two interleaved.

`nox -s bench` prints this table too, `python benchmarks/loading.py [--quick]` only this one. The ratio is ours over
PyTorch's, so more is better; the bar is 1.5 with 4 workers and samples of 64 KB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from typing import Any, NamedTuple


class Case(NamedTuple):
    name: str
    floats: int  # in a sample
    samples: int  # in an epoch
    batch_size: int
    stored: bool = False  # rows of tensors in memory, instead of tensors made on the spot


CASES = (
    Case("16 B, stored", 4, 20_000, 64, stored=True),
    Case("16 B", 4, 20_000, 64),
    Case("64 KB", 1 << 14, 4_000, 64),
    Case("1 MB", 1 << 18, 320, 16),
)
WORKERS = (0, 2, 4)


class Samples:
    """Made on the spot: a tensor of the size asked for, and its index."""

    def __init__(self, lib: Any, case: Case) -> None:
        self.lib, self.case = lib, case

    def __len__(self) -> int:
        return self.case.samples

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.lib.full((self.case.floats,), float(index)), index


def dataset(lib: Any, data: Any, case: Case) -> Any:
    if not case.stored:
        return Samples(lib, case)
    index = lib.arange(case.samples)
    return data.TensorDataset(index.reshape(-1, 1).expand(-1, case.floats).to(lib.float32).contiguous(), index)


def epoch(loader: Any) -> float:
    """Samples per second; a number of each batch is read, as a training step would."""
    start, count = time.perf_counter(), 0
    for batch, indices in loader:
        count += len(indices)
        assert batch[-1, -1].item() == indices[-1].item()
    return count / (time.perf_counter() - start)


def compare(case: Case, workers: int, rounds: int) -> dict[str, Any]:
    import tensorwright as tw
    import torch
    from torch.utils import data

    options = {"batch_size": case.batch_size, "num_workers": workers, "persistent_workers": workers > 0}
    ours = tw.data.DataLoader(dataset(tw, tw.data, case), **options)
    theirs: Any = data.DataLoader(dataset(torch, data, case), **options)  # type: ignore[type-var]
    epoch(ours), epoch(theirs)
    pairs = [(epoch(ours), epoch(theirs)) for _ in range(rounds)]
    return {
        "sample": case.name,
        "workers": workers,
        "ours": statistics.median(a for a, _ in pairs),
        "torch": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def report(rounds: int) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more workers than processors
        return [compare(case, workers, rounds) for case in CASES for workers in WORKERS]


def text(rows: list[dict[str, Any]]) -> str:
    """The report as lines."""
    lines = [f"{'samples of':12} {'workers':>7} {'ours/s':>10} {'torch/s':>10} {'ratio':>7}"]
    lines += [
        f"{row['sample']:12} {row['workers']:>7} {row['ours']:>10.0f} {row['torch']:>10.0f} {row['ratio']:>7.2f}"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--output", help="a file for the numbers as JSON")
    options = arguments.parse_args()
    rows = report(5 if options.quick else 15)
    print(text(rows))
    if options.output:
        with open(options.output, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
