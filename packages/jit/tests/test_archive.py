"""Archives: what is saved comes back, what is damaged is refused, and nothing is ever executed from one."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st


def network() -> tw.nn.Module:
    return tw.nn.Sequential(tw.nn.Conv2d(1, 4, 3), tw.nn.ReLU(), tw.nn.Flatten(), tw.nn.Linear(144, 10)).eval()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "scale.twa"
    weight = tw.tensor([1.0, 2.0, 3.0])
    tw.jit.save(tw.jit.trace(lambda x: x * weight, tw.ones(2, 3)), path)
    return path


def test_modules_come_back(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "model.twa"
    tw.jit.save(tw.jit.trace(model, tw.randn(2, 1, 8, 8)), path)
    loaded = tw.jit.load(path)
    x = tw.randn(2, 1, 8, 8)
    assert bool((loaded(x) == model(x)).all())
    assert sorted(loaded.program.attributes) == sorted(dict(model.named_parameters()))


def test_nested_results_come_back(tmp_path: Path) -> None:
    def function(x: tw.Tensor) -> dict[str, object]:
        return {"a": x + 1, "b": [x, (x * 2,)]}

    path = tmp_path / "nested.twa"
    tw.jit.save(tw.jit.trace(function, tw.ones(2)), path)
    got = tw.jit.load(path)(tw.ones(2))
    assert got["a"].tolist() == [2.0, 2.0]
    assert got["b"][1][0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "dtype", [tw.bool, tw.int8, tw.uint16, tw.int64, tw.float16, tw.bfloat16, tw.float64, tw.complex64]
)
def test_every_dtype_of_weights(dtype: tw.dtype, tmp_path: Path) -> None:
    weight, path = tw.ones(3).to(dtype), tmp_path / "dtype.twa"
    tw.jit.save(tw.jit.trace(lambda x: (x, weight.clone()), tw.ones(1)), path)
    result = tw.jit.load(path)(tw.ones(1))[1]
    assert result.dtype == dtype
    assert bool((result == weight).all())


def test_entries_are_aligned_and_plain(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        for info in file.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            header = archive.read_bytes()[info.header_offset :][:30]
            name, extra = struct.unpack("<HH", header[26:30])
            assert (info.header_offset + 30 + name + extra) % 64 == 0


def test_the_same_program_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.twa"
    tw.jit.save(tw.jit.load(archive), again)
    assert again.read_bytes() == archive.read_bytes()


def test_weights_are_read_only(archive: Path) -> None:
    weight = tw.jit.load(archive).program.attributes["constant.0"]
    with pytest.raises(ValueError, match="read-only"):
        weight.add_(1)


def test_python_does_not_go_into_archives(tmp_path: Path) -> None:
    program = tw.jit.parse("func @forward(%x: object) { %y: object = py.call @f(%x) return(%y) }")
    captured = tw.jit.trace(lambda x: x, tw.ones(1))
    captured.program = program
    with pytest.raises(ValueError, match="a call of Python is left"):
        tw.jit.save(captured, tmp_path / "python.twa")


# ---- damage --------------------------------------------------------------------------------


def rewritten(archive: Path, **entries: bytes | None) -> Path:
    """The archive with entries replaced (by their last name) or left out."""
    with zipfile.ZipFile(archive) as file:
        contents = {info.filename: file.read(info) for info in file.infolist()}
    path = archive.with_name("damaged.twa")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, content in contents.items():
            key = Path(name).stem
            new = entries.get(key, content)
            if new is not None:
                file.writestr(name, new)
    return path


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(**changes: object) -> bytes:
    return safetensors({"constant.0": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12], **changes}}, bytes(12))


def test_the_manifest_names_the_ops(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        manifest = json.loads(file.read("MANIFEST.json"))
    assert manifest["ops"] == [["tw::mul", 0]]


DAMAGE: dict[str, tuple[dict[str, bytes | None], str]] = {
    "no manifest": ({"MANIFEST": None}, "MANIFEST.json' is missing"),
    "no graph": ({"program": None}, "program.twir' is missing"),
    "newer format": ({"MANIFEST": b'{"format": 2}'}, "a newer tensorwright-jit"),
    "feature": ({"MANIFEST": b'{"format": 1, "requires": ["magic"]}'}, "feature 'magic'"),
    "newer op": ({"MANIFEST": b'{"format": 1, "ops": [["tw::mul", 99]]}'}, "calls revision 99 of tw::mul, of which"),
    "absent op": ({"MANIFEST": b'{"format": 1, "ops": [["x::y", 1]]}'}, "calls x::y, which no installed distribution"),
    "ops no pairs": ({"MANIFEST": b'{"format": 1, "ops": [["x::y"]]}'}, "is a name and a number"),
    "ops no list": ({"MANIFEST": b'{"format": 1, "ops": 3}'}, "expected an array"),
    "no JSON": ({"MANIFEST": b"{"}, "archive manifest: expected a name"),
    "deep JSON": ({"MANIFEST": b"[" * 100000}, "64 levels"),
    "twice": ({"MANIFEST": b'{"format": 1, "format": 1}'}, "occurs twice"),
    "surrogate": ({"MANIFEST": b'{"format": "\\ud800"}'}, "surrogate"),
    "bad graph": ({"program": b"func @forward( {"}, "line 1"),
    "ill-formed graph": ({"program": b"func @forward() { %x: object = tw::nothing() return(%x) }"}, "there is no op"),
    "binary graph": ({"program": bytes(range(256))}, "line 1"),
    "short weights": ({"weights": b"1234"}, "cut off"),
    "huge header": ({"weights": struct.pack("<Q", 1 << 62)}, "larger than the file"),
    "weights outside": ({"weights": entry(data_offsets=[0, 13])}, "outside of the file"),
    "negative offset": ({"weights": entry(data_offsets=[-4, 12])}, "outside of the file"),
    "backward offsets": ({"weights": entry(data_offsets=[12, 0])}, "outside of the file"),
    "one offset": ({"weights": entry(data_offsets=[0])}, "pair of offsets"),
    "wrong size": ({"weights": entry(shape=[4])}, "takes 16 bytes, its offsets say 12"),
    "negative size": ({"weights": entry(shape=[-3])}, "impossible"),
    "overflow": ({"weights": entry(shape=[1 << 62, 1 << 62])}, "impossible"),
    "many dimensions": ({"weights": entry(shape=[1] * 99 + [3])}, "100 dimensions"),
    "unknown dtype": ({"weights": entry(dtype="F31")}, "no dtype 'F31'"),
    "shape no list": ({"weights": entry(shape=3)}, "expected an array"),
    "no dtype": ({"weights": safetensors({"w": {"shape": []}})}, "data_offsets"),
    "signature": ({"signature": b'{"inputs": {"kind": "os.system"}, "output": null}'}, "signature is damaged"),
    "signature text": ({"signature": b"import os"}, "signature is damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str, archive: Path) -> None:
    entries, sentence = DAMAGE[name]
    path = rewritten(archive, **entries)
    with pytest.raises(ValueError, match=r"damaged\.twa") as caught:
        tw.jit.load(path)
    assert sentence in str(caught.value)


ZIP_DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "it is empty"),
    "text": (lambda data: b"hello", "no zip file"),
    "cut in half": (lambda data: data[: len(data) // 2], "no zip file"),
    "checksum": (lambda data: data.replace(b"tw::mul", b"tw::add", 1), "checksum"),
    "directory outside": (lambda data: data[:-6] + struct.pack("<I", 1 << 31) + data[-2:], "cut off"),
    "too many entries": (lambda data: data[:-12] + struct.pack("<H", 9999) + data[-10:], "cut off"),
}


@pytest.mark.parametrize("name", ZIP_DAMAGE)
def test_damaged_zip_is_named(name: str, archive: Path) -> None:
    damage, sentence = ZIP_DAMAGE[name]
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ValueError, match="scale") as caught:
        tw.jit.load(archive)
    assert sentence in str(caught.value)


def test_compressed_entries_are_refused(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "compressed.twa"
    with zipfile.ZipFile(archive) as file, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as other:
        for info in file.infolist():
            other.writestr(info.filename, file.read(info))
    with pytest.raises(ValueError, match="is compressed"):
        tw.jit.load(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        tw.jit.load(tmp_path / "absent.twa")
    with pytest.raises(ValueError, match="no regular file"):
        tw.jit.load(tmp_path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_flipped_bytes_never_crash(data: st.DataObject) -> None:
    original = SAMPLE.read_bytes()
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    path = SAMPLE.with_name("flipped.twa")
    path.write_bytes(damaged)
    with contextlib.suppress(ValueError, TypeError, RuntimeError, NotImplementedError, MemoryError):
        tw.jit.load(path)(tw.ones(2, 3))


@pytest.fixture(scope="module", autouse=True)
def _sample(tmp_path_factory: pytest.TempPathFactory) -> None:
    global SAMPLE
    SAMPLE = tmp_path_factory.mktemp("sample") / "sample.twa"
    weight = tw.tensor([1.0, 2.0, 3.0])
    tw.jit.save(tw.jit.trace(lambda x: (x * weight).sum(1), tw.ones(2, 3)), SAMPLE)


SAMPLE = Path()


# ---- processes without Python ------------------------------------------------------------


def installed(folder: str, name: str) -> Path:
    """A file of the installed distributions."""
    return next(found for root in tw.__path__ if (found := Path(root) / folder / name).exists())


def runtime_environment() -> dict[str, str]:
    import scipy_openblas64

    blas = next(Path(scipy_openblas64.get_lib_dir()).glob("libscipy_openblas64_*"))
    library = installed("_lib", "libtensorwright.so").parent
    return {**os.environ, "TENSORWRIGHT_BLAS": str(blas), "TENSORWRIGHT_LIB": str(library)}


def build(source: str, out: Path) -> Path:
    library, headers = installed("_lib", "libtwrt.so").parent, header_flags()
    language = ["g++", "-std=c++17"] if source.endswith(".cpp") else ["gcc", "-std=c99", "-pedantic-errors"]
    path = Path(__file__).parent / "runtime" / source
    command = [*language, "-Wall", "-Wextra", "-Werror", *headers, str(path), "-o", str(out), f"-L{library}", "-ltwrt"]
    subprocess.run([*command, f"-Wl,-rpath,{library}", "-pthread"], check=True)
    return out


def header_flags() -> list[str]:
    """The wheels' headers; in a checkout those of the packages."""
    roots = [Path(root) / "include" for root in tw.__path__]
    checkout = [Path(__file__).parents[2] / name / "include" for name in ("jit", "tensor-core")]
    return [f"-I{root}" for root in (*roots, *checkout) if root.exists()]


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="library names are Linux's")


