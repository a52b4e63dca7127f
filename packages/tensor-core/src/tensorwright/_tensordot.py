"""Contraction over pairs of dimensions, with NumPy's forms of saying which."""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor, ops
from tensorwright._arguments import check_optional

Dims = int | tuple[Sequence[int] | int, Sequence[int] | int] | list[Sequence[int]] | Tensor


def tensordot(a: Tensor, b: Tensor, dims: Dims = 2, out: Tensor | None = None) -> Tensor:
    """Sum of products over pairs of dimensions; the free dimensions of ``a`` come first in the result.

    Args:
        a, b: of one dtype.
        dims: a number n for the last n dimensions of ``a`` and the first n of ``b``; or two lists, of the dimensions of
            each.
        out: where to write the result.

    Raises:
        ShapeError: if the sizes of a pair differ.
        ValueError: if there is no such dimension, or ``dims`` is neither a number nor a pair of lists.

    Example:
        >>> import tensorwright as tw
        >>> tw.tensordot(tw.ones(2, 3, 4), tw.ones(4, 2, 5), dims=([0, 2], [1, 0])).tolist()[0]
        [8.0, 8.0, 8.0, 8.0, 8.0]
    """
    check_optional("tensordot", out=out)
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.numel() > 1 else int(dims)
    if isinstance(dims, int):
        result = ops.tensordot(a, b, dims)
    elif len(dims) != 2:
        raise ValueError(f"tensordot: dims must be a number or a pair of lists, got {len(dims)} entries")
    else:
        left, right = ([item] if isinstance(item, int) else list(item) for item in dims)
        result = ops.tensordot(a, b, left, right)
    return result if out is None else out.copy_(result)
