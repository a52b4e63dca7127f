"""The README's tour runs as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = README.read_text()
    [tour] = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines_before = "\n" * text.count("\n", 0, tour.start(1))  # so that a traceback shows the README's lines
    exec(compile(lines_before + tour[1], str(README), "exec"), {"__name__": "tour"})
