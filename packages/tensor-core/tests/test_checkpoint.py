"""Checkpoints: what is saved comes back, what is damaged is named, passed over and mended."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.__main__ import main
from tensorwright.checkpoint import (
    Checkpoint,
    CheckpointError,
    Checkpoints,
    DamagedCheckpointWarning,
    RunState,
    diff,
    load,
    repair,
    verify,
)
from tensorwright.checkpoint._bit import flipped_bit

TENSORS = "tensors.safetensors"


def example(value: float = 1.0) -> dict[str, Any]:
    return {"model": {"0.weight": tw.full((3, 4), value), "0.bias": tw.arange(4.0)}, "lr": 0.1 * value, "step": 3}


def alter(path: Path, change: Callable[[bytearray], object]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def flip(path: Path, place: int, bit: int = 0) -> None:
    def turn(data: bytearray) -> None:
        data[place] ^= 1 << bit

    alter(path, turn)


def place_of(checkpoint: Checkpoint, tensor: str) -> int:
    """The first byte of a tensor in its file."""
    manifest = checkpoint.manifest()
    record = manifest.tensors[tensor]
    return manifest.files[record.file].header_bytes + record.begin


# ---- what comes back -------------------------------------------------------------------------------------


def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    state = {
        "none": None, "flag": True, "int": 2**70, "float": 0.1, "text": "ä\n", "tuple": (1, (2.5, "x")),
        "list": [1, [2]], "nan": float("nan"), "inf": float("-inf"), "empty": {},
        "numbers": {0: {"exp": tw.ones(2)}, 1: {}},
        "pairs": {(1, 2): "x"}, "array": np.arange(6, dtype=np.uint32).reshape(2, 3), "a.b": tw.zeros(1),
        "a": {"b": tw.ones(1)}, "$kind": "tensor", "ordered": OrderedDict(x=1),
    }  # fmt: skip
    found = load(Checkpoints(tmp_path).save(state).path)
    assert np.isnan(found.pop("nan"))
    assert state.pop("nan") is not None
    assert (found.pop("array") == state.pop("array")).all()
    assert found.pop("a.b").tolist() == [0.0]
    assert found.pop("a")["b"].tolist() == [1.0]
    assert found.pop("numbers")[0]["exp"].tolist() == [1.0, 1.0]
    for name in ("a.b", "a", "numbers"):
        del state[name]
    assert found == state


DTYPES = (
    tw.bool, tw.uint8, tw.int64, tw.bfloat16, tw.float16, tw.float64, tw.complex64, tw.complex128, tw.float8_e5m2,
)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_back_bit_for_bit(dtype: tw.dtype, tmp_path: Path) -> None:
    tensor = tw.arange(-3.0, 3.0).to(dtype=dtype).reshape(2, 3).t()
    found = load(Checkpoints(tmp_path).save([tensor, tw.empty(0, 2, dtype=dtype)]).path)
    assert found[0].dtype == dtype
    assert found[0].shape == (3, 2)
    assert diff_of([tensor], [found[0]], tmp_path) == []
    assert found[1].shape == (0, 2)


def diff_of(a: Any, b: Any, folder: Path) -> list[str]:
    first, second = Checkpoints(folder / "a").save(a), Checkpoints(folder / "b").save(b)
    return [str(difference) for difference in diff(first.path, second.path)]


def test_values_that_cannot_be_saved_are_named_and_leave_no_trace(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(example())
    with pytest.raises(TypeError, match=r"options\.hook\.1 is a function"):
        checkpoints.save({"options": {"hook": [1, flip]}})
    with pytest.raises(ValueError, match=r"w has dtype float32 on device 'meta'"):
        checkpoints.save({"w": tw.empty(2, device="meta")})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "000001"]


def test_files_are_plain_safetensors(tmp_path: Path) -> None:
    one = Checkpoints(tmp_path / "one").save(example(2.0))
    assert tw.load(one.path / TENSORS)["model.0.weight"].tolist() == [[2.0] * 4] * 3
    many = Checkpoints(tmp_path / "many", max_shard_size=32).save(example(2.0))
    assert len(list(many.path.glob("tensors-*.safetensors"))) == 2
    assert tw.load(many.path / TENSORS)["model.0.bias"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert diff(one.path, many.path) == []


# ---- a folder of checkpoints -----------------------------------------------------------------------------


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2, keep_best=1, metric="loss")
    for step, loss in enumerate([3.0, 1.0, float("nan"), 2.0, 4.0]):
        checkpoints.save(example(), step=step, metrics={"loss": loss, "other": 1})
    assert [checkpoint.step for checkpoint in checkpoints] == [1, 3, 4]
    best = checkpoints.best()
    assert best is not None
    assert (best.step, dict(best.metrics)) == (1, {"loss": 1.0, "other": 1.0})
    assert [path.name for path in tmp_path.glob(".*.*")] == []


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep must be at least 1"):
        Checkpoints(tmp_path, keep=0)
    with pytest.raises(ValueError, match="keep_best=1 needs the name of a metric"):
        Checkpoints(tmp_path, keep_best=1)
    with pytest.raises(ValueError, match="mode must be 'min' or 'max'"):
        Checkpoints(tmp_path, mode="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="metric must be the name of one"):
        Checkpoints(tmp_path).best()
    with pytest.raises(FileNotFoundError, match="no checkpoint of step 7"):
        Checkpoints(tmp_path).load(step=7)
    assert Checkpoints(tmp_path / "absent").latest() is None


def test_a_run_that_goes_back_continues_from_what_it_saved_last(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=None)
    for step, value in ((10, 1.0), (20, 2.0), (10, 3.0)):
        checkpoints.save(example(value), step=step)
    assert checkpoints.load()["model"]["0.weight"][0, 0].item() == 3.0
    assert checkpoints.load(step=20)["model"]["0.weight"][0, 0].item() == 2.0


def test_remains_of_killed_writers_are_cleared_away(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(example())
    (tmp_path / ".000002.abc.writing").mkdir()
    (tmp_path / ".000002.abc.writing" / TENSORS).write_bytes(b"half")
    (tmp_path / ".000000.abc.removed").mkdir()
    assert len(checkpoints) == 1
    checkpoints.save(example())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "000001", "000002"]


def test_a_reader_follows_a_writer_that_removes_what_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorwright.checkpoint import _read

    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(example(1.0))
    genuine = _read.read

    def overtaken(folder: Path) -> _read.Content:
        if folder.name == "000001":
            checkpoints.save(example(2.0))
        return genuine(folder)

    monkeypatch.setattr(_read, "read", overtaken)
    assert checkpoints.load()["lr"] == 0.2


def test_processes_that_save_into_one_folder_take_turns(tmp_path: Path) -> None:
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            for _ in range(5):
                Checkpoints(tmp_path, keep=None).save(example(float(number)))
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert [checkpoint.number for checkpoint in Checkpoints(tmp_path)] == list(range(1, 21))
    assert set(map(len, verify(tmp_path).values())) == {0}


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(example(1.0))
    code = """
        import resource, signal, sys
        import tensorwright as tw
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            tw.checkpoint.Checkpoints(sys.argv[1], keep=1).save({"w": tw.ones(5000)})
        except OSError as error:
            print(error.strerror)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "File too large\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "000001"]
    assert checkpoints.load()["lr"] == 0.1


