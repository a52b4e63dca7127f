"""Pictures of directed graphs: boxes of text with curves between them, as SVG; words for DOT."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tensorwright._layers import draw

_CHARACTER, _LINE, _PADDING = 7.2, 15.0, 8.0  # of the font, in pixels
_GAP, _RISE, _MARGIN = 24.0, 36.0, 12.0


class Vertex(NamedTuple):
    """A box: its lines of text, the first of which is its name, and its colour."""

    label: Sequence[str]
    fill: str


def dot_text(text: str) -> str:
    """A text as it stands between double quotes in DOT."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def svg(vertices: Sequence[Vertex], edges: Sequence[tuple[int, int, str]]) -> str:
    """The picture of a graph without cycles.

    Args:
        vertices: the boxes.
        edges: pairs of numbers of boxes, with a text beside where they begin.
    """
    drawing = draw([_size(vertex) for vertex in vertices], [edge[:2] for edge in edges], _GAP, _RISE)
    width, height = drawing.width + 2 * _MARGIN, drawing.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}" font-family="monospace" font-size="12">',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L10 5L0 10z" fill="#555"/></marker></defs>',
    ]
    for (_, _, points), (_, _, label) in zip(drawing.edges, edges, strict=True):
        lines += _edge(points, label)
    for i, vertex in enumerate(vertices):
        box = drawing.boxes[i]
        left, top = box.x - box.width / 2, box.y - box.height / 2
        lines.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6" '
            f'fill="{vertex.fill}" stroke="#555"/>'
        )
        for k, line in enumerate(vertex.label):
            y = top + _PADDING + (k + 0.75) * _LINE
            weight = ' font-weight="bold"' if k == 0 else ""
            lines.append(f'<text x="{box.x:.1f}" y="{y:.1f}" text-anchor="middle"{weight}>{html.escape(line)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _size(vertex: Vertex) -> tuple[float, float]:
    longest = max(len(line) for line in vertex.label)
    return longest * _CHARACTER + 2 * _PADDING, len(vertex.label) * _LINE + 2 * _PADDING


def _edge(points: Sequence[tuple[float, float]], label: str) -> list[str]:
    """A curve through the points that leaves and arrives upright."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    lines = [f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#head)"/>']
    if label:
        x, y = points[0][0], points[0][1] + 12
        lines.append(f'<text x="{x + 4:.1f}" y="{y:.1f}" font-size="10" fill="#555">{html.escape(label)}</text>')
    return lines
