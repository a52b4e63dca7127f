"""Logs of metrics: what was written is read, torn lines are cut off, and pictures show all of it."""

from __future__ import annotations

import builtins
import json
import math
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
from tensorwright.__main__ import main
from tensorwright.metrics import MetricsLog, plot, progress, read

SVG = "{http://www.w3.org/2000/svg}"


def values(path: Path, name: str) -> list[Any]:
    return [entry[name] for entry in read(path)]


def written(path: Path, **columns: list[Any]) -> Path:
    with MetricsLog(path) as log:
        for row in zip(*columns.values(), strict=True):
            log.write(**dict(zip(columns, row, strict=True)))
    return path


def test_values_come_back(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with MetricsLog(path) as log:
        log.write(step=1, loss=tw.tensor(0.5), text="ä\n", flag=True, none=None)
        assert values(path, "step") == [1]  # is there at once
        log.write(step=2, loss=math.nan, other=-math.inf)
    first, second = read(path)
    assert (first["loss"], first["text"], first["flag"], first["none"]) == (0.5, "ä\n", True, None)
    assert first["time"] > 1e9
    assert math.isnan(second["loss"])
    assert second["other"] == -math.inf
    for line in path.read_text().splitlines():  # by any reader: JSON has no NaN
        json.loads(line, parse_constant=lambda word: pytest.fail(word))


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "run.jsonl")
    with pytest.raises(TypeError, match="loss must be a number, str, bool, None or tensor, got list"):
        log.write(loss=[1])  # type: ignore[arg-type]
    log.close()
    with pytest.raises(ValueError, match="was closed"):
        log.write(loss=1)


@pytest.mark.parametrize("torn", ['{"step": 3, "lo', "", "x" * 200_000])
def test_a_torn_last_line_is_left_out_and_cut_off(torn: str, tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", step=[1, 2])
    with open(path, "a") as file:
        file.write(torn)
    assert values(path, "step") == [1, 2]
    written(path, step=[3])
    assert values(path, "step") == [1, 2, 3]


def test_a_log_of_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"st')
    assert values(written(path, step=[1]), "step") == [1]


def test_a_bad_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"run\.jsonl, line 2: no JSON"):
        read(path)
    path.write_text("[1]\n")
    with pytest.raises(ValueError, match="line 1: expected a JSON object"):
        read(path)


def test_a_resumed_run_takes_back_what_it_makes_again(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", step=[1, 2, 3, 4])
    with MetricsLog(path) as log:
        log.write(note="no step")
        log.rewind(2)
        log.write(step=3)
    assert [entry.get("step") for entry in read(path)] == [1, 2, None, 3]


def test_processes_append_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            with MetricsLog(path) as log:
                for step in range(50):
                    log.write(step=step, writer=number, text="x" * 200)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert sorted(values(path, "writer")) == sorted([0, 1, 2, 3] * 50)


# ---- pictures --------------------------------------------------------------------------------------------


def lines(picture: Path) -> list[str]:
    """The paths that are curves."""
    root = ET.parse(picture).getroot()
    return [e.get("d", "") for e in root.iter(f"{SVG}path") if e.get("stroke-linejoin") == "round"]


def texts(picture: Path) -> list[str]:
    return [element.text or "" for element in ET.parse(picture).getroot().iter(f"{SVG}text")]


def test_a_panel_for_each_metric_and_a_line_for_each_log(tmp_path: Path) -> None:
    a = written(tmp_path / "a.jsonl", step=[1, 2, 3], loss=[3.0, 2.0, 1.0], lr=[0.1, 0.1, 0.1], split=["x", "x", "x"])
    b = written(tmp_path / "b.jsonl", step=[1, 2, 3], loss=[3.0, 1.0, 0.5], lr=[0.1, 0.2, 0.3], split=["x", "x", "x"])
    picture = tmp_path / "run.svg"
    assert plot([a, b], picture) == ["loss", "lr"]
    assert len(lines(picture)) == 4
    assert {"a.jsonl", "b.jsonl", "loss", "lr", "step"} <= set(texts(picture))


def test_values_lie_where_the_axes_say(tmp_path: Path) -> None:
    picture = tmp_path / "run.svg"
    plot(written(tmp_path / "a.jsonl", step=[0, 5, 10], loss=[0.0, 4.0, 1.0]), picture)
    points = [tuple(map(float, pair.split())) for pair in lines(picture)[0].lstrip("M").split("L")]
    (x0, low), (x1, high), (x2, quarter) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert (low - quarter) / (low - high) == pytest.approx(0.25, abs=0.01)


def test_nan_interrupts_a_line_and_is_marked(tmp_path: Path) -> None:
    log = written(tmp_path / "a.jsonl", step=range(5), loss=[1.0, 2.0, math.nan, 2.0, 1.0])  # type: ignore[arg-type]
    plot(log, tmp_path / "run.svg")
    assert len(lines(tmp_path / "run.svg")) == 2
    assert "l6 6m0 -6l-6 6" in (tmp_path / "run.svg").read_text()


def test_logarithmic_axes_mark_powers(tmp_path: Path) -> None:
    log = written(tmp_path / "a.jsonl", step=[1, 2, 3, 4], loss=[1000.0, 10.0, 0.1, 0.0])
    plot(log, tmp_path / "run.svg", log=["loss"])
    assert {"1000", "100", "10", "1", "0.1"} <= set(texts(tmp_path / "run.svg"))


def test_long_logs_keep_their_peaks(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    loss = [float(i == 7777) for i in range(20_000)]
    path.write_text("".join(json.dumps({"step": i, "loss": y}) + "\n" for i, y in enumerate(loss)))
    plot(path, tmp_path / "run.svg")
    (line,) = lines(tmp_path / "run.svg")
    heights = [float(pair.split()[1]) for pair in line.lstrip("M").split("L")]
    assert len(heights) < 3000
    assert heights.count(min(heights)) == 1


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = str(written(tmp_path / "a.jsonl", step=[1, 2], loss=[2.0, 1.0], lr=[1.0, 1.0]))
    picture = str(tmp_path / "run.svg")
    assert main(["metrics", "plot", log, "-o", picture, "-x", "time", "-y", "loss", "--log", "loss"]) == 0
    assert capsys.readouterr().out == f"{picture}: loss\n"
    assert main(["metrics", "plot", log, "-o", picture, "-y", "accuracy"]) == 1
    assert "no numbers of accuracy over 'step'" in capsys.readouterr().err


def test_progress_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("tqdm"):
            raise ModuleNotFoundError("No module named 'tqdm'", name="tqdm")
        return genuine(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"pip install tensorwright-tensor-core\[progress\]"):
        progress([1])