# ---- damage ----------------------------------------------------------------------------------------------


def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(example(1.0), step=1)
    newest = checkpoints.save(example(2.0), step=2)
    flip(newest.path / TENSORS, place_of(newest, "model.0.bias") + 2)
    with pytest.warns(DamagedCheckpointWarning, match=r"000002\.step-2 is damaged: tensor 'model\.0\.bias'"):
        assert checkpoints.load()["lr"] == 0.1
    with pytest.raises(CheckpointError, match=r"tensor 'model\.0\.bias' in tensors\.safetensors") as caught:
        load(newest.path)
    assert [damage.tensor for damage in caught.value.damages] == ["model.0.bias"]
    shutil.rmtree(tmp_path / "000001.step-1")
    with pytest.warns(DamagedCheckpointWarning), pytest.raises(CheckpointError, match="all of 1 checkpoints"):
        checkpoints.load()


def test_one_good_manifest_is_enough(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path).save(example())
    flip(saved.path / "manifest.json", 40)
    with pytest.warns(DamagedCheckpointWarning, match=r"manifest in manifest\.json"):
        assert saved.load()["step"] == 3
    flip(saved.path / "manifest.copy.json", 40)
    with pytest.raises(CheckpointError):
        saved.load()


@pytest.mark.parametrize("shard", [None, 32])
def test_any_flipped_bit_is_noticed(shard: int | None, tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path, max_shard_size=shard).save(example())
    draw = random.Random(0)
    for path in sorted(saved.path.iterdir()):
        for _ in range(25):
            place, bit = draw.randrange(path.stat().st_size), draw.randrange(8)
            flip(path, place, bit)
            assert path.name in [damage.file for damage in saved.verify()], (path.name, place, bit)
            flip(path, place, bit)
    assert saved.verify() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data.append(0), {"length"}),
        (lambda data: data.pop(), {"length", "tensor"}),
        (lambda data: data.clear(), {"length", "header", "tensor"}),
    ],
)
def test_other_lengths_are_noticed(change: Callable[[bytearray], object], expected: set[str], tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path).save(example())
    alter(saved.path / TENSORS, change)
    assert {damage.what for damage in saved.verify()} == expected


