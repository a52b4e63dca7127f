"""Random programs of views, writes in place and pointwise ops: gradients against finite differences.

A program may use a tensor after a write that its gradient cannot stand; then the pass must refuse, and never be wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import tensorwright as tw

STEP = 1e-6


def fit(t: tw.Tensor, like: tw.Tensor) -> tw.Tensor:
    """The tensor, or a part or mean of it, that broadcasts to another without widening it."""
    while t.ndim > like.ndim:
        t = t[0]
    if any(a != b for a, b in zip(reversed(t.shape), reversed(like.shape), strict=False)):
        return t.mean()
    return t


def random_view(draw: random.Random, t: tw.Tensor) -> tw.Tensor:
    if t.ndim == 1:
        return draw.choice([lambda: t[1:], lambda: t.unsqueeze(0), lambda: t.expand(2, t.shape[0])])()
    ways: list[Callable[[], tw.Tensor]] = [
        lambda: t[draw.randrange(t.shape[0])],
        lambda: t.t(),
        lambda: t[:, :2],
        lambda: t[::2],
        lambda: t.split(2)[0],
    ]
    return draw.choice(ways)()


def random_write(draw: random.Random, target: tw.Tensor, source: tw.Tensor) -> None:
    value = fit(source, target)
    ways: list[Callable[[], object]] = [
        lambda: target.mul_(value),
        lambda: target.add_(value),
        lambda: target.tanh_(),
        lambda: target.copy_(value),
        lambda: target.div_(value * value + 1),
        lambda: target.fill_(0.3),
    ]
    draw.choice(ways)()


def run(seed: int, leaves: list[tw.Tensor]) -> tw.Tensor:
    """The result of a program: one number."""
    draw = random.Random(seed)
    values = [leaves[0] * 1, tw.zeros(4, 4, dtype=tw.float64) + 0.5, *leaves]
    writable = [0, 1]
    for _ in range(draw.randrange(3, 12)):
        source, target = draw.choice(values), values[draw.choice(writable)]
        kind = draw.randrange(6)
        if kind < 3:
            random_write(draw, target, source)
            continue
        if kind == 3:
            made = source * fit(draw.choice(values), source)
        elif kind == 4 or target.ndim == 0:
            made = source + 2 * fit(draw.choice(values), source)
        else:
            made = random_view(draw, target)
        values.append(made)
        if made.numel() and 0 not in made.stride():
            writable.append(len(values) - 1)
    total = tw.zeros((), dtype=tw.float64)
    for value in values:
        total = total + value.sum() * 1.5
    return total


def make_leaves(seed: int) -> list[tw.Tensor]:
    draw = random.Random(-seed)
    rows = [[[draw.uniform(0.5, 1.5) for _ in range(4)] for _ in range(4)] for _ in range(2)]
    return [tw.tensor(row, dtype=tw.float64) for row in rows]


def difference(seed: int, which: int, i: int, j: int) -> float:
    totals = []
    for step in (STEP, -STEP):
        leaves = make_leaves(seed)
        leaves[which][i, j] += step
        totals.append(run(seed, leaves).item())
    return (totals[0] - totals[1]) / (2 * STEP)


@pytest.mark.parametrize("seed", range(1, 151))
def test_gradients_are_right_or_refused(seed: int) -> None:
    leaves = [leaf.requires_grad_() for leaf in make_leaves(seed)]
    total = run(seed, leaves)
    try:
        grads = tw.autograd.grad(total, leaves, materialize_grads=True)
    except RuntimeError as error:
        assert "was modified in place" in str(error)  # noqa: PT017 (either answer is right)
        return
    for which, grad in enumerate(grads):
        for i, j in ((0, 0), (1, 2), (3, 3)):
            assert grad[i, j].item() == pytest.approx(difference(seed, which, i, j), rel=1e-4, abs=1e-6)
