"""Update rules: reading them, what they are refused for, and the code that comes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorwright_codegen.expression import EMPTY_LIBRARY, ExpressionError, ScalarType
from tensorwright_codegen.facets import FacetError
from tensorwright_codegen.updates import Update, load_updates, updates_output

RULE = """
- update: heavy_ball
  doc: Keeps a share of its speed.
  scalars: [lr, kept]
  state: [speed]
  let: |
    now = kept * speed + grad
  new:
    param: param - lr * now
    speed: now
"""


def read(folder: Path, text: str) -> tuple[Update, ...]:
    (folder / "rules.yaml").write_text(text)
    return load_updates(folder)


def test_a_rule_is_an_op_over_lists(tmp_path: Path) -> None:
    (rule,) = read(tmp_path, RULE)
    assert rule.schema == (
        "optim::heavy_ball(Tensor(a!)[] param, Tensor[] grad, Tensor(b!)[] speed, float lr, float kept) -> ()"
    )


def test_what_new_values_share_is_computed_once(tmp_path: Path) -> None:
    (rule,) = read(tmp_path, RULE)
    operations = [item.op for item in rule.program(ScalarType.F32, EMPTY_LIBRARY).body]
    assert sorted(op for op in operations if op != "operand") == ["add", "mul", "mul", "sub"]


def test_kernels_read_scalars_once(tmp_path: Path) -> None:
    read(tmp_path, RULE)
    text = updates_output(tmp_path, tmp_path).files["kernels/updates_f32.cpp"]
    assert "Input<F32> in2(in[2], in_step[2]);" in text  # speed
    assert "const F32 in3 = Input<F32>(in[3], 0).load(0);" in text  # lr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RULE.replace("speed: now", "velocity: now"), "expected new values of param, speed, in this order"),
        (RULE.replace("[speed]", "[speed, grad]"), "'grad' is given twice"),
        (RULE + RULE, "the update 'heavy_ball' is already at"),
        (RULE.replace("doc:", "docs:"), "unknown key 'docs'"),
    ],
)
def test_rules_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FacetError, match=words):
        read(tmp_path, text)


def test_an_unknown_name_is_an_error_with_its_place(tmp_path: Path) -> None:
    (rule,) = read(tmp_path, RULE.replace("lr * now", "lr * later"))
    with pytest.raises(ExpressionError, match=r"rules\.yaml:3:14: unknown name .later"):
        rule.program(ScalarType.F32, EMPTY_LIBRARY)
