"""Look-ups in tables of vectors."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor, ops
from tensorwright.extend import check_optional, check_tensor, check_tensors


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Row ``i`` of ``weight`` for each index ``i``.

    Args:
        input: indices [*].
        weight: the table [num_embeddings, embedding_dim].
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up are first scaled down, in place, to this norm.
        norm_type: which norm.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.
        sparse: refused; gradients are dense.

    Raises:
        IndexError: an index outside the table.
    """
    check_tensor("embedding", "input", input)
    check_tensor("embedding", "weight", weight)
    rows = weight.shape[0] if weight.ndim > 0 else 0
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(f"embedding: padding_idx={padding_idx} is outside the {rows} rows")
        padding_idx %= rows
    if max_norm is not None:
        _limit_norms(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, -1 if padding_idx is None else padding_idx, scale_grad_by_freq, sparse)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, mean or maximum of rows over bags of indices: [bags, embedding_dim].

    Args:
        input: indices [bags, size], or [*] cut by ``offsets``.
        weight: the table [num_embeddings, embedding_dim].
        offsets: where each bag begins in a one-dimensional ``input``.
        max_norm: as in ``embedding``.
        norm_type: as in ``embedding``.
        scale_grad_by_freq: as in ``embedding``.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: refused; gradients are dense.
        per_sample_weights: factors of the rows, for sums; of the input's shape.
        include_last_offset: the last offset is where the last bag ends.
        padding_idx: a row that does not count.

    Raises:
        IndexError: an index outside the table.
        ValueError: arguments that do not fit each other.
    """
    check_tensors("embedding_bag", input=input, weight=weight)
    check_optional("embedding_bag", offsets=offsets, per_sample_weights=per_sample_weights)
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights has shape {list(per_sample_weights.shape)}, input {list(input.shape)}"
        )
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights need mode='sum', got mode={mode!r}")
    if input.ndim not in (1, 2) or (input.ndim == 2) is not (offsets is None):
        raise ValueError(
            "embedding_bag: expected input [bags, size] without offsets or input [*] with offsets, got input "
            f"{list(input.shape)} and offsets {None if offsets is None else list(offsets.shape)}"
        )
    if offsets is None:
        offsets = tw.arange(input.shape[0], device=input.device) * input.shape[1]
        include_last_offset = False
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    if max_norm is not None:
        _limit_norms(weight, input, max_norm, norm_type)
    number = ("sum", "mean", "max").index(mode)
    return ops.embedding_bag(
        weight, input, offsets, scale_grad_by_freq, number, sparse, per_sample_weights, include_last_offset, padding_idx
    )[0]


def _limit_norms(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    with tw.no_grad():
        ops.embedding_renorm_(weight, indices, max_norm, norm_type)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Indices as vectors of ``num_classes`` numbers with a single 1."""
    return ops.one_hot(tensor, num_classes)
