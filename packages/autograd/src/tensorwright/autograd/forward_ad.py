"""Forward mode by hand: dual tensors, which carry a tangent along, inside of a dual level.

Example:
    >>> import tensorwright as tw
    >>> from tensorwright.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(tw.tensor(2.0), tw.tensor(1.0))
    ...     forward_ad.unpack_dual(x * x * x).tangent.item()
    12.0
"""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple

from tensorwright import Tensor
from tensorwright.autograd import _levels as levels

_open: list[int] = []


class UnpackedDualTensor(NamedTuple):
    """A value and its tangent, None where it has none."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level for dual tensors; its number."""
    level: int = levels.open_forward()
    _open.append(level)
    return level


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the innermost dual level.

    Raises:
        RuntimeError: if none is open, or ``level`` is not the innermost.
    """
    if not _open:
        raise RuntimeError("exit_dual_level: no dual level is open")
    if level is not None and level != _open[-1]:
        raise RuntimeError(f"exit_dual_level: the innermost dual level is {_open[-1]}, not {level}")
    levels.close(_open.pop())


def _current(name: str, level: int | None) -> int:
    if not _open:
        raise RuntimeError(f"{name}: no dual level is open; use it inside of `with dual_level():`")
    return _open[-1] if level is None else level


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor that carries ``tangent`` along.

    Raises:
        RuntimeError: outside of a dual level.
        ValueError: if the shapes or dtypes differ, or the dtype is not floating or complex.
    """
    current = _current("make_dual", level)
    if tensor.shape != tangent.shape or tensor.dtype != tangent.dtype:
        raise ValueError(
            f"make_dual: the tangent must be {tensor.dtype} of shape {tuple(tensor.shape)}, "
            f"got {tangent.dtype} of shape {tuple(tangent.shape)}"
        )
    if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
        raise ValueError(f"make_dual: expected a floating or complex tensor, got {tensor.dtype}")
    dual: Tensor = levels.make_dual(tensor, tangent, current)
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor; outside of dual levels every tangent is None."""
    if not _open:
        return UnpackedDualTensor(tensor, None)
    current = _current("unpack_dual", level)
    return UnpackedDualTensor(levels.lower(tensor, current), levels.tangent_of(tensor, current))


class dual_level:  # noqa: N801 (PyTorch's name)
    """A dual level for the length of a ``with`` block."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exit_dual_level()
