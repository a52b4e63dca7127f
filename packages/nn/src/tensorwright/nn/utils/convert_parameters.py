"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

import tensorwright as tw
from tensorwright import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one after the other."""
    return tw.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the elements of ``vec`` the parameters' values.

    Raises:
        ValueError: the vector has fewer elements.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}")
    owners = list(parameters)
    needed = sum(p.numel() for p in owners)
    if vec.numel() < needed:
        raise ValueError(f"vector_to_parameters: the parameters have {needed} elements, the vector {vec.numel()}")
    start = 0
    for p in owners:
        p.data = vec.detach()[start : start + p.numel()].reshape(p.shape)
        start += p.numel()
