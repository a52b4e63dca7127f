"""Objects in files: they come back as they were, and a file can name nothing that was not meant for it."""

from __future__ import annotations

import collections
import dataclasses
import enum
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorwright import serialization
from tensorwright.serialization import UnsafeFileError


@dataclasses.dataclass
class Config:
    width: int = 3
    weight: tw.Tensor | None = None


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Plain:
    """An object of attributes, whose constructor must not run again."""

    made = 0

    def __init__(self, value: Any) -> None:
        Plain.made += 1
        self.value = value


class Closing(Plain):
    def __del__(self) -> None:
        self.value = None


class Slots:
    __slots__ = ("x",)


class Restored(Plain):
    def __setstate__(self, state: Any) -> None:
        raise AssertionError("called because of a file")


class Reduced(Plain):
    def __reduce__(self) -> Any:
        return os.getcwd, ()


class Made(Plain):
    def __new__(cls, *args: Any) -> Any:
        return super().__new__(cls)


def again(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    tw.save(value, file)
    file.seek(0)
    return tw.load(file, **options)


# ---- round trips -------------------------------------------------------------------------------------------


def test_what_is_no_tensor_comes_back_beside_tensors() -> None:
    value = {
        "epoch": 7, "best": 0.1, "name": "ä\ud800", "none": None, "flag": True, 3: [1, (2, -3.5)], "bytes": b"\0\xff",
        "weight": tw.arange(3), "nested": {"weight": tw.ones(2, 2)}, "complex": 1 - 2j, "dtype": tw.float16,
        "device": tw.device("cpu"), "size": tw.ones(2, 3).shape, "set": {1, 2}, "slice": slice(1, None, 2),
        "big": 2**200, "frozen": frozenset({"a"}), "buffer": bytearray(b"x"),
    }  # fmt: skip
    loaded = again(value)
    assert list(loaded) == list(value)
    for name, item in value.items():
        assert type(loaded[name]) is type(item)
        if name not in ("weight", "nested"):
            assert loaded[name] == item
    assert loaded["weight"].tolist() == [0, 1, 2]
    assert loaded["nested"]["weight"].tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("value", [5, "text", None, [], {}, (), [1.5], math.inf, {"a": 1}])
def test_anything_may_be_the_whole_file(value: Any) -> None:
    loaded = again(value)
    assert loaded == value
    assert type(loaded) is type(value)


def test_a_tensor_that_required_gradients_is_read_with_and_without_autograd() -> None:
    entry = {"$kind": "tensor", "name": "t", "requires_grad": True}
    x = tw.load(described({"$kind": "entry", "number": 0}, [entry]))
    assert x.tolist() == [1, 1]
    assert getattr(x, "requires_grad", True)


def test_floats_keep_their_bits() -> None:
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf]
    assert [x.hex() for x in again(values)] == [x.hex() for x in values]
    assert math.isnan(again([math.nan])[0])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "complex64"])
def test_arrays_and_scalars_of_numpy(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    loaded = again([array, array[1, 2], np.asfortranarray(array)])
    for got, expected in zip(loaded, [array, array[1, 2], array], strict=True):
        assert type(got) is type(expected)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_complex128_has_no_type_in_the_format_and_comes_back_all_the_same() -> None:
    x = tw.tensor([1 + 2j, -3j], dtype=tw.complex128)
    loaded = again([x, x.conj()])
    assert loaded[0].dtype == tw.complex128
    assert loaded[0].tolist() == x.tolist()
    assert loaded[1].tolist() == x.conj().tolist()


def test_one_object_stays_one_and_circles_close(tmp_path: Path) -> None:
    tensor, inner = tw.ones(1000), [1]
    value: dict[str, Any] = {"a": tensor, "b": tensor, "list": inner, "again": (inner, inner)}
    value["self"] = value
    tw.save(value, tmp_path / "f")
    assert (tmp_path / "f").stat().st_size < 6000
    loaded = tw.load(tmp_path / "f")
    assert loaded["a"] is loaded["b"]
    assert loaded["list"] is loaded["again"][0] is loaded["again"][1]
    assert loaded["self"] is loaded


def test_nesting_of_any_depth() -> None:
    value: list[Any] = []
    for _ in range(20_000):
        value = [value]
    loaded, depth = again(value), 0
    while loaded:
        loaded, depth = loaded[0], depth + 1
    assert depth == 20_000


def test_orders_and_classes_of_dicts() -> None:
    value = [collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}]
    loaded = again(value)
    assert loaded == value
    assert [type(item) for item in loaded] == [collections.OrderedDict, dict]
    with pytest.raises(TypeError, match=r"x is a collections\.Counter"):
        again({"x": collections.Counter("ab")})


