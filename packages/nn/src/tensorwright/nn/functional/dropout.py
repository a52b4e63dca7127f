"""Random omission of units in training."""

from __future__ import annotations

from tensorwright import Tensor, ops


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero elements with probability ``p`` and scale the others by 1 / (1 - p); the input itself unless training."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: p must be in [0, 1], got {p}")
    if not training or p == 0.0:
        return input
    result = ops.dropout(input, p, training)
    return input.copy_(result) if inplace else result
