"""Plot saved results: a dot for each case, ours over PyTorch's time, one row per family; `plot.py IN.json OUT.svg`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

COLOURS = {1: "#1f77b4", 2: "#d95f02"}  # by threads


def plot(results: dict[str, Any], path: Path) -> None:
    """Write the figure: ratios on a logarithmic axis, with the geometric mean and the bar to reach."""
    summary = results["summary"]
    families = list(dict.fromkeys(row["family"] for row in summary))
    figure, axes = plt.subplots(figsize=(9, 0.6 * len(families) + 1.2))
    for row in summary:
        height = families.index(row["family"]) + (0.15 if row["threads"] > 1 else -0.15)
        colour = COLOURS.get(row["threads"], "#666666")
        ratios = [
            case["ratio"]
            for case in results["cases"]
            if case["family"] == row["family"] and case["threads"] == row["threads"]
        ]
        axes.scatter(ratios, [height] * len(ratios), s=14, color=colour, alpha=0.5, linewidths=0)
        axes.plot([row["mean"]] * 2, [height - 0.13, height + 0.13], color=colour, linewidth=2.5)
        if row["mean_bar"] is not None:
            axes.plot(row["mean_bar"], height, marker="|", markersize=14, color="black")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set(
        xscale="log",
        xlabel="time over PyTorch's (dots: cases, blue on one thread, orange on two; lines: means; black: bars)",
    )
    axes.set_yticks(range(len(families)), families)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    source, target = map(Path, sys.argv[1:3] if len(sys.argv) > 2 else ("benchmarks.json", "benchmarks.svg"))
    plot(json.loads(source.read_text()), target)
    print(f"saved as {target}")


if __name__ == "__main__":
    main()
