"""The examples on pages of the documentation run as they are written there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["fx.md", "tape.md"])
def test_examples_of_a_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(DOCS / page), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_loop_of_the_page_on_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "training.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    loop = blocks[0]
    whole: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "training.md", "exec"), whole)
    assert whole["run"].epoch == 3
    assert (tmp_path / "run.svg").read_text().startswith("<svg")
    logged = [entry["loss"] for entry in tw.metrics.read("run.jsonl")]
    assert len(logged) == whole["run"].step // 2
    assert sum(logged[-5:]) < sum(logged[:5]) / 2

    stopped = loop.replace("    for inputs, targets", "    if run.epoch == 2: break\n    for inputs, targets")
    (tmp_path / "stopped").mkdir()
    monkeypatch.chdir(tmp_path / "stopped")
    exec(compile(stopped, "training.md", "exec"), {})
    resumed: dict[str, Any] = {}
    exec(compile(loop, "training.md", "exec"), resumed)
    assert resumed["run"].step == whole["run"].step
    assert [entry["loss"] for entry in tw.metrics.read("run.jsonl")] == logged
    for name, tensor in whole["average"].state_dict().items():
        assert tensor.equal(resumed["average"].state_dict()[name]), name
