"""Gradients of recurrent layers against finite differences of the recurrences written in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorwright as tw

Array = npt.NDArray[Any]
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
RANDOM = np.random.default_rng(3)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def step(kind: str, x: Array, state: tuple[Array, ...], w: list[Array]) -> tuple[Array, ...]:
    of_x, of_h = x @ w[0].T + w[2], state[0] @ w[1].T + w[3]
    if kind == "lstm":
        i, f, g, o = np.split(of_x + of_h, 4, -1)
        cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(cell), cell
    if kind == "gru":
        (xr, xz, xn), (hr, hz, hn) = np.split(of_x, 3, -1), np.split(of_h, 3, -1)
        z, n = sigmoid(xz + hz), np.tanh(xn + sigmoid(xr + hr) * hn)
        return ((1 - z) * n + z * state[0],)
    return (np.tanh(of_x + of_h) if kind == "rnn_tanh" else np.maximum(of_x + of_h, 0),)


class Problem:
    """A layer on packed sequences, seen as one number: the products of its results with fixed factors."""

    def __init__(self, kind: str, batch_sizes: list[int], inputs: int, size: int, reverse: bool) -> None:
        self.kind, self.sizes, self.reverse = kind, batch_sizes, reverse
        rows, samples, states = GATES[kind] * size, batch_sizes[0], 2 if kind == "lstm" else 1
        shapes = [(sum(batch_sizes), inputs), *[(samples, size)] * states]
        shapes += [(rows, inputs), (rows, size), (rows,), (rows,)]
        scales = [1.0] * (1 + states) + [1 / np.sqrt(size)] * 4
        self.point = [RANDOM.standard_normal(s) * k for s, k in zip(shapes, scales, strict=True)]
        self.factors = [RANDOM.standard_normal(s) for s in ((sum(batch_sizes), size), *[(samples, size)] * states)]

    def results(self, point: list[Array]) -> list[Array]:
        x, *states, w_ih, w_hh, b_ih, b_hh = point
        weights, firsts = [w_ih, w_hh, b_ih, b_hh], np.cumsum([0, *self.sizes])
        output, last = np.zeros(self.factors[0].shape), [np.zeros(s.shape) for s in states]
        for n in range(self.sizes[0]):
            rows = [firsts[t] + n for t, size in enumerate(self.sizes) if n < size]
            state = tuple(s[n] for s in states)
            for row in reversed(rows) if self.reverse else rows:
                state = step(self.kind, x[row], state, weights)
                output[row] = state[0]
            for part, end in zip(last, state, strict=True):
                part[n] = end
        return [output, *last]

    def value(self, point: list[Array]) -> float:
        return float(sum((r * f).sum() for r, f in zip(self.results(point), self.factors, strict=True)))

    def call(self, point: list[tw.Tensor]) -> list[tw.Tensor]:
        x, *states, w_ih, w_hh, b_ih, b_hh = point
        if self.kind == "lstm":
            return tw.ops.lstm_layer(x, *states, w_ih, w_hh, b_ih + b_hh, self.sizes, self.reverse)[:3]
        if self.kind == "gru":
            return tw.ops.gru_layer(x, *states, w_ih, w_hh, b_ih, b_hh, self.sizes, self.reverse)[:2]
        relu = self.kind == "rnn_relu"
        return tw.ops.rnn_layer(x, *states, w_ih, w_hh, b_ih + b_hh, relu, self.sizes, self.reverse)

    def loss(self, *point: tw.Tensor) -> tw.Tensor:
        results = self.call(list(point))
        return sum((r * tw.tensor(f)).sum() for r, f in zip(results, self.factors, strict=True))

    def tensors(self) -> list[tw.Tensor]:
        return [tw.tensor(a, requires_grad=True) for a in self.point]

    def directions(self) -> list[Array]:
        drawn = [RANDOM.standard_normal(a.shape) for a in self.point]
        return [d / np.linalg.norm(d) for d in drawn]

    def moved(self, directions: list[Array], by: float) -> list[Array]:
        return [a + by * d for a, d in zip(self.point, directions, strict=True)]


def slope(f: Callable[[float], float], h: float = 1e-3) -> float:
    """The derivative at 0, by central differences of fourth order."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


CASES = [
    (kind, sizes, size, reverse)
    for kind in GATES
    for sizes in ([4, 4, 4], [5, 3, 3, 1])
    for size in (3, 70)
    for reverse in (False, True)
]


