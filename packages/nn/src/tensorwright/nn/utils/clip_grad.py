"""Limits of gradients."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.extend import check_tensor

Tensors = Tensor | Iterable[Tensor]


def _as_list(function: str, name: str, tensors: Tensors) -> list[Tensor]:
    items = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for item in items:
        check_tensor(function, name, item)
    return items


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors as if they were one vector.

    Raises:
        RuntimeError: it is infinite or NaN, and ``error_if_nonfinite``.
    """
    norms = [t.norm(norm_type) for t in _as_list("get_total_norm", "tensors", tensors)]
    if not norms:
        return tw.tensor(0.0)
    total: Tensor = norms[0] if len(norms) == 1 else tw.stack(norms).norm(norm_type)
    if error_if_nonfinite and not bool(total.isfinite().item()):
        raise RuntimeError(f"the {norm_type}-norm of the gradients is {total.item()}, which is not finite")
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients by max_norm / total_norm, in place, if that is below 1."""
    check_tensor("clip_grads_with_norm_", "total_norm", total_norm)
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    with tw.no_grad():
        for parameter in _as_list("clip_grads_with_norm_", "parameters", parameters):
            if parameter.grad is not None:
                parameter.grad.mul_(factor)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that their norm is at most ``max_norm``.

    Returns:
        the norm before.

    Example:
        >>> w = tw.tensor([0.0, 0.0], requires_grad=True)
        >>> (w * tw.tensor([3.0, 4.0])).sum().backward()
        >>> clip_grad_norm_([w], 1.0).item(), round(w.grad.norm().item(), 4)
        (5.0, 1.0)
    """
    owners = _as_list("clip_grad_norm_", "parameters", parameters)
    grads = [p.grad for p in owners if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(owners, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The older name of ``clip_grad_norm_``."""
    warnings.warn("clip_grad_norm is deprecated; use clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients to [-clip_value, clip_value], in place."""
    with tw.no_grad():
        for parameter in _as_list("clip_grad_value_", "parameters", parameters):
            if parameter.grad is not None:
                parameter.grad.clamp_(min=-float(clip_value), max=float(clip_value))
