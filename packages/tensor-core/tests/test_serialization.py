"""Saving and loading: what comes back, what a hostile file meets, what an interruption leaves behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st

DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float8_e4m3fn", "float8_e5m2",
    "float16", "bfloat16", "float32", "float64", "complex64",
]  # fmt: skip


def file_bytes(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def load_bytes(data: bytes) -> dict[str, tw.Tensor]:
    return tw.load(io.BytesIO(data))


# ---- round trips -----------------------------------------------------------------------------------------


def test_every_dtype_and_shape_comes_back(tmp_path: Path) -> None:
    tensors = {}
    for name in DTYPES:
        for shape in [(), (3,), (2, 0), (2, 3, 4)]:
            values = tw.arange(int(np.prod(shape))).reshape(shape) % 2
            tensors[f"{name}{shape}"] = values.to(getattr(tw, name))
    path = tmp_path / "all.safetensors"
    tw.save(tensors, path, metadata={"made": "by a test", "umlaut": "ü"})
    loaded = tw.load(path)
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert loaded[name].shape == tensor.shape
        assert loaded[name].tolist() == tensor.tolist()
    assert tw.load_metadata(path) == {"made": "by a test", "umlaut": "ü"}


def test_views_are_saved_as_they_look(tmp_path: Path) -> None:
    x = tw.arange(6).reshape(2, 3)
    tw.save({"t": x.T, "row": x[1], "wide": x[0].expand(2, 3)}, tmp_path / "x")
    loaded = tw.load(tmp_path / "x")
    assert loaded["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert loaded["row"].tolist() == [3, 4, 5]
    assert loaded["wide"].tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("mmap", [True, False])
def test_loaded_tensors_are_writable_and_the_file_is_not_changed(tmp_path: Path, mmap: bool) -> None:
    path = tmp_path / "w"
    tw.save({"a": tw.ones(1000)}, path)
    before = path.read_bytes()
    a = tw.load(path, mmap=mmap)["a"]
    a.zero_()
    assert a.sum().item() == 0
    assert path.read_bytes() == before
    assert tw.load(path)["a"].sum().item() == 1000


def test_mapped_memory_outlives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w"
    tw.save({"a": tw.ones(5)}, path)
    a = tw.load(path)["a"]
    path.unlink()
    assert a.sum().item() == 5


def test_data_is_aligned_for_vector_instructions(tmp_path: Path) -> None:
    tw.save({"b": tw.ones(3, dtype=tw.uint8), "a": tw.ones(5, dtype=tw.float64)}, tmp_path / "w")
    assert tw.load(tmp_path / "w")["a"].data_ptr() % 64 == 0


def test_the_format_is_the_published_one(tmp_path: Path) -> None:
    path = tmp_path / "w"
    tw.save({"b": tw.tensor([1.0, 2.0]), "a": tw.tensor([3], dtype=tw.int64)}, path, metadata={"k": "v"})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + length]) == {
        "__metadata__": {"k": "v"},
        "a": entry("I64", (1,), (0, 8)),
        "b": entry("F32", (2,), (8, 16)),
    }
    assert content[8 + length :] == np.int64(3).tobytes() + np.array([1, 2], dtype=np.float32).tobytes()


def test_files_of_other_writers_need_not_be_aligned() -> None:
    data = b"\0" + np.array([1.0, 2.0], dtype=np.float32).tobytes()
    loaded = load_bytes(file_bytes({"pad": entry("U8", (1,), (0, 1)), "x": entry(offsets=(1, 9))}, data))
    assert loaded["x"].tolist() == [1, 2]


def test_bools_are_made_of_any_byte() -> None:
    loaded = load_bytes(file_bytes({"x": entry("BOOL", (3,), (0, 3))}, bytes([0, 1, 255])))
    assert loaded["x"].tolist() == [False, True, True]
    assert loaded["x"].sum().item() == 2


def test_an_empty_dict(tmp_path: Path) -> None:
    tw.save({}, tmp_path / "empty")
    assert tw.load(tmp_path / "empty") == {}


# ---- what cannot be saved ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tensors", "error", "text"),
    [
        ({"a": [1, {"b": lambda: 1}]}, TypeError, r"a\.1\.b needs .*<lambda>, which has no name to be found by again"),
        ([object()], TypeError, "0 is a builtins.object, which a file cannot hold: it has no attributes"),
        ([tw.zeros(1, device="meta")], ValueError, "0 lies on device 'meta' and has no data"),
        ({"__metadata__": tw.ones(1)}, ValueError, "reserved"),
        ({"a": tw.zeros(1, dtype=tw.complex128)}, ValueError, "complex128, which the safetensors format does not know"),
        ({"a": tw.zeros(1, device="meta")}, ValueError, "has no data"),
    ],
)
def test_what_cannot_be_saved(tmp_path: Path, tensors: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tw.save(tensors, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_metadata_must_be_strings(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="metadata must map str to str, got 'epoch': int"):
        tw.save({}, tmp_path / "x", metadata={"epoch": 7})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"'tensorwright.object' in metadata is reserved"):
        tw.save({}, tmp_path / "x", metadata={"tensorwright.object": "{}"})


# ---- interruptions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_an_interrupted_save_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "w"
    tw.save({"a": tw.ones(2)}, path)

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, failing, interrupt)
    with pytest.raises(KeyboardInterrupt):
        tw.save({"a": tw.zeros(2)}, path)
    monkeypatch.undo()
    assert tw.load(path)["a"].tolist() == [1, 1]
    assert os.listdir(tmp_path) == ["w"]


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorwright import _serialization

    path = tmp_path / "w"
    tw.save({"a": tw.ones(2)}, path)

    def full(tensor: tw.Tensor) -> memoryview:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_serialization, "raw_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        tw.save({"a": tw.zeros(2)}, path)
    assert tw.load(path)["a"].tolist() == [1, 1]
    assert os.listdir(tmp_path) == ["w"]


def test_saving_replaces_a_file_that_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "w"
    tw.save({"a": tw.ones(1000)}, path)
    old = tw.load(path)["a"]
    tw.save({"a": tw.zeros(3)}, path)
    assert old.sum().item() == 1000


# ---- damaged and hostile files -----------------------------------------------------------------------------

HOSTILE = {
    "empty": (b"", "too short for a header: 0 bytes"),
    "seven bytes": (b"1234567", "too short for a header: 7 bytes"),
    "huge header": (file_bytes({}, length=2**63), "format allows 100,000,000"),
    "header beyond the end": (file_bytes({}, length=50), "truncated: its header claims 50 bytes, 2 are there"),
    "no JSON": (file_bytes(b"{not json"), "header is no JSON"),
    "no UTF-8": (file_bytes(b'{"\xff": 1}'), "header is no JSON"),
    "deep JSON": (file_bytes(b"[" * 100_000), "header is no JSON"),
    "a list": (file_bytes([1]), "must be a JSON object"),
    "twice": (file_bytes(b'{"a": 1, "a": 2}'), "'a' occurs twice"),
    "no fields": (file_bytes({"a": 3}), "must be described by dtype, shape and data_offsets"),
    "more fields": (file_bytes({"a": {**entry(), "x": 1}}, bytes(8)), "must be described by"),
    "unknown dtype": (file_bytes({"a": entry("F8_E8M0")}, bytes(8)), "has dtype 'F8_E8M0'; known are BOOL"),
    "dtype no string": (file_bytes({"a": entry(dtype=[])}, bytes(8)), "has dtype"),  # type: ignore[arg-type]
    "negative size": (file_bytes({"a": entry(shape=(-1,))}, bytes(8)), "shape must be a list of sizes"),
    "fraction": (file_bytes({"a": entry(shape=(1.5,))}, bytes(8)), "shape must be a list of sizes"),
    "bool size": (file_bytes({"a": entry(shape=(True,))}, bytes(8)), "shape must be a list of sizes"),
    "huge size": (file_bytes({"a": entry(shape=(2**64,))}, bytes(8)), "shape must be a list of sizes"),
    "product overflows": (
        file_bytes({"a": entry(shape=(2**32, 2**32), offsets=(0, 0))}),
        "needs 73786976294838206464 bytes",
    ),
    "many dimensions": (file_bytes({"a": entry(shape=(1,) * 65, offsets=(0, 4))}, bytes(4)), "65 dimensions"),
    "three offsets": (file_bytes({"a": entry(offsets=(0, 8, 9))}, bytes(9)), "3 offsets"),
    "offsets reversed": (file_bytes({"a": entry(offsets=(8, 0))}, bytes(8)), "bytes 8 to 0"),
    "offsets beyond the end": (file_bytes({"a": entry(offsets=(8, 16))}, bytes(8)), "holds 8 bytes of data"),
    "size against offsets": (
        file_bytes({"a": entry(shape=(3,))}, bytes(8)),
        r"F32 \[3\] needs 12 bytes, its offsets span 8",
    ),
    "overlap": (file_bytes({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)), "'b' at byte 4 overlaps"),
    "hole": (file_bytes({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)), "'b' at byte 12 leaves a hole"),
    "data left over": (file_bytes({"a": entry()}, bytes(9)), "tensors take 8 bytes, but the file holds 9"),
    "truncated data": (file_bytes({"a": entry()}, bytes(7)), "holds 7 bytes of data"),
    "metadata of numbers": (file_bytes({"__metadata__": {"a": 1}}), "must map strings to strings"),
    "metadata of lists": (file_bytes({"__metadata__": []}), "must map strings to strings"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, name: str) -> None:
    data, text = HOSTILE[name]
    path = tmp_path / "hostile"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=text) as refused:
        tw.load(path)
    assert str(path) in str(refused.value)
    with pytest.raises(ValueError, match=text):
        load_bytes(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    file = io.BytesIO()
    tw.save({"a": tw.ones(3), "b": tw.zeros(2, 2, dtype=tw.bool)}, file)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        for tensor in load_bytes(bytes(content[: data.draw(st.integers(0, len(content)))])).values():
            tensor.tolist()


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tw.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        tw.save({}, tmp_path / "no" / "folder")


# ---- by name, lazily, in several files ------------------------------------------------------------------------


def test_tensors_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tw.save({"a": tw.ones(2), "b": tw.zeros(3)}, path)
    assert list(tw.load(path, names=["b"])) == ["b"]
    with pytest.raises(KeyError, match="has no tensor 'c'"):
        tw.load(path, names=["a", "c"])


def test_lazy_mappings(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tw.save({"a": tw.ones(2), "b": tw.zeros(3)}, path, metadata={"epoch": "7"})
    file = tw.load(path, lazy=True)
    assert (len(file), sorted(file), "a" in file, "c" in file, file.metadata) == (
        2,
        ["a", "b"],
        True,
        False,
        {"epoch": "7"},
    )
    assert file["a"].data_ptr() == file["a"].data_ptr()  # the mapped file itself
    file["a"].fill_(5)
    assert tw.load(path)["a"].tolist() == [1, 1]
    with pytest.raises(KeyError):
        file["c"]
    with pytest.raises(TypeError, match="neither names nor device"):
        tw.load(path, lazy=True, names=["a"])  # type: ignore[call-overload]


def sharded(folder: Path) -> tuple[Path, dict[str, tw.Tensor]]:
    tensors = {f"layer.{i}": tw.full([10], float(i)) for i in range(5)} | {"large": tw.ones(100)}
    path = folder / "model.safetensors"
    tw.save(tensors, path, max_shard_size=100, metadata={"format": "pt"})
    return path, tensors


def test_shards(tmp_path: Path) -> None:
    path, tensors = sharded(tmp_path)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(tensors)
    assert set(index["weight_map"].values()) == {f"model-0000{i}-of-00004.safetensors" for i in range(1, 5)}
    assert index["metadata"] == {"format": "pt", "total_size": 600}
    assert not path.exists()
    for place in (path, tmp_path / "model.safetensors.index.json"):
        loaded = tw.load(place)
        assert {name: tensor.tolist() for name, tensor in loaded.items()} == {n: t.tolist() for n, t in tensors.items()}
    assert tw.load(path, names=["layer.3"])["layer.3"].tolist() == [3.0] * 10
    assert tw.load_metadata(path) == {"format": "pt"}
    tw.save({"a": tw.ones(1)}, path)
    assert list(tw.load(path)) == ["a"]
    assert not (tmp_path / "model.safetensors.index.json").exists()


@pytest.mark.parametrize(("size", "most"), [("1KB", 1000), ("2 MiB", 2**21), (7, 7), ("5gb", 5 * 10**9)])
def test_shard_sizes(size: int | str, most: int) -> None:
    from tensorwright import _shards

    assert _shards.parse_size(size) == most


def test_shards_need_a_size_and_a_path(tmp_path: Path) -> None:
    for size in ("5 apples", 0, "-1", ""):
        with pytest.raises(ValueError, match="max_shard_size"):
            tw.save({}, tmp_path / "a", max_shard_size=size)
    with pytest.raises(TypeError, match="max_shard_size"):
        tw.save({}, tmp_path / "a", max_shard_size=2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="f must be a path"):
        tw.save({}, io.BytesIO(), max_shard_size=5)


def test_an_interrupted_save_of_shards_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, tensors = sharded(tmp_path)
    before = sorted(os.listdir(tmp_path))

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    from tensorwright import _serialization

    monkeypatch.setattr(_serialization, "_write", fail)
    with pytest.raises(OSError, match="disk full"):
        tw.save({name: tensor * 0 for name, tensor in tensors.items()}, path, max_shard_size=100)
    assert sorted(os.listdir(tmp_path)) == before
    assert tw.load(path)["large"].sum() == 100


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "with a weight_map"),
        (b'{"weight_map": []}', "with a weight_map"),
        (b'{"weight_map": {"a": "../model-00001-of-00004.safetensors"}}', "no file of its own folder"),
        (b'{"weight_map": {"a": "/etc/passwd"}}', "no file of its own folder"),
        (b'{"weight_map": {"a": ".."}}', "no file of its own folder"),
        (b'{"weight_map": {"a": 5}}', "no file of its own folder"),
        (b'{"weight_map": {"a": "x\\u0000"}}', "no file of its own folder"),
        (b'{"weight_map": {"a": "model-00001-of-00004.safetensors"}}', "has no tensor 'a'"),
        (b'{"weight_map": {"a": "b", "a": "c"}}', "occurs twice"),
    ],
)
def test_hostile_indices_are_refused(tmp_path: Path, index: bytes, message: str) -> None:
    path, _ = sharded(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_bytes(index)
    with pytest.raises(ValueError, match=message):
        tw.load(path)


def test_an_index_of_absent_files(tmp_path: Path) -> None:
    path, _ = sharded(tmp_path)
    (tmp_path / "model-00002-of-00004.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        tw.load(path)
