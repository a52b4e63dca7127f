"""The base of all modules, and hooks on all of them, where PyTorch has them: ``tw.nn.modules.module``."""

from __future__ import annotations

from tensorwright.nn import Module as Module
from tensorwright.nn import _hooks
from tensorwright.nn._hooks import Hook as _Hook
from tensorwright.utils.hooks import RemovableHandle as _RemovableHandle
from tensorwright.utils.hooks import register as _register


def register_module_forward_pre_hook(hook: _Hook) -> _RemovableHandle:
    """Run ``hook(module, args)`` before ``forward`` of every module, before the module's own hooks.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright.nn.modules.module import register_module_forward_pre_hook
        >>> model = tw.nn.Sequential(tw.nn.ReLU(), tw.nn.Tanh())
        >>> with register_module_forward_pre_hook(lambda module, args: print(type(module).__name__)):
        ...     _ = model(tw.ones(1))
        Sequential
        ReLU
        Tanh
    """
    return _register(_hooks.FORWARD_PRE, (hook, False))


def register_module_forward_hook(
    hook: _Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> _RemovableHandle:
    """Run ``hook(module, args, output)`` after ``forward`` of every module, before the module's own hooks."""
    return _register(_hooks.FORWARD, (hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: _Hook) -> _RemovableHandle:
    """Run ``hook(module, grad_output)`` when a backward pass has the gradients of any module's outputs."""
    return _register(_hooks.BACKWARD_PRE, hook)


def register_module_full_backward_hook(hook: _Hook) -> _RemovableHandle:
    """Run ``hook(module, grad_input, grad_output)`` when a backward pass has the gradients of any module's inputs."""
    return _register(_hooks.BACKWARD, hook)


def register_module_backward_hook(hook: _Hook) -> _RemovableHandle:
    """The older name of ``register_module_full_backward_hook``, and the same."""
    return register_module_full_backward_hook(hook)


def register_module_parameter_registration_hook(hook: _Hook) -> _RemovableHandle:
    """Run ``hook(module, name, parameter)`` when a parameter is added to any module; it may return another one."""
    return _register(_hooks.ON_REGISTRATION["parameter"], hook)


def register_module_buffer_registration_hook(hook: _Hook) -> _RemovableHandle:
    """Run ``hook(module, name, buffer)`` when a buffer is added to any module; it may return another one."""
    return _register(_hooks.ON_REGISTRATION["buffer"], hook)


def register_module_module_registration_hook(hook: _Hook) -> _RemovableHandle:
    """Run ``hook(module, name, child)`` when a module is added to any module; it may return another one."""
    return _register(_hooks.ON_REGISTRATION["module"], hook)
