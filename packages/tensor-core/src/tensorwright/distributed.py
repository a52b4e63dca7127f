"""What code asks that can run as a group of processes: here it runs as one, and groups are refused."""

from __future__ import annotations

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


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(f"distributed.{name}: there are no groups of processes; ask distributed.is_available() before")


def init_process_group(*args: Any, **kwargs: Any) -> None:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("init_process_group")


def destroy_process_group(group: object = None) -> None:
    """Refused, like all that follows.

    Raises:
        RuntimeError: always.
    """
    _refuse("destroy_process_group")


def get_rank(group: object = None) -> int:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("get_rank")


def get_world_size(group: object = None) -> int:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("get_world_size")


def barrier(*args: Any, **kwargs: Any) -> None:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("barrier")


def broadcast(*args: Any, **kwargs: Any) -> None:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("broadcast")


def all_reduce(*args: Any, **kwargs: Any) -> None:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("all_reduce")


def all_gather(*args: Any, **kwargs: Any) -> None:
    """Refused.

    Raises:
        RuntimeError: always.
    """
    _refuse("all_gather")
