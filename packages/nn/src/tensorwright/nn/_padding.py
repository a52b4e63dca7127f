"""Borders around signals, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tensorwright import Tensor

from . import functional as F
from ._module import Module

Ints = int | Sequence[int]


class _Pad(Module[[Tensor], Tensor]):
    dims: ClassVar[int]
    mode: ClassVar[str]
    padding: tuple[int, ...]

    def __init__(self, padding: Ints) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.dims) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, *sizes] (or without N) to one that is larger by ``padding``."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Ints, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Map [..., *sizes] to one that is larger by ``padding``."""
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Ints) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """A border of one value around signals [N, C, L].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...
        value: what it consists of.

    Example:
        >>> import tensorwright as tw
        >>> ConstantPad1d(1, 0.5)(tw.ones(1, 2, 4)).shape
        (1, 2, 6)
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """A border of one value around images [N, C, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...
        value: what it consists of.

    Example:
        >>> import tensorwright as tw
        >>> ConstantPad2d(1, 0.5)(tw.ones(1, 2, 4, 4)).shape
        (1, 2, 6, 6)
    """

    dims = 2


class ConstantPad3d(_ConstantPad):
    """A border of one value around volumes [N, C, D, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...
        value: what it consists of.

    Example:
        >>> import tensorwright as tw
        >>> ConstantPad3d(1, 0.5)(tw.ones(1, 2, 4, 4, 4)).shape
        (1, 2, 6, 6, 6)
    """

    dims = 3


class ZeroPad1d(_ZeroPad):
    """A border of zeros around signals [N, C, L].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ZeroPad1d(1)(tw.ones(1, 2, 4)).shape
        (1, 2, 6)
    """

    dims = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros around images [N, C, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ZeroPad2d(1)(tw.ones(1, 2, 4, 4)).shape
        (1, 2, 6, 6)
    """

    dims = 2


class ZeroPad3d(_ZeroPad):
    """A border of zeros around volumes [N, C, D, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ZeroPad3d(1)(tw.ones(1, 2, 4, 4, 4)).shape
        (1, 2, 6, 6, 6)
    """

    dims = 3


class ReflectionPad1d(_Pad):
    """A border that mirrors signals [N, C, L].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ReflectionPad1d(1)(tw.ones(1, 2, 4)).shape
        (1, 2, 6)
    """

    dims = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """A border that mirrors images [N, C, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ReflectionPad2d(1)(tw.ones(1, 2, 4, 4)).shape
        (1, 2, 6, 6)
    """

    dims = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """A border that mirrors volumes [N, C, D, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ReflectionPad3d(1)(tw.ones(1, 2, 4, 4, 4)).shape
        (1, 2, 6, 6, 6)
    """

    dims = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """A border that repeats the edge of signals [N, C, L].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ReplicationPad1d(1)(tw.ones(1, 2, 4)).shape
        (1, 2, 6)
    """

    dims = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """A border that repeats the edge of images [N, C, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ReplicationPad2d(1)(tw.ones(1, 2, 4, 4)).shape
        (1, 2, 6, 6)
    """

    dims = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """A border that repeats the edge of volumes [N, C, D, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> ReplicationPad3d(1)(tw.ones(1, 2, 4, 4, 4)).shape
        (1, 2, 6, 6, 6)
    """

    dims = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """A border that continues, at the other end, signals [N, C, L].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> CircularPad1d(1)(tw.ones(1, 2, 4)).shape
        (1, 2, 6)
    """

    dims = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """A border that continues, at the other end, images [N, C, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> CircularPad2d(1)(tw.ones(1, 2, 4, 4)).shape
        (1, 2, 6, 6)
    """

    dims = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """A border that continues, at the other end, volumes [N, C, D, H, W].

    Args:
        padding: its width, one number or (before, after) of the last dimension, then of the one before it, ...

    Example:
        >>> import tensorwright as tw
        >>> CircularPad3d(1)(tw.ones(1, 2, 4, 4, 4)).shape
        (1, 2, 6, 6, 6)
    """

    dims = 3
    mode = "circular"
