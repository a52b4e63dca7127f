"""Look-ups in tables of vectors."""

from __future__ import annotations

from tensorwright import Tensor, ops


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Row ``i`` of ``weight`` for each index ``i``; the row ``padding_idx`` gets no gradient."""
    return ops.embedding(weight, input, -1 if padding_idx is None else padding_idx)
