"""Facet files: what is read, the round trip, and errors with file and line."""

from pathlib import Path

import pytest
from tensorwright_codegen.facets import FacetError, Kind, Op, load_ops, parse_yaml, read_op, write_op

OPS = Path(__file__).parents[2] / "tensor-core" / "ops"
MM = """\
- op: mm
  schema: "(Tensor self, Tensor mat2) -> Tensor"
  kind: kernel
  variants: [function, method]
  where:
    - self.ndim == 2: "self must be a matrix"
    - self.dtype == mat2.dtype
  shape: "[self.shape[0], mat2.shape[1]]"
  doc: Product of two matrices.
"""


def read(text: str) -> Op:
    return read_op(parse_yaml(text, "ops/x.yaml").items()[0], "x")


def error_of(text: str) -> str:
    with pytest.raises(FacetError) as caught:
        read(text)
    return str(caught.value)


def test_an_op_is_read() -> None:
    op = read(MM)
    assert (op.name, op.kind, op.variants) == ("mm", Kind.KERNEL, ("function", "method"))
    assert [(c.rule.text, c.sentence) for c in op.where] == [
        ("self.ndim == 2", "self must be a matrix"),
        ("self.dtype == mat2.dtype", None),
    ]
    assert op.where[1].rule.location.line == 7
    assert op.is_structured
    assert str(op.location) == "ops/x.yaml:1"


def test_overloads_share_the_name_before_the_dot() -> None:
    op = read(MM.replace("op: mm", "op: mm.two"))
    assert (op.base_name, op.symbol, op.qualified_name) == ("mm", "mm_two", "tw::mm.two")


@pytest.mark.skipif(not OPS.is_dir(), reason="the facets of tensor-core are not here")
def test_every_op_of_tensor_core_round_trips() -> None:
    ops = load_ops([OPS])
    assert len(ops) > 200
    for op in ops:
        assert read(write_op(op)) == op


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            "kind: kernel",
            "kind: kernle",
            3,
            "expected one of pointwise, reduction, kernel, view, composite, got 'kernle'",
        ),
        ("variants: [function, method]", "variants: [functional]", 4, "expected one of function, method, inplace"),
        ("  where:", "  were:", 5, "unknown key 'were'"),
        ("doc: Product of two matrices.", "doc: ''", 9, "doc is empty"),
        ('  shape: "[self.shape[0], mat2.shape[1]]"\n', "", 1, "op 'mm' of kind kernel needs `shape:`"),
        ("kind: kernel", "kind: composite", 8, "an op of kind composite makes its own results"),
        (
            "  kind: kernel",
            "  kind: kernel\n  expression: self",
            4,
            "'expression' has no meaning for an op of kind kernel",
        ),
        ("  kind: kernel", "  kind: kernel\n  varargs: dims", 4, "expected the name of an int[] argument, got 'dims'"),
        ("  doc:", "  op: again\n  doc:", 9, "key 'op' is given twice"),
    ],
)
def test_errors_name_file_line_and_what_was_expected(old: str, new: str, line: int, words: str) -> None:
    message = error_of(MM.replace(old, new))
    assert message.startswith(f"ops/x.yaml:{line}: ")
    assert words in message


def test_a_missing_key_is_named() -> None:
    assert "missing key 'schema'" in error_of("- op: mm\n  kind: kernel\n  doc: x\n")


def test_text_that_is_not_yaml() -> None:
    with pytest.raises(FacetError, match=r"ops/x.yaml:2: not valid YAML"):
        parse_yaml("- op: [a\n  b: c", "ops/x.yaml")


def test_an_op_declared_twice(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(MM)
    with pytest.raises(FacetError, match=r"b.yaml:1: op 'mm' is already declared at .*a.yaml:1"):
        load_ops([tmp_path])
