"""What code says about compiled functions from inside and outside of them; as ``torch.compiler``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar, overload

from tensorwright.export._export import is_exporting
from tensorwright.jit._compile.backends import list_backends
from tensorwright.jit._compile.compiled import compile, forget_recordings, recorded_environment

__all__ = [
    "allow_in_graph",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
]

F = TypeVar("F", bound=Callable[..., Any])


def is_compiling() -> bool:
    """Whether the code that asks is being recorded: for a compiled function, or for ``tw.export``.

    Example:
        >>> import tensorwright as tw
        >>> seen = []
        >>> @tw.compile
        ... def f(x):
        ...     seen.append(tw.compiler.is_compiling())
        ...     return x + 1
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     _ = f(tw.ones(1))  # changes a list, so it is not replayed
        >>> seen, tw.compiler.is_compiling()
        ([True], False)
    """
    return is_dynamo_compiling() or is_exporting()


def is_dynamo_compiling() -> bool:
    """Whether the code that asks is being recorded for a compiled function."""
    return recorded_environment() is not None


@overload
def disable(fn: F, recursive: bool = True, *, reason: str | None = None) -> F: ...
@overload
def disable(fn: None = None, recursive: bool = True, *, reason: str | None = None) -> Callable[[F], F]: ...
def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Let a function run as it is always: a compiled function that calls it is not replayed, and says so once.

    Args:
        fn: a function or module; without it, `disable` is a decorator.
        recursive: accepted; what the function calls runs as it is in either case.
        reason: for the warning.

    Raises:
        TypeError: if `fn` cannot be called.

    Example:
        >>> import tensorwright as tw
        >>> @tw.compiler.disable
        ... def log(x):
        ...     return x.log()
        >>> log(tw.ones(1)).item()
        0.0
    """
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    if not callable(fn):
        raise TypeError(f"disable: expected a function or module, got {type(fn).__name__}")
    forward = getattr(fn, "forward", None)
    if forward is not None and not isinstance(fn, type):
        fn.forward = disable(forward, reason=reason)
        return fn
    name = getattr(fn, "__qualname__", type(fn).__name__)
    because = f" ({reason})" if reason else ""

    @functools.wraps(fn)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        environment = recorded_environment()
        if environment is not None:
            environment.note_effect(f"{name} is disabled for compilation{because}", sys._getframe(1))
        return fn(*args, **kwargs)

    return disabled


def allow_in_graph(fn: Any) -> Any:
    """The function or functions themselves: every op is recorded, whoever calls it."""
    return fn


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no graphs of CUDA to tell apart."""


def reset() -> None:
    """Forget what compiled functions have recorded; their next calls record again.

    Example:
        >>> import tensorwright as tw
        >>> f = tw.compile(lambda x: x + 1)
        >>> _ = f(tw.ones(1))
        >>> len(f.graphs)
        1
        >>> tw.compiler.reset()
        >>> len(f.graphs)
        0
    """
    forget_recordings()
