"""Stubs, reference pages and the coverage table."""

import ast
from pathlib import Path

import pytest
from tensorwright_codegen.__main__ import main
from tensorwright_codegen.emit.coverage import coverage, coverage_table, is_complete
from tensorwright_codegen.emit.reference import reference_output
from tensorwright_codegen.emit.stubs import stubs_output
from tensorwright_codegen.facets import OpSet, load_ops

PACKAGES = Path(__file__).parents[2]
CORE = PACKAGES / "tensor-core"
FACETS = """\
- op: max
  schema: "(Tensor self) -> Tensor"
  kind: composite
  variants: [function, method]
  doc: Largest of all.
- op: max.dim
  schema: "(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"
  kind: composite
  variants: [function, method]
  doc: Largest along a dimension.
- op: add
  schema: "(Tensor|Scalar self, Tensor|Scalar other) -> Tensor"
  kind: pointwise
  variants: [function, method, inplace, out]
  operator: "+"
  expression: "self + other"
  where:
    - promote(self, other) != bool: "bools have no sum"
  doc: Sum.
  example: ">>> tw.add(1, 2)"
- op: view
  schema: "(Tensor(a) self, int[] shape) -> Tensor(a)"
  kind: view
  variants: [method]
  varargs: shape
  doc: The same elements in another shape.
"""


@pytest.fixture
def ops(tmp_path: Path) -> OpSet:
    (tmp_path / "few.yaml").write_text(FACETS)
    return load_ops([tmp_path / "few.yaml"])


def test_stubs_are_python_and_overload(ops: OpSet) -> None:
    files = stubs_output(ops).files
    for text in files.values():
        ast.parse(text)
    assert (
        "def max(self: Tensor, dim: builtins.int, keepdim: builtins.bool = ...) -> _MaxDimResult: ..."
        in files["ops.pyi"]
    )
    assert files["ops.pyi"].count("@overload") == 4
    methods = files["_tensor_ops.pyi"]
    assert "class _MaxDimResult(NamedTuple):\n    values: Tensor\n    indices: Tensor\n" in methods
    assert "    def view(self, *shape: builtins.int) -> Tensor: ...\n" in methods
    assert "    def add_(self, other: Tensor | Number) -> Self: ...\n" in methods
    assert "    def __radd__(self, other: Number) -> Tensor: ...\n" in methods
    assert files["_public_ops.pyi"].splitlines()[1:] == [
        "from tensorwright.ops import add as add",
        "from tensorwright.ops import max as max",
    ]


@pytest.mark.skipif(not (CORE / "ops").is_dir(), reason="the facets of tensor-core are not here")
def test_the_committed_stubs_are_fresh() -> None:
    assert main(["stubs", "--check", "--ops", str(CORE / "ops"), "--out", str(CORE / "src" / "tensorwright")]) == 0


def test_a_stale_stub_is_named(ops: OpSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stubs_output(ops).write(tmp_path)
    (tmp_path / "ops.pyi").write_text("x = 1\n")
    assert main(["stubs", "--check", "--ops", str(tmp_path / "few.yaml"), "--out", str(tmp_path)]) == 1
    assert "ops.pyi is stale" in capsys.readouterr().err


def test_a_reference_page_says_all_that_the_facet_knows(ops: OpSet) -> None:
    page = reference_output(ops).files["tensorwright.add.md"]
    assert "tensorwright.add(self, other, *, out=None)" in page
    assert r"\mathrm{self} + \mathrm{other}" in page
    assert "- `promote(self, other) != bool` (bools have no sum)" in page
    assert "`Tensor.add_` (in place), operator `+`" in page
    assert "```pycon\n>>> tw.add(1, 2)\n```" in page
    assert "[`view`](tensorwright.view.md)" in reference_output(ops).files["index.md"]


def test_coverage_counts_what_is_missing(ops: OpSet, tmp_path: Path) -> None:
    derivatives = tmp_path / "autograd" / "derivatives"
    derivatives.mkdir(parents=True)
    (derivatives / "few.yaml").write_text("- op: [add, max]\n  self: grad\n")
    lines = coverage(ops, tmp_path, {"nn.functional.add", "view"})
    assert lines[0] == ["op", "kind", "doc", "example", "shape rule", "sample", "derivative"]
    assert lines[1][:2] == ["max", "composite"]
    assert lines[1][3:] == ["MISSING", "-", "MISSING", "yes"]
    assert lines[3] == ["add", "expression", "yes", "yes", "-", "yes", "yes"]
    assert lines[4] == ["view", "view", "yes", "MISSING", "-", "yes", "MISSING"]
    assert coverage_table(lines).splitlines()[-1].split()[:2] == ["4", "ops"]
    assert not is_complete(lines)
