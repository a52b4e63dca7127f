"""Floating-point operations of a call, from its arguments and results: matrix products, convolutions and attention."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Values = tuple[Any, ...]


def _product(inner: int) -> Callable[[Values, Values], int]:
    """Each element of the result is a sum over the last dimension of argument ``inner``."""
    return lambda args, results: results[0].numel() * int(args[inner].shape[-1])


def _convolution(args: Values, results: Values) -> int:
    return int(results[0].numel() * math.prod(args[1].shape[1:]))


def _convolution_of_input(args: Values, results: Values) -> int:
    """Each element of the gradient meets every element of a filter; a transposed convolution is this."""
    return int(args[0].numel() * math.prod(args[1].shape[1:]))


def _convolution_of_weight(args: Values, results: Values) -> int:
    return int(args[0].numel() * math.prod(results[0].shape[1:]))


def _pairs(query: Any, key: Any, causal: bool) -> int:
    """How often a query meets a key, over batch and heads."""
    rows, columns = int(query.shape[-2]), int(key.shape[-2])
    met = sum(min(row + 1, columns) for row in range(rows)) if causal else rows * columns
    return int(math.prod(query.shape[:-2])) * met


def _attention(args: Values, results: Values) -> int:
    query, key, value, _, causal, _ = args
    return _pairs(query, key, causal) * int(query.shape[-1] + value.shape[-1])


def _attention_backward(args: Values, results: Values) -> int:
    """Scores anew, and gradients of scores, query and key over features; of probabilities and value over values'."""
    _, query, key, value, _, _, _, causal, _ = args
    return _pairs(query, key, causal) * int(3 * query.shape[-1] + 2 * value.shape[-1])


def _recurrent(*weights: int) -> Callable[[Values, Values], int]:
    """Each sample and time meets every element of these arguments."""
    return lambda args, results: math.prod(results[0].shape[:-1]) * sum(int(args[k].numel()) for k in weights)


_MULTIPLY_ADDS: dict[str, Callable[[Values, Values], int]] = {
    "tw::mm": _product(0),
    "tw::bmm": _product(0),
    "tw::addmm": _product(1),
    "tw::baddbmm": _product(1),
    "tw::linear": _product(0),
    "tw::conv2d": _convolution,
    "tw::conv3d": _convolution,
    "tw::convolution_backward_input": _convolution_of_input,
    "tw::convolution_backward_weight": _convolution_of_weight,
    "tw::attention": _attention,
    "tw::attention_backward": _attention_backward,
    "tw::lstm_layer": _recurrent(3, 4),
    "tw::lstm_layer_backward": _recurrent(6),
    "tw::gru_layer": _recurrent(2, 3),
    "tw::gru_layer_backward": _recurrent(6),
    "tw::rnn_layer": _recurrent(2, 3),
    "tw::rnn_layer_backward": _recurrent(3),
}


def flops(name: str, args: Values, results: Values) -> int:
    """Two for each multiplication with its addition, eight of complex numbers; 0 for ops that are none of these."""
    count = _MULTIPLY_ADDS.get(name)
    if count is None:
        return 0
    return count(args, results) * (8 if results[0].is_complex() else 2)
