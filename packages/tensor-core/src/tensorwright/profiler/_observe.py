"""Looking at ops while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorwright import _C

Observer = Callable[[str, tuple[Any, ...], tuple[Any, ...], int], object]


class observe:  # noqa: N801 (stands beside profile)
    """Call a function after each op that this thread runs inside the ``with`` block: a backward pass's ops as well.

    It is called below all layers, with what reaches the kernels: no gradients are recorded, casts have been made, and
    an op that is made of others comes after them. What the function itself computes is not observed. If it raises, the
    op fails with that exception.

    Args:
        function: is called with the op's name, its arguments, its results, and in how many other ops it lies.

    Raises:
        RuntimeError: if the thread is observed already.

    Example:
        >>> import tensorwright as tw
        >>> shapes = []
        >>> def note(name, args, results, depth):
        ...     shapes.append((name, [tuple(t.shape) for t in results], depth))
        >>> with observe(note):
        ...     y = tw.ones(2, 3) @ tw.ones(3, 4)
        >>> shapes[-2:]
        [('tw::mm', [(2, 4)], 1), ('tw::matmul', [(2, 4)], 0)]
    """

    def __init__(self, function: Observer) -> None:
        self._function = function

    def __enter__(self) -> observe:
        _C.set_observer(self._function)
        return self

    def __exit__(self, *error: object) -> None:
        _C.set_observer(None)
