"""Branches and loops whose conditions are tensors."""

from __future__ import annotations

from typing import Any

import pytest
import tensorwright as tw


@pytest.mark.parametrize("yes", [True, 1, 0.5, tw.tensor(True), tw.tensor([3.0]), tw.ones(1, 1)])
def test_one_branch_runs(yes: Any) -> None:
    x = tw.tensor([1.0, 2.0])
    assert tw.cond(yes, lambda x: x + 1, pytest.fail, (x,)).tolist() == [2, 3]
    no = not yes if isinstance(yes, (int, float)) else yes == 17
    assert tw.cond(no, pytest.fail, lambda x: (x - 1, "no"), [x])[1] == "no"
    assert tw.cond(yes, lambda: 3, lambda: 4) == 3


@pytest.mark.parametrize("shape", [(2,), (0,), (1, 3)])
def test_a_condition_has_one_element(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"cond: pred must have one element, got a tensor of shape"):
        tw.cond(tw.ones(shape), lambda: 1, lambda: 2)


def test_loops_carry_values() -> None:
    count, x = tw.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (tw.tensor(0), tw.ones(2)))
    assert (count.item(), x.tolist()) == (3, [8, 8])
    assert tw.while_loop(lambda i: i < 3, lambda i: [i + 2], [0]) == (4,)
    assert tw.while_loop(lambda x: x.sum() > 5, pytest.fail, (x[:0],))[0].shape == (0,)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (lambda i, x: (i,), "must give a tuple of 2 values, got 1"),
        (lambda i, x: x, "must give a tuple of 2 values, got Tensor"),
        (lambda i, x: (i + 1, tw.cat([x, x])), r"value 1 must stay a tensor of shape \[2\].*got shape \[4\]"),
        (lambda i, x: (i + 1, x.to(tw.float64)), "dtype float32, got shape .* and dtype float64"),
        (lambda i, x: (i + 1, 3), "got int"),
    ],
)
def test_loops_keep_shapes_and_dtypes(body: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        tw.while_loop(lambda i, x: i < 3, body, (tw.tensor(0), tw.ones(2)))
