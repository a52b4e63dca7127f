"""Each op is in the table of samples under one of its names, or in samples/elsewhere.py with the reason."""

from __future__ import annotations

import pytest
from rule_calls import OPS
from sample_calls import has_function
from samples import all_rows
from samples.elsewhere import ELSEWHERE
from tensorwright_codegen.emit.coverage import is_public, row_names
from tensorwright_codegen.facets import Op

ROWS = {row.name for row in all_rows()}


@pytest.mark.parametrize("op", [op for op in OPS if is_public(op)], ids=lambda op: op.name)
def test_every_op_has_a_row(op: Op) -> None:
    found = row_names(op) & ROWS
    assert bool(found) is not (op.base_name in ELSEWHERE), (
        f"{op.name} has the rows {sorted(found)}" if found else f"{op.name} has no row in tests-integration/samples"
    )


def test_exceptions_are_ops() -> None:
    assert set(ELSEWHERE) <= {op.base_name for op in OPS}


def test_rows_name_what_exists() -> None:
    assert [row.name for row in all_rows() if not has_function(row)] == []
