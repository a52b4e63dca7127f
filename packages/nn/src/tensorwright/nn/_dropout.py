"""Random omission of units in training (Srivastava et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tensorwright import Tensor

from . import functional as F
from ._module import Module


class _Dropout(Module[[Tensor], Tensor]):
    function: ClassVar[Callable[..., Tensor]]
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p must be in [0, 1], got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input; the input itself in evaluation."""
        return type(self).function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zeroes each element with probability ``p`` in training and scales the others by 1 / (1 - p).

    Raises:
        ValueError: ``p`` outside [0, 1].
    """

    function: ClassVar[Callable[..., Tensor]] = F.dropout


class Dropout1d(_Dropout):
    """Zeroes whole channels of [N, C, L] or [C, L] with probability ``p`` in training (Tompson et al. 2015)."""

    function: ClassVar[Callable[..., Tensor]] = F.dropout1d


class Dropout2d(_Dropout):
    """Zeroes whole channels of [N, C, H, W] with probability ``p`` in training; of [N, C, L] as well."""

    function: ClassVar[Callable[..., Tensor]] = F.dropout2d


class Dropout3d(_Dropout):
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W] with probability ``p`` in training."""

    function: ClassVar[Callable[..., Tensor]] = F.dropout3d


class AlphaDropout(_Dropout):
    """Puts SELU's lowest value in place of elements with probability ``p`` in training; keeps mean 0 and variance 1.

    See Klambauer et al. 2017.
    """

    function: ClassVar[Callable[..., Tensor]] = F.alpha_dropout


class FeatureAlphaDropout(_Dropout):
    """``AlphaDropout`` of whole channels of [N, C, ...]."""

    function: ClassVar[Callable[..., Tensor]] = F.feature_alpha_dropout
