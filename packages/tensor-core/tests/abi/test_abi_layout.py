"""The layout of the ABI is the recorded one; and the check that says so notices every forbidden change."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from abi_layout import INCLUDE, current, differences, dump, load, read_layout

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def test_layout_is_the_recorded_one() -> None:
    assert differences(load(), current()) == []


def test_additions_are_recorded() -> None:
    """A released addition must not be changed either, so it is written down with the release that has it."""
    assert load() == current(), "the ABI has grown: run `python packages/tensor-core/tests/abi/abi_layout.py --write`"


def test_the_record_is_what_dump_writes() -> None:
    assert Path(__file__).with_name("1.json").read_text() == dump(load())


def changed(tmp_path: Path, old: str, new: str) -> list[str]:
    """The differences after a textual change of tw_abi.h; how `old` is spaced there does not matter."""
    text = (INCLUDE / "tensorwright" / "tw_abi.h").read_text()
    pattern = r"\s+".join(map(re.escape, old.split()))
    assert len(re.findall(pattern, text)) == 1
    header = tmp_path / "tw_abi.h"
    mutated = re.sub(pattern, lambda _: new, text)
    header.write_text("\n".join(line for line in mutated.splitlines() if not line.startswith("TW_STATIC_ASSERT(")))
    before = read_layout(INCLUDE / "tensorwright" / "tw_abi.h")
    return differences(before, read_layout(header))


def test_reordering_is_noticed(tmp_path: Path) -> None:
    assert changed(
        tmp_path, "uint32_t nargs; uint32_t nrets; uint64_t layers;", "uint32_t nrets; uint32_t nargs; uint64_t layers;"
    )


def test_retyping_is_noticed(tmp_path: Path) -> None:
    assert changed(tmp_path, "int32_t priority; /*", "uint32_t priority; /*")


def test_a_changed_return_type_is_noticed(tmp_path: Path) -> None:
    assert changed(tmp_path, "void(TW_CALL* retain)(tw_tensor* t);", "int32_t(TW_CALL* retain)(tw_tensor* t);")


def test_an_insertion_is_noticed(tmp_path: Path) -> None:
    assert changed(tmp_path, "int64_t numel;", "int64_t numel; int64_t extra;")


def test_growth_of_a_frozen_struct_is_noticed(tmp_path: Path) -> None:
    errors = changed(tmp_path, "uint32_t backend; /*", "uint32_t backend; uint64_t extra; /*")
    assert errors == ["tw_tensor: frozen, but it has grown"]


def test_an_addition_at_the_end_is_allowed(tmp_path: Path) -> None:
    assert changed(tmp_path, "void* self; } tw_op_def;", "void* self; void* added; } tw_op_def;") == []
