"""The facet coverage table: which op lacks which facet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..facets import Kind, Op, OpSet, Type, read_entries

# Facet, and the folder under packages/ whose entries are keyed by `op:`.
FOLDERS = (
    ("derivative", "autograd/derivatives"),
    ("batching", "autograd/batching"),
    ("decomposition", "jit/decompositions"),
    ("onnx", "export-onnx/symbolics"),
    ("quantized", "quantization/ops"),
)


def facet_names(folder: Path) -> frozenset[str]:
    """Ops that have an entry in any facet file of a folder; an entry may be for several."""
    files = sorted(folder.rglob("*.yaml")) if folder.is_dir() else []
    entries = (entry for file in files for entry in read_entries(file))
    return frozenset(name for entry in entries for name in entry.get("op").texts())


def coverage_table(ops: OpSet, packages: Path) -> str:
    """One row per op, one column per facet that exists so far: yes, `-` (not needed) or MISSING; then the sums."""
    present = {name: facet_names(packages / folder) for name, folder in FOLDERS if (packages / folder).is_dir()}
    columns = ["schema", "rules", "computation", "example", *present]
    rows = [[op.name, *_own(op), *(_state(op, name, found) for name, found in present.items())] for op in ops]
    return _format([["op", *columns], *rows, _totals(rows, len(columns))])


def _own(op: Op) -> Iterable[str]:
    yield "yes"
    yield "yes" if op.where or op.shape else "-"
    yield "expression" if op.expression else op.kind.value
    yield "yes" if op.example else "MISSING"


def _state(op: Op, facet: str, found: frozenset[str]) -> str:
    if op.name in found:
        return "yes"
    takes_tensors = any(arg.type in (Type.TENSOR, Type.OPERAND, Type.TENSORS) for arg in op.schema.args)
    through_parts = op.kind is Kind.COMPOSITE or not takes_tensors
    return "-" if through_parts and facet in ("derivative", "batching") else "MISSING"


def _totals(rows: list[list[str]], columns: int) -> list[str]:
    missing = [sum(row[i] == "MISSING" for row in rows) for i in range(1, columns + 1)]
    return [f"{len(rows)} ops", *(f"{n} missing" if n else "complete" for n in missing)]


def _format(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
