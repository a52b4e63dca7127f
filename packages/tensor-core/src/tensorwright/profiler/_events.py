"""What a profile has recorded: events, their averages, tables and traces."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = ("cpu_op", "user_annotation", "backward_node")


@dataclass
class FunctionEvent:
    """One run of an op, of a node of a backward pass, or of a block that ``record_function`` names.

    Times are in microseconds, bytes those of tensor memory. ``total`` counts what the event called, ``self`` does not.

    Attributes:
        name: "tw::mul", "MulBackward", or what the user has named it.
        kind: "cpu_op", "backward_node" or "user_annotation".
        start: since the profile's start.
        wall_time_total: by the clock on the wall.
        cpu_time_total: that the calling thread computed; waiting, and work of other threads, is not in it.
        cpu_memory_usage: bytes allocated less bytes freed.
        input_shapes: by argument, empty for those that are no tensors; with ``record_shapes``.
        input_dtypes: likewise.
        stack: lines of Python, the innermost call first; with ``with_stack``.
        parent: the event that called it.
        thread: that ran it, as the system numbers it.
    """

    name: str
    kind: str
    start: float
    wall_time_total: float
    cpu_time_total: float
    allocated: int
    freed: int
    memory_in_use: int
    input_shapes: list[list[int]] = field(default_factory=list)
    input_dtypes: list[str] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    parent: FunctionEvent | None = field(default=None, repr=False)
    children: list[FunctionEvent] = field(default_factory=list, repr=False)
    thread: int = 0

    @property
    def self_wall_time_total(self) -> float:
        """Time by the clock, without that of the events it called."""
        return self.wall_time_total - sum(child.wall_time_total for child in self.children)

    @property
    def self_cpu_time_total(self) -> float:
        """Time of the thread, without that of the events it called."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.children)

    @property
    def cpu_memory_usage(self) -> int:
        """Bytes allocated less bytes freed."""
        return self.allocated - self.freed

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes allocated less bytes freed, without those of the events it called."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.children)


@dataclass
class FunctionEventAvg:
    """The events of one name, and of one list of shapes or one place in the program if so grouped, added up."""

    name: str
    count: int = 0
    wall_time_total: float = 0.0
    self_wall_time_total: float = 0.0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    cpu_memory_usage: int = 0
    self_cpu_memory_usage: int = 0
    input_shapes: list[list[int]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def wall_time(self) -> float:
        """Mean time of one event by the clock, in microseconds."""
        return self.wall_time_total / self.count

    @property
    def cpu_time(self) -> float:
        """Mean time of one event on the thread, in microseconds."""
        return self.cpu_time_total / self.count

    def add(self, event: FunctionEvent) -> None:
        """Count one more event. Inside of one of its own name, its total time is in that one's already."""
        self.count += 1
        outer = event.parent
        while outer is not None and outer.name != self.name:
            outer = outer.parent
        if outer is None:
            self.wall_time_total += event.wall_time_total
            self.cpu_time_total += event.cpu_time_total
            self.cpu_memory_usage += event.cpu_memory_usage
        self.self_wall_time_total += event.self_wall_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.self_cpu_memory_usage += event.self_cpu_memory_usage


_SORT_KEYS = (
    "wall_time_total", "self_wall_time_total", "wall_time", "cpu_time_total", "self_cpu_time_total", "cpu_time",
    "cpu_memory_usage", "self_cpu_memory_usage", "count", "name",
)  # fmt: skip


def _microseconds(us: float) -> str:
    if abs(us) >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if abs(us) >= 1e3 else f"{us:.3f}us"


def _bytes(count: float) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(count) >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f} B"


class EventList(Sequence[FunctionEventAvg]):
    """Averages of a profile's events, to be sorted and printed."""

    def __init__(self, rows: Iterable[FunctionEventAvg], shapes: bool, memory: bool, stacks: bool) -> None:
        self._rows = list(rows)
        self._shapes, self._memory, self._stacks = shapes, memory, stacks

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[FunctionEventAvg]:
        return iter(self._rows)

    def total_average(self) -> FunctionEventAvg:
        """All rows as one; its times are sums of the rows' own times."""
        total = FunctionEventAvg("Total")
        for row in self._rows:
            total.count += row.count
            total.self_wall_time_total += row.self_wall_time_total
            total.self_cpu_time_total += row.self_cpu_time_total
            total.self_cpu_memory_usage += row.self_cpu_memory_usage
        total.wall_time_total, total.cpu_time_total = total.self_wall_time_total, total.self_cpu_time_total
        total.cpu_memory_usage = total.self_cpu_memory_usage
        return total

    def sorted_by(self, key: str) -> list[FunctionEventAvg]:
        """The rows, the greatest first; names in alphabetical order.

        Raises:
            ValueError: for a column that there is none of.
        """
        if key not in _SORT_KEYS:
            raise ValueError(f"sort_by must be one of {', '.join(_SORT_KEYS)}; got {key!r}")
        return sorted(self._rows, key=lambda row: getattr(row, key), reverse=key != "name")

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
    ) -> str:
        """The rows as text.

        Args:
            sort_by: a column by its attribute's name, "self_wall_time_total" for example; None keeps the order of
                the program. Numbers sort the greatest first.
            row_limit: how many rows at most; -1 for all.
            max_name_column_width: longer names are cut.
            max_shapes_column_width: longer lists of shapes are cut.
            header: a line above.

        Raises:
            ValueError: for a column that there is none of.
        """
        rows = self._rows if sort_by is None else self.sorted_by(sort_by)
        total = self.total_average()
        shown = rows if row_limit < 0 else rows[:row_limit]
        cells = [self._titles()]
        cells += [self._cells(row, total, max_name_column_width, max_shapes_column_width) for row in shown]
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        rule = "  ".join("-" * width for width in widths)
        lines = [
            "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(line, widths, strict=True)) for line in cells)
        ]
        end = [
            f"Wall time total: {_microseconds(total.self_wall_time_total)}",
            f"CPU time total: {_microseconds(total.self_cpu_time_total)}",
        ]
        return "\n".join([*([header] if header else []), rule, lines[0], rule, *lines[1:], rule, *end])

    def _titles(self) -> list[str]:
        titles = ["Name", "Self wall %", "Self wall", "Wall total", "Wall mean", "Self CPU", "CPU total", "Calls"]
        titles += ["Memory", "Self memory"] if self._memory else []
        titles += ["Input shapes"] if self._shapes else []
        return titles + (["Source"] if self._stacks else [])

    def _cells(self, row: FunctionEventAvg, total: FunctionEventAvg, name_width: int, shape_width: int) -> list[str]:
        def cut(text: str, width: int) -> str:
            return text if len(text) <= width else text[: width - 3] + "..."

        share = 100 * row.self_wall_time_total / total.self_wall_time_total if total.self_wall_time_total else 0.0
        times = (row.self_wall_time_total, row.wall_time_total, row.wall_time)
        cells = [cut(row.name, name_width), f"{share:.2f}%", *map(_microseconds, times)]
        cells += [_microseconds(row.self_cpu_time_total), _microseconds(row.cpu_time_total), str(row.count)]
        cells += [_bytes(row.cpu_memory_usage), _bytes(row.self_cpu_memory_usage)] if self._memory else []
        cells += [cut(str(row.input_shapes), shape_width)] if self._shapes else []
        return cells + ([row.stack[0] if row.stack else ""] if self._stacks else [])

    def __str__(self) -> str:
        return self.table()


