"""Seeds and states of the random numbers, under PyTorch's name of the module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorwright._random import default_generator as default_generator
from tensorwright._random import get_rng_state as get_rng_state
from tensorwright._random import initial_seed as initial_seed
from tensorwright._random import manual_seed as manual_seed
from tensorwright._random import seed as seed
from tensorwright._random import set_rng_state as set_rng_state


@contextmanager
def fork_rng(enabled: bool = True) -> Iterator[None]:
    """Draw inside without changing what is drawn afterwards.

    Example:
        >>> import tensorwright as tw
        >>> _ = tw.manual_seed(0)
        >>> with tw.random.fork_rng():
        ...     inside = tw.rand(1)
        >>> (tw.rand(1) == inside).item()
        True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