def test_a_c_program_runs_an_archive(tmp_path: Path) -> None:
    program = build("classify.c", tmp_path / "classify")
    run = subprocess.run([program, SAMPLE], capture_output=True, text=True, env=runtime_environment())
    assert (run.stdout, run.stderr) == ("x output: 8 26\n", "")
    failed = subprocess.run([program, "/absent.twa"], capture_output=True, text=True, env=runtime_environment())
    assert failed.returncode == 1
    assert "No such file" in failed.stderr


def test_threads_share_a_model(tmp_path: Path) -> None:
    program = build("threads.cpp", tmp_path / "threads")
    run = subprocess.run([program, SAMPLE], capture_output=True, text=True, env=runtime_environment())
    assert run.stdout == "0 6 12 18 24 30 36 42 forward: missing argument 'x'\n", run.stderr


def test_the_command(tmp_path: Path) -> None:
    model, x = network(), tw.randn(2, 1, 8, 8)
    paths = [tmp_path / name for name in ("model.twa", "in.safetensors", "out.safetensors")]
    tw.jit.save(tw.jit.trace(model, x), paths[0])
    tw.save({"input": x}, paths[1])
    command = [installed("_bin", "tw-run"), *paths]
    subprocess.run([*command, "--threads", "2"], check=True, env=runtime_environment())
    assert bool((tw.load(paths[2])["output"] == model(x)).all())
    wrong = subprocess.run(command[:3], capture_output=True, text=True, env=runtime_environment())
    assert wrong.returncode == 2
    assert "usage: tw-run" in wrong.stderr


def test_the_command_checks_sizes_of_exported_programs(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("halves.twa", "in.safetensors", "out.safetensors")]
    n = tw.export.Dim("n", max=9)
    tw.export.save(tw.export(lambda x: x[: x.shape[0] // 2] * 2, (tw.ones(6),), dynamic_shapes=({0: n},)), paths[0])
    command = [installed("_bin", "tw-run"), *paths]
    tw.save({"x": tw.ones(8)}, paths[1])
    subprocess.run(command, check=True, env=runtime_environment())
    assert tw.load(paths[2])["output"].tolist() == [2.0] * 4
    tw.save({"x": tw.ones(10)}, paths[1])
    wrong = subprocess.run(command, capture_output=True, text=True, env=runtime_environment())
    assert wrong.returncode == 1
    assert "input 'x' must have size n with n from 0 to 9 in dimension 0, got 10" in wrong.stderr