# ---- from what the core recorded --------------------------------------------------------------------------------


def events_of(threads: Iterable[tuple[int, list[tuple[Any, ...]]]], origin: int) -> list[FunctionEvent]:
    """Events with their parents, from the core's rows by thread; times count from `origin`."""
    events = [event for thread, rows in threads for event in _events_of_thread(thread, rows, origin)]
    return sorted(events, key=lambda event: event.start)


def _events_of_thread(thread: int, rows: Iterable[tuple[Any, ...]], origin: int) -> list[FunctionEvent]:
    events: list[FunctionEvent] = []
    open_events: list[FunctionEvent] = []
    for name, kind, depth, begin, wall, cpu, allocated, freed, in_use, shapes, dtypes, stack in rows:
        event = FunctionEvent(
            name, KINDS[kind], (begin - origin) / 1e3, wall / 1e3, cpu / 1e3, allocated, freed, in_use, shapes, dtypes,
            [line for line in stack.split("\n") if line and not _is_own(line)], thread=thread,
        )  # fmt: skip
        del open_events[depth:]
        if open_events:
            event.parent = open_events[-1]
            open_events[-1].children.append(event)
        open_events.append(event)
        events.append(event)
    return events


_OWN_FOLDER = os.path.dirname(__file__) + os.sep


def _is_own(line: str) -> bool:
    return line.startswith(_OWN_FOLDER)


def averages(events: Iterable[FunctionEvent], by_shapes: bool, by_stack: int) -> list[FunctionEventAvg]:
    """Events of one name, and one list of shapes and the innermost lines of one stack, added up."""
    rows: dict[tuple[str, str, tuple[str, ...]], FunctionEventAvg] = {}
    for event in events:
        stack = tuple(event.stack[:by_stack]) if by_stack > 0 else ()
        key = (event.name, str(event.input_shapes) if by_shapes else "", stack)
        row = rows.get(key)
        if row is None:
            shapes = event.input_shapes if by_shapes else []
            row = rows[key] = FunctionEventAvg(event.name, input_shapes=shapes, stack=list(stack))
        row.add(event)
    return list(rows.values())


def chrome_trace(events: Iterable[FunctionEvent], memory: bool) -> dict[str, Any]:
    """Chrome's trace format, which Perfetto reads too: complete events, and a counter of bytes."""
    process = os.getpid()
    trace: list[dict[str, Any]] = []
    for event in events:
        args: dict[str, Any] = {"CPU time (us)": event.cpu_time_total}
        if event.input_shapes:
            args |= {"Input Dims": event.input_shapes, "Input type": event.input_dtypes}
        if memory:
            args |= {"Bytes allocated": event.allocated, "Bytes freed": event.freed}
        if event.stack:
            args["Call stack"] = ";".join(event.stack)
        row = {"ph": "X", "cat": event.kind, "name": event.name, "pid": process, "tid": event.thread}
        trace.append(row | {"ts": event.start, "dur": event.wall_time_total, "args": args})
        if memory:
            end = event.start + event.wall_time_total
            counter = {"ph": "C", "name": "Tensor memory", "pid": process, "tid": event.thread, "ts": end}
            trace.append(counter | {"args": {"bytes": event.memory_in_use}})
    names = {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": "tensorwright"}}
    return {"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": [names, *trace]}


def write_trace(path: str | os.PathLike[str], trace: dict[str, Any]) -> None:
    """Write JSON, compressed if the name ends in ".gz"; a file appears whole or not at all."""
    target = os.fspath(path)
    data = json.dumps(trace).encode()
    partial = f"{target}.{os.getpid()}.partial"
    with open(partial, "wb") as file:
        file.write(gzip.compress(data) if target.endswith(".gz") else data)
    os.replace(partial, target)
