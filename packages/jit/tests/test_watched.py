"""Runs that nobody watches are fused, specialised and planned; views that need no gradient are no watching."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import Tensor


class Counts(NamedTuple):
    planned: int
    fused: int
    apart: int


def counts() -> Counts:
    return Counts(tw.jit.planned_runs().runs, *tw.jit.fusion_runs())


def since(before: Counts) -> Counts:
    return Counts(*(now - then for now, then in zip(counts(), before, strict=True)))


def chain(x: Tensor) -> Tensor:
    return ((x * 2 + 1).relu() @ x.t()).exp()


def plain() -> Tensor:
    return tw.tensor(np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32))


INPUTS: dict[str, tuple[Callable[[], Tensor], bool]] = {
    "plain": (plain, False),
    "a view": (lambda: plain().view(48).view(6, 8), False),
    "a part": (lambda: tw.cat([plain(), plain()])[:6], False),
    "a gradient": (lambda: plain().requires_grad_(), True),
    "a view with a gradient": (lambda: plain().requires_grad_().view(6, 8), True),
}


@pytest.mark.parametrize("name", INPUTS)
def test_planned_and_fused(name: str) -> None:
    make, watched = INPUTS[name]
    captured = tw.jit.optimize_for_inference(tw.jit.trace(chain, plain(), check_trace=False))
    x = make()
    before = counts()
    got = captured(x)
    ran = since(before)
    assert (ran.planned, ran.fused > 0) == ((0, False) if watched else (1, True))
    assert got.tolist() == chain(x).tolist()
    assert got.requires_grad == watched


@pytest.mark.parametrize("name", INPUTS)
def test_specialised(name: str) -> None:
    make, watched = INPUTS[name]
    captured = tw.jit.trace(chain, plain(), check_trace=False)
    for _ in range(3):
        x = make()
        before = counts()
        got = captured(x)
        assert got.tolist() == chain(x).tolist()
    assert (since(before).fused > 0) == (not watched)


def test_without_gradients_nobody_watches() -> None:
    captured = tw.jit.optimize_for_inference(tw.jit.trace(chain, plain(), check_trace=False))
    x = plain().requires_grad_()
    before = counts()
    with tw.no_grad():
        captured(x)
    assert since(before).planned == 1
    with tw.no_grad(), tw.profiler.profile():
        captured(x)
    assert since(before).planned == 1


def test_a_view_of_a_planned_value_stays_what_it_is() -> None:
    captured = tw.jit.optimize_for_inference(tw.jit.trace(lambda x: (x * 2).exp().t(), plain(), check_trace=False))
    first = captured(plain().view(48).view(6, 8))
    kept = first.tolist()
    for _ in range(3):
        captured((plain() + 1).view(48).view(6, 8))
    assert first.tolist() == kept
