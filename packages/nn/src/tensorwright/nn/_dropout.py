"""Random omission of units in training (Srivastava et al. 2014)."""

from __future__ import annotations

from tensorwright import Tensor

from . import functional as F
from ._module import Module


class Dropout(Module):
    """Zeroes each element with probability ``p`` in training and scales the others by 1 / (1 - p).

    Raises:
        ValueError: ``p`` outside [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p must be in [0, 1], got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input; the input itself in evaluation."""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"p={self.p}, inplace={self.inplace}"
