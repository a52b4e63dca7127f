"""Maxima, means and p-norms over windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tensorwright import Tensor

from . import functional as F
from ._module import Module
from ._signatures import Pooled

Ints = int | Sequence[int]


class _MaxPool(Module[[Tensor], Pooled]):
    function: ClassVar[Callable[..., Any]]
    kernel_size: Ints
    padding: Ints
    dilation: Ints
    stride: Ints
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Pooled:
        """Map [N, C, *sizes] (or without N) to [N, C, *sizes']."""
        return type(self).function(  # type: ignore[no-any-return]
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool[Pooled]):
    """Largest value of each window of signals [N, C, L]; arguments as ``MaxPool2d``.

    Example:
        >>> import tensorwright as tw
        >>> MaxPool1d(2)(tw.ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.max_pool1d


class MaxPool2d(_MaxPool[Pooled]):
    """Largest value of each window of images [N, C, H, W].

    Args:
        kernel_size: the window, one number or two; likewise the others below.
        stride: step of the window; its size if None.
        padding: minus infinities on each side, at most half the window.
        dilation: distance of the window's points.
        return_indices: also return the position of each maximum in its flattened image. For type checkers that is a
            ``MaxPool2d[tuple[Tensor, Tensor]]``.
        ceil_mode: round the output's size up, so that a partial last window counts.

    Example:
        >>> import tensorwright as tw
        >>> MaxPool2d(2)(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.max_pool2d


class MaxPool3d(_MaxPool[Pooled]):
    """Largest value of each window of volumes [N, C, D, H, W]; arguments as ``MaxPool2d``.

    Example:
        >>> import tensorwright as tw
        >>> MaxPool3d(2)(tw.ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.max_pool3d


class AvgPool1d(Module[[Tensor], Tensor]):
    """Mean of each window of signals [N, C, L]; arguments as ``AvgPool2d``.

    Example:
        >>> import tensorwright as tw
        >>> AvgPool1d(2)(tw.ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    kernel_size: tuple[int, ...]
    padding: tuple[int, ...]
    stride: tuple[int, ...]
    ceil_mode: bool
    count_include_pad: bool

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = _single(kernel_size), _single(padding)
        self.stride = self.kernel_size if stride is None else _single(stride)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, L] to [N, C, L']."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _single(value: Ints) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


class _AvgPool(Module[[Tensor], Tensor]):
    function: ClassVar[Callable[..., Tensor]]
    kernel_size: Ints
    padding: Ints
    stride: Ints
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, *sizes] (or without N) to [N, C, *sizes']."""
        return type(self).function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """Mean of each window of images [N, C, H, W].

    Args:
        kernel_size: the window, one number or two; likewise stride and padding.
        stride: step of the window; its size if None.
        padding: zeros on each side, at most half the window.
        ceil_mode: round the output's size up, so that a partial last window counts.
        count_include_pad: count the padding's zeros in the mean.
        divisor_override: divide by this instead of the window's size.

    Example:
        >>> import tensorwright as tw
        >>> AvgPool2d(2)(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.avg_pool2d


class AvgPool3d(_AvgPool):
    """Mean of each window of volumes [N, C, D, H, W]; arguments as ``AvgPool2d``.

    Example:
        >>> import tensorwright as tw
        >>> AvgPool3d(2)(tw.ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.avg_pool3d


class _LPPool(Module[[Tensor], Tensor]):
    function: ClassVar[Callable[..., Tensor]]
    norm_type: float
    kernel_size: Ints
    stride: Ints | None
    ceil_mode: bool

    def __init__(
        self, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, *sizes] (or without N) to [N, C, *sizes']."""
        return type(self).function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of x^p)^(1/p) over each window of signals [N, C, L].

    Args:
        norm_type: p.
        kernel_size: the window.
        stride: step of the window; its size if None.
        ceil_mode: round the output's size up, so that a partial last window counts.

    Example:
        >>> import tensorwright as tw
        >>> LPPool1d(2, 2)(tw.ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.lp_pool1d


class LPPool2d(_LPPool):
    """(sum of x^p)^(1/p) over each window of images [N, C, H, W]; arguments as ``LPPool1d``.

    Example:
        >>> import tensorwright as tw
        >>> LPPool2d(2, 2)(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.lp_pool2d


class LPPool3d(_LPPool):
    """(sum of x^p)^(1/p) over each window of volumes [N, C, D, H, W]; arguments as ``LPPool1d``.

    Example:
        >>> import tensorwright as tw
        >>> LPPool3d(2, 2)(tw.ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.lp_pool3d
