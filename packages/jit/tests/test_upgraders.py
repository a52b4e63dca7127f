"""Archives of older revisions of ops keep their meaning under newer ones; those of newer revisions are refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")


def _headers() -> Path:
    """Of the checkout, or as the wheel of tensor-core installs them."""
    checkout = HERE.parents[1] / "tensor-core" / "include"
    return checkout if checkout.is_dir() else Path(next(iter(tw.__path__))) / "include"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if COMPILER is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("plugins")
    paths = [folder / f"scale{revision}.so" for revision in range(3)]
    for revision, path in enumerate(paths):
        flags = ["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-I{_headers()}"]
        source = str(HERE / "scale_plugin.c")
        subprocess.run([COMPILER, *flags, f"-DREVISION={revision}", source, "-o", str(path)], check=True)
    return list(map(str, paths))


SAVE = """
import sys
import tensorwright as tw

tw.extend.load_plugin(sys.argv[1])
scale = tw.ops.get("scale::scale")

def function(x):
    y = scale(x, 4.0)
    if sys.argv[3] == "0":
        y = tw.ops.get("scale::triple")(y)
    elif sys.argv[3] == "1":
        y = scale(y, 50.0, percent=False)
    return {"y": y, "z": [scale(y.relu(), 0.5)]}

captured = tw.jit.trace(function, tw.ones(2))
tw.jit.save(captured, sys.argv[2])
print(captured(tw.tensor([1.0, -2.0])))
"""
LOAD = """
import sys
import tensorwright as tw

if sys.argv[3] == "jit first":
    tw.jit.Program()
tw.extend.load_plugin(sys.argv[1])
loaded = tw.jit.load(sys.argv[2])
loaded.program.verify("functional")
again = sys.argv[2] + ".again"
tw.jit.save(loaded, again)
assert tw.jit.load(again).graph == loaded.graph
print(loaded(tw.tensor([1.0, -2.0])))
"""


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)


def saved(libraries: list[str], revision: int, path: Path) -> str:
    result = run(SAVE, libraries[revision], str(path), str(revision))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("order", ["jit first", "plugin first"])
@pytest.mark.parametrize(("older", "newer"), [(0, 1), (0, 2), (1, 2), (2, 2)])
def test_an_archive_means_what_it_meant(
    libraries: list[str], older: int, newer: int, order: str, tmp_path: Path
) -> None:
    path = tmp_path / "scale.twa"
    meant = saved(libraries, older, path)
    result = run(LOAD, libraries[newer], str(path), order)
    assert result.returncode == 0, result.stderr
    assert result.stdout == meant


def test_the_revisions_do_differ(libraries: list[str], tmp_path: Path) -> None:
    """Without the upgraders the test above would fail: the same call gives something else at each revision."""
    code = "import sys, tensorwright as tw\ntw.extend.load_plugin(sys.argv[1])\n"
    code += 'print(tw.ops.get("scale::scale")(tw.ones(1), 200.0).item())'
    assert [float(run(code, library).stdout) for library in libraries] == [200.0, 2.0, 4.0]


def test_a_newer_archive_is_refused_with_both_revisions(libraries: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scale.twa"
    saved(libraries, 2, path)
    result = run(LOAD, libraries[1], str(path), "jit first")
    assert result.returncode == 1
    said = "it calls revision 2 of scale::scale, of which revision 1 is installed; a newer distribution of that op may"
    assert f"ValueError: {path}: archive: {said}" in result.stderr


def test_an_archive_of_a_removed_op_without_upgrader_is_refused(libraries: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scale.twa"
    saved(libraries, 0, path)
    result = run("import sys, tensorwright as tw; tw.jit.load(sys.argv[1])", str(path))
    assert "calls scale::scale, which no installed distribution brings" in result.stderr


# ---- the rewriting itself, for ops that exist under older names ------------------------------------------------------


def archive(path: Path, graph: str, ops: list[tuple[str, int]]) -> str:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("MANIFEST.json", json.dumps({"format": 1, "ops": ops}))
        file.writestr("graphs/program.twir", graph)
        leaf = {"kind": "tuple", "keys": [], "items": [None]}
        file.writestr("signature.json", json.dumps({"inputs": leaf, "output": None}))
    return str(path)


tw.jit.add_upgrader(
    "gone::weighted",
    0,
    """
func @upgrade(%self: tensor<?, ?>, %weight: float) {
  %bias: float = placeholder @bias(1.0)
  %0: tensor<?, ?> = tw::mul(%self, %weight)
  %1: tensor<?, ?> = gone::weighted(%0, %bias)
  return(%1)
}""",
)
tw.jit.add_upgrader(
    "gone::weighted",
    1,
    """