def test_the_tensors_are_a_plain_file_for_others(tmp_path: Path) -> None:
    tw.save({"model": {"w": tw.ones(2)}, "step": 3}, tmp_path / "f", metadata={"k": "v"})
    assert sorted(tw.load(tmp_path / "f", lazy=True)) == ["model.w"]
    assert tw.load(tmp_path / "f", names=["model.w"])["model.w"].tolist() == [1, 1]
    assert tw.load_metadata(tmp_path / "f") == {"k": "v"}


def test_shards(tmp_path: Path) -> None:
    value = {"a": tw.ones(1000), "b": [tw.zeros(1000)], "step": 3}
    tw.save(value, tmp_path / "f.safetensors", max_shard_size=5000)
    assert len(list(tmp_path.iterdir())) == 3
    loaded = tw.load(tmp_path / "f.safetensors")
    assert loaded["step"] == 3
    assert loaded["a"].sum().item() == 1000
    assert loaded["b"][0].shape == (1000,)


def test_places_of_tensors() -> None:
    for place in ("cpu", tw.device("cpu"), {"cuda:0": "cpu"}, {"cpu": "cpu"}, lambda storage, location: storage):
        file = io.BytesIO()
        tw.save([tw.ones(2)], file)
        file.seek(0)
        assert tw.load(file, place)[0].device == tw.device("cpu")
    assert again([tw.ones(2)], map_location="meta")[0].is_meta


# ---- objects -----------------------------------------------------------------------------------------------


def test_objects_of_allowed_classes_get_their_attributes_and_nothing_is_called() -> None:
    shared = tw.ones(2)
    value = [Plain([1, shared]), Config(5, shared), Colour.BLUE]
    before = Plain.made
    with serialization.safe_globals([Plain, Config, Colour]):
        plain, config, colour = again(value)
    assert Plain.made == before
    assert plain.value[0] == 1
    assert plain.value[1] is config.weight
    assert config.width == 5
    assert colour is Colour.BLUE


@pytest.mark.parametrize("value", [Plain(1), Config(), Colour.RED, Plain, [os.system], {"f": print}])
def test_other_names_are_refused(value: Any) -> None:
    with pytest.raises(UnsafeFileError, match="is not among what files may name"):
        again(value)


def test_dataclasses_and_enumerations_of_the_program_by_weights_only_false() -> None:
    assert again(Config(5), weights_only=False) == Config(5)
    assert again(Colour.RED, weights_only=False) is Colour.RED
    for value in (Plain(1), os.system, [subprocess.Popen], Closing(2)):
        with pytest.raises(UnsafeFileError, match="is not among what files may name"):
            again(value, weights_only=False)


def test_functions_on_tensors_may_be_named() -> None:
    assert again({"act": tw.tanh})["act"] is tw.tanh


@pytest.mark.parametrize("kind", [Slots, Reduced, Restored, Made, OSError, io.BytesIO])
def test_objects_that_are_more_than_attributes(kind: Any) -> None:
    value = kind() if kind in (Slots, OSError, io.BytesIO) else kind(1)
    with pytest.raises(TypeError, match="which a file cannot hold"):
        tw.save([value], io.BytesIO())
    file = described({"$kind": "entry", "number": 0}, [object_of(f"{kind.__module__}.{kind.__qualname__}")])
    with serialization.safe_globals([kind]), pytest.raises(UnsafeFileError, match="is more than its attributes"):
        tw.load(file)


def test_local_classes_are_refused_when_they_are_saved() -> None:
    class Local:
        x = 1

    with pytest.raises(TypeError, match="Local, which has no name to be found by again"):
        tw.save(Local(), io.BytesIO())


def test_what_was_added_can_be_seen_and_forgotten() -> None:
    with serialization.safe_globals([Plain, (Config, "old.place.Config")]):
        assert serialization.get_safe_globals() == [Plain, (Config, "old.place.Config")]
        file = described({"$kind": "entry", "number": 0}, [object_of("old.place.Config", width=9)])
        assert tw.load(file) == Config(9)
    assert serialization.get_safe_globals() == []
    with pytest.raises(TypeError, match="expected classes and functions"):
        serialization.add_safe_globals([3])  # type: ignore[list-item]


def test_names_that_would_be_refused() -> None:
    file = io.BytesIO()
    tw.save([Plain(os.system), tw.tanh, Colour.RED], file)
    file.seek(0)
    names = serialization.get_unsafe_globals_in_checkpoint(file)
    assert [name.rpartition(".")[2] for name in names] == ["Colour", "Plain", "system"]


# ---- hostile files -----------------------------------------------------------------------------------------


def object_of(name: str, /, **attributes: Any) -> dict[str, Any]:
    return {"$kind": "object", "class": name, "attributes": [[k, v] for k, v in attributes.items()]}


