"""Schemas: text to objects and back, and what the errors say."""

import pytest
from tensorwright_codegen.facets import Default, Dtype, FacetError, Location, Type, parse_schema

ROUND_TRIPS = [
    "(Tensor self) -> Tensor",
    "() -> ()",
    "(Tensor|Scalar self, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    "(Tensor self, int[2] kernel, int[2]? stride=None, int[] dims=[0, -1]) -> (Tensor values, Tensor indices)",
    "(Tensor(a!) self, Tensor?[] indices, float eps=1e-05, str reduction='mean') -> Tensor(a)",
    "(Tensor[] tensors, *, dtype? dtype=None, device? device=None, Object? generator=None) -> Tensor[]",
    "(dtype dtype=float32, bool flag=True, float limit=inf) -> int",
]


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_a_schema_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_schema(text)) == text
    assert parse_schema(str(parse_schema(text))) == parse_schema(text)


def test_arguments_know_their_types_and_defaults() -> None:
    schema = parse_schema("(Tensor self, int[2] stride=1, *, dtype? dtype=None, Tensor? bias=None) -> Tensor")
    self, stride, dtype, bias = schema.args
    assert (self.type, self.optional, self.default) == (Type.TENSOR, False, None)
    assert (stride.type, stride.list_length, stride.default) == (Type.INTS, 2, Default(1))
    assert dtype.keyword_only
    assert dtype.optional
    assert bias.default == Default(None)
    assert schema.positional_count == 2
    assert parse_schema("(dtype d=bool) -> ()").args[0].default == Default(Dtype("bool"))


def test_aliases_name_the_argument_whose_storage_is_shared() -> None:
    schema = parse_schema("(Tensor x, Tensor(a) self) -> Tensor(a)")
    assert schema.alias_of(schema.rets[0]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tensor self -> Tensor", "expected `(arguments) -> results`"),
        ("(Tensro self) -> Tensor", "unknown type 'Tensro' of 'self'"),
        ("(Tensor self, Tensor self) -> Tensor", "'self' is declared twice"),
        ("(Tensor self=3) -> Tensor", "default '3' of 'self' is not a Tensor"),
        ("(int[2] x=0.5) -> Tensor", "default '0.5' of 'x' is not a int[2]"),
        ("(int a=1, int b) -> Tensor", "'b' without a default follows 'a' that has one"),
        ("(Tensor self) -> device", "'device' cannot be a result"),
        ("(Tensor self) -> Tensor(a)", "shares storage with no argument"),
        ("(int(a) n) -> Tensor", "only tensors have marks"),
        ("(bool[] x) -> Tensor", "there are no lists of bool"),
        ("(Tensor 2x) -> Tensor", "'2x' is not a name"),
    ],
)
def test_errors_name_the_part_that_is_wrong(text: str, words: str) -> None:
    with pytest.raises(FacetError) as caught:
        parse_schema(text, Location("ops/x.yaml", 7))
    assert words in str(caught.value)
    assert str(caught.value).startswith("ops/x.yaml:7: schema: ")
