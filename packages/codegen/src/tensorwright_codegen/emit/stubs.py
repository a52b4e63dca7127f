"""Type stubs of the ops."""

from __future__ import annotations

from pathlib import Path

from ..facets import OpSet
from .output import Output


def stubs_output(ops: OpSet, folder: Path) -> Output:
    return Output()
