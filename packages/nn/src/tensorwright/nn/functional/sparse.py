"""Look-ups in tables of vectors."""

from __future__ import annotations

from tensorwright import Tensor, ops


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Row ``i`` of ``weight`` for each index ``i``; the row ``padding_idx`` gets no gradient."""
    return ops.embedding(weight, input, -1 if padding_idx is None else padding_idx)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Indices as vectors with a single 1, int64; by default as long as the largest index plus one."""
    return ops.one_hot(tensor, num_classes)
