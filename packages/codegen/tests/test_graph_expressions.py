"""The tables of expressions that packages/jit compiles."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from tensorwright_codegen.graph import expressions_output

OPS = Path(__file__).parents[2] / "tensor-core" / "ops"
ROW = re.compile(r'\{"(tw::[\w.]+)", (\d+), (\d+), (\d+), \{([\d, ]+)\}, Combine::k(\w+)\}')


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[int, int, list[int], str]]:
    source = expressions_output(OPS).files["expressions.cpp"]
    return {
        name: (int(start), int(count), [int(r) for r in results.split(", ")], combine)
        for name, start, count, _, results, combine in ROW.findall(source)
    }


def test_ops_are_in_order(rows: dict[str, tuple[int, int, list[int], str]]) -> None:
    assert list(rows) == sorted(rows)
    assert {"tw::add", "tw::exp", "tw::silu", "tw::where"} <= set(rows)


def test_short_tables_are_written_once() -> None:
    source = expressions_output(OPS).files["expressions.cpp"]
    tables = source.partition("kExpressionTables")[2].splitlines()[1:]
    rows = [line.strip(" {},").split(", ") for line in tables[: tables.index("};")]]
    assert {len(row) for row in rows} == {16}
    assert len({tuple(row) for row in rows}) == len(rows)
    numbers = [[struct.unpack("<f", int(bits, 16).to_bytes(4, "little"))[0] for bits in row] for row in rows]
    assert any(row[0] == 0 and row == sorted(row) for row in numbers)  # gelu's centres
    powers = [pytest.approx(1.0561042 * 2 ** (k / 8), rel=1e-6) for k in range(8)]
    assert 2 * powers in numbers  # exp's table of eight, twice


def test_results_are_instructions(rows: dict[str, tuple[int, int, list[int], str]]) -> None:
    for start, count, results, _ in rows.values():
        assert start >= 0
        assert all(0 <= result < count for result in results)


def test_reductions_say_how_they_combine(rows: dict[str, tuple[int, int, list[int], str]]) -> None:
    names = ("tw::sum", "tw::squared_sum", "tw::amax", "tw::amin", "tw::exp")
    assert [rows[name][3] for name in names] == ["Sum", "Sum", "Max", "Min", "None"]


def test_what_needs_wider_lanes_is_left_out(rows: dict[str, tuple[int, int, list[int], str]]) -> None:
    assert not {"tw::lgamma", "tw::fmod", "tw::sin"} & set(rows)
