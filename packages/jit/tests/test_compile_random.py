"""Random functions of views, joins, products and writes in place: compiled and frozen they give what they give."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import tensorwright as tw

Values = list[tw.Tensor]
Step = Callable[[Values], None]


def sized(values: Values, limit: int = 4096) -> Values:
    return [value for value in values if value.numel() <= limit]


class Writer:
    """Writes a program step by step; a step works on what the steps before it made, found by numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def step(self) -> Step:
        make = self.random.choice(
            [self.pointwise, self.view, self.parts, self.write, self.join, self.product, self.fold]
        )
        return make()

    def pick(self) -> Callable[[Values], tw.Tensor]:
        number = self.random.random()

        def picked(values: Values) -> tw.Tensor:
            among = sized(values)
            return among[int(number * len(among))]

        return picked

    def pointwise(self) -> Step:
        first, second, op = self.pick(), self.pick(), self.random.choice([tw.add, tw.mul, tw.maximum])

        def step(values: Values) -> None:
            a, b = first(values), second(values)
            values.append(op(a, b) if a.shape == b.shape else op(a, 1.5) if op is not tw.maximum else tw.relu(a))

        return step

    def view(self) -> Step:
        source, kind, at = self.pick(), self.random.randrange(5), self.random.random()

        def step(values: Values) -> None:
            a = source(values)
            dim = int(at * a.ndim) if a.ndim else 0
            if a.ndim == 0 or kind == 0:
                values.append(a.reshape(-1, 1))
            elif kind == 1:
                values.append(a.transpose(dim, -1))
            elif kind == 2:
                values.append(a.narrow(dim, a.size(dim) // 2, a.size(dim) - a.size(dim) // 2))
            elif kind == 3:
                values.append(a.flatten())
            else:
                values.append(a.unsqueeze(dim).expand(*a.shape[:dim], 2, *a.shape[dim:]))

        return step

    def parts(self) -> Step:
        source, at = self.pick(), self.random.random()

        def step(values: Values) -> None:
            a = source(values)
            if a.ndim:
                values.extend(tw.chunk(a, 2, int(at * a.ndim)))

        return step

    def write(self) -> Step:
        target, source, kind = self.pick(), self.pick(), self.random.randrange(4)

        def step(values: Values) -> None:
            a, b = target(values), source(values)
            if 0 in a.stride() or any(a is given for given in values[:2]):
                a = a.clone()
                values.append(a)
            if kind == 0:
                a.mul_(0.5)
            elif kind == 1:
                tw.relu_(a)
            elif kind == 2 and a.shape == b.shape:
                a.add_(b)
            elif a.ndim:
                a[: a.size(0) // 2 + 1] = 0.25
            values.append(a + 1)

        return step

    def join(self) -> Step:
        first, second = self.pick(), self.pick()

        def step(values: Values) -> None:
            a, b = first(values), second(values)
            values.append(
                tw.cat([a, b if a.shape[1:] == b.shape[1:] and b.ndim else a]) if a.ndim else tw.stack([a, a])
            )

        return step

    def product(self) -> Step:
        first, second = self.pick(), self.pick()

        def step(values: Values) -> None:
            a, b = first(values), second(values)
            if a.ndim < 2:
                return
            fits = b.ndim >= 2 and b.shape[:-2] == a.shape[:-2] and b.size(-2) == a.size(-1)
            values.append(tw.matmul(a, b if fits else a.transpose(-1, -2)) * 0.125)

        return step

    def fold(self) -> Step:
        source, kind = self.pick(), self.random.randrange(3)

        def step(values: Values) -> None:
            a = source(values)
            if a.ndim:
                values.append([lambda: a.softmax(-1), lambda: a.mean(-1), lambda: a - a.amax(0)][kind]())

        return step


def program(seed: int) -> Callable[[tw.Tensor, tw.Tensor], Values]:
    writer = Writer(seed)
    steps = [writer.step() for _ in range(writer.random.randrange(4, 24))]
    kept = writer.random.randrange(1, 4)

    def run(x: tw.Tensor, y: tw.Tensor) -> Values:
        values = [x, y]
        for step in steps:
            step(values)
        return [value * 1 for value in values[-kept:]]

    return run


def outcome(function: Callable[..., Values], inputs: Values) -> Values:
    """The results, and the inputs afterwards, which may be written into."""
    given = [value.clone() for value in inputs]
    return [*function(*given), *given]


def same(a: Values, b: Values) -> bool:
    return all(tw.equal(p.nan_to_num(7.0), q.nan_to_num(7.0)) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("seed", range(0, 400, 20))
def test_random_functions_are_the_same_compiled(seed: int) -> None:
    for k in range(seed, seed + 20):
        run, inputs = program(k), [tw.randn(4, 6), tw.randn(2, 4, 6)]
        want = outcome(run, inputs)
        compiled = tw.compile(run)
        for _ in range(3):
            assert same(outcome(compiled, inputs), want), f"program {k}:\n{compiled.graphs[0]}"
        frozen = tw.jit.optimize_for_inference(
            tw.jit.trace(run, tuple(value.clone() for value in inputs), check_trace=False)
        )
        for got, value in zip(outcome(frozen, inputs), want, strict=True):
            tw.testing.assert_close(got, value, equal_nan=True, msg=f"program {k}")
