"""Random omission of units in training."""

from __future__ import annotations

from tensorwright import Tensor, ops
from tensorwright.extend import check_tensor


def _check(op: str, p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{op}: p must be in [0, 1], got {p}")


def _place(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return input.copy_(result) if inplace else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero elements with probability ``p`` and scale the others by 1 / (1 - p); the input itself unless training."""
    _check("dropout", p)
    if not training or p == 0.0:
        return input
    return _place(input, ops.dropout(input, p, training), inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Put SELU's lowest value in place of elements with probability ``p``, keeping mean 0 and variance 1."""
    _check("alpha_dropout", p)
    return _place(input, ops.alpha_dropout(input, p, training), inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """``alpha_dropout`` of whole channels of [N, C, ...]."""
    _check("feature_alpha_dropout", p)
    return _place(input, ops.feature_alpha_dropout(input, p, training), inplace)


def _channels(op: str, input: Tensor, p: float, training: bool, inplace: bool, unbatched: int | None) -> Tensor:
    """Whole channels; of an input of ``unbatched`` dimensions these are the first."""
    check_tensor(op, "input", input)
    _check(op, p)
    if input.ndim < 2:
        raise ValueError(f"{op}: the input must be [N, C, ...] or [C, ...], got shape {list(input.shape)}")
    if not training or p == 0.0:
        return input
    if input.ndim == unbatched:
        result = ops.feature_dropout(input.unsqueeze(0), p, training).squeeze(0)
    else:
        result = ops.feature_dropout(input, p, training)
    return _place(input, result, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of signals [N, C, L] or [C, L] with probability ``p``, scale the others by 1 / (1 - p)."""
    check_tensor("dropout1d", "input", input)
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: the input must be [N, C, L] or [C, L], got shape {list(input.shape)}")
    return _channels("dropout1d", input, p, training, inplace, 2)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of images [N, C, H, W] with probability ``p``, scale the others by 1 / (1 - p).

    Of an input with three dimensions these are taken as [N, C, L].
    """
    return _channels("dropout2d", input, p, training, inplace, None)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of volumes [N, C, D, H, W] or [C, D, H, W] with probability ``p``, scale the others."""
    return _channels("dropout3d", input, p, training, inplace, 4)
