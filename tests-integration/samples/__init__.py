"""The table of sample inputs: a row an op, a file a family. Every test that is the same for all ops is driven by it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from .table import ROWS, Row


def all_rows() -> tuple[Row, ...]:
    """The rows of every family, in the order of the files."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("__init__", "table"):
            import_module(f"{__name__}.{path.stem}")
    return tuple(ROWS.values())
