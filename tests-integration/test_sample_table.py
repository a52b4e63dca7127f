"""The table of samples is complete: each op is in it under one of its names, or named here with the reason."""

from __future__ import annotations

import pytest
from rule_calls import OPS
from sample_calls import has_function
from samples import all_rows
from tensorwright_codegen.facets import Op

ROWS = {row.name for row in all_rows()}

# Public ops without a row, and what tests them.
ELSEWHERE = {
    "index": "written x[...]; packages/tensor-core/tests/test_indexing.py",
    "cpu": "from the meta device it is refused; packages/tensor-core/tests/test_creation_and_copies.py",
    "log_sigmoid": "nn.functional.logsigmoid is its function and has a row",
} | dict.fromkeys(
    [
        "sgd_step", "sgd_momentum_step", "adam_step", "amsgrad_step", "adagrad_step", "adadelta_step", "adamax_step",
        "nadam_step", "radam_step", "rmsprop_step", "rmsprop_full_step", "rprop_step", "asgd_step",
    ],
    "a step of an optimizer; packages/optim/tests/test_trajectories.py",
)  # fmt: skip


def names_of(op: Op) -> set[str]:
    """What an op, its overloads, its aliases and its in-place form are called in the table."""
    plain = {op.base_name, *op.aliases}
    plain |= {name + "_" for name in plain if {"inplace", "function_inplace"} & set(op.variants)}
    return {prefix + name for name in plain for prefix in ("", "Tensor.", "nn.functional.", "ops.")}


def is_public(op: Op) -> bool:
    """The others are parts of public ops; test_op_examples runs their examples, the rows what they are parts of."""
    return bool(op.variants or op.aliases)


@pytest.mark.parametrize("op", [op for op in OPS if is_public(op)], ids=lambda op: op.name)
def test_every_op_has_a_row(op: Op) -> None:
    found = names_of(op) & ROWS
    assert bool(found) is not (op.base_name in ELSEWHERE), (
        f"{op.name} has the rows {sorted(found)}" if found else f"{op.name} has no row in tests-integration/samples"
    )


def test_exceptions_are_ops() -> None:
    assert set(ELSEWHERE) <= {op.base_name for op in OPS}


def test_rows_name_what_exists() -> None:
    assert [row.name for row in all_rows() if not has_function(row)] == []
