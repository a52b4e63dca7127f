"""Affine maps."""

from __future__ import annotations

from itertools import pairwise

import tensorwright as tw
from tensorwright import Tensor, ops
from tensorwright.extend import check_optional, check_tensors


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``: [..., in], [out, in], [out] to [..., out].

    Example:
        >>> import tensorwright as tw
        >>> linear(tw.tensor([1.0, 2.0]), tw.tensor([[3.0, 4.0]]), tw.tensor([0.5])).tolist()
        [11.5]
    """
    return ops.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sums of products of two vectors' elements: [..., in1], [..., in2], [out, in1, in2] to [..., out]."""
    return ops.bilinear(input1, input2, weight, bias)


def grouped_mm(
    mat_a: Tensor,
    mat_b: Tensor,
    *,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: tw.dtype | None = None,
) -> Tensor:
    """A product for each group, as the experts of a mixture need it.

    Args:
        mat_a: [groups, M, K], or a matrix whose rows (or, if both are matrices, columns) belong to groups.
        mat_b: [groups, K, N], or a matrix whose columns (or rows) belong to groups.
        offs: where each group ends in the dimension that is cut; needed if a matrix is there.
        bias: added to the product of each group.
        out_dtype: dtype of the result.

    Returns:
        [groups, M, N] if both or none are matrices, else the groups' products side by side.
    """
    check_tensors("grouped_mm", mat_a=mat_a, mat_b=mat_b)
    check_optional("grouped_mm", offs=offs)
    cut = mat_a.ndim == 2 or mat_b.ndim == 2
    if mat_a.ndim not in (2, 3) or mat_b.ndim not in (2, 3) or cut is (offs is None):
        raise ValueError(
            "grouped_mm: expected operands of 2 or 3 dimensions, and offs if one of them is a matrix, got "
            f"{list(mat_a.shape)}, {list(mat_b.shape)} and offs={None if offs is None else list(offs.shape)}"
        )
    if offs is not None and offs.device.type == "meta":
        raise NotImplementedError(
            "grouped_mm: which rows are a group depends on values of offs, which a meta tensor has not"
        )
    if offs is None:
        products = list((mat_a @ mat_b).unbind(0))
    else:
        ends = [int(end) for end in offs.tolist()]
        products = [_group(mat_a, mat_b, g, start, end) for g, (start, end) in enumerate(pairwise([0, *ends]))]
    if bias is not None:
        products = [p + bias for p in products]
    if mat_a.ndim == mat_b.ndim:
        result = tw.stack(products)
    else:
        result = tw.cat(products, 0 if mat_a.ndim == 2 else 1)
    return result if out_dtype is None else result.to(out_dtype)


def _group(mat_a: Tensor, mat_b: Tensor, group: int, start: int, end: int) -> Tensor:
    if mat_a.ndim == mat_b.ndim:
        return mat_a[:, start:end] @ mat_b[start:end]
    return mat_a[start:end] @ mat_b[group] if mat_a.ndim == 2 else mat_a[group] @ mat_b[:, start:end]
