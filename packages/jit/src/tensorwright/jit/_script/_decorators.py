"""Marks on functions: what a script does with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__tensorwright_jit__"


def modifier_of(function: Any) -> str | None:
    """``"ignore"``, ``"unused"`` or ``"export"``, or None."""
    found: str | None = getattr(function, _MARK, None)
    return found


def _mark(function: F, modifier: str) -> F:
    function.__dict__[_MARK] = modifier
    return function


@overload
def ignore(drop: F) -> F: ...
@overload
def ignore(drop: bool = False) -> Callable[[F], F]: ...
def ignore(drop: Any = False) -> Any:
    """Leave a function or method to Python: a script calls it, and cannot run without Python then.

    Its annotations say what it gives; without one it gives a tensor. Also written ``@ignore()``, and
    ``@ignore(drop=True)`` for ``unused``.

    Example:
        >>> import tensorwright as tw
        >>> @tw.jit.ignore
        ... def looked_up(x: tw.Tensor) -> tw.Tensor:
        ...     return x * {"factor": 3.0}["factor"]
        >>> looked_up(tw.ones(2)).tolist()
        [3.0, 3.0]
    """
    if callable(drop):
        return _mark(drop, "ignore")
    return unused if drop else lambda function: _mark(function, "ignore")


def unused(function: F) -> F:
    """Do not compile a function or method: a script that reaches a call of it stops with an error.

    Example:
        >>> import tensorwright as tw
        >>> @tw.jit.unused
        ... def never(x: tw.Tensor) -> tw.Tensor:
        ...     raise KeyError("not for scripts")
    """
    return _mark(function, "unused")


def export(function: F) -> F:
    """Compile a method that ``forward`` does not call, too.

    Example:
        >>> import tensorwright as tw
        >>> class Scaled(tw.nn.Module):
        ...     def forward(self, x: tw.Tensor) -> tw.Tensor:
        ...         return x * 2
        ...
        ...     @tw.jit.export
        ...     def undo(self, x: tw.Tensor) -> tw.Tensor:
        ...         return x / 2
    """
    return _mark(function, "export")


def is_scripting() -> bool:
    """False in Python, True in a script: for lines that only one of them can run."""
    return False


def annotate(kind: Any, value: Any) -> Any:
    """The value, declared to be of a type: for lists that start empty.

    Example:
        >>> annotate(list[int], [])
        []
    """
    return value
