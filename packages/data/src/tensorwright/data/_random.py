"""Seeds of epochs and batches, and the global random generators that the code of a dataset may use."""

from __future__ import annotations

import ctypes
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


def use_mersenne_twister() -> None:
    """Give ``numpy.random`` the generator that it can seed, in a process that inherited another one."""
    module: Any = np.random  # its stubs lack a function
    if type(module.get_bit_generator()) is not np.random.MT19937:
        module.set_bit_generator(np.random.MT19937())


class OwnRandomness:
    """A context in which the global generators may be seeded and used; afterwards they go on where they were."""

    def __init__(self) -> None:
        self._numpy = _NumpyAside()

    def __enter__(self) -> None:
        self._default = tw.get_rng_state()
        self._python = random.getstate()
        self._numpy.put_aside()

    def __exit__(self, *details: object) -> None:
        self._numpy.put_back()
        random.setstate(self._python)
        tw.set_rng_state(self._default)


class _NumpyAside:
    """Exchanges the generator of ``numpy.random`` for another one.

    To copy its state out and in takes a tenth of a millisecond for each batch. To exchange the generator takes a
    microsecond, but loses the normal number that NumPy may keep for the next call, so that must be known to be absent:
    it is when it was absent before and the generator has not been used since.
    """

    def __init__(self) -> None:
        module: Any = np.random  # its stubs lack two functions
        self._get, self._set = module.get_bit_generator, module.set_bit_generator
        self._other = np.random.MT19937()
        self._unused: bytes | None = None
        self._state: dict[str, Any] | None = None

    def put_aside(self) -> None:
        self._kept = self._get()
        bits = _bits(self._kept)
        if bits is None or bits != self._unused:
            state = np.random.get_state(legacy=False)
            assert isinstance(state, dict)
            self._state = state if state["has_gauss"] else None
        self._set(self._other)

    def put_back(self) -> None:
        self._set(self._kept)
        if self._state is not None:
            np.random.set_state(self._state)
            self._unused = self._state = None
        else:
            self._unused = _bits(self._kept)


def _bits(generator: Any) -> bytes | None:
    """The memory of a Mersenne twister: 624 words and a position."""
    if type(generator) is not np.random.MT19937:
        return None
    return ctypes.string_at(generator.ctypes.state_address, 625 * 4)


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
