"""The facet coverage table: which op lacks which facet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
OPTIONAL = ("batching",)  # without it vmap runs the op once for each entry
YES, UNNEEDED, MISSING = "yes", "-", "MISSING"


def facet_names(folder: Path) -> frozenset[str]:
    """Ops that have an entry in any facet file of a folder; an entry may be for several."""
    files = sorted(folder.rglob("*.yaml")) if folder.is_dir() else []
    entries = (entry for file in files for entry in read_entries(file))
    return frozenset(name for entry in entries for name in entry.get("op").texts())


def row_names(op: Op) -> set[str]:
    """What an op, its overloads, its aliases and its in-place form are called in the table of samples."""
    plain = {op.base_name, *op.aliases}
    plain |= {name + "_" for name in plain if {"inplace", "function_inplace"} & set(op.variants)}
    return {prefix + name for name in plain for prefix in ("", "Tensor.", "nn.functional.", "ops.")}


def is_public(op: Op) -> bool:
    """The others are parts of public ops: their examples are run, and the rows of what they are parts of."""
    return bool(op.variants or op.aliases)


def coverage(ops: OpSet, packages: Path, samples: Collection[str] | None = None) -> list[list[str]]:
    """A line of names, then one for each op: yes, `-` (not needed) or MISSING for each facet that exists so far.

    `samples` are the names of the rows of the table of samples.
    """
    present = {name: facet_names(packages / folder) for name, folder in FOLDERS if (packages / folder).is_dir()}
    sampled = [] if samples is None else ["sample"]
    lines = [["op", "kind", "doc", "example", "shape rule", *sampled, *present]]
    for op in ops:
        cells = [_has(op.doc.strip()), _has(op.example), _shape_rule(op)]
        if samples is not None:
            cells.append(_has(row_names(op) & set(samples)) if is_public(op) else UNNEEDED)
        cells += [_state(op, name, found) for name, found in present.items()]
        lines.append([op.name, "expression" if op.expression else op.kind.value, *cells])
    return lines


def coverage_table(lines: list[list[str]]) -> str:
    """The lines in columns, and the sums below."""
    rows = [*lines, [f"{len(lines) - 1} ops", "", *(f"{n} missing" if n else "complete" for n in _missing(lines))]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def is_complete(lines: list[list[str]]) -> bool:
    """Whether every op has what it must have."""
    return not any(n for n, name in zip(_missing(lines), lines[0][2:], strict=True) if name not in OPTIONAL)


def _missing(lines: list[list[str]]) -> Iterable[int]:
    return [sum(line[i] == MISSING for line in lines[1:]) for i in range(2, len(lines[0]))]


def _has(facet: object) -> str:
    return YES if facet else MISSING


def _shape_rule(op: Op) -> str:
    """Composites and views give shapes by the ops and the strides that they consist of, expressions by broadcasting."""
    return YES if op.shape else MISSING if op.kind is Kind.KERNEL else UNNEEDED


def _state(op: Op, facet: str, found: frozenset[str]) -> str:
    if op.name in found:
        return YES
    takes_tensors = any(arg.type in (Type.TENSOR, Type.OPERAND, Type.TENSORS) for arg in op.schema.args)
    through_parts = op.kind is Kind.COMPOSITE or not takes_tensors
    # vmap draws for all entries at once, and has rules for expressions by their kind
    by_kind = facet == "batching" and (op.expression is not None or "random" in op.tags)
    return UNNEEDED if by_kind or (through_parts and facet in ("derivative", "batching")) else MISSING
