"""Layers of recurrent networks against their recurrences in NumPy, in sizes that take several panels and tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorwright as tw
from same_bits import same_bits_everywhere

Array = npt.NDArray[Any]
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}


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


def sequence(kind: str, x: Array, state: tuple[Array, ...], w: list[Array], reverse: bool) -> tuple[Array, Any]:
    """Outputs [T, H] and last state of one sequence [T, I]."""
    outputs = np.zeros((len(x), w[1].shape[1]))
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        state = step(kind, x[t], state, w)
        outputs[t] = state[0]
    return outputs, state


def draw(kind: str, inputs: int, size: int, samples: int, seed: int = 0) -> tuple[list[Array], list[Array]]:
    random, rows = np.random.default_rng(seed), GATES[kind] * size
    scale = 1 / np.sqrt(max(size, 1))
    weights = [random.standard_normal(s) * scale for s in ((rows, inputs), (rows, size), (rows,), (rows,))]
    return weights, [random.standard_normal((samples, size)) for _ in range(2 if kind == "lstm" else 1)]


def call(kind: str, x: Array, states: list[Array], w: list[Array], dtype: str, sizes: list[int], reverse: bool) -> Any:
    """Output and last states of the op."""
    given = [tw.tensor(np.asarray(a, dtype)) for a in (x, *states, w[0], w[1])]
    both = tw.tensor(np.asarray(w[2] + w[3], dtype))
    if kind == "lstm":
        return tw.ops.lstm_layer(*given, both, sizes, reverse)[:3]
    if kind == "gru":
        biases = [tw.tensor(np.asarray(b, dtype)) for b in w[2:]]
        return tw.ops.gru_layer(*given, *biases, sizes, reverse)[:2]
    return tw.ops.rnn_layer(*given, both, kind == "rnn_relu", sizes, reverse)


def same(actual: tw.Tensor, expected: Array, dtype: str) -> None:
    assert actual.dtype == getattr(tw, dtype)
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=TOLERANCE[dtype] * max(1, np.abs(expected).max()))


# Times, samples, features of input and state: one panel and several, tiles of one row to many, sums of several blocks.
SIZES = [(3, 2, 4, 5), (4, 1, 3, 33), (2, 31, 7, 64), (2, 3, 1, 300), (1, 4, 2, 1), (5, 17, 0, 6)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", GATES)
def test_layers_are_their_recurrences(kind: str, sizes: tuple[int, ...], reverse: bool, dtype: str) -> None:
    times, samples, inputs, size = sizes
    weights, states = draw(kind, inputs, size, samples)
    x = np.random.default_rng(1).standard_normal((times, samples, inputs))
    output, *last = call(kind, x, states, weights, dtype, [], reverse)
    for n in range(samples):
        expected, end = sequence(kind, x[:, n], tuple(s[n] for s in states), weights, reverse)
        same(output[:, n], expected, dtype)
        for mine, theirs in zip(last, end, strict=True):
            same(mine[n], theirs, dtype)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch_sizes", [[3, 3, 2, 1], [5, 1], [2], [20, 15, 15, 3]])
@pytest.mark.parametrize("kind", GATES)
def test_packed_sequences_end_when_they_do(kind: str, batch_sizes: list[int], reverse: bool) -> None:
    weights, states = draw(kind, 3, 40, batch_sizes[0])
    x = np.random.default_rng(1).standard_normal((sum(batch_sizes), 3))
    output, *last = call(kind, x, states, weights, "float64", batch_sizes, reverse)
    firsts = np.cumsum([0, *batch_sizes])
    for n in range(batch_sizes[0]):
        rows = [firsts[t] + n for t, size in enumerate(batch_sizes) if n < size]
        expected, end = sequence(kind, x[rows], tuple(s[n] for s in states), weights, reverse)
        same(output[rows], expected, "float64")
        for mine, theirs in zip(last, end, strict=True):
            same(mine[n], theirs, "float64")


def test_no_times_leave_the_state() -> None:
    weights, states = draw("lstm", 3, 4, 2)
    output, hidden, cell = call("lstm", np.zeros((0, 2, 3)), states, weights, "float64", [], False)
    assert output.shape == (0, 2, 4)
    same(hidden, states[0], "float64")
    same(cell, states[1], "float64")


def test_operands_may_lie_anywhere_in_memory() -> None:
    weights, states = draw("lstm", 3, 20, 2)
    x = np.random.default_rng(1).standard_normal((4, 2, 3))
    turned = tw.tensor(np.ascontiguousarray(x.transpose(1, 0, 2))).transpose(0, 1)
    w_ih, w_hh = (tw.tensor(np.ascontiguousarray(w.T)).t() for w in weights[:2])
    bias = tw.tensor(weights[2] + weights[3])
    hidden, cell = (tw.tensor(np.ascontiguousarray(s[:, ::-1])).flip(1) for s in states)
    output = tw.ops.lstm_layer(turned, hidden, cell, w_ih, w_hh, bias, [], False)[0]
    expected = call("lstm", x, states, weights, "float64", [], False)[0]
    np.testing.assert_array_equal(output.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"self": tw.zeros(3, 4)}, r"\[T, N, I\]"),
        ({"self": tw.zeros(3, 2, 4, dtype=tw.float16)}, "float32 or float64"),
        ({"hidden": tw.zeros(3, 5)}, "differ in samples"),
        ({"hidden": tw.zeros(2, 5, dtype=tw.float64)}, "another dtype"),
        ({"cell": tw.zeros(2, 4)}, "differ in shape"),
        ({"input_weight": tw.zeros(20, 3)}, r"\[4 \* H, I\]"),
        ({"input_weight": tw.zeros(20), "hidden_weight": tw.zeros(4, 20, 5)}, r"\[4 \* H, I\]"),
        ({"hidden_weight": tw.zeros(20, 4)}, r"\[4 \* H, H\]"),
        ({"bias": tw.zeros(5)}, r"a bias must be"),
        ({"self": tw.zeros(3, 4), "batch_sizes": [2, 2]}, "add up to the rows"),
        ({"self": tw.zeros(5, 4), "batch_sizes": [2, 1, 2]}, "not rise"),
        ({"self": tw.zeros(2, 4), "batch_sizes": [2, 0]}, "positive"),
    ],
)
def test_refusals(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "self": tw.zeros(3, 2, 4), "hidden": tw.zeros(2, 5), "cell": tw.zeros(2, 5), "input_weight": tw.zeros(20, 4),
        "hidden_weight": tw.zeros(20, 5), "bias": None, "batch_sizes": [], "reverse": False,
    }  # fmt: skip
    with pytest.raises((ValueError, TypeError), match=words):
        tw.ops.lstm_layer(*(given | change).values())


PROGRAM = """
results = []
for dtype in ("float32", "float64"):
    def tensor(*shape):
        return tw.tensor(random.standard_normal(shape).astype(dtype) / 8)
    for times, samples, size, sizes in [(3, 33, 130, []), (2, 3, 600, []), (60, 20, 75, [20, 20, 14, 6])]:
        x = tensor(times, size) if sizes else tensor(times, samples, size)
        h, w, b = tensor(samples, size), tensor(4 * size, size), tensor(4 * size)
        y, _, last, sums, cells = tw.ops.lstm_layer(x, h, h, w, w, b, sizes, True)
        results += [y, last, *tw.ops.lstm_layer_backward(y, h, last, sums, cells, h, w, sizes, True)]
        w, b = w[: 3 * size], b[: 3 * size]
        y, last, *both = tw.ops.gru_layer(x, h, w, w, b, b, sizes, False)
        results += [y, *tw.ops.gru_layer_backward(y, last, *both, y, h, w, sizes, False)]
        y, last = tw.ops.rnn_layer(x, h, w[:size], w[:size], None, False, sizes, False)
        results += [y, *tw.ops.rnn_layer_backward(y, last, y, w[:size], False, sizes, False)]
"""


def test_instruction_sets_and_threads_change_no_bit() -> None:
    same_bits_everywhere(PROGRAM)
