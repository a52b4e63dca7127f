"""Derivative facets: what is read, what is refused, and the C++ that formulas become."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorwright_codegen.autograd import load_derivatives
from tensorwright_codegen.autograd.emit import autograd_output, compile_facet, node_name
from tensorwright_codegen.autograd.symbolic import NotDifferentiableError, gradient_formula
from tensorwright_codegen.facets import FacetError, OpSet, load_ops

OPS_TEXT = """
- op: add
  schema: "(Tensor|Scalar self, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor"
  kind: pointwise
  variants: [function, inplace]
  expression: "self + alpha * other"
  doc: Sum.
- op: mul
  schema: "(Tensor|Scalar self, Tensor|Scalar other) -> Tensor"
  kind: pointwise
  expression: "self * other"
  doc: Product.
- op: neg
  schema: "(Tensor self) -> Tensor"
  kind: pointwise
  expression: "-self"
  doc: Negative.
- op: exp
  schema: "(Tensor self) -> Tensor"
  kind: pointwise
  variants: [function, inplace]
  expression: "exp(self)"
  doc: Exponential.
- op: sum
  schema: "(Tensor self, int[1]? dim=None, bool keepdim=False) -> Tensor"
  kind: reduction
  map: "self"
  combine: sum
  doc: Sum.
- op: fill
  schema: "(Tensor self, Tensor|Scalar value) -> Tensor"
  kind: kernel
  variants: [inplace]
  shape: self.shape
  doc: Fill.
- op: max.dim
  schema: "(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"
  kind: kernel
  shape: ["[1]", "[1]"]
  doc: Maximum.
- op: norm_backward
  schema: "(Tensor grad, Tensor self, Tensor? weight) -> (Tensor grad_self, Tensor grad_weight)"
  kind: kernel
  shape: ["self.shape", "[1]"]
  doc: Gradients.
- op: norm
  schema: "(Tensor self, Tensor? weight, Tensor? mean) -> Tensor"
  kind: kernel
  shape: self.shape
  doc: Normalisation.
- op: index
  schema: "(Tensor self, Tensor?[] indices) -> Tensor"
  kind: kernel
  shape: dynamic
  doc: Elements.
- op: index_put
  schema: "(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor"
  kind: kernel
  shape: self.shape
  doc: Assignment.
