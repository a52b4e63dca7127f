"""Constraints and results of whole ops, evaluated on metadata."""

from pathlib import Path
from typing import Any

import pytest
from tensorwright_codegen.facets import Op, load_ops, parse_yaml, read_op
from tensorwright_codegen.rules import RefusedError, TensorMeta, infer
from tensorwright_codegen.rules.checks import emit_check

OPS = Path(__file__).parents[2] / "tensor-core" / "ops"


def op(schema: str, rest: str) -> Op:
    text = f'- op: f\n  schema: "{schema}"\n  doc: x\n{rest}'
    return read_op(parse_yaml(text, "x.yaml").items()[0], "x")


MATRIX_PRODUCT = op(
    "(Tensor self, Tensor mat2) -> Tensor",
    """  kind: kernel
  where:
    - self.ndim == 2 and mat2.ndim == 2: "both arguments must be matrices"
    - self.shape[1] == mat2.shape[0]: "inner dimensions differ"
    - self.dtype == mat2.dtype
  shape: "[self.shape[0], mat2.shape[1]]"
  dtype: self.dtype
""",
)
ADD = op(
    "(Tensor|Scalar self, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    "  kind: pointwise\n  expression: self + alpha * other\n  compute: [f32, f64, i32, i64]\n",
)
LESS = op("(Tensor self, Tensor other) -> Tensor", "  kind: pointwise\n  expression: self < other\n  result: bool\n")
SUM = op(
    "(Tensor self, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    "  kind: reduction\n  map: self\n  combine: sum\n  compute: [f32, f64, i64]\n  dtype: sum\n",
)


def meta(*shape: int, dtype: str = "float32") -> TensorMeta:
    return TensorMeta(shape, dtype)


def test_results_of_a_kernel() -> None:
    assert infer(MATRIX_PRODUCT, {"self": meta(2, 3), "mat2": meta(3, 5)}) == (meta(2, 5),)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"self": meta(2), "mat2": meta(3, 5)}, "f: both arguments must be matrices"),
        ({"self": meta(2, 4), "mat2": meta(3, 5)}, "f: inner dimensions differ"),
        ({"self": meta(2, 3), "mat2": meta(3, 5, dtype="int8")}, "f: expected self.dtype == mat2.dtype"),
    ],
)
def test_refusals(args: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        infer(MATRIX_PRODUCT, args)


def test_pointwise_ops_broadcast_and_promote() -> None:
    assert infer(ADD, {"self": meta(4, 1, dtype="int8"), "other": meta(3), "alpha": 1}) == (meta(4, 3),)
    assert infer(ADD, {"self": meta(2, dtype="int8"), "other": 2, "alpha": 1}) == (meta(2, dtype="int8"),)
    assert infer(ADD, {"self": meta(2, dtype="int8"), "other": 2.5, "alpha": 1}) == (meta(2),)
    assert infer(LESS, {"self": meta(2), "other": meta(2)}) == (meta(2, dtype="bool"),)
    with pytest.raises(RefusedError, match="do not broadcast"):
        infer(ADD, {"self": meta(2), "other": meta(3), "alpha": 1})


def test_sums_of_integers_are_int64() -> None:
    args = {"self": meta(2, 3, dtype="int8"), "dim": (-1,), "keepdim": True, "dtype": None}
    assert infer(SUM, args) == (meta(2, 1, dtype="int64"),)
    assert infer(SUM, {**args, "dim": None, "keepdim": False, "dtype": "float64"}) == (meta(dtype="float64"),)


def test_a_check_prints_every_value_that_matters() -> None:
    (statement,) = emit_check(MATRIX_PRODUCT, MATRIX_PRODUCT.where[1])
    assert 'Refusal("f", TW_E_SHAPE, "inner dimensions differ")' in statement
    assert '.tensor("self", self).tensor("mat2", mat2)' in statement
    assert '.term("self.shape[1]", ' in statement
    assert '.term("mat2.shape[0]", ' in statement


def test_parts_of_an_and_are_checked_one_by_one() -> None:
    first, second = emit_check(MATRIX_PRODUCT, MATRIX_PRODUCT.where[0])
    assert "mat2" not in first
    assert '"self.ndim"' not in second


@pytest.mark.skipif(not OPS.is_dir(), reason="the facets of tensor-core are not here")
def test_every_rule_of_tensor_core_is_well_typed() -> None:
    for item in load_ops([OPS]):
        for constraint in item.where:
            assert emit_check(item, constraint)


def test_what_no_kernel_computes_is_refused() -> None:
    args = {"self": meta(2, dtype="complex64"), "other": meta(2), "alpha": 1}
    with pytest.raises(RefusedError, match="complex64 is not supported"):
        infer(ADD, args)
