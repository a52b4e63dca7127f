"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.extend import check_tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one after the other."""
    owners = list(parameters)
    for p in owners:
        check_tensor("parameters_to_vector", "parameters", p)
    return tw.cat([p.reshape(-1) for p in owners])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the elements of ``vec`` the parameters' values.

    Raises:
        ValueError: the vector has fewer elements.
    """
    check_tensor("vector_to_parameters", "vec", vec)
    owners = list(parameters)
    for p in owners:
        check_tensor("vector_to_parameters", "parameters", p)
    needed = sum(p.numel() for p in owners)
    if vec.numel() < needed:
        raise ValueError(f"vector_to_parameters: the parameters have {needed} elements, the vector {vec.numel()}")
    start = 0
    for p in owners:
        p.data = vec.detach()[start : start + p.numel()].reshape(p.shape)
        start += p.numel()
