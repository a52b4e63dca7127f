"""Distinct elements. The number of results depends on the arguments, which no op's schema can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorwright import _C
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


def _op(name: str) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    op: Callable[..., tuple[Tensor, Tensor, Tensor]] = _C.op_functions[name]
    return op


_unique, _unique_dim, _consecutive = _op("_unique2"), _op("unique_dim"), _op("_unique_consecutive")


def _asked_for(
    results: tuple[Tensor, Tensor, Tensor], return_inverse: bool, return_counts: bool
) -> Tensor | tuple[Tensor, ...]:
    output, inverse, counts = results
    chosen = (output, *([inverse] if return_inverse else []), *([counts] if return_counts else []))
    return chosen if len(chosen) > 1 else output


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """The distinct elements of a tensor, or its distinct slices along a dimension, in ascending order.

    Args:
        input: a tensor of real numbers or bools.
        sorted: results are sorted whatever it says.
        return_inverse: also give where in the result each element (or slice) is.
        return_counts: also give how often each element (or slice) occurs.
        dim: the dimension of the slices; None for single elements. Slices are in lexicographic order.

    Returns:
        The distinct elements, or a tuple of them and what else was asked for. Each NaN is an element of its own.

    Example:
        >>> import tensorwright as tw
        >>> tw.unique(tw.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    if dim is None:
        return _asked_for(_unique(input, sorted, return_inverse, return_counts), return_inverse, return_counts)
    results = _unique_dim(input, dim, sorted, return_inverse, return_counts)
    return _asked_for(results, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Tensor | tuple[Tensor, ...]:
    """The first of each run of equal elements, or of equal slices along a dimension.

    Args:
        input: any tensor.
        return_inverse: also give the number of the run each element (or slice) is in.
        return_counts: also give how long the runs are.
        dim: the dimension of the slices; None for the elements of the flattened tensor.

    Example:
        >>> import tensorwright as tw
        >>> tw.unique_consecutive(tw.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    return _asked_for(_consecutive(input, return_inverse, return_counts, dim), return_inverse, return_counts)
