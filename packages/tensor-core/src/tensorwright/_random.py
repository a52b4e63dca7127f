"""Seeds and states of random generators: Philox4x32-10, whose whole state is a key and a counter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tensorwright import _C
from tensorwright._arguments import check_tensor
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from tensorwright._C import DeviceLike

_WORD = 1 << 64


def _signed(word: int) -> int:
    return word - _WORD if word >= _WORD // 2 else word


def _checked_seed(seed: int, who: str) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise TypeError(f"{who}(): argument 'seed' must be int, got {type(seed).__name__}")
    if not -_WORD // 2 <= seed < _WORD:
        raise ValueError(f"{who}(): seed {seed} does not fit into 64 bits")
    return seed % _WORD


def _state_tensor(seed: int, counter: int) -> Tensor:
    return _C.tensor_from_data([_signed(seed), _signed(counter)], _C.int64, "get_state")


def _checked_state(state: Tensor, who: str) -> tuple[int, int]:
    check_tensor(who, "state", state)
    if state.dtype != _C.int64 or tuple(state.shape) != (2,):
        raise ValueError(
            f"{who}(): a state is an int64 tensor of shape [2], got {state.dtype.name} {list(state.shape)}"
        )
    seed, counter = state.tolist()
    return seed % _WORD, counter % _WORD


def _entropy() -> int:
    return int.from_bytes(os.urandom(8), "little") >> 1


class Generator:
    """A source of random numbers of its own, for the ``generator=`` argument of random ops.

    Raises:
        ValueError: for a device that is not here.

    Example:
        >>> import tensorwright as tw
        >>> a = tw.rand(3, generator=tw.Generator().manual_seed(7))
        >>> b = tw.rand(3, generator=tw.Generator().manual_seed(7))
        >>> a.tolist() == b.tolist()
        True
    """

    device: _C.device

    def __init__(self, device: DeviceLike = "cpu") -> None:
        self.device = _C.op_functions["empty"]((0,), device=device).device
        self._seed, self._counter = 0, 0

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``."""
        self._seed, self._counter = _checked_seed(seed, "manual_seed"), 0
        return self

    def seed(self) -> int:
        """Start again from a seed that the operating system gives, and return it."""
        self.manual_seed(_entropy())
        return self._seed

    def initial_seed(self) -> int:
        """The seed it was started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as an int64 tensor of shape [2]."""
        return _state_tensor(self._seed, self._counter)

    def set_state(self, state: Tensor) -> Generator:
        """Go on from a state that ``get_state`` returned."""
        self._seed, self._counter = _checked_state(state, "set_state")
        return self

    def __call__(self, n: int) -> tuple[int, int]:
        """Reserve ``n`` counters; the key and the first of them. Random ops call this."""
        first = self._counter
        self._counter = (first + n) % _WORD
        return _signed(self._seed), _signed(first)

    def __repr__(self) -> str:
        return f"Generator(device='{self.device}', seed={self._seed})"


class _DefaultGenerator(Generator):
    """The generator that random ops use when none is given; its state lives in the core."""

    def manual_seed(self, seed: int) -> Generator:
        _C.set_generator_state(_checked_seed(seed, "manual_seed"), 0)
        return self

    def seed(self) -> int:
        self.manual_seed(_entropy())
        return self.initial_seed()

    def initial_seed(self) -> int:
        return _C.generator_state()[0]

    def get_state(self) -> Tensor:
        return _state_tensor(*_C.generator_state())

    def set_state(self, state: Tensor) -> Generator:
        _C.set_generator_state(*_checked_state(state, "set_rng_state"))
        return self

    def __call__(self, n: int) -> tuple[int, int]:
        seed, counter = _C.generator_state()
        _C.set_generator_state(seed, (counter + n) % _WORD)
        return _signed(seed), _signed(counter)

    def __repr__(self) -> str:
        return f"Generator(device='{self.device}', seed={self.initial_seed()})"


default_generator: Generator = _DefaultGenerator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator from ``seed``: the same seed gives the same numbers, on any number of threads.

    Raises:
        ValueError: if the seed does not fit into 64 bits.

    Example:
        >>> import tensorwright as tw
        >>> _ = tw.manual_seed(0)
        >>> a = tw.randn(2)
        >>> _ = tw.manual_seed(0)
        >>> a.tolist() == tw.randn(2).tolist()
        True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator from a seed of the operating system, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, for ``set_rng_state``."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator go on from a state that ``get_rng_state`` returned.

    Example:
        >>> import tensorwright as tw
        >>> state = tw.get_rng_state()
        >>> a = tw.rand(2)
        >>> tw.set_rng_state(state)
        >>> a.tolist() == tw.rand(2).tolist()
        True
    """
    default_generator.set_state(new_state)
