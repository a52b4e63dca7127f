"""``Variable``, which older code wraps tensors in."""

from __future__ import annotations

from typing import Any

from tensorwright import Tensor

__all__ = ["Variable"]


class _VariableType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """A tensor: ``Variable(x, requires_grad)`` gives ``x``'s values as a leaf, and every tensor is an instance.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.autograd.Variable(tw.ones(2), requires_grad=True)
        >>> isinstance(x, tw.Tensor), isinstance(x, tw.autograd.Variable), x.requires_grad
        (True, True, True)
    """

    def __new__(cls, data: Any, requires_grad: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable: expected a Tensor, got {type(data).__name__}")
        leaf = data.detach()
        leaf.requires_grad = requires_grad
        return leaf
