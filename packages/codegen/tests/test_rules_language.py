"""The rule language: values, types, errors, and the C++ that it becomes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorwright_codegen.facets import FacetError, Rule, parse_schema
from tensorwright_codegen.rules import RuleError, TensorMeta, evaluate_rule, parse_rule, promote_types
from tensorwright_codegen.rules.cpp import emit

SCHEMA = parse_schema(
    "(Tensor self, Tensor mat2, Tensor? bias=None, int? dim=None, int[2] stride=1, str mode='a', float p=0.5,"
    " Tensor[]? tensors=None, Tensor|Scalar other=1, dtype? dtype=None, bool keepdim=False) -> Tensor"
)
ARGS: dict[str, Any] = {
    "self": TensorMeta((4, 3), "float32"),
    "mat2": TensorMeta((2, 3, 5), "int64"),
    "bias": None,
    "dim": None,
    "stride": (2, 3),
    "mode": "same",
    "p": 0.5,
    "tensors": [TensorMeta((2, 7)), TensorMeta((3, 7))],
    "other": 1.5,
    "dtype": None,
    "keepdim": True,
}


def value(text: str, **changed: Any) -> Any:
    return evaluate_rule(parse_rule(Rule(text), SCHEMA), {**ARGS, **changed})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self.shape[-1] == mat2.shape[1]", True),
        ("self.shape[:-1] + [1, mat2.ndim]", [4, 1, 3]),
        ("(self.shape[0] + 2 * 1 - 3) // stride[0] + 1", 2),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("bias is None or bias.ndim == 1", True),
        ("dim is not None", False),
        ("0 <= p <= 1 and mode in ['same', 'valid']", True),
        ("all(t.shape[1] == tensors[0].shape[1] for t in tensors)", True),
        ("sum(t.shape[0] for t in tensors)", 5),
        ("[n + 1 for n in self.shape if n > 3]", [5]),
        ("max(t.ndim for t in tensors)", 2),
        ("promote(self, mat2, other)", "float32"),
        ("promote(*tensors)", "float32"),
        ("float_dtype(mat2.dtype)", "float32"),
        ("mat2.dtype if dtype is None else dtype", "int64"),
        ("mat2.dtype not in [bool, int64]", False),
        ("broadcast([4, 1], [3])", [4, 3]),
        ("reduced(self.shape, dim, keepdim)", [1, 1]),
        ("reduced(self.shape, [1], False)", [4]),
        ("normalize_dim(-1, self.ndim)", 1),
        ("prod(mat2.shape) == mat2.numel", True),
        ("min(stride) if self.ndim > 1 else 0", 2),
        ("is_floating(self.dtype) and not is_complex(self.dtype)", True),
        ("other.ndim", 0),
        ("without(self.shape, 0)", [3]),
        ("inserted(self.shape, 1, 9)", [4, 9, 3]),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("broadcast([2, 3], [4])", "shapes [2, 3] and [4] do not broadcast"),
        ("normalize_dim(2, self.ndim)", "dim 2 is out of range for a tensor of 2 dimensions"),
        ("normalize_dims([0, -2], 2)", "a dim is given twice"),
        ("self.shape[2]", "index 2 is out of range"),
        ("1 // (self.ndim - 2)", "division by zero"),
    ],
)
def test_rules_without_a_value(text: str, words: str) -> None:
    with pytest.raises(RuleError, match=words.replace("[", r"\[")):
        value(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("self.shap[0]", "tensors have ndim, shape, numel, dtype, device here, not 'shap'"),
        ("weight.ndim", "no argument 'weight'"),
        ("self.ndim == 'a'", "no '==' of int and str"),
        ("self.dtype < bool", "no '<' of dtype and dtype"),
        ("self.ndim and True", "expected bool, got int"),
        ("rank(self)", "no function 'rank'"),
        ("normalize_dim(self, 1)", "argument 1 of normalize_dim: expected bool or int, got Tensor"),
        ("self is None", "expected `argument is None` of an optional argument"),
        ("self.ndim ==", "is not an expression"),
        ("lambda: 1", "Lambda is not part of the rule language"),
        ("__import__('os')", "no function '__import__'"),
        ("[self.shape, 1]", "expected a list of ints"),
        ("1 if True else 'a'", "expected one type"),
    ],
)
def test_rules_that_are_not_rules(text: str, words: str) -> None:
    with pytest.raises(FacetError) as caught:
        parse_rule(Rule(text), SCHEMA)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cpp"),
    [
        ("self.ndim == 2", "(rules::ndim_of(self) == int64_t{2})"),
        ("self.shape[-1]", 'rules::at(rules::shape_of(self), int64_t{-1}, "self.shape[-1]")'),
        ("dim is None or dim >= 0", "(!rules::has_value(dim) || ((*dim) >= int64_t{0}))"),
        ("self.dtype == bfloat16", "(rules::dtype_of(self) == kBFloat16)"),
        ("reduced(self.shape, dim, keepdim)", "rules::reduced(rules::shape_of(self), dim, keepdim)"),
        ("self.shape != [1]", "!rules::equal(rules::shape_of(self), Dims{int64_t{1}})"),
    ],
)
def test_cpp(text: str, cpp: str) -> None:
    assert emit(parse_rule(Rule(text), SCHEMA)) == cpp


DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]


@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_promotion_is_symmetric(a: str, b: str) -> None:
    assert promote_types(a, b) == promote_types(b, a)


def test_promotion_follows_the_array_api() -> None:
    assert promote_types("uint8", "int8") == "int16"
    assert promote_types("int64", "float16") == "float16"
    assert promote_types("float16", "bfloat16") == "float32"
    assert promote_types("float64", "complex64") == "complex128"
    assert value("promote(mat2, other)") == "float32"
    assert value("promote(self, other)", other=True) == "float32"
