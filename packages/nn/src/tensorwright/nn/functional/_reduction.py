"""How losses of elements become one, and the two older arguments that name it."""

from __future__ import annotations

import warnings

from tensorwright import Tensor


def reduction_name(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, unless ``size_average`` or ``reduce`` are given: then what they mean, with a warning."""
    if size_average is None and reduce is None:
        return reduction
    averaged = size_average is None or size_average
    joined = reduce is None or reduce
    meant = "none" if not joined else "mean" if averaged else "sum"
    warnings.warn(
        f"size_average and reduce are deprecated; write reduction={meant!r}", DeprecationWarning, stacklevel=3
    )
    return meant


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of losses, or the losses themselves."""
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses
