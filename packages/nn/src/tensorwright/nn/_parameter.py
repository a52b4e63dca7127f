"""Tensors that a module owns: what an optimizer trains."""

from __future__ import annotations

import importlib.util

import tensorwright as tw
from tensorwright import Tensor


def _find_autograd() -> bool:
    try:
        return importlib.util.find_spec("tensorwright.autograd") is not None
    except ModuleNotFoundError:  # raised with a sentence that says what to install
        return False


AUTOGRAD_IS_INSTALLED = _find_autograd()


class Parameter(Tensor):
    """A tensor that registers itself when assigned to a module.

    Args:
        data: tensor of any shape whose storage the parameter shares.
        requires_grad: record operations on it. Where ``tensorwright-autograd`` is not installed (an
            inference host) parameters are plain tensors and this flag has no effect.

    Example:
        >>> weight = Parameter(tw.ones(2))
        >>> weight.requires_grad
        True
    """

    if not AUTOGRAD_IS_INSTALLED:
        requires_grad = False
        grad: Tensor | None = None
        is_leaf = True

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        source = tw.empty(0) if data is None else data.detach()
        parameter = source.as_subclass(cls)
        if requires_grad and AUTOGRAD_IS_INSTALLED:
            parameter.requires_grad_(True)
        return parameter

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, object]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        copied = memo[id(self)]
        assert isinstance(copied, Parameter)
        return copied

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return type(self), (self.detach().as_subclass(Tensor), self.requires_grad)


class Buffer(Tensor):
    """A tensor that registers itself as a buffer when assigned to a module.

    Args:
        data: tensor of any shape whose storage the buffer shares.
        persistent: part of the module's state_dict.

    Example:
        >>> Buffer(tw.ones(2)).persistent
        True
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer = (tw.empty(0) if data is None else data.detach()).as_subclass(cls)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, object]) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = Buffer(self.clone(), persistent=self.persistent)
        copied = memo[id(self)]
        assert isinstance(copied, Buffer)
        return copied

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return _restored_buffer, (self.detach().as_subclass(Tensor), self.persistent)


def _restored_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)
