"""Which node is running: its stack trace, for what is made on its behalf."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorwright.fx.node import Node

_current = threading.local()


@contextmanager
def set_current_meta(node: Node) -> Iterator[None]:
    """Within, :func:`get_current_meta` gives the node's notes.

    Example:
        >>> from tensorwright import fx
        >>> x = fx.Graph().placeholder("x")
        >>> x.meta["origin"] = "here"
        >>> with set_current_meta(x):
        ...     get_current_meta()
        {'origin': 'here'}
    """
    outside = getattr(_current, "node", None)
    _current.node = node
    try:
        yield
    finally:
        _current.node = outside


@contextmanager
def preserve_node_meta() -> Iterator[None]:
    """Within, what is set of the current node is put back at the end."""
    outside = getattr(_current, "node", None)
    try:
        yield
    finally:
        _current.node = outside


def has_preserved_node_meta() -> bool:
    """Whether a node is running on this thread."""
    return getattr(_current, "node", None) is not None


def get_current_meta() -> dict[str, Any]:
    """The notes of the node that is running on this thread; empty if none is."""
    node = getattr(_current, "node", None)
    return {} if node is None else dict(node.meta)


def format_stack() -> list[str]:
    """Where the node that is running was made, as lines; empty if none is running or it is not known."""
    node = getattr(_current, "node", None)
    place = None if node is None else node.stack_trace
    return [] if place is None else [place]
