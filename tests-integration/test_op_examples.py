"""Every op's facet has an example, and it gives what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
import tensorwright as tw
from tensorwright_codegen.facets import Op, load_ops

OPS = load_ops([Path(__file__).parents[1] / "packages" / "tensor-core" / "ops"]).ops


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_example(op: Op) -> None:
    assert op.example, f"{op.location}: op {op.name} has no example"
    example = doctest.DocTestParser().get_doctest(
        op.example + "\n", {"tw": tw}, op.name, op.location.file, op.location.line
    )
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert result.failed == 0, "".join(report)
