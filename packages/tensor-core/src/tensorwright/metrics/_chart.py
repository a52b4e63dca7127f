"""Line charts as SVG: panels below each other over one horizontal axis."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT = 640.0, 180.0  # of what is inside of a panel's axes
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 78.0, 24.0, 34.0, 46.0, 44.0
_COLOURS = ("#2166ac", "#d6604d", "#1b7837", "#762a83", "#b8860b", "#01665e", "#8c510a", "#555555")
_INK, _GRID = "#333333", "#e3e3e3"


class Series(NamedTuple):
    """A line: points by rising x. A y that is not finite interrupts it."""

    label: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """The lines of one metric."""

    title: str
    series: Sequence[Series]
    logarithmic: bool = False


class _Axis:
    """Numbers to pixels, and round numbers to mark."""

    def __init__(self, values: Sequence[float], begin: float, end: float, logarithmic: bool = False) -> None:
        finite = [v for v in values if math.isfinite(v) and (v > 0 or not logarithmic)]
        self._begin, self._end, self._log = begin, end, logarithmic
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        if logarithmic:
            low, high = (math.log10(low), math.log10(high)) if finite else (0.0, 1.0)
        if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
            margin = abs(low) / 2 or 0.5
            low, high = low - margin, high + margin
        self._low, self._high = low, high

    def place(self, value: float) -> float | None:
        """None for what the axis does not hold."""
        if not math.isfinite(value) or (self._log and value <= 0):
            return None
        share = ((math.log10(value) if self._log else value) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[float]:
        decades = range(math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9) + 1)
        if self._log and len(decades) >= 2:
            stride = -(-len(decades) // 6)
            return [10.0**exponent for exponent in decades[::stride]]
        low, high = (10**self._low, 10**self._high) if self._log else (self._low, self._high)
        return _round_numbers(low, high)


def _round_numbers(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    stride = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / stride - 1e-9), math.floor(high / stride + 1e-9)
    return [i * stride for i in range(first, last + 1)]


def _number(value: float) -> str:
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value:.6g}"


def svg(panels: Sequence[Panel], x_title: str) -> str:
    """The picture."""
    labels = list(dict.fromkeys(series.label for panel in panels for series in panel.series))
    legend = 22.0 if len(labels) > 1 else 0.0
    height = legend + _TOP + len(panels) * (_HEIGHT + _GAP) - _GAP + _BOTTOM
    width = _LEFT + _WIDTH + _RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12" fill="{_INK}">',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    colours = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(labels)}
    if legend:
        lines += _legend(colours)
    x_axis = _Axis([x for panel in panels for s in panel.series for x, _ in s.points], _LEFT, _LEFT + _WIDTH)
    for i, panel in enumerate(panels):
        lines += _panel(panel, x_axis, legend + _TOP + i * (_HEIGHT + _GAP), colours)
    lines.append(_text(_LEFT + _WIDTH / 2, height - 10, x_title, "middle"))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, anchor: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{html.escape(words)}</text>'


def _legend(colours: dict[str, str]) -> Iterator[str]:
    x = _LEFT
    for label, colour in colours.items():
        yield f'<path d="M{x:.1f} 16h18" stroke="{colour}" stroke-width="2"/>'
        yield _text(x + 24, 20, label, "start")
        x += 44 + 7.0 * len(label)


def _panel(panel: Panel, x_axis: _Axis, top: float, colours: dict[str, str]) -> Iterator[str]:
    bottom = top + _HEIGHT
    y_axis = _Axis([y for s in panel.series for _, y in s.points], bottom, top, panel.logarithmic)
    yield _text(_LEFT, top - 8, panel.title, "start", ' font-weight="bold"')
    for tick in y_axis.ticks():
        y = y_axis.place(tick)
        if y is not None:
            yield f'<path d="M{_LEFT:.1f} {y:.1f}h{_WIDTH:.1f}" stroke="{_GRID}"/>'
            yield _text(_LEFT - 8, y + 4, _number(tick), "end")
    for tick in x_axis.ticks():
        x = x_axis.place(tick)
        if x is not None:
            yield f'<path d="M{x:.1f} {bottom:.1f}v5" stroke="{_INK}"/>'
            yield _text(x, bottom + 18, _number(tick), "middle")
    yield f'<path d="M{_LEFT:.1f} {bottom:.1f}h{_WIDTH:.1f}" stroke="{_INK}"/>'
    for series in panel.series:
        yield from _line(series, x_axis, y_axis, colours[series.label], bottom)


def _line(series: Series, x_axis: _Axis, y_axis: _Axis, colour: str, bottom: float) -> Iterator[str]:
    """Runs of finite values; crosses on the axis where there are others."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in series.points:
        across, up = x_axis.place(x), y_axis.place(y)
        if across is None:
            continue
        if up is None:
            yield f'<path d="M{across - 3:.1f} {bottom - 3:.1f}l6 6m0 -6l-6 6" stroke="{colour}"/>'
            runs.append([])
        else:
            runs[-1].append((across, up))
    for run in filter(None, runs):
        if len(run) == 1:
            yield f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2" fill="{colour}"/>'
        else:
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in _thinned(run))
            yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'


def _thinned(run: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """First, lowest, highest and last of each pixel column: more would be drawn onto the same pixels."""
    if len(run) <= 4 * _WIDTH:
        return run
    columns: dict[int, list[tuple[float, float]]] = {}
    for point in run:
        columns.setdefault(int(point[0]), []).append(point)
    kept = []
    for points in columns.values():
        low, high = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
        kept += sorted({points[0], low, high, points[-1]})
    return kept
