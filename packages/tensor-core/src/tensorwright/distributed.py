"""What code asks that can run as a group of processes: here it runs as one, and groups are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "all_gather", "all_reduce", "barrier", "broadcast", "destroy_process_group", "get_rank", "get_world_size",
    "init_process_group", "is_available", "is_initialized",
]  # fmt: skip


def is_available() -> bool:
    """False.

    Example:
        >>> import tensorwright as tw
        >>> tw.distributed.get_rank() if tw.distributed.is_available() else 0
        0
    """
    return False


def is_initialized() -> bool:
    """False: there is no group."""
    return False


def _refused(name: str) -> Callable[..., NoReturn]:
    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"distributed.{name}: there are no groups of processes; ask distributed.is_available() before"
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = "Refused: RuntimeError, always."
    return refused


all_gather = _refused("all_gather")
all_reduce = _refused("all_reduce")
barrier = _refused("barrier")
broadcast = _refused("broadcast")
destroy_process_group = _refused("destroy_process_group")
get_rank = _refused("get_rank")
get_world_size = _refused("get_world_size")
init_process_group = _refused("init_process_group")
