"""Seeds of epochs and batches, and the global random generators that the code of a dataset may use."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorwright as tw

_WORD = (1 << 64) - 1


def mixed(seed: int, *words: int) -> int:
    """A 63-bit seed that depends on every bit of ``seed`` and ``words`` (the finalizer of splitmix64, chained)."""
    state = seed & _WORD
    for word in words:
        state = (state + 0x9E3779B97F4A7C15 * (2 * (word & _WORD) + 1)) & _WORD
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _WORD
        state ^= state >> 31
    return state >> 1


def drawn_seed(generator: tw.Generator | None) -> int:
    """One draw from ``generator``, or from the default one: everything that follows comes from this seed."""
    return int(tw.randint(0, (1 << 63) - 1, (), generator=generator).item())


def seed_everything(seed: int) -> None:
    """Start the global generators of tensorwright, ``random`` and NumPy."""
    tw.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)


class OwnRandomness:
    """A context in which the global generators may be seeded and used; afterwards they go on where they were.

    NumPy's is exchanged for another one instead of copied out and in: that costs a microsecond, not a hundred.
    """

    def __init__(self) -> None:
        self._numpy = np.random.MT19937()
        module: Any = np.random  # its stubs lack two functions
        self._get, self._set = module.get_bit_generator, module.set_bit_generator

    def __enter__(self) -> None:
        self._state = tw.get_rng_state()
        self._python = random.getstate()
        self._others = self._get()
        self._set(self._numpy)

    def __exit__(self, *details: object) -> None:
        self._set(self._others)
        random.setstate(self._python)
        tw.set_rng_state(self._state)


# --- states as plain numbers and lists, which any format can store ------------------------------------------------


def generator_state(generator: tw.Generator) -> list[int]:
    return [int(word) for word in generator.get_state().tolist()]


def set_generator_state(generator: tw.Generator, state: list[int]) -> None:
    generator.set_state(tw.tensor(state, dtype=tw.int64))


def global_state() -> dict[str, Any]:
    """The states of the generators of ``random`` and NumPy."""
    version, words, gauss = random.getstate()
    bits = np.random.get_state(legacy=False)
    assert isinstance(bits, dict)
    return {
        "python": [version, list(words), gauss],
        "numpy": [
            bits["state"]["key"].tolist(),
            int(bits["state"]["pos"]),
            int(bits["has_gauss"]),
            float(bits["gauss"]),
        ],
    }


def set_global_state(state: dict[str, Any]) -> None:
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    key, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", np.array(key, dtype=np.uint32), position, has_gauss, cached))


@contextmanager
def restored_afterwards() -> Iterator[None]:
    """A context that may set the global generators to any state."""
    default, python, bits = tw.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)
    try:
        yield
    finally:
        tw.set_rng_state(default)
        random.setstate(python)
        np.random.set_state(bits)
