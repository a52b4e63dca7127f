"""The base of all optimizers, and hooks on all of them, where PyTorch has them: ``tw.optim.optimizer``."""

from __future__ import annotations

from typing import Any

from tensorwright.utils.hooks import RemovableHandle, register

from . import _hooks
from ._hooks import Hook
from ._optimizer import Optimizer as Optimizer
from ._optimizer import Params as ParamsT

__all__ = [
    "Optimizer", "ParamsT", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required",
]  # fmt: skip

required: Any = object()  # older optimizers give it as the default of an option that has none


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Run ``hook(optimizer, args, kwargs)`` before each step of every optimizer, before the optimizer's own hooks.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright.optim.optimizer import register_optimizer_step_pre_hook
        >>> optimizer = tw.optim.SGD([tw.ones(1, requires_grad=True)])
        >>> with register_optimizer_step_pre_hook(lambda *_: print("steps")):
        ...     optimizer.step()
        steps
    """
    return register(_hooks.BEFORE_STEPS, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Run ``hook(optimizer, args, kwargs)`` after each step of every optimizer, after the optimizer's own hooks."""
    return register(_hooks.AFTER_STEPS, hook)
