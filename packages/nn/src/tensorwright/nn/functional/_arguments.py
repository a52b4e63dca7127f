"""Checks of what functions read before they call an op."""

from __future__ import annotations

from tensorwright import Tensor


def check_tensors(function: str, **arguments: object) -> None:
    """Refuse arguments that are no tensors.

    Raises:
        TypeError: names the first one.
    """
    for name, value in arguments.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{function}: {name} must be a Tensor, got {type(value).__name__}")


def check_optional(function: str, **arguments: object) -> None:
    """Refuse arguments that are neither tensors nor None.

    Raises:
        TypeError: names the first one.
    """
    check_tensors(function, **{name: value for name, value in arguments.items() if value is not None})
