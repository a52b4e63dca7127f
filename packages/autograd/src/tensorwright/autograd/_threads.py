"""Threads of backward passes.

A pass runs on the thread that starts it; its kernels use the thread pool, several threads may run passes at once, over
one graph too. So there are no threads of passes to switch off, and the switch is kept for programs that have it.
"""

from __future__ import annotations

import threading


class _State(threading.local):
    enabled = True


_state = _State()


def is_multithreading_enabled() -> bool:
    """What ``set_multithreading_enabled`` was given last on this thread."""
    return _state.enabled


class set_multithreading_enabled:  # noqa: N801 (PyTorch's name)
    """Allow backward passes several threads or not, from here on; as a context manager, until the block ends.

    Nothing depends on it: a pass runs on the thread that starts it in either case.

    Example:
        >>> import tensorwright as tw
        >>> with tw.autograd.set_multithreading_enabled(False):
        ...     tw.autograd.is_multithreading_enabled()
        False
    """

    mode: bool

    def __init__(self, mode: bool) -> None:
        self._before, self.mode = _state.enabled, bool(mode)
        _state.enabled = self.mode

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        _state.enabled = self._before