"""


@pytest.fixture
def ops(tmp_path: Path) -> OpSet:
    (tmp_path / "ops.yaml").write_text(OPS_TEXT)
    return load_ops([tmp_path / "ops.yaml"])


def compiled(text: str, ops: OpSet, tmp_path: Path):
    (tmp_path / "derivatives.yaml").write_text(text)
    facets = load_derivatives([tmp_path / "derivatives.yaml"], ops)
    (facet,) = facets.values()
    return compile_facet(facet, ops)


def refusal(text: str, ops: OpSet, tmp_path: Path) -> str:
    with pytest.raises(FacetError) as caught:
        compiled(text, ops, tmp_path)
    return str(caught.value)


def test_a_formula_becomes_op_calls(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: mul\n  self: grad * other\n  other: grad * self\n", ops, tmp_path)
    assert "if (b.needs(0)) b.give_reduced(0, 1, ops::mul(b.grad(), b.operand(0)));" in one.function
    assert "if (b.needs(1)) b.give_reduced(1, 3, ops::mul(b.grad(), b.operand(2)));" in one.function
    assert '{SaveKind::kArgument, 1, 1u, "other"}' in one.tables
    assert '{SaveKind::kArgument, 0, 2u, "self"}' in one.tables
    assert '"tw::mul", "MulBackward"' in one.row


def test_only_a_shape_is_saved_where_only_the_shape_is_read(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: sum\n  self: expand_reduced(grad, self.shape, dim, keepdim)\n", ops, tmp_path)
    assert "kArgumentShape, 0" in one.tables
    assert "kArgument, 0" not in one.tables
    assert "b.plain<std::optional<IntList>>" in one.function


def test_a_tensor_that_is_saved_gives_its_own_shape(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: sum\n  self: expand_reduced(grad, self.shape, dim, keepdim) * self\n", ops, tmp_path)
    assert "kArgumentShape" not in one.tables
    assert "b.tensor(0).shape()" in one.function


def test_results_are_saved_as_results(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: exp\n  self: grad * result\n", ops, tmp_path)
    assert '{SaveKind::kResult, 0, 1u, "result"}' in one.tables


def test_an_op_that_writes_its_argument_has_an_edge_for_it(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: fill\n  value: grad\n  broadcast: value\n", ops, tmp_path)
    assert "fill_inputs[] = {{0, false, false}, {1, false, false}}" in one.tables
    assert "b.needs(0)" not in one.function


def test_one_call_gives_several_gradients(ops: OpSet, tmp_path: Path) -> None:
    text = '- op: norm\n  "self, weight": norm_backward(grad, self, weight)\n  unchecked: mean\n'
    one = compiled(text, ops, tmp_path)
    assert "if (b.needs(0) || b.needs(1)) {" in one.function
    assert "std::move(std::get<1>(grads))" in one.function


def test_arguments_named_grad(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: norm_backward\n  results: grad_self\n  grad: grad_grad_self * self\n", ops, tmp_path)
    assert "ops::mul(b.grad(), b.tensor(0))" in one.function


def test_conditions_numbers_and_lists(ops: OpSet, tmp_path: Path) -> None:
    text = "- op: index_put\n  self: grad if accumulate else index_put(grad, indices, values)\n"
    one = compiled(text, ops, tmp_path)
    otherwise = "ops::index_put(b.grad(), b.tensors(1), b.tensor(2), false)"
    assert f"(b.plain<bool>(0) ? Tensor::retain(b.grad()) : {otherwise})" in one.function


@pytest.mark.parametrize(
    ("expression", "formula"),
    [
        ("self", "grad"),
        ("3", "zeros_like(grad)"),
        ("floor(self)", "zeros_like(grad)"),
        ("-self * 2", "grad * (-1 * 2)"),
        ("exp(2 * self)", "grad * (result * 2)"),
        ("1 / self", "-(grad / self) / self"),
        ("select(self > 0, self, alpha * expm1(self))", "where(self > 0, grad, grad * (alpha * (expm1(self) + 1)))"),
        ("minimum(self, 6) / 6", "where(self <= 6, grad, 0) / 6"),
        ("select((self < 1) & (self > 0), T(0), self)", "where(logical_and(self < 1, self > 0), 0, grad)"),
        ("fma(self, self, 1)", "grad * (self + self)"),
    ],
)
def test_symbolic_derivatives(expression: str, formula: str) -> None:
    assert gradient_formula(expression, "self") == formula


def test_automatic_gradient_of_a_facet(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: exp\n  self: auto\n", ops, tmp_path)
    assert "ops::mul(b.grad(), b.tensor(0))" in one.function
    assert "kResult" in one.tables
    assert "only a pointwise op" in refusal("- op: sum\n  self: auto\n", ops, tmp_path)


def test_what_has_no_rule() -> None:
    with pytest.raises(NotDifferentiableError, match=r"the function bitcast\(\) has no rule"):
        gradient_formula("bitcast(self)", "self")


def test_results_without_gradient(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: max.dim\n  not_differentiable: true\n", ops, tmp_path)
    assert "kNoDerivative" in one.row
    assert one.function == ""
    assert node_name(one.op) == "MaxDimBackward"


def test_a_refused_gradient_raises_where_it_is_needed(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: mul\n  self: refused\n  other: grad * self\n", ops, tmp_path)
    assert 'if (b.needs(0)) b.refuse("self");' in one.function


def test_a_refused_op_has_no_table(ops: OpSet, tmp_path: Path) -> None:
    (tmp_path / "ops.yaml").write_text(OPS_TEXT)
    (tmp_path / "derivatives.yaml").write_text("- op: mul\n  refused: true\n")
    assert load_derivatives([tmp_path / "derivatives.yaml"], ops)["mul"].refused
    output = autograd_output([tmp_path / "ops.yaml"], [tmp_path / "derivatives.yaml"])
    assert "mul" not in output.files["derivatives.cpp"]


def test_linear_ops_are_marked(ops: OpSet, tmp_path: Path) -> None:
    one = compiled("- op: sum\n  linear: true\n  self: expand_reduced(grad, self.shape, dim, keepdim)\n", ops, tmp_path)
    assert "kLinear" in one.row
    together = "- op: index_put\n  linear: true\n  self: grad\n  values: index(grad, indices)\n"
    assert "kLinear" in compiled(together, ops, tmp_path).row
    written = "- op: fill\n  linear: true\n  value: grad\n  broadcast: value\n"
    assert "kLinear" in compiled(written, ops, tmp_path).row
    assert "kLinear" not in compiled("- op: neg\n  self: -grad\n", ops, tmp_path).row


def test_factors_are_marked(ops: OpSet, tmp_path: Path) -> None:
    text = "- op: mul\n  factors: [self, other]\n  self: grad * other\n  other: grad * self\n"
    source = compiled(text, ops, tmp_path).tables
    assert "{0, false, true}, {1, false, true}" in source
    assert "{0, false, false}" in compiled("- op: neg\n  self: -grad\n", ops, tmp_path).tables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- op: nope\n  self: grad\n", "derivatives.yaml:1: there is no op 'nope'"),
        (
            "- op: mul\n  self: grad\n  third: grad\n",
            "yaml:3: mul has no argument 'third'; its tensors are self, other",
        ),
        ("- op: sum\n  dim: grad\n", "'dim' of sum is int[1]?; only tensors have a gradient"),
        ("- op: mul\n", "expected formulas, or one of `not_differentiable: true`"),
        ("- op: mul\n  self: grad *\n", "derivatives.yaml:2: derivative of mul: not an expression"),
        ("- op: mul\n  self: grad * nothing\n", "unknown name 'nothing' in `grad * nothing`"),
        ("- op: mul\n  self: cosh(grad)\n", "there is no op or helper 'cosh'"),
        ("- op: mul\n  self: sum(grad, 1, 2, 3)\n", "sum() takes 3 arguments, got 4"),
        ("- op: mul\n  self: sum(grad, axis=1)\n", "sum() has no argument 'axis'"),
        ("- op: mul\n  self: neg()\n", "neg() needs 'self'"),
        ("- op: mul\n  self: norm_backward(grad, grad, None)\n", "gives a tuple for 'self' alone"),
        ('- op: mul\n  "self, other": grad\n', "expected a tuple of 2 gradients"),
        ('- op: mul\n  self: grad\n  "self, other": grad\n', "the gradient of 'self' is given twice"),
        (
            "- op: max.dim\n  self: grad\n  results: maximum\n",
            "has no result 'maximum'; expected one of indices, values",
        ),
        ("- op: mul\n  self: grad\n  broadcast: other\n", "'other' has no formula"),
        ("- op: mul\n  self: grad[0]\n", "TensorRef has no items"),
        ("- op: sum\n  self: grad\n  linear: yes\n", "derivatives.yaml:3: linear is `true` or absent"),
        (
            "- op: sum\n  not_differentiable: true\n  linear: true\n",
            "derivatives.yaml:3: sum: all results of a linear op",
        ),
        (
            "- op: max.dim\n  results: values\n  linear: true\n  self: grad\n",
            "yaml:3: max.dim: all results of a linear op",
        ),
        (
            "- op: mul\n  linear: true\n  self: grad\n  other: grad * self\n",
            "yaml:4: derivative of mul: the derivative of what is linear is the same everywhere, this reads 'self'",
        ),
        (
            "- op: exp\n  linear: true\n  self: auto\n",
            "yaml:3: derivative of exp: the derivative of what is linear is the same",
        ),
        (
            "- op: mul\n  factors: [self]\n  self: grad * self\n",
            "yaml:3: derivative of mul: the derivative of what is linear is the same everywhere, this reads 'self'",
        ),
        ("- op: mul\n  factors: [other]\n  self: grad\n", "yaml:2: 'other' has no formula"),
        ("- op: neg\n  linear: true\n  factors: [self]\n  self: -grad\n", "yaml:3: neg: a linear op has no factors"),
        ("- op: exp\n  linear: true\n  self: grad * result\n", "this reads 'result' in `grad * result`"),
        ("- op: mul\n  self: '{grad}'\n", "is not understood"),
        (
            "- op: mul\n  self: grad\n- op: mul\n  self: grad\n",
            "yaml:3: the derivative of 'mul' is already at",
        ),
    ],
)
def test_refusals_name_the_line(text: str, message: str, ops: OpSet, tmp_path: Path) -> None:
    assert message in refusal(text, ops, tmp_path)
