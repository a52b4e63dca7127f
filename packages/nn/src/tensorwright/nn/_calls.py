"""How a module is called: ``forward``, the hooks before and after it, and those on its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorwright.extend import CallsForward
from tensorwright.utils.hooks import RemovableHandle, register

from . import _hooks
from ._hooks import Hook
from ._parameter import AUTOGRAD_IS_INSTALLED
from ._signatures import P, R

if TYPE_CHECKING:
    from ._gradient_hooks import GradientHooks


class HookedCalls(CallsForward[P, R]):
    """What of a module has to do with its calls."""

    _forward_hooks: dict[int, tuple[Hook, bool, bool]]  # hook, wants keyword arguments, runs after an error too
    _forward_pre_hooks: dict[int, tuple[Hook, bool]]
    _backward_hooks: dict[int, Hook]
    _backward_pre_hooks: dict[int, Hook]

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute the module's value; each subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(); add `def forward(self, ...)` to it")

    if not TYPE_CHECKING:  # it is inherited; tracers replace it here
        __call__ = CallsForward.__call__  # runs forward, or _call_with_hooks where there are hooks

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        pre_hooks = [*_hooks.FORWARD_PRE.values(), *self._forward_pre_hooks.values()]
        args, kwargs = self._run_forward_pre_hooks(pre_hooks, args, kwargs)
        hooks = [*_hooks.FORWARD.values(), *self._forward_hooks.values()]
        gradients = self._gradient_hooks()
        if gradients is not None:
            args = gradients.on_arguments(args)
        try:
            result = self.forward(*args, **kwargs)
        except Exception:
            for hook, with_kwargs, always in hooks:
                if always:
                    hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
            raise
        for hook, with_kwargs, _ in hooks:
            changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            result = result if changed is None else changed
        return result if gradients is None else gradients.on_result(result)

    def _run_forward_pre_hooks(
        self, hooks: list[tuple[Hook, bool]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for pre_hook, with_kwargs in hooks:
            changed = pre_hook(self, args, kwargs) if with_kwargs else pre_hook(self, args)
            if changed is not None and with_kwargs:
                args, kwargs = changed
            elif changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs

    def _gradient_hooks(self) -> GradientHooks | None:
        before = [*_hooks.BACKWARD_PRE.values(), *self._backward_pre_hooks.values()]
        after = [*_hooks.BACKWARD.values(), *self._backward_hooks.values()]
        if not (before or after) or not AUTOGRAD_IS_INSTALLED:
            return None
        from ._gradient_hooks import GradientHooks  # which needs autograd

        return GradientHooks(self, before, after)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args)`` before ``forward``; what it returns, if not None, replaces the arguments."""
        return register(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args, output)`` after ``forward``; what it returns, if not None, replaces the output."""
        return register(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_output)`` when a backward pass has the gradients of the outputs.

        ``grad_output`` is a tuple, None where an output is no tensor; what the hook returns, if not None, replaces it.
        """
        return register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` when a backward pass has the gradients of the inputs.

        Both are tuples, of the positional arguments and of the outputs, None where there is no gradient; what the hook
        returns, if not None, replaces ``grad_input``.
        """
        return register(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """The older name of ``register_full_backward_hook``, and the same."""
        return self.register_full_backward_hook(hook)
