"""Generated C++ of a few ops, file by file; that it is deterministic; that only changed files are written."""

from pathlib import Path

import pytest
from tensorwright_codegen.__main__ import main
from tensorwright_codegen.emit.core import core_output
from tensorwright_codegen.emit.kernels import load_library
from tensorwright_codegen.emit.stubs import stubs_output
from tensorwright_codegen.emit.uniform import holds_for_uniform_operands
from tensorwright_codegen.expression import emit_tables_header
from tensorwright_codegen.facets import load_ops, parse_yaml, read_op

FACETS = """\
- op: mm
  schema: "(Tensor self, Tensor mat2) -> Tensor"
  kind: kernel
  variants: [function, method, out]
  operator: "@"
  where:
    - self.shape[1] == mat2.shape[0]: "inner dimensions differ"
  shape: "[self.shape[0], mat2.shape[1]]"
  dtype: "self.dtype"
  doc: Product of two matrices.

- op: add
  schema: "(Tensor|Scalar self, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor"
  kind: pointwise
  variants: [function, method, inplace, out]
  operator: "+"
  aliases: [plus]
  expression: "self + alpha * other"
  compute: [f32, i32]
  doc: Sum.

- op: lt
  schema: "(Tensor self, Tensor other) -> Tensor"
  kind: pointwise
  operator: "<"
  aliases: [special.less]
  expression: "self < other"
  result: bool
  doc: Whether less.

- op: sum
  schema: "(Tensor self, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor"
  kind: reduction
  variants: [function, method]
  map: "self"
  combine: sum
  dtype: sum
  doc: Sum.

- op: split.sizes
  schema: "(Tensor(a) self, int[] sizes, int dim=0) -> Tensor(a)[]"
  kind: view
  variants: [method]
  varargs: sizes
  where:
    - sum(sizes) == self.shape[dim]
  doc: Pieces.

- op: loss
  schema: "(Tensor self, str reduction='mean', float[] weights=[1.0, 0.5]) -> (Tensor value, Tensor total)"
  kind: composite
  doc: A loss.
"""


@pytest.fixture
def facets(tmp_path: Path) -> Path:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "few.yaml").write_text(FACETS)
    return tmp_path / "ops"


@pytest.fixture
def files(facets: Path) -> dict[str, str]:
    return core_output(facets).files


def test_the_files(files: dict[str, str]) -> None:
    assert set(files) == {
        "op_specs.cpp", "infer_few.cpp", "op_adapters_few.cpp", "declarations/few.h", "tensorwright/ops.hpp",
        "tensorwright/ops/few.hpp", "python/bindings.cpp", "kernels/scalar_functions.h", "kernels/tables.h",
        "kernels/pointwise_few_0.cpp", "kernels/reduction_few.cpp", "kernels/kernel_table.cpp",
    }  # fmt: skip


def test_specs(files: dict[str, str]) -> None:
    specs = files["op_specs.cpp"]
    assert '{"alpha", ArgType::kScalar, false, true, true, 0, {TW_INT, 0, {1}}}' in specs
    assert "double default_loss_weights[] = {1.0, 0.5};" in specs
    assert 'PointwiseOp pointwise_add = {"add", 3, 1, {0, 1, 2}, 0, 0, 0, 0, cpu::DtypeRule::kPromote' in specs
    assert 'PointwiseOp pointwise_lt = {"lt", 2, 1, {0, 1}, 0, 1,' in specs
    assert 'ReductionOp reduction_sum = {"sum", {0}, 1, 1, 2, 3, cpu::ReductionDtype::kSum' in specs
    assert '"tw::mm(Tensor self, Tensor mat2) -> Tensor"' in specs
    assert "const uint32_t kBuiltinOpCount = 6;" in specs


def test_adapters_call_hand_written_functions(files: dict[str, str]) -> None:
    adapters, header = files["op_adapters_few.cpp"], files["declarations/few.h"]
    assert "void mm(TensorRef self, TensorRef mat2, TensorRef out);" in header
    assert "std::vector<Tensor> split_sizes(TensorRef self, IntList sizes, int64_t dim);" in header
    assert "std::tuple<Tensor, Tensor> loss(TensorRef self, std::string_view reduction, FloatList weights);" in header
    assert "cpu::mm(From<TensorRef>::get(c->args[0]), From<TensorRef>::get(c->args[1]), c->rets[0].u.t);" in adapters
    assert "if (const tw_status status = infer_split_sizes(nullptr, call, nullptr)) return status;" in adapters


