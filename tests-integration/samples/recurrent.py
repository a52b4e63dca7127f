"""Rows of recurrent cells and layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .table import FLOAT, Array, Case, Make, case, refused, row


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def maps(x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any = None, b_hh: Any = None) -> tuple[Array, Array]:
    return x @ w_ih.T + (0 if b_ih is None else b_ih), h @ w_hh.T + (0 if b_hh is None else b_hh)


def lstm_step(x: Array, state: Any, *weights: Any) -> tuple[Array, Array]:
    h, c = state
    i, f, g, o = np.split(sum(maps(x, h, *weights)), 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x: Array, h: Array, *weights: Any) -> Array:
    of_x, of_h = maps(x, h, *weights)
    (xr, xz, xn), (hr, hz, hn) = np.split(of_x, 3, -1), np.split(of_h, 3, -1)
    z, n = sigmoid(xz + hz), np.tanh(xn + sigmoid(xr + hr) * hn)
    return np.asarray((1 - z) * n + z * h)


def tanh_step(x: Array, h: Array, *weights: Any) -> Array:
    return np.asarray(np.tanh(sum(maps(x, h, *weights))))


def relu_step(x: Array, h: Array, *weights: Any) -> Array:
    return np.asarray(np.maximum(sum(maps(x, h, *weights)), 0))


def cell_cases(make: Make, gates: int, state: Callable[[Make], Any]) -> Iterator[Case]:
    weights = (make(gates * 3, 2), make(gates * 3, 3))
    yield case(make(2, 2), state(make), *weights, make(gates * 3), make(gates * 3))
    yield case(make(2, 2), state(make), *weights)
    yield refused(make(2, 4), state(make), *weights, error=ValueError, match="expected an input")
    yield refused(make(2, 2), state(make), make(5, 2), weights[1], error=ValueError, match="expected weights")


@row("lstm_cell", reference=lstm_step)
def lstm_cell(make: Make) -> Iterator[Case]:
    yield from cell_cases(make, 4, lambda make: [make(2, 3), make(2, 3)])


@row("gru_cell", reference=gru_step)
def gru_cell(make: Make) -> Iterator[Case]:
    yield from cell_cases(make, 3, lambda make: make(2, 3))


@row("rnn_tanh_cell", reference=tanh_step)
def rnn_tanh_cell(make: Make) -> Iterator[Case]:
    yield from cell_cases(make, 1, lambda make: make(2, 3))


@row("rnn_relu_cell", reference=relu_step)
def rnn_relu_cell(make: Make) -> Iterator[Case]:
    yield from cell_cases(make, 1, lambda make: make(2, 3))


# ---- layers ----------------------------------------------------------------------------------------------


def run_layers(step: Any, x: Array, states: list[Any], params: list[Array], biases: bool, directions: int) -> Any:
    """Outputs [T, N, D * H] and the last state of every layer and direction; a state is a tuple of arrays."""
    each = len(params) // len(states)
    last = []
    for layer in range(len(states) // directions):
        outputs = []
        for d in range(directions):
            cell = layer * directions + d
            w = params[cell * each : (cell + 1) * each]
            projection = w[-1] if each == (5 if biases else 3) else None
            state, seen = states[cell], []
            for t in reversed(range(len(x))) if d else range(len(x)):
                given = state if len(state) > 1 else state[0]
                new = step(x[t], given, *w[: 4 if biases else 2])
                state = tuple(new) if isinstance(new, tuple) else (new,)
                if projection is not None:
                    state = (state[0] @ projection.T, *state[1:])
                seen.append(state[0])
            outputs.append(np.stack(seen[::-1] if d else seen))
            last.append(state)
        x = np.concatenate(outputs, -1)
    return x, [np.stack(part) for part in zip(*last, strict=True)]


def layers_reference(step: Any) -> Any:
    def reference(
        x: Array,
        hx: Any,
        params: list[Array],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> Any:
        parts = hx if isinstance(hx, (list, tuple)) else [hx]
        states = [tuple(part[i] for part in parts) for i in range(len(parts[0]))]
        by_time = np.swapaxes(x, 0, 1) if batch_first else x
        output, last = run_layers(step, by_time, states, list(params), has_biases, 1 + bidirectional)
        return (np.swapaxes(output, 0, 1) if batch_first else output, *last)

    return reference


def weights_of(make: Make, gates: int, layers: int, directions: int, biases: bool, projected: int = 0) -> list[Array]:
    inputs, hidden = 2, 2
    outputs = projected or hidden
    params = []
    for layer in range(layers):
        for _ in range(directions):
            params += [make(gates * hidden, inputs if layer == 0 else outputs * directions, low=-1, high=1)]
            params += [make(gates * hidden, outputs, low=-1, high=1)]
            params += [make(gates * hidden), make(gates * hidden)] if biases else []
            params += [make(projected, hidden)] if projected else []
    return params


def layer_cases(make: Make, gates: int) -> Iterator[Case]:
    def state(cells: int, projected: int = 0) -> Any:
        hidden = make(cells, 1, projected or 2)
        return [hidden, make(cells, 1, 2)] if gates == 4 else hidden

    yield case(make(3, 1, 2), state(1), weights_of(make, gates, 1, 1, True), True, 1, 0.0, False, False, False)
    yield case(make(1, 3, 2), state(1), weights_of(make, gates, 1, 1, False), False, 1, 0.0, False, False, True)
    yield case(make(2, 1, 2), state(4), weights_of(make, gates, 2, 2, True), True, 2, 0.0, True, True, False)
    if gates == 4:
        params = weights_of(make, 4, 2, 1, True, projected=1)
        yield case(make(2, 1, 2), state(2, 1), params, True, 2, 0.0, False, False, False)
    given = (make(3, 1, 2), state(1), weights_of(make, gates, 1, 1, True))
    yield refused(*given, True, 2, 0.0, False, False, False, error=ValueError, match="expected")
    yield refused(*given, True, 1, 0.0, False, True, False, error=ValueError, match="expected")
    yield refused(make(3, 2), *given[1:], True, 1, 0.0, False, False, False, error=ValueError, match="input must be")


# Second derivatives are those of the cells, above; of whole layers they take minutes.
@row("lstm", dtypes=FLOAT, reference=layers_reference(lstm_step), gradgrad=False)
def lstm(make: Make) -> Iterator[Case]:
    yield from layer_cases(make, 4)


@row("gru", dtypes=FLOAT, reference=layers_reference(gru_step), gradgrad=False)
def gru(make: Make) -> Iterator[Case]:
    yield from layer_cases(make, 3)


@row("rnn_tanh", dtypes=FLOAT, reference=layers_reference(tanh_step), gradgrad=False)
def rnn_tanh(make: Make) -> Iterator[Case]:
    yield from layer_cases(make, 1)


@row("rnn_relu", dtypes=FLOAT, reference=layers_reference(relu_step), gradgrad=False)
def rnn_relu(make: Make) -> Iterator[Case]:
    yield from layer_cases(make, 1)