@pytest.mark.parametrize(("kind", "sizes", "size", "reverse"), CASES)
def test_gradients(kind: str, sizes: list[int], size: int, reverse: bool) -> None:
    problem = Problem(kind, sizes, 2, size, reverse)
    gradients = tw.autograd.grad(problem.loss(*(point := problem.tensors())), point)
    for i, (gradient, direction) in enumerate(zip(gradients, problem.directions(), strict=True)):

        def along(by: float, i: int = i, direction: Array = direction) -> float:
            return problem.value([a + by * direction if k == i else a for k, a in enumerate(problem.point)])

        # relu has kinks: a step that crosses none is small
        expected = slope(along, 1e-6 if kind == "rnn_relu" else 1e-3)
        assert float((gradient.numpy() * direction).sum()) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("kind", "sizes", "size", "reverse"), [c for c in CASES if c[2] == 3])
def test_second_derivatives_and_forward_mode(kind: str, sizes: list[int], size: int, reverse: bool) -> None:
    problem = Problem(kind, sizes, 2, size, reverse)
    directions, point = problem.directions(), problem.tensors()
    tangents = tuple(tw.tensor(d) for d in directions)

    def along(by: float) -> float:
        return problem.value(problem.moved(directions, by))

    h = 1e-6 if kind == "rnn_relu" else 1e-3
    _, forward = tw.func.jvp(problem.loss, tuple(p.detach() for p in point), tangents)
    assert forward.item() == pytest.approx(slope(along, h), rel=1e-6, abs=1e-6)
    gradients = tw.autograd.grad(problem.loss(*point), point, create_graph=True)
    first = sum((g * d).sum() for g, d in zip(gradients, tangents, strict=True))
    assert first.item() == pytest.approx(forward.item(), rel=1e-10)
    second = tw.autograd.grad(first, point)
    bent = sum(float((g.numpy() * d).sum()) for g, d in zip(second, directions, strict=True))

    def gradient_along(by: float) -> float:
        moved = [tw.tensor(a, requires_grad=True) for a in problem.moved(directions, by)]
        found = tw.autograd.grad(problem.loss(*moved), moved)
        return sum(float((g.numpy() * d).sum()) for g, d in zip(found, directions, strict=True))

    assert bent == pytest.approx(slope(gradient_along, h), rel=1e-5, abs=1e-5)


def test_only_what_is_asked_for() -> None:
    problem = Problem("lstm", [2, 2], 2, 3, False)
    point = [tw.tensor(a) for a in problem.point]
    point[0].requires_grad_()
    (alone,) = tw.autograd.grad(problem.loss(*point), point[:1])
    every = tw.autograd.grad(problem.loss(*(all_of := problem.tensors())), all_of)
    np.testing.assert_array_equal(alone.numpy(), every[0].numpy())


@pytest.mark.parametrize("own_weights", [False, True])
@pytest.mark.parametrize("kind", GATES)
@pytest.mark.filterwarnings("ignore:vmap")  # layers with weights of their own run one after the other
def test_vmap_of_gradients(kind: str, own_weights: bool) -> None:
    """Entries of a batch are layers by themselves, whose weights may be the same."""
    entries, samples, times, size = 3, 2, 4, 3
    problems = [Problem(kind, [samples] * times, 2, size, False) for _ in range(entries)]
    states = 2 if kind == "lstm" else 1
    if not own_weights:
        for problem in problems:
            problem.point[1 + states :] = problems[0].point[1 + states :]

    def loss(*point: tw.Tensor) -> tw.Tensor:
        x, *rest = point
        shared = Problem.__new__(Problem)
        shared.kind, shared.sizes, shared.reverse = kind, [], False
        return shared.call([x.reshape(times, samples, 2), *rest])[0].sin().sum()

    stacked = [tw.tensor(np.stack(parts)) for parts in zip(*(p.point for p in problems), strict=True)]
    inputs = stacked if own_weights else [*stacked[: 1 + states], *(s[0] for s in stacked[1 + states :])]
    dims = tuple(0 if own_weights or i <= states else None for i in range(len(inputs)))
    gradients = tw.func.vmap(tw.func.grad(loss, argnums=tuple(range(len(inputs)))), in_dims=dims)(*inputs)
    for n, problem in enumerate(problems):
        directions = problem.directions()

        def along(by: float, problem: Problem = problem, directions: list[Array] = directions) -> float:
            return float(np.sin(problem.results(problem.moved(directions, by))[0]).sum())

        found = sum(float((g[n].numpy() * d).sum()) for g, d in zip(gradients, directions, strict=True))
        assert found == pytest.approx(slope(along, 1e-6 if kind == "rnn_relu" else 1e-3), rel=1e-6, abs=1e-6)
