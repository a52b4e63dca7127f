"""Registering hooks, and what that gives."""

from __future__ import annotations

import itertools
from typing import Any

_ids = itertools.count()


class RemovableHandle:
    """Removes a hook: by ``remove()``, or at the end of a ``with`` block.

    Attributes:
        id: the hook's key among the others, rising in the order of registration over all of them.

    Example:
        >>> from tensorwright.utils.hooks import RemovableHandle
        >>> hooks = {}
        >>> with RemovableHandle(hooks) as handle:
        ...     hooks[handle.id] = print
        >>> hooks
        {}
    """

    id: int

    def __init__(self, hooks: dict[int, Any]) -> None:
        """
        Args:
            hooks: where the caller puts the hook, under ``id``.
        """
        self._hooks = hooks
        self.id = next(number for number in _ids if number not in hooks)  # some may be of a file

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def register(hooks: dict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Add a hook to others, in front of them if ``prepend``.

    Example:
        >>> from tensorwright.utils.hooks import register
        >>> hooks = {}
        >>> _ = register(hooks, "second")
        >>> with register(hooks, "first", prepend=True):
        ...     list(hooks.values())
        ['first', 'second']
    """
    handle = RemovableHandle(hooks)
    others = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(others)
    return handle
