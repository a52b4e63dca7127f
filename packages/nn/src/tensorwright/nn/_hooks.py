"""Registries of callables that a module runs, and the handles that remove them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorwright.utils.hooks import RemovableHandle

Hook = Callable[..., Any]


def register(hooks: dict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Add ``hook`` to ``hooks``, in front of the others if ``prepend``."""
    handle = RemovableHandle(hooks)
    others = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(others)
    return handle
