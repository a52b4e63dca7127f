"""Memory of tensors on the CPU and on devices of plugins: what is in use, what is kept, and who takes most of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from tensorwright import _C

_PACKAGE = str(Path(__file__).parent)


def memory_stats(largest: int = 5) -> dict[str, Any]:
    """What memory tensors take, in bytes.

    ``in_use``: storages of live tensors (those of at most 64 bytes lie in the tensors themselves and do not count).
    ``peak``: the most that was in use at once since the start or `reset_peak_memory`, to within the small blocks that
    threads keep. ``cached`` and ``cache_limit``: freed blocks of more than 64 KB that are kept for the next tensor of
    their size, and how much may be kept. ``largest``: the largest live storages of 1 MB and more, each a dict with
    ``bytes``, ``dtype``, ``shape`` and ``line``, the line of the program that made it, which is None unless
    `record_memory` says that lines are recorded.

    Args:
        largest: how many of the largest storages to list.

    Raises:
        ValueError: if `largest` is negative.

    Example:
        >>> import tensorwright as tw
        >>> before = tw.memory_stats()["in_use"]
        >>> x = tw.zeros(1000, 1000)
        >>> tw.memory_stats()["in_use"] - before
        4000000
    """
    if largest < 0:
        raise ValueError(f"memory_stats(): largest must not be negative, got {largest}")
    return {
        "in_use": _C.memory_in_use(),
        "peak": _C.memory_peak(),
        "cached": _C.cached_memory(),
        "cache_limit": _C.cache_limit(),
        "largest": _C.largest_tensors(largest),
    }


def reset_peak_memory() -> None:
    """Let the peak of `memory_stats` begin anew, from what is in use now.

    Example:
        >>> import tensorwright as tw
        >>> tw.reset_peak_memory()
    """
    _C.reset_memory_peak()


def empty_cache() -> None:
    """Give the memory that is kept for the next tensors back to the system: the shared blocks and this thread's.

    Example:
        >>> import tensorwright as tw
        >>> tw.empty_cache()
        >>> tw.memory_stats()["cached"]
        0
    """
    _C.release_cached_memory()


def set_cache_limit(limit: int) -> None:
    """Choose how many bytes of freed large blocks are kept; with 0 each goes back to the system at once.

    At start it is ``TENSORWRIGHT_CACHE_LIMIT``, or an eighth of the machine's memory and at most 1 GiB.

    Raises:
        ValueError: if `limit` is negative.

    Example:
        >>> import tensorwright as tw
        >>> before = tw.memory_stats()["cache_limit"]
        >>> tw.set_cache_limit(64 << 20)
        >>> tw.set_cache_limit(before)
    """
    if limit < 0:
        raise ValueError(f"set_cache_limit(): limit must not be negative, got {limit}")
    _C.set_cache_limit(limit)


def record_memory(enabled: bool = True) -> None:
    """Record which line of the program makes each large tensor from now on, for `memory_stats` and for the error that
    says that memory is short. It costs some microseconds for each tensor of 1 MB or more.

    Example:
        >>> import tensorwright as tw
        >>> tw.record_memory()
        >>> x = tw.zeros(1000, 1000)
        >>> tw.memory_stats(largest=1)["largest"][0]["line"] is None
        False
        >>> tw.record_memory(False)
    """
    _C.record_memory(bool(enabled))


def running_line() -> str:
    """The innermost line that runs outside of this package, as ``file:line``; empty if there is none."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
