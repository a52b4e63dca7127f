"""A log of JSON lines, which a process that is killed leaves readable."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorwright._C import Tensor
from tensorwright._files import replacing

if TYPE_CHECKING:
    PathLike = str | os.PathLike[str]

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # which JSON has no numbers for
_BLOCK = 1 << 16


class MetricsLog:
    """Appends one JSON object a line, each in one write, so that what was logged is there whatever happens next.

    A line that was torn by a crash is cut off when the log is opened again.

    Args:
        path: of the file; ``run.jsonl``. It is made, or appended to.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "run.jsonl")
        >>> with MetricsLog(path) as log:
        ...     log.write(step=1, loss=0.5, split="train")
        >>> read(path)[0]["split"]
        'train'
    """

    path: Path

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        _cut_torn_line(self._descriptor)

    def write(self, **values: float | int | bool | str | Tensor | None) -> None:
        """Append a line with these values, and the time in seconds since 1970.

        Args:
            values: numbers, strings, bools, None, and tensors of one element; NaN and infinity are kept as words.

        Raises:
            TypeError: for anything else.
            ValueError: if a tensor has several elements, or the log was closed.
        """
        if self._descriptor < 0:
            raise ValueError(f"MetricsLog: {self.path} was closed")
        line = {name: _plain(name, value) for name, value in values.items()} | {"time": round(time.time(), 3)}
        os.write(self._descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def rewind(self, step: int) -> None:
        """Drop the lines of steps after ``step``: a run that resumes there makes them again."""
        lines = [line for line in _lines(self.path) if not _is_after(line, step)]
        with replacing(self.path) as file:
            file.writelines(line + b"\n" for line in lines)
        self.close()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)

    def close(self) -> None:
        """Close the file; nothing is left to be written."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.item()
    if isinstance(value, float):
        return (
            float(value) if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        )
    if value is None or isinstance(value, (int, str)):
        return value
    raise TypeError(f"MetricsLog.write: {name} must be a number, str, bool, None or tensor, got {type(value).__name__}")


def _cut_torn_line(descriptor: int) -> None:
    """Shorten the file to its last line's end."""
    end = size = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end != size:
        os.ftruncate(descriptor, end)


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines."""
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def _entry(line: bytes, path: object, number: int) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path}, line {number}: no JSON: {error}") from None
    if not isinstance(entry, dict):
        raise ValueError(f"{path}, line {number}: expected a JSON object, got {str(entry)[:40]}")
    return {name: _WORDS.get(value, value) if isinstance(value, str) else value for name, value in entry.items()}


def _is_after(line: bytes, step: int) -> bool:
    found = json.loads(line).get("step")
    return isinstance(found, int) and found > step


def read(path: PathLike) -> list[dict[str, Any]]:
    """The lines of a log. A last line that is not complete is left out: it was torn, or is being written.

    Raises:
        ValueError: names a line in the middle that is no JSON object.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "run.jsonl")
        >>> with open(path, "w") as file:
        ...     written = file.write('{"step": 1, "loss": 0.5}\\n{"step": 2, "lo')
        >>> read(path)
        [{'step': 1, 'loss': 0.5}]
    """
    return [_entry(line, path, number) for number, line in enumerate(_lines(Path(path)), 1)]
