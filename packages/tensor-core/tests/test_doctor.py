"""What the doctor reports, and what it calls a problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import _plugins
from tensorwright.__main__ import main
from tensorwright._doctor import _machine, _report, _selftest, examine, text


def test_a_good_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert len(report["self_test"]) == 20
    assert [check["error"] for check in report["self_test"]] == [None] * 20
    assert report["threads"]["used"] == tw.get_num_threads()
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "20 of 20 ops" in shown
    assert shown.endswith("no problems found\n")


def test_a_plugin_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    broken = _plugins.Plugin("npu", "acme-npu", {"devices": ["npu"]}, error="libnpu.so: no such file")
    monkeypatch.setattr(_plugins, "_found", {"npu": broken})
    assert main(["doctor"]) == 1
    assert "PROBLEM: plugin npu (acme-npu) failed: libnpu.so: no such file" in capsys.readouterr().out


def test_a_wrong_result_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = _selftest.Check("add", lambda: [1.0, 2.5], [1.0, 2.0])
    raising = _selftest.Check("mul", lambda: tw.ones(2) * tw.ones(3), [1.0])
    monkeypatch.setattr(_selftest, "CHECKS", (wrong, raising))
    problems = examine()["problems"]
    assert problems[0] == "self-test of add: expected [1.0, 2.0], got [1.0, 2.5]"
    assert problems[1].startswith("self-test of mul: ")


def test_a_part_that_does_not_load_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(name: str) -> Any:
        raise ImportError("libtensorwright_autograd.so: undefined symbol")

    monkeypatch.setattr(_report.importlib, "import_module", failing)
    problems = examine()["problems"]
    assert (
        "tensorwright.autograd cannot be imported: ImportError: libtensorwright_autograd.so: undefined symbol"
        in problems
    )


def test_the_tightest_cgroup_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    group = tmp_path / "a" / "b"
    group.mkdir(parents=True)
    (tmp_path / "a" / "memory.max").write_text("1000\n")
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("950\n")
    (group / "cpu.max").write_text("150000 100000\n")
    monkeypatch.setattr(_machine, "_group_folders", lambda controller: [group, tmp_path / "a", tmp_path])
    limits = _machine.limits()["cgroup"]
    assert limits == {"processors": 1.5, "memory": 1000, "memory_used": 950}
    report = {**examine(), "limits": {**_machine.limits(), "process": {"open_files": 256}}}
    advice = " ".join(_report._advice(report))
    assert "256 open files are few" in advice
    assert "above that the kernel kills" in advice
    assert "cgroup processors" in text(report)
