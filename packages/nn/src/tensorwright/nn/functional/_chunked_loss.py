"""A linear layer and its cross entropy together, with a bound on how many rows of logits exist at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import tensorwright as tw
from tensorwright import Tensor, ops
from tensorwright.extend import check_optional, check_tensors


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How ``linear_cross_entropy`` cuts a batch.

    Args:
        allow_retain_graph: accepted; a second backward pass is always possible here.
        batch_chunk_size: rows per chunk.
        chunking_method: ``"aspect_ratio"`` or ``"aspect_ratio:n"`` make the logits of a chunk as large as the input,
            or n times smaller; ``"auto"`` is ``"aspect_ratio:2"``; None leaves it to ``batch_chunk_size``.
        acc_policy: ``"auto"``, ``"accurate"``, ``"balanced"`` or ``"compact"``: accepted; all of them calculate in
            ``acc_dtype``.
        acc_dtype: dtype of logits and losses; float32 for half precision by default.

    Raises:
        ValueError: an unknown method or policy, or a size below 1.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: Literal["accurate", "balanced", "compact", "auto"] = "auto"
    acc_dtype: tw.dtype | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"LinearCrossEntropyOptions: unknown acc_policy {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, _, factor = self.chunking_method.partition(":")
            if name != "aspect_ratio" or not (factor or "1").isdigit() or int(factor or "1") < 1:
                raise ValueError(f"LinearCrossEntropyOptions: unknown chunking_method {self.chunking_method!r}")
        if self.batch_chunk_size is not None and self.batch_chunk_size < 1:
            raise ValueError(
                f"LinearCrossEntropyOptions: batch_chunk_size must be positive, got {self.batch_chunk_size}"
            )

    def rows(self, batch: int, in_features: int, classes: int) -> int:
        """Rows of a chunk."""
        if self.chunking_method is None or (self.chunking_method == "auto" and self.batch_chunk_size is not None):
            return self.batch_chunk_size or max(batch, 1)
        factor = 2 if self.chunking_method == "auto" else int(self.chunking_method.partition(":")[2] or "1")
        pieces = math.ceil(classes / max(in_features, 1)) * factor
        rows = 1 << max(math.ceil(batch / max(pieces, 1)) - 1, 0).bit_length()
        if self.batch_chunk_size not in (None, rows):
            raise ValueError(
                f"LinearCrossEntropyOptions: batch_chunk_size={self.batch_chunk_size} contradicts "
                f"chunking_method={self.chunking_method!r}, which gives {rows}; give only one"
            )
        return rows


def evaluate(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int | None,
    label_smoothing: float,
    options: LinearCrossEntropyOptions | None,
) -> Tensor:
    """What ``tw.nn.functional.linear_cross_entropy`` computes."""
    _check(input, linear_weight, linear_bias)
    check_tensors("linear_cross_entropy", target=target)
    classes, extra = linear_weight.shape[0], tuple(linear_weight.shape[1:-1])
    probabilities = tuple(target.shape) == (*input.shape[:-1], classes, *extra) and target.is_floating_point()
    if probabilities and ignore_index is not None:
        raise ValueError("linear_cross_entropy: ignore_index has no meaning for class probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    matrix = linear_weight.reshape(-1, input.shape[-1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)

    def losses(rows: Tensor, targets: Tensor, how: str) -> Tensor:
        logits = ops.linear(rows, matrix, bias).reshape(*rows.shape[:-1], classes, *extra)
        dtype = options.acc_dtype if options is not None else None
        logits = logits if dtype is None else logits.to(dtype)
        return ops.cross_entropy(logits, targets, weight, ignored, how, label_smoothing)

    if options is None or input.ndim == 1 or probabilities or label_smoothing != 0:
        return losses(input, target, reduction)
    chunk = options.rows(input.shape[0], input.shape[1], classes)
    if chunk >= input.shape[0]:
        return losses(input, target, reduction)
    how = "none" if reduction == "none" else "sum"
    starts = range(0, input.shape[0], chunk)
    parts = [losses(input[at : at + chunk], target[at : at + chunk], how) for at in starts]
    if reduction == "none":
        return tw.cat(parts)
    total = tw.stack(parts).sum()
    return total / _weight_of(target, weight, ignored, total) if reduction == "mean" else total


def _weight_of(target: Tensor, weight: Tensor | None, ignored: int, like: Tensor) -> Tensor:
    """What a mean over class indices divides by."""
    counted = target != ignored
    if weight is None:
        return counted.sum().to(like.dtype)
    return (weight[ops.where(counted, target, 0)] * counted).sum().to(like.dtype)


def _check(input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None) -> None:
    check_tensors("linear_cross_entropy", input=input, linear_weight=linear_weight)
    check_optional("linear_cross_entropy", linear_bias=linear_bias)

    def refuse(expected: str) -> ValueError:
        return ValueError(
            f"linear_cross_entropy: {expected}; input is {list(input.shape)}, linear_weight {list(linear_weight.shape)}"
        )

    if input.ndim not in (1, 2):
        raise refuse("the input must be [in] or [N, in]")
    if linear_weight.ndim < 2:
        raise refuse("linear_weight must have at least 2 dimensions")
    if input.shape[-1] != linear_weight.shape[-1]:
        raise refuse("the last dimensions differ")
    if linear_weight.ndim > 2 and input.ndim == 1:
        raise refuse("a weight of more than 2 dimensions needs an input [N, in]")
    if linear_bias is not None and tuple(linear_bias.shape) != tuple(linear_weight.shape[:-1]):
        raise refuse(
            f"linear_bias must have the shape of linear_weight without its last dimension, "
            f"got {list(linear_bias.shape)}"
        )