def described(value: Any, entries: Any, text: str | None = None) -> io.BytesIO:
    """A file that says this of itself."""
    file = io.BytesIO()
    tw.save({"t": tw.ones(2), "n": tw.arange(2)}, file, metadata={"tensorwright_object": "@"})
    header, data = file.getvalue()[8:].split(b"}}", 1)
    whole = json.dumps({"version": 1, "value": value, "entries": entries}) if text is None else text
    fields = json.loads(header + b"}}")
    fields["__metadata__"] = {"tensorwright.object": whole}
    packed = json.dumps(fields).encode()
    return io.BytesIO(len(packed).to_bytes(8, "little") + packed + data.lstrip(b" "))


ENTRY = {"$kind": "entry", "number": 0}
TENSOR = {"$kind": "tensor", "name": "t"}
HOSTILE: dict[str, tuple[Any, Any]] = {
    "a function that runs programs": ({"$kind": "name", "name": "os.system"}, []),
    "a module": ({"$kind": "name", "name": "os"}, []),
    "by way of our own modules": ({"$kind": "name", "name": "tensorwright.testing.os.system"}, []),
    "our functions that write": ({"$kind": "name", "name": "tensorwright.save"}, []),
    "through an instance": ({"$kind": "name", "name": "tensorwright.__dict__"}, []),
    "no name": ({"$kind": "name", "name": ".."}, []),
    "a number for a name": ({"$kind": "name", "name": 3}, []),
    "a class that is not imported": (ENTRY, [object_of("antigravity.Thing")]),
    "a class that deletes": (ENTRY, [object_of("tempfile.TemporaryDirectory", name="/tmp")]),
    "a function for a class": (ENTRY, [object_of("tensorwright.ops.tanh")]),
    "a type": (ENTRY, [object_of("builtins.type")]),
    "an object": (ENTRY, [object_of("builtins.object")]),
    "no entry": ({"$kind": "entry", "number": 5}, []),
    "a negative entry": ({"$kind": "entry", "number": -1}, [TENSOR]),
    "a bool for an entry": ({"$kind": "entry", "number": True}, [TENSOR, TENSOR]),
    "no kind": ({"a": 1}, []),
    "an unknown kind": ({"$kind": "code", "text": "1"}, []),
    "a list": ([1], []),
    "entries are no list": (1, {}),
    "an entry is no dict": (1, [3]),
    "an unknown entry": (1, [{"$kind": "code"}]),
    "no such tensor": (ENTRY, [{"$kind": "tensor", "name": "x"}]),
    "a tensor of what class": (ENTRY, [TENSOR | {"class": "os.system"}]),
    "gradients of integers": (ENTRY, [{"$kind": "tensor", "name": "n", "requires_grad": True}]),
    "complex integers": (ENTRY, [{"$kind": "tensor", "name": "n", "dtype": "complex128"}]),
    "what cannot be hashed": ({"$kind": "set", "items": [ENTRY]}, [{"$kind": "list", "items": []}]),
    "a list for a key": (ENTRY, [{"$kind": "dict", "items": [[ENTRY, 1]]}]),
    "no pairs": (ENTRY, [{"$kind": "dict", "items": [1]}]),
    "no base64": ({"$kind": "bytes", "base64": "?"}, []),
    "no float": ({"$kind": "float", "text": "x"}, []),
    "a dtype that is something else": ({"$kind": "dtype", "name": "op_functions"}, []),
    "no device": ({"$kind": "device", "name": "nowhere:1"}, []),
    "not a size": ({"$kind": "size", "items": ["x"]}, []),
}


@pytest.mark.parametrize("of_the_program", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_descriptions_are_refused(name: str, of_the_program: bool) -> None:
    value, entries = HOSTILE[name]
    before = set(sys.modules)
    with pytest.raises(UnsafeFileError, match="load: the file: "):
        tw.load(described(value, entries), weights_only=not of_the_program)
    assert "antigravity" not in set(sys.modules) - before


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"version": 2}', "[" * 100_000, '{"version": 1}'])
def test_damaged_texts_are_refused(text: str) -> None:
    with pytest.raises(UnsafeFileError, match=r"damaged|version"):
        tw.load(described(0, [], text))


KINDS = ["tuple", "set", "slice", "size", "list", "dict", "object", "tensor", "array", "name"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(ENTRY)
    | st.sampled_from([value for value, _ in HOSTILE.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.fixed_dictionaries(
        {"$kind": st.sampled_from(KINDS)},
        optional={"items": st.lists(inner, max_size=3), "name": inner, "class": inner, "attributes": inner},
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(JSON, st.lists(JSON, max_size=4))
def test_any_description_is_read_or_refused(value: Any, entries: list[Any]) -> None:
    file = described(value, entries)
    try:
        tw.load(file, weights_only=False)
    except UnsafeFileError:
        return
