"""Operations with gradients of one's own, under PyTorch's name of their module."""

from tensorwright.autograd._function import Function as Function
from tensorwright.autograd._function import FunctionCtx as FunctionCtx
from tensorwright.autograd._function import once_differentiable as once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