def test_wrappers(files: dict[str, str]) -> None:
    wrappers = files["tensorwright/ops/few.hpp"]
    assert (
        "inline Tensor add(const Operand& self, const Operand& other, const Scalar& alpha = int64_t{1}) {" in wrappers
    )
    assert "inline void add_(const Operand& self, const Operand& other, const Scalar& alpha = int64_t{1}) {" in wrappers
    assert "inline void mm_out(TensorRef self, TensorRef mat2, TensorRef out) {" in wrappers


def test_bindings(files: dict[str, str]) -> None:
    bindings = files["python/bindings.cpp"]
    assert 'const BoundOp bound_add_ = {"add_", bound_add__overloads, 1, true};' in bindings
    assert "slots.nb_add = binary<bound_add>;" in bindings
    assert "slots.nb_inplace_add = binary<bound_add_>;" in bindings
    assert "case Py_LT: return call_binary(bound_lt, left, right);" in bindings
    assert 'define("plus", function<bound_add>' in bindings
    assert "const BoundOverload bound_split_overloads[] = {{4, 1, false}};" in bindings


def test_names_in_a_module(facets: Path, files: dict[str, str]) -> None:
    bindings = files["python/bindings.cpp"]
    assert '{"special", "less", "lt"},' in bindings
    assert 'BoundOp bound_lt = {"special.less", ' in bindings  # the name in messages: it has no other public one
    assert stubs_output(load_ops([facets])).files["special.pyi"].endswith("\nless = _ops.lt\n")


def test_kernels(files: dict[str, str]) -> None:
    table = files["kernels/kernel_table.cpp"]
    assert '{"add", ComputeType::kI32, TW_ISA_NS::pointwise_add_i32},' in table
    assert '{"sum", ComputeType::kF64, TW_ISA_NS::reduce_row_sum_f64,' in table


def test_the_same_facets_give_the_same_text(facets: Path) -> None:
    assert core_output(facets).files == core_output(facets).files


def test_only_changed_files_are_written(facets: Path, tmp_path: Path) -> None:
    out = tmp_path / "generated"
    assert len(core_output(facets).write(out)) == len(core_output(facets).files)
    assert core_output(facets).write(out) == []
    facet = facets / "few.yaml"
    facet.write_text(facet.read_text().replace("doc: Whether less.", "doc: Whether smaller."))
    assert [path.name for path in core_output(facets).write(out)] == ["bindings.cpp"]


def test_files_of_facets_that_are_gone_are_removed(facets: Path, tmp_path: Path) -> None:
    out = tmp_path / "generated"
    core_output(facets).write(out)
    (facets / "few.yaml").rename(facets / "more.yaml")
    (out / "handwritten.cpp").write_text("int main() {}\n")
    core_output(facets).write(out)
    assert not (out / "infer_few.cpp").exists()
    assert (out / "infer_more.cpp").exists()
    assert (out / "handwritten.cpp").exists()


def test_an_error_is_one_line_with_the_place(facets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facet = facets / "few.yaml"
    facet.write_text(facet.read_text().replace("self.shape[1] == mat2.shape[0]", "self.shape[1] == mat3.shape[0]"))
    assert main(["core", "--ops", str(facets), "--out", str(tmp_path / "out")]) == 1
    assert f"{facet}:7: rule" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("promote(self, other) != bool", True),
        ("self.dtype == other.dtype", True),
        ("is_floating(self.dtype)", False),
        ("self.shape == other.shape", False),
    ],
)
def test_constraints_that_uniform_operands_always_meet(rule: str, holds: bool) -> None:
    text = f"""\
- op: add
  schema: "(Tensor self, Tensor other) -> Tensor"
  kind: pointwise
  where: ["{rule}"]
  expression: self + other
  compute: [f32, i32]
  doc: Sum.
"""
    assert holds_for_uniform_operands(read_op(parse_yaml(text, "x.yaml").items()[0])) is holds


def test_tables_of_the_library_are_there_for_kernels(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "some.expr").write_text("NEAR_ONE = (0.5, -0.25)\nhalf = 0.5\n")
    header = emit_tables_header(load_library(tmp_path))
    assert "constexpr double kNearOne[] = {0x1.0000000000000p-1, -0x1.0000000000000p-2};" in header
    assert "kHalf" not in header  # a number is no table
