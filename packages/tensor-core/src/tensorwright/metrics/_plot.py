"""Logs as a picture: a panel for each metric, a line for each log."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorwright._files import replacing

from ._chart import Panel, Series, svg
from ._log import read

if TYPE_CHECKING:
    PathLike = str | os.PathLike[str]


def plot(
    logs: PathLike | Sequence[PathLike],
    path: PathLike,
    *,
    x: str = "step",
    y: Iterable[str] | None = None,
    log: Iterable[str] = (),
) -> list[str]:
    """Draw metrics as an SVG picture.

    Args:
        logs: a log or several, to be compared.
        path: of the picture.
        x: the horizontal axis; "time" is in seconds since a log's first line.
        y: the metrics; all that are numbers if absent.
        log: metrics with a logarithmic axis.

    Returns:
        the names of the metrics that are drawn.

    Raises:
        ValueError: if there is nothing to draw.
    """
    paths = [Path(logs)] if isinstance(logs, (str, os.PathLike)) else [Path(entry) for entry in logs]
    runs = {str(entry): read(entry) for entry in paths}
    names = list(y) if y is not None else _numbers(runs.values(), x)
    logarithmic = frozenset(log)
    panels = []
    for name in names:
        series = [Series(_label(run, paths), _points(entries, x, name)) for run, entries in runs.items()]
        panels.append(Panel(name, [s for s in series if s.points], name in logarithmic))
    absent = [panel.title for panel in panels if not panel.series]
    if absent or not panels:
        raise ValueError(f"plot: no numbers of {', '.join(absent) or 'any metric'} over {x!r} in {', '.join(runs)}")
    with replacing(Path(path)) as file:
        file.write(svg(panels, x).encode())
    return names


def _label(run: str, paths: Sequence[Path]) -> str:
    return run if len({path.name for path in paths}) < len(paths) else Path(run).name


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(runs: Iterable[list[dict[str, Any]]], x: str) -> list[str]:
    """Metrics in the order in which they first occur."""
    entries = (entry for run in runs for entry in run)
    found = {name: None for entry in entries for name, value in entry.items() if _is_number(value)}
    return [name for name in found if name not in (x, "step", "time")]


def _points(entries: Sequence[Mapping[str, Any]], x: str, name: str) -> list[tuple[float, float]]:
    usable = [e for e in entries if _is_number(e.get(x)) and _is_number(e.get(name)) and math.isfinite(e[x])]
    start = float(entries[0][x]) if x == "time" and usable else 0.0
    return sorted(((float(e[x]) - start, float(e[name])) for e in usable), key=lambda point: point[0])
