"""A drawing of a directed graph without cycles: rows from top to bottom, few crossings, straight chains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 8


@dataclass
class Box:
    """A vertex as it is drawn. A bend of a long edge is a box of no size."""

    width: float
    height: float
    x: float = 0.0  # of its middle
    y: float = 0.0
    row: int = 0


@dataclass
class Drawing:
    """Boxes by vertex, and for each edge the points it goes through."""

    boxes: dict[int, Box]
    edges: list[tuple[int, int, list[tuple[float, float]]]]
    width: float
    height: float


@dataclass
class _Rows:
    """Vertices and bends, row by row, with the links between rows that follow each other."""

    boxes: dict[int, Box]
    rows: list[list[int]] = field(default_factory=list)
    up: Mapping[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    down: Mapping[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def draw(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], gap: float, rise: float) -> Drawing:
    """Place boxes of the given sizes so that edges lead down.

    Args:
        sizes: width and height of each vertex; vertices are numbered from 0.
        edges: pairs of vertices, without cycles.
        gap: between boxes of a row.
        rise: between rows.
    """
    boxes = {i: Box(width, height) for i, (width, height) in enumerate(sizes)}
    _assign_rows(boxes, edges)
    layout, paths = _with_bends(boxes, edges)
    _order(layout)
    _place(layout, gap, rise)
    points = [
        (source, target, [_port(layout.boxes[i], k, len(path)) for k, i in enumerate(path)])
        for (source, target), path in zip(edges, paths, strict=True)
    ]
    left = min((box.x - box.width / 2 for box in layout.boxes.values()), default=0.0)
    for box in layout.boxes.values():
        box.x -= left
    shifted = [(source, target, [(x - left, y) for x, y in path]) for source, target, path in points]
    width = max((box.x + box.width / 2 for box in layout.boxes.values()), default=0.0)
    height = max((box.y + box.height / 2 for box in layout.boxes.values()), default=0.0)
    return Drawing({i: layout.boxes[i] for i in range(len(sizes))}, shifted, width, height)


def _port(box: Box, position: int, length: int) -> tuple[float, float]:
    """Where an edge meets a box: below the first, above the last, and bends in their middle."""
    if position == 0:
        return box.x, box.y + box.height / 2
    return (box.x, box.y - box.height / 2) if position == length - 1 else (box.x, box.y)


def _assign_rows(boxes: dict[int, Box], edges: Sequence[tuple[int, int]]) -> None:
    """The longest way from a source; then sources sink towards what they lead to."""
    following, waiting = defaultdict(list), dict.fromkeys(boxes, 0)
    for source, target in edges:
        following[source].append(target)
        waiting[target] += 1
    ready = [i for i, count in waiting.items() if count == 0]
    order = []
    while ready:
        vertex = ready.pop()
        order.append(vertex)
        for target in following[vertex]:
            boxes[target].row = max(boxes[target].row, boxes[vertex].row + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    if len(order) != len(boxes):
        raise ValueError("the graph has a cycle")
    has_source = {target for _, target in edges}
    for vertex in reversed(order):
        if vertex not in has_source and following[vertex]:
            boxes[vertex].row = min(boxes[target].row for target in following[vertex]) - 1


def _with_bends(boxes: dict[int, Box], edges: Sequence[tuple[int, int]]) -> tuple[_Rows, list[list[int]]]:
    """Each edge as a chain of links between rows that follow each other."""
    layout = _Rows(dict(boxes))
    paths = []
    for source, target in edges:
        path = [source]
        for row in range(boxes[source].row + 1, boxes[target].row):
            bend = len(layout.boxes)
            layout.boxes[bend] = Box(0.0, 0.0, row=row)
            path.append(bend)
        path.append(target)
        for above, below in pairwise(path):
            layout.down[above].append(below)
            layout.up[below].append(above)
        paths.append(path)
    layout.rows = [[] for _ in range(max((box.row for box in layout.boxes.values()), default=-1) + 1)]
    for i, box in layout.boxes.items():
        layout.rows[box.row].append(i)
    return layout, paths


def _order(layout: _Rows) -> None:
    """Each vertex to the mean position of its neighbours, downwards and upwards in turns."""
    position = {i: float(k) for row in layout.rows for k, i in enumerate(row)}
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        near = layout.up if downwards else layout.down
        for row in layout.rows if downwards else reversed(layout.rows):
            row.sort(key=lambda i: _mean([position[k] for k in near[i]], position[i]))
            position.update({i: float(k) for k, i in enumerate(row)})


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _place(layout: _Rows, gap: float, rise: float) -> None:
    y = 0.0
    for row in layout.rows:
        height = max((layout.boxes[i].height for i in row), default=0.0)
        x = 0.0
        for i in row:
            box = layout.boxes[i]
            box.x, box.y = x + box.width / 2, y + height / 2
            x += box.width + gap
        y += height + rise
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        near = layout.up if downwards else layout.down
        for row in layout.rows if downwards else reversed(layout.rows):
            wanted = [_pulled(layout, i, near[i]) for i in row]
            _spread([layout.boxes[i] for i in row], wanted, gap)


def _pulled(layout: _Rows, vertex: int, near: Sequence[int]) -> float:
    """Where the neighbours want a vertex. Sources give way, so that a chain that takes up many stays upright."""
    weights = [1.0 if layout.up[k] else 0.02 for k in near]
    if not near:
        return layout.boxes[vertex].x
    return sum(layout.boxes[k].x * weight for k, weight in zip(near, weights, strict=True)) / sum(weights)


def _spread(row: Sequence[Box], wanted: Sequence[float], gap: float) -> None:
    """Boxes near the places they want, in their order and without overlap: blocks that meet move as one."""
    blocks: list[tuple[float, float, list[Box]]] = []  # sum of wanted places of the first box, weight, boxes
    offset_of: dict[int, float] = {}
    for box, place in zip(row, wanted, strict=True):
        total, weight, members = place, 1.0, [box]
        offset_of[id(box)] = 0.0
        while blocks and _end(blocks[-1], offset_of, gap) > total / weight - members[0].width / 2:
            earlier_total, earlier_weight, earlier = blocks.pop()
            shift = offset_of[id(earlier[-1])] + earlier[-1].width / 2 + gap + members[0].width / 2
            for member in members:
                offset_of[id(member)] += shift
            total, weight = earlier_total + total - shift * weight, earlier_weight + weight
            members = earlier + members
        blocks.append((total, weight, members))
    for total, weight, members in blocks:
        for member in members:
            member.x = total / weight + offset_of[id(member)]


def _end(block: tuple[float, float, list[Box]], offset_of: Mapping[int, float], gap: float) -> float:
    total, weight, members = block
    return total / weight + offset_of[id(members[-1])] + members[-1].width / 2 + gap
