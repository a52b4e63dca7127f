"""Pooling to a given size, at pseudo-random places, and its inverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tensorwright import Tensor

from . import functional as F
from ._module import Module
from ._signatures import Pooled

Ints = int | Sequence[int]
OptionalInts = int | Sequence[int | None] | None


class _AdaptiveAvgPool(Module[[Tensor], Tensor]):
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: OptionalInts) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Map [N, C, *sizes] (or without N) to [N, C, *output_size]."""
        return type(self).function(input, self.output_size)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Mean over windows of signals [N, C, L] chosen so that the output is ``output_size``; None keeps a size.

    Example:
        >>> import tensorwright as tw
        >>> AdaptiveAvgPool1d(2)(tw.ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Mean over windows of images [N, C, H, W] chosen so that the output is ``output_size``; None keeps a size.

    Example:
        >>> import tensorwright as tw
        >>> AdaptiveAvgPool2d(2)(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Mean over windows of volumes [N, C, D, H, W] chosen so that the output is ``output_size``; None keeps a size.

    Example:
        >>> import tensorwright as tw
        >>> AdaptiveAvgPool3d(2)(tw.ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    function: ClassVar[Callable[..., Tensor]] = F.adaptive_avg_pool3d


class _AdaptiveMaxPool(Module[[Tensor], Pooled]):
    function: ClassVar[Callable[..., Any]]
    output_size: OptionalInts
    return_indices: bool

    def __init__(self, output_size: OptionalInts, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Pooled:
        """Map [N, C, *sizes] (or without N) to [N, C, *output_size]."""
        return type(self).function(input, self.output_size, self.return_indices)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool[Pooled]):
    """Largest value of windows of signals [N, C, L] chosen so that the output is ``output_size``.

    With ``return_indices`` also the position of each maximum in the flattened signal.

    Example:
        >>> import tensorwright as tw
        >>> AdaptiveMaxPool1d(2)(tw.ones(1, 3, 4)).shape
        (1, 3, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool[Pooled]):
    """Largest value of windows of images [N, C, H, W] chosen so that the output is ``output_size``.

    With ``return_indices`` also the position of each maximum in the flattened image.

    Example:
        >>> import tensorwright as tw
        >>> AdaptiveMaxPool2d(2)(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool[Pooled]):
    """Largest value of windows of volumes [N, C, D, H, W] chosen so that the output is ``output_size``.

    With ``return_indices`` also the position of each maximum in the flattened volume.

    Example:
        >>> import tensorwright as tw
        >>> AdaptiveMaxPool3d(2)(tw.ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.adaptive_max_pool3d


class _FractionalMaxPool(Module[[Tensor], Pooled]):
    function: ClassVar[Callable[..., Any]]
    dims: ClassVar[int]
    output_ratio: tuple[float, ...] | None
    kernel_size: Ints
    output_size: Ints | None
    return_indices: bool

    def __init__(
        self,
        kernel_size: Ints,
        output_size: Ints | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name}: give one of output_size and output_ratio")
        ratios = [output_ratio] * self.dims if isinstance(output_ratio, int | float) else output_ratio
        self.output_ratio = None if ratios is None else tuple(ratios)
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio}")
        self.kernel_size, self.output_size, self.return_indices = kernel_size, output_size, return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Pooled:
        """Map [N, C, *sizes] (or without N) to [N, C, *output sizes]."""
        return type(self).function(  # type: ignore[no-any-return]
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool[Pooled]):
    """Largest value of windows of images [N, C, H, W] at pseudo-random places (Graham 2014).

    Args:
        kernel_size: of the windows.
        output_size: of the result; or
        output_ratio: the result's size in parts of the input's.
        return_indices: also return the position of each maximum in the flattened image.
        _random_samples: [N, C, 2] numbers in [0, 1) in place of drawn ones.

    Example:
        >>> import tensorwright as tw
        >>> FractionalMaxPool2d(2, output_ratio=0.5)(tw.ones(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.fractional_max_pool2d
    dims = 2


class FractionalMaxPool3d(_FractionalMaxPool[Pooled]):
    """Largest value of windows of volumes [N, C, D, H, W] at pseudo-random places (Graham 2014).

    Args:
        kernel_size: of the windows.
        output_size: of the result; or
        output_ratio: the result's size in parts of the input's.
        return_indices: also return the position of each maximum in the flattened volume.
        _random_samples: [N, C, 3] numbers in [0, 1) in place of drawn ones.

    Example:
        >>> import tensorwright as tw
        >>> FractionalMaxPool3d(2, output_ratio=0.5)(tw.ones(1, 3, 4, 4, 4)).shape
        (1, 3, 2, 2, 2)
    """

    function: ClassVar[Callable[..., Any]] = F.fractional_max_pool3d
    dims = 3


class _MaxUnpool(Module[..., Tensor]):
    function: ClassVar[Callable[..., Tensor]]
    dims: ClassVar[int]
    kernel_size: tuple[int, ...]
    padding: tuple[int, ...]
    stride: tuple[int, ...]

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = self._numbers(kernel_size), self._numbers(padding)
        self.stride = self.kernel_size if stride is None else self._numbers(stride)

    def _numbers(self, value: Ints) -> tuple[int, ...]:
        return (value,) * self.dims if isinstance(value, int) else tuple(value)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Zeros of ``output_size``, or of the smallest size possible, with each value at its index."""
        return type(self).function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts the maxima of ``MaxPool1d(..., return_indices=True)`` back to where they were, among zeros.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(1, 3, 4)
        >>> MaxUnpool1d(2)(*F.max_pool1d(x, 2, return_indices=True)).shape
        (1, 3, 4)
    """

    function: ClassVar[Callable[..., Tensor]] = F.max_unpool1d
    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """Puts the maxima of ``MaxPool2d(..., return_indices=True)`` back to where they were, among zeros.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(1, 3, 4, 4)
        >>> MaxUnpool2d(2)(*F.max_pool2d(x, 2, return_indices=True)).shape
        (1, 3, 4, 4)
    """

    function: ClassVar[Callable[..., Tensor]] = F.max_unpool2d
    dims = 2


class MaxUnpool3d(_MaxUnpool):
    """Puts the maxima of ``MaxPool3d(..., return_indices=True)`` back to where they were, among zeros.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.ones(1, 3, 4, 4, 4)
        >>> MaxUnpool3d(2)(*F.max_pool3d(x, 2, return_indices=True)).shape
        (1, 3, 4, 4, 4)
    """

    function: ClassVar[Callable[..., Tensor]] = F.max_unpool3d
    dims = 3
