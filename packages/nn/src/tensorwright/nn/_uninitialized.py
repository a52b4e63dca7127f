"""Parameters and buffers whose shapes are not known yet."""

from __future__ import annotations

from typing import Any, NoReturn

import tensorwright as tw
from tensorwright import Tensor

from ._parameter import Buffer, Parameter


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(
        f"{what} of an uninitialized parameter or buffer is not known; run the module once, or load a state into it, "
        "first"
    )


class _Uninitialized:
    """What both kinds have: no shape, until `materialize` gives one and makes it an ordinary tensor."""

    _becomes: type[Tensor]
    data: Tensor

    @property
    def shape(self) -> NoReturn:
        """Not known: raises RuntimeError."""
        _refuse("the shape")

    def size(self, dim: int | None = None) -> NoReturn:
        """Not known: raises RuntimeError."""
        _refuse("the size")

    def numel(self) -> NoReturn:
        """Not known: raises RuntimeError."""
        _refuse("the number of elements")

    def materialize(
        self, shape: tuple[int, ...], device: tw.device | str | None = None, dtype: tw.dtype | None = None
    ) -> None:
        """Take a shape, with values that are not set, and become an ordinary parameter or buffer."""
        old = self.data
        self.data = tw.empty(shape, device=device or old.device, dtype=dtype or old.dtype)
        self.__class__ = self._becomes  # type: ignore[assignment]


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet; lazy modules have them until they run for the first time.

    Args:
        requires_grad: record operations on it once it has a shape.
        device: where it will be.
        dtype: what it will consist of.

    Example:
        >>> weight = UninitializedParameter()
        >>> weight.materialize((2, 3))
        >>> weight.shape
        (2, 3)
    """

    _becomes = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: tw.device | str | None = None, dtype: tw.dtype | None = None
    ) -> UninitializedParameter:
        made = super().__new__(cls, tw.empty(0, device=device, dtype=dtype), requires_grad)
        assert isinstance(made, UninitializedParameter)
        return made

    def __repr__(self, *, tensor_contents: object = None) -> str:  # type: ignore[override]
        return "<UninitializedParameter>"

    def __deepcopy__(self, memo: dict[int, object]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        copied = memo[id(self)]
        assert isinstance(copied, Parameter)
        return copied

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return type(self), (self.requires_grad, self.data.device, self.data.dtype)


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer whose shape is not known yet.

    Args:
        requires_grad: record operations on it once it has a shape.
        device: where it will be.
        dtype: what it will consist of.
        persistent: part of the module's state_dict.
    """

    _becomes = Buffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        buffer = super().__new__(cls, tw.empty(0, device=device, dtype=dtype), persistent=persistent)
        if requires_grad:
            buffer.requires_grad_(True)
        assert isinstance(buffer, UninitializedBuffer)
        return buffer

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return "<UninitializedBuffer>"

    def __deepcopy__(self, memo: dict[int, object]) -> UninitializedBuffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(False, self.data.device, self.data.dtype, self.persistent)
        copied = memo[id(self)]
        assert isinstance(copied, UninitializedBuffer)
        return copied

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return type(self), (False, self.data.device, self.data.dtype, self.persistent)


def is_uninitialized(value: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(value, _Uninitialized)
