"""Gradients of x[key] and x[key] = value for random keys, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorwright as tw
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPE = (3, 4, 2)


@st.composite
def items(draw: st.DrawFn, size: int, repeats: bool) -> Any:
    kind = draw(st.sampled_from(["slice", "ints", "mask", "all"]))
    if kind == "slice":
        bound = st.none() | st.integers(-size - 1, size + 1)
        return slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 2)))
    if kind == "ints":
        places = draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=not repeats))
        return np.array(places)
    if kind == "mask":
        mask = np.zeros(size, bool)
        mask[list(draw(st.permutations(range(size)))[:2])] = True
        return mask
    return slice(None)


@st.composite
def keys(draw: st.DrawFn, repeats: bool) -> tuple[Any, ...]:
    """Items for some leading dimensions, ..., and new dimensions."""
    key = [draw(items(size, repeats)) for size in SHAPE[: draw(st.integers(1, 3))]]
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    if draw(st.booleans()):
        key.append(Ellipsis)
    return tuple(key)


def ours(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tw.from_numpy(item) if isinstance(item, np.ndarray) else item for item in key)


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape)


@settings(max_examples=150, deadline=None)
@given(keys(repeats=True))
def test_gradient_of_reading(key: tuple[Any, ...]) -> None:
    x = tw.from_numpy(numbers(SHAPE, 0)).requires_grad_()
    result = x[ours(key)]
    weights = numbers(tuple(result.shape), 1)
    (result * tw.from_numpy(weights)).sum().backward()
    expected = np.zeros(SHAPE)
    np.add.at(expected, key, weights)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(keys(repeats=False), st.booleans())
def test_gradient_of_writing(key: tuple[Any, ...], broadcast: bool) -> None:
    x = tw.from_numpy(numbers(SHAPE, 0)).requires_grad_()
    part = numbers(SHAPE, 0)[key].shape
    shape = (part[-1],) if broadcast and part else part
    value = tw.from_numpy(numbers(shape, 2)).requires_grad_()
    result = x.clone()
    result[ours(key)] = value
    weights = numbers(SHAPE, 1)
    (result * tw.from_numpy(weights)).sum().backward()
    kept = weights.copy()
    kept[key] = 0
    flown = np.zeros(SHAPE) if x.grad is None else x.grad.numpy()  # none where all is overwritten
    np.testing.assert_allclose(flown, kept, rtol=1e-12, atol=1e-12)
    given_part = weights[key].sum(tuple(range(len(part) - len(shape))))
    np.testing.assert_allclose(value.grad.numpy(), given_part, rtol=1e-12, atol=1e-12)
