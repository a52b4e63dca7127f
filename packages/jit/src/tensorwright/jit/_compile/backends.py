"""What runs a recorded graph: built in, or of another distribution by the entry point group ``tensorwright.compilers``.

An entry point names a function ``backend(captured) -> callable``: it gets the :class:`~tensorwright.jit.Captured` of
one recorded run and returns what takes the same tensors, one by one, and gives the same results, as a list.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Any

from tensorwright import Tensor
from tensorwright.jit._trace import Captured

Runner = Callable[..., Any]
Backend = Callable[[Captured], Runner]

GROUP = "tensorwright.compilers"


def run_graph(captured: Captured) -> Runner:
    """Node by node through the dispatcher, without Python between the ops."""
    native = captured.program.native

    def run(*tensors: Tensor) -> Any:
        return native("run", "forward", tensors)

    return run


_BUILTIN: dict[str, Backend] = {"graph": run_graph}


def list_backends() -> list[str]:
    """The names that ``compile(backend=...)`` takes."""
    return sorted({*_BUILTIN, *(entry.name for entry in metadata.entry_points(group=GROUP))})


def find_backend(backend: str | Backend) -> Backend:
    """The backend of that name.

    Raises:
        ValueError: if there is none; lists those that are installed.
    """
    if not isinstance(backend, str):
        return backend
    if backend in _BUILTIN:
        return _BUILTIN[backend]
    for entry in metadata.entry_points(group=GROUP, name=backend):
        loaded: Backend = entry.load()
        return loaded
    raise ValueError(f"compile: there is no backend {backend!r}; installed are {', '.join(list_backends())}")
