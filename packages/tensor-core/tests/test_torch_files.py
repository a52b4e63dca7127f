"""PyTorch's weight files: what the restricted reader understands, and that it runs nothing."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorwright import _torch_files
from tensorwright.__main__ import main

# ---- a writer of such files --------------------------------------------------------------------------------


class Stored(NamedTuple):
    """A tensor as the format describes it."""

    kind: str
    key: str
    numel: int
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def encoded(value: Any) -> bytes:
    """The instructions that make a value, as torch.save writes them."""
    if isinstance(value, Stored):
        storage = b"(" + text("storage") + name("torch", value.kind) + text(value.key) + text("cpu")
        storage += encoded(value.numel) + b"tQ"
        rest = encoded(value.offset) + encoded(value.size) + encoded(value.stride) + b"\x89" + encoded({})
        return name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + rest + b"tR"
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or value is None:
        return {True: b"\x88", False: b"\x89", None: b"N"}[value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, dict):
        return b"}(" + b"".join(encoded(k) + encoded(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(encoded, value)) + b"e"
    return b"(" + b"".join(map(encoded, value)) + b"t"


def write(path: Path, value: Any, storages: dict[str, bytes] | None = None, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("weights/data.pkl", b"\x80\x02" + encoded(value) + b".")
        for key, data in (storages or {}).items():
            archive.writestr(f"weights/data/{key}", data)
        for member, data in members.items():
            archive.writestr(f"weights/{member}", data)
    return path


SIX = np.arange(6, dtype=np.float32).tobytes()
MATRIX = Stored("FloatStorage", "0", 6, 0, (2, 3), (3, 1))

# ---- what is understood ------------------------------------------------------------------------------------


def test_tensors_in_containers(tmp_path: Path) -> None:
    turned = Stored("FloatStorage", "0", 6, 1, (2, 2), (1, 3))
    state = name("collections", "OrderedDict") + b")R(" + text("weight") + encoded(MATRIX) + b"u"
    state += encoded({"_metadata": {}}) + b"b"
    value = {"model": state, "list": [turned, 2.5, None], "epoch": 7, "name": "net", "done": True, "shape": (1, 2)}
    path = write(tmp_path / "a.pt", value, {"0": SIX}, byteorder=b"little", version=b"3\n")
    tensors, plain = _torch_files.flattened(_torch_files.read(path))
    assert tensors["model.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["list.0"].tolist() == [[1, 4], [2, 5]]
    assert tensors["list.0"].shares_storage(tensors["model.weight"])
    assert plain == {
        "list.1": 2.5, "list.2": None, "epoch": 7, "name": "net", "done": True, "shape.0": 1, "shape.1": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "dtype"), _torch_files.DTYPES.items())
def test_every_dtype(tmp_path: Path, kind: str, dtype: tw.dtype) -> None:
    stored = Stored(kind, "7", 2, 0, (2,), (1,))
    path = write(tmp_path / "a.pt", stored, {"7": bytes([1]) * 2 * dtype.itemsize})
    tensor = _torch_files.read(path)
    assert tensor.dtype == dtype
    assert tensor.shape == (2,)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = write(tmp_path / "a.pt", {"w": MATRIX, "epoch": 7}, {"0": SIX}), tmp_path / "a.safetensors"
    assert main(["convert", str(source), str(target)]) == 0
    assert "1 tensors, 1 other values as metadata" in capsys.readouterr().out
    assert tw.load(target)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert json.loads(tw.load_metadata(target)["epoch"]) == 7
    assert main(["convert", str(target), str(tmp_path / "b.safetensors")]) == 1
    assert "no zip archive" in capsys.readouterr().err
    assert not (tmp_path / "b.safetensors").exists()


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    source = write(tmp_path / "a.pt", {"w": MATRIX}, {"0": SIX})
    command = [sys.executable, "-m", "tensorwright", "convert", str(source), str(tmp_path / "a.safetensors")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.endswith("1 tensors\n")


def test_load_names_the_converter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pt", {"w": MATRIX}, {"0": SIX})
    with pytest.raises(ValueError, match=r"pickled objects, which load never runs; .*python -m tensorwright convert"):
        tw.load(path)
    (tmp_path / "b.pt").write_bytes(pickle.dumps({"w": 1}))
    with pytest.raises(ValueError, match="python -m tensorwright convert"):
        tw.load(tmp_path / "b.pt")


# ---- what is refused ---------------------------------------------------------------------------------------

CALLED = "called"


def call(module: str, attribute: str, *arguments: Any) -> bytes:
    return name(module, attribute) + encoded(tuple(arguments)) + b"R"


def laughs(depth: int) -> bytes:
    """A list of ten times a list of ten times ..."""
    program = encoded([1]) + b"q\x00"
    for level in range(1, depth):
        program += b"](" + bytes([ord("h"), level - 1]) * 10 + b"e" + bytes([ord("q"), level])
    return program


HOSTILE: dict[str, tuple[Any, str]] = {
    "a call": (call("os", "system", "touch called"), "needs os.system"),
    "a call of a builtin": (call("builtins", "exec", "open('called', 'w')"), "needs builtins.exec"),
    "a call through getattr": (call("builtins", "getattr", name("os", "path"), "join"), "needs builtins.getattr"),
    "a name as a value": ({"w": name("os", "system")}, "no tensor and no plain value"),
    "an object": (name("os", "PathLike") + b")\x81", "instruction NEWOBJ"),
    "an instance": (b"(ios\nsystem\n", "instruction INST"),
    "the state of an object": (encoded({}) + encoded({"__class__": 1}) + b"b", "state of an object"),
    "a call of a string": (text("os.system") + encoded(("x",)) + b"R", "calls what is no name"),
    "a whole module": (call("torch.nn.modules.linear", "Linear", 1, 1), "needs torch.nn.modules.linear.Linear"),
    "an extension": (b"\x82\x01", "instruction EXT1"),
    "another persistent object": (b"(" + text("module") + b"tQ", "other than a storage"),
    "an unknown storage": (MATRIX._replace(kind="QInt8Storage"), "torch.QInt8Storage, which has no dtype"),
    "a storage elsewhere": (MATRIX._replace(key="../../etc/passwd"), "no name and number"),
    "an absent storage": (MATRIX._replace(key="5"), "lacks 'data/5'"),
    "a storage that is too short": (MATRIX._replace(numel=7), "has only 24 bytes"),
    "a huge storage": (MATRIX._replace(numel=2**61), "has only 24 bytes"),
    "a tensor beyond its storage": (MATRIX._replace(size=(3, 3)), "does not fit its storage"),
    "a tensor that begins behind it": (MATRIX._replace(offset=7), "does not fit its storage"),
    "a negative offset": (MATRIX._replace(offset=-1), "in what is no storage"),
    "a negative size": (MATRIX._replace(size=(-2, 3)), "size is"),
    "a negative stride": (MATRIX._replace(stride=(-3, 1)), "stride is"),
    "an overflow": (MATRIX._replace(size=(2**61, 2**61), stride=(2**61, 2**61)), "does not fit its storage"),
    "strides without sizes": (MATRIX._replace(size=(2,)), "does not fit its storage"),
    "many dimensions": (MATRIX._replace(size=(1,) * 65, stride=(1,) * 65), "size is"),
    "a memo that is empty": (b"h\x09", "damaged"),
    "an empty stack": (b"0", "damaged|instruction POP"),
    "no mark": (b"t", "no mark"),
    "a list in itself": (b"]q\x00h\x00a", "nested"),
    "a dict in itself": (b"}q\x00" + text("x") + b"h\x00s", "nested"),
    "a billion laughs": (laughs(12), "too many values"),
    "a tensor as a key": (b"}(" + encoded(MATRIX) + b"Nu", "key of type Tensor"),
    "two values of one name": ({"a.b": 1, "a": {"b": 2}}, "two values have the name 'a.b'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_torch_files, "MAX_VALUES", 10_000)
    value, message = HOSTILE[case]
    path = write(tmp_path / "a.pt", value, {"0": SIX})
    with pytest.raises(_torch_files.UnsafeFileError, match=message):
        _torch_files.flattened(_torch_files.read(path))
    assert not os.path.exists(CALLED)


def test_hostile_archives(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(_torch_files.UnsafeFileError, match=message):
            _torch_files.read(path)

    path = tmp_path / "a.pt"
    path.touch()
    refused("empty")
    path.write_bytes(b"PK\x03\x04 and no more")
    refused("no zip archive")
    write(path, MATRIX, {"0": SIX}, byteorder=b"big")
    refused("big-endian")
    write(path, MATRIX, {"0": SIX}, **{"constants.pkl": b""})
    refused("script module")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/other", b"")
    refused("no data.pkl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", b"\x80\x02N" + b"0" * 1000)
    refused("compressed")
    write(path, MATRIX, {"0": SIX})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("weights/data/0", SIX)
    refused("two members")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    path = write(tmp_path / "a.pt", {"w": MATRIX, "list": [1, "x", 2.5]}, {"0": SIX})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]) if data.draw(st.booleans()) else content)
    try:
        tensors, _ = _torch_files.flattened(_torch_files.read(path))
    except _torch_files.UnsafeFileError:
        return
    for tensor in tensors.values():
        assert tensor.clone().numel() == tensor.numel()