func @upgrade(%x: tensor<?, ?>, %bias: float) {
  %0: bool = builtin @gt(%bias, 0.0)
  %1: tuple<tensor<?, ?>> = if(%0) {
    %2: tensor<?, ?> = tw::add(%x, %bias)
    yield(%2)
  } {
    yield(%x)
  }
  %3: tensor<?, ?> = tuple.get(%1, 0)
  return(%3)
}""",
)
tw.jit.add_upgrader("gone::pair", 0, "func @upgrade(%x: tensor<?, ?>, %y: tensor<?, ?>) { return((%y, %x)) }")
tw.jit.add_upgrader("gone::same", 0, "func @upgrade(%x: tensor<?, ?>) { return(%x) }")

V = "tensor<float32, [2]>"


def body(text: str, tail: str = "return(%y)") -> str:
    return f"func @forward(%x: {V}) {{\n{text}\n{tail}\n}}"


GRAPHS: dict[str, tuple[str, list[float]]] = {
    "by place": (body(f"%y: {V} = gone::weighted(%x, 2.0)"), [3.0, 7.0]),
    "by name": (body(f"%y: {V} = gone::weighted(weight=2.0, self=%x, bias=-1.0)"), [2.0, 6.0]),
    "all by place": (body(f"%y: {V} = gone::weighted(%x, 2.0, 5.0)"), [7.0, 11.0]),
    "several, in turn": (
        body(f"%a: {V} = gone::weighted(%x, 2.0)\n%y: {V} = gone::weighted(%a, 10.0, 0.5)"),
        [30.5, 70.5],
    ),
    "inside of a loop": (
        body(
            f"%l: tuple<{V}> = for(2, %x) (%i: int, %c: {V}) {{\n%a: {V} = gone::weighted(%c, 2.0)\nyield(%a)\n}}\n"
            f"%y: {V} = tuple.get(%l, 0)"
        ),
        [7.0, 15.0],
    ),
    "into a tensor": (
        body(f"%z: {V} = tw::clone(%x)\n%a: {V} = gone::weighted(%z, 2.0, into=%z)\n%y: {V} = tw::add(%z, %a)"),
        [6.0, 14.0],
    ),
    "several results": (
        body(f"%p: tuple<{V}, {V}> = gone::pair(%x, 5.0)\n%a: {V} = tuple.get(%p, 1)\n%y: {V} = tw::mul(%a, 2)"),
        [2.0, 6.0],
    ),
    "nothing in its place": (body(f"%y: {V} = gone::same(%x)"), [1.0, 3.0]),
    "a name that it uses itself": (
        body(f"%y: {V} = gone::weighted(%x, 2.0)") + "\nfunc @upgrade() { return(1) }",
        [3.0, 7.0],
    ),
}


@pytest.mark.parametrize(("graph", "values"), GRAPHS.values(), ids=GRAPHS)
def test_calls_are_rewritten(graph: str, values: list[float], tmp_path: Path) -> None:
    ops = [("gone::weighted", 0), ("gone::pair", 0), ("gone::same", 0), ("tw::add", 0)]
    loaded = tw.jit.load(archive(tmp_path / "a.twa", graph, ops))
    assert "gone::" not in loaded.graph
    assert "the upgrader of" not in loaded.program.text()
    assert loaded(tw.tensor([1.0, 3.0])).tolist() == values


def test_a_later_revision_begins_where_it_was(tmp_path: Path) -> None:
    graph = body(f"%y: {V} = gone::weighted(%x, 4.0)")
    loaded = tw.jit.load(archive(tmp_path / "a.twa", graph, [("gone::weighted", 1)]))
    assert loaded(tw.tensor([1.0, 3.0])).tolist() == [5.0, 7.0]


def test_rewritten_calls_know_where_they_came_from(tmp_path: Path) -> None:
    graph = body(f'%y: {V} = gone::weighted(%x, 2.0) loc("model.py":3:4)')
    text = tw.jit.load(archive(tmp_path / "a.twa", graph, [("gone::weighted", 0)])).graph
    assert text.count('loc("model.py":3:4)') == 7  # each node that takes its place
    assert f"%y: {V} = tuple.get" in text


REFUSED: dict[str, tuple[str, Any, str]] = {
    "an argument missing": (
        f"%y: {V} = gone::weighted(%x)",
        0,
        "gone::weighted lacks the argument 'weight'",
    ),
    "too many": (f"%y: {V} = gone::weighted(%x, 1.0, 2.0, 3.0)", 0, "has arguments that it does not take"),
    "unknown name": (f"%y: {V} = gone::weighted(%x, 1.0, scale=2.0)", 0, "has arguments that it does not take"),
    "a revision without upgrader": (f"%y: {V} = gone::weighted(%x, 1.0)", 7, "no installed distribution brings"),
    "below the first": (f"%y: {V} = tw::relu(%x)", -1, "revision -1 of gone::weighted; revisions begin at 0"),
    "a region": (f"%y: {V} = gone::weighted(%x, 1.0) {{ yield(1) }}", 0, "neither @target nor regions"),
    "used before": (f"%y: {V} = gone::weighted(%z, 1.0)\n%z: {V} = tw::relu(%x)", 0, "%z is not defined here"),
}


@pytest.mark.parametrize(("line", "revision", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_rewritten_is_refused(line: str, revision: int, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.twa: ") as caught:
        tw.jit.load(archive(tmp_path / "a.twa", body(line), [("gone::weighted", revision)]))
    assert sentence in str(caught.value)


NO_UPGRADERS = {
    "func @other(%x: int) { return(%x) }": "one function, @upgrade",
    "func @upgrade(%x: int) { return(%x) } func @b() { return(1) }": "one function, @upgrade",
    "func @upgrade(%x: int) { }": "ends with return",
    "func @upgrade(%x: int) { tw::relu(%x) }": "ends with return",
    "func @upgrade(%x: int) { return(%x, inputs={}) }": "ends with return",
    "func @upgrade(": "expected",
}


@pytest.mark.parametrize(("graph", "sentence"), NO_UPGRADERS.items())
def test_what_is_no_upgrader_is_refused(graph: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        tw.jit.add_upgrader("gone::other", 0, graph)


def test_an_upgrader_is_given_once() -> None:
    graph = "func @upgrade(%x: tensor<?, ?>) { return(%x) }"
    tw.jit.add_upgrader("gone::same", 0, graph)
    with pytest.raises(ValueError, match="upgrader of revision 0 of gone::same: there is another one already"):
        tw.jit.add_upgrader("gone::same", 0, graph.replace("%x", "%y"))