def test_manifests_of_others_are_checked_before_they_are_believed(tmp_path: Path) -> None:
    from tensorwright.checkpoint import _manifest

    saved = Checkpoints(tmp_path).save(example())

    def forge(change: Callable[[dict[str, Any]], object]) -> str:
        fields = json.loads((saved.path / "manifest.json").read_text())
        del fields["sha256"]
        change(fields)
        body = json.dumps(fields, indent=1).removesuffix("\n}").encode()
        with pytest.raises(ValueError, match=r".") as caught:
            _manifest.decode(body + _manifest._closing(body))
        return str(caught.value)

    assert "none of its own folder" in forge(lambda f: f["files"].update({"../x": f["files"][TENSORS]}))
    assert "cannot lie at bytes" in forge(lambda f: f["tensors"]["model.0.bias"].update(begin=0, end=1 << 40))
    assert "sizes must be whole" in forge(lambda f: f["tensors"]["model.0.bias"].update(shape=[-4]))
    assert "lacks a field" in forge(lambda f: f["tensors"]["model.0.bias"].pop("sha256"))
    assert "version 2" in forge(lambda f: f.update(version=2))
    assert "no manifest" in forge(lambda f: f.update(format="other"))


# ---- repair ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_the_place_of_a_flipped_bit(size: int) -> None:
    import zlib

    draw = random.Random(size)
    data = bytearray(draw.randbytes(size))
    before = zlib.crc32(data)
    for _ in range(50):
        place = draw.randrange(8 * size)
        data[place // 8] ^= 1 << place % 8
        assert flipped_bit(zlib.crc32(data) ^ before, 8 * size) == place
        data[place // 8] ^= 1 << place % 8
    data[0] ^= 0x11
    assert flipped_bit(zlib.crc32(data) ^ before, 8 * size) is None


def test_a_flipped_bit_of_a_tensor_is_turned_back(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path).save(example())
    before = (saved.path / TENSORS).read_bytes()
    flip(saved.path / TENSORS, place_of(saved, "model.0.weight") + 17, 5)
    report = repair(saved.path)
    assert report.repaired == ["tensor 'model.0.weight' in tensors.safetensors: bit 5 of its byte 17 had flipped"]
    assert report.remaining == []
    assert (saved.path / TENSORS).read_bytes() == before


@pytest.mark.parametrize("shard", [None, 32])
def test_headers_index_and_manifest_are_made_anew(shard: int | None, tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path, max_shard_size=shard).save(example())
    before = {path.name: path.read_bytes() for path in saved.path.iterdir()}
    for path in saved.path.glob("tensors*.safetensors"):
        alter(path, lambda data: data.__setitem__(slice(3, 30), bytes(27)))
    for path in saved.path.glob("*.index.json"):
        path.unlink()
    (saved.path / "manifest.copy.json").write_bytes(b"{}")
    assert repair(saved.path).remaining == []
    assert {path.name: path.read_bytes() for path in saved.path.iterdir()} == before


def test_a_tensor_comes_from_another_checkpoint_that_has_the_same(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    older = checkpoints.save(example(1.0))
    saved = checkpoints.save(example(2.0))  # the bias is as before
    for tensor in ("model.0.bias", "model.0.weight"):
        place = place_of(saved, tensor)
        alter(saved.path / TENSORS, lambda data, place=place: data.__setitem__(slice(place, place + 9), b"\7" * 9))
    report = repair(saved.path)
    assert report.repaired == [f"tensor 'model.0.bias' in tensors.safetensors: copied from {older.path / TENSORS}"]
    assert [damage.tensor for damage in report.remaining] == ["model.0.weight"]


def test_a_replica_mends_everything(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path / "run", max_shard_size=32).save(example())
    shutil.copytree(tmp_path / "run", tmp_path / "replica")
    before = {path.name: path.read_bytes() for path in saved.path.iterdir()}
    (saved.path / "manifest.json").unlink()
    (saved.path / "manifest.copy.json").write_bytes(b"")
    for path in list(saved.path.glob("tensors-*")):
        path.unlink()
    (saved.path / "tensors-00001-of-00002.safetensors").write_bytes(b"short")
    assert repair(saved.path).remaining != []
    assert (saved.path / "tensors-00001-of-00002.safetensors").read_bytes() == b"short"
    assert repair(saved.path, [tmp_path / "replica"]).remaining == []
    assert {path.name: path.read_bytes() for path in saved.path.iterdir()} == before


# ---- differences -----------------------------------------------------------------------------------------


def test_differences_are_told(tmp_path: Path) -> None:
    a = {
        "w": tw.tensor([1.0, 2.0]),
        "gone": tw.ones(1),
        "type": tw.ones(1),
        "shape": tw.ones(2),
        "lr": 1,
        "o": [1, (2,)],
    }
    b = {
        "w": tw.tensor([1.0, 2.5]),
        "new": tw.ones(1),
        "type": tw.ones(1).half(),
        "shape": tw.ones(3),
        "lr": 2,
        "o": [1, (3,)],
    }
    assert diff_of(a, b, tmp_path) == [
        "gone: a tensor of the first only",
        "new: a tensor of the second only",
        "w: 1 of 2 elements differ, by at most 0.5",
        "type: float32 and float16",
        "shape: shape [2] and [3]",
        "lr: 1 and 2",
        "o.1.0: 2 and 3",
    ]
    nan = tw.tensor([float("nan"), 0.0])
    assert diff_of({"x": nan}, {"x": nan.clone()}, tmp_path / "nan") == []
    assert diff_of({"x": nan}, {"x": -nan}, tmp_path / "zero") == ["x: 2 of 2 elements differ, by at most 0"]


# ---- commands --------------------------------------------------------------------------------------------


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = Checkpoints(tmp_path)
    first, second = checkpoints.save(example(1.0), step=1), checkpoints.save(example(2.0), step=2)
    assert main(["checkpoint", "verify", str(tmp_path)]) == 0
    assert main(["checkpoint", "diff", str(first.path), str(second.path)]) == 1
    out = capsys.readouterr().out
    assert "000001.step-1: good" in out
    assert "model.0.weight: 12 of 12 elements differ, by at most 1\nlr: 0.1 and 0.2\n" in out
    flip(second.path / TENSORS, place_of(second, "model.0.weight"))
    assert main(["checkpoint", "verify", str(first.path), str(second.path)]) == 1
    assert "  tensor 'model.0.weight' in tensors.safetensors: bytes" in capsys.readouterr().out
    assert main(["checkpoint", "repair", str(second.path)]) == 0
    assert main(["checkpoint", "repair", str(second.path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("nothing to repair")
    assert main(["checkpoint", "verify", str(tmp_path / "absent")]) == 1
    assert "no checkpoint" in capsys.readouterr().err


def test_verify_of_a_folder_looks_at_each(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    first, second = checkpoints.save(example()), checkpoints.save(example())
    flip(first.path / TENSORS, 0)
    found = verify(tmp_path)
    assert [damage.what for damage in found[first.path]] == ["header"]
    assert found[second.path] == []


# ---- runs ------------------------------------------------------------------------------------------------


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


def draws(*sources: Callable[[], Any]) -> list[Any]:
    return [source() for source in sources for _ in range(3)]


def test_every_generator_goes_on(tmp_path: Path) -> None:
    own, python, numpy = tw.Generator().manual_seed(5), random.Random(6), np.random.default_rng(7)
    run = RunState(own=own, python=python, numpy=numpy, counter=Counter())
    sources = (
        lambda: tw.rand(()).item(), lambda: tw.rand((), generator=own).item(), random.random, python.random,
        lambda: random.gauss(0, 1), np.random.standard_normal, numpy.random,
    )  # fmt: skip
    draws(*sources)
    run.step, run.epoch = 12, 2
    checkpoints = Checkpoints(tmp_path)
    saved = run.save(checkpoints, metrics={"loss": 1.5})
    assert (saved.step, dict(saved.metrics)) == (12, {"loss": 1.5})
    expected = draws(*sources)
    run.step = 0
    assert run.resume(checkpoints)
    assert (run.step, run.epoch) == (12, 2)
    assert draws(*sources) == expected


def test_parts_are_checked(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="lr is a float; a part has state_dict"):
        RunState(lr=0.1)
    checkpoints = Checkpoints(tmp_path)
    assert not RunState(counter=Counter()).resume(checkpoints)
    RunState(counter=Counter()).save(checkpoints)
    with pytest.raises(ValueError, match=r"the state has parts \['counter'\], this run has \['other'\]"):
        RunState(other=Counter()).resume(checkpoints)
    with pytest.raises(ValueError, match="without gradients=True"):
        RunState(counter=Counter(), gradients=True).resume(checkpoints)


def test_nothing_warns_where_nothing_is_wrong(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Checkpoints(tmp_path).save(example())
        assert load(tmp_path)["step"] == 3


@pytest.mark.parametrize(
    "state",
    [
        {"$kind": "code"}, {"$kind": "tensor", "name": "absent"}, {"$kind": "float"}, {"$kind": "dict", "items": [1]},
        {"$kind": "tuple", "items": 5}, {"$kind": ["x"]}, [{"$kind": "array"}],
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_that_was_signed_anew_is_refused_in_words(tmp_path: Path, state: Any) -> None:
    from tensorwright.checkpoint import _manifest

    good = Checkpoints(tmp_path).save({"w": tw.ones(2)}, step=1)
    shutil.copytree(good.path, tmp_path / "forged")
    fields = json.loads((good.path / "manifest.json").read_text())
    del fields["sha256"]
    fields["state"] = state
    body = json.dumps(fields, indent=0)[:-2].encode()
    for name in ("manifest.json", "manifest.copy.json"):
        (tmp_path / "forged" / name).write_bytes(body + _manifest._closing(body))
    for use in (lambda: load(tmp_path / "forged"), lambda: diff(good.path, tmp_path / "forged")):
        with pytest.raises(CheckpointError, match="the state cannot be read"):
            use()


def test_differences_of_files_that_hold_objects(tmp_path: Path) -> None:
    tw.save({"w": tw.ones(2), "options": Path}, tmp_path / "a")
    tw.save({"w": tw.zeros(2), "options": Path}, tmp_path / "b")
    assert [str(found) for found in diff(tmp_path / "a", tmp_path / "b")] == ["w: 2 of 2 elements differ, by at most 1"]
