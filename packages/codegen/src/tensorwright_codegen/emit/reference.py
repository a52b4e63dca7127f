"""Reference pages: one Markdown page per Python name, from the facets alone."""

from __future__ import annotations

from pathlib import Path

from ..facets import Op, OpSet
from .docstrings import signature_text
from .output import Output


def reference_output(ops: OpSet, folder: Path) -> Output:
    output = Output()
    for name, members in ops.overloads().items():
        output.add(f"{name}.md", "\n".join([f"# {name}", "", *(line for op in members for line in _section(op))]))
    output.add("index.md", _index(ops))
    return output


def _index(ops: OpSet) -> str:
    rows = [f"| [`{name}`]({name}.md) | {members[0].summary} |" for name, members in sorted(ops.overloads().items())]
    return "\n".join(["# Ops", "", "| op | |", "|---|---|", *rows])


def _section(op: Op) -> list[str]:
    lines = ["```python", f"tensorwright.{_owner(op)}{op.base_name}{signature_text(op, method=False, inplace=False)}", "```", ""]
    return lines + [op.doc.strip(), ""]


def _owner(op: Op) -> str:
    return "" if op.has("function") else "Tensor." if op.has("method") else "ops."
