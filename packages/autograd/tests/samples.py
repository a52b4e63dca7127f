"""Arguments for gradient checks, written in the derivative facets as small expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import tensorwright as tw

_random = np.random.default_rng(7)


def start(name: str) -> None:
    """Draw the same numbers for a case whatever ran before it."""
    global _random
    _random = np.random.default_rng(crc32(name.encode()))


def _leaf(values: Any) -> tw.Tensor:
    return tw.from_numpy(np.array(values, dtype=np.float64)).requires_grad_()


def normal(*shape: int) -> tw.Tensor:
    """A leaf whose elements are apart from each other."""
    count = int(np.prod(shape, dtype=int))
    values = (np.arange(count) + _random.uniform(0.2, 0.8)) / max(count, 1) * 3 - 1.5
    return _leaf(_random.permutation(values).reshape(shape))


def uniform(low: float, high: float, *shape: int) -> tw.Tensor:
    """A leaf with distinct elements between two bounds."""
    count = int(np.prod(shape, dtype=int))
    values = low + (high - low) * (np.arange(count) + _random.uniform(0.2, 0.8)) / max(count, 1)
    return _leaf(_random.permutation(values).reshape(shape))


def complex_normal(*shape: int) -> tw.Tensor:
    """A complex leaf whose elements lie off the axes."""
    parts = _random.uniform(0.2, 1.4, (2, *shape)) * _random.choice([-1.0, 1.0], (2, *shape))
    return tw.from_numpy(np.array(parts[0] + 1j * parts[1])).requires_grad_()


def positive(*shape: int) -> tw.Tensor:
    """A leaf of positive definite matrices; the last size counts twice."""
    factor = _random.uniform(-1, 1, (*shape, shape[-1]))
    return _leaf(factor @ factor.swapaxes(-1, -2) + np.diag(np.arange(1.0, shape[-1] + 1)))


@dataclass(frozen=True)
class Symmetric:
    """A leaf that the op gets as (x + x^T) / 2: it reads one triangle, its gradient is of symmetric matrices."""

    leaf: tw.Tensor

    def value(self, leaf: tw.Tensor) -> tw.Tensor:
        return (leaf + leaf.transpose(-2, -1)) / 2


def symmetric(*shape: int) -> Symmetric:
    """Positive definite matrices for an op that takes them for symmetric."""
    return Symmetric(positive(*shape))


def with_zeros(*shape: int) -> tw.Tensor:
    """A leaf of which some elements are 0."""
    values = np.array(normal(*shape).detach().numpy())
    values.reshape(-1)[::3] = 0
    return _leaf(values)


def fixed(*shape: int) -> tw.Tensor:
    """Positive numbers that need no gradient."""
    return tw.from_numpy(np.array(_random.uniform(0.5, 1.5, shape)))


def full(value: float) -> tw.Tensor:
    """A number that needs no gradient."""
    return tw.tensor(value, dtype=tw.float64)


def ints(values: Any) -> tw.Tensor:
    """Indices."""
    return tw.tensor(values, dtype=tw.int64)


def floats(values: Any) -> tw.Tensor:
    """Numbers that need no gradient, as they stand."""
    return tw.tensor(values, dtype=tw.float64)


def int32(values: Any) -> tw.Tensor:
    """Pivots."""
    return tw.tensor(values, dtype=tw.int32)


def bools(*shape: int) -> tw.Tensor:
    """A mask."""
    return tw.from_numpy(_random.random(shape) > 0.5)


_NAMES: dict[str, Any] = {
    "normal": normal, "complex_normal": complex_normal, "uniform": uniform, "with_zeros": with_zeros, "fixed": fixed,
    "full": full, "ints": ints,
    "floats": floats, "bools": bools, "float64": tw.float64, "float32": tw.float32,
    "int32": int32, "float": float, "positive": positive, "symmetric": symmetric,
}  # fmt: skip


def evaluate(text: str) -> Any:
    """The value of an argument's expression."""
    return eval(text, {"__builtins__": {}}, _NAMES)


def leaves_of(values: dict[str, Any]) -> list[tuple[str, int | None, tw.Tensor]]:
    """Tensors that require grad, by argument name and place in a list."""
    found: list[tuple[str, int | None, tw.Tensor]] = []
    for name, value in values.items():
        items = enumerate(value) if isinstance(value, list) else [(None, getattr(value, "leaf", value))]
        found += [(name, i, item) for i, item in items if isinstance(item, tw.Tensor) and item.requires_grad]
    return found


def call_with(op: Callable[..., Any], values: dict[str, Any]) -> tuple[Callable[..., Any], list[tw.Tensor]]:
    """The op as a function of its leaves alone, and the leaves."""
    places = leaves_of(values)

    def function(*tensors: tw.Tensor) -> Any:
        args = {name: list(value) if isinstance(value, list) else value for name, value in values.items()}
        for (name, i, _), tensor in zip(places, tensors, strict=True):
            if i is None:
                whole = args[name]
                args[name] = whole.value(tensor) if isinstance(whole, Symmetric) else tensor
            else:
                args[name][i] = tensor
        return op(**args)

    return function, [tensor for _, _, tensor in places]
