"""Functions of users that run around an optimizer's steps, and around saving and loading its state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorwright.utils.hooks import RemovableHandle, register

Hook = Callable[..., Any]


BEFORE_STEPS: dict[int, Hook] = {}  # of all optimizers
AFTER_STEPS: dict[int, Hook] = {}


class Hooked:
    """What runs hooks; every ``step`` of a subclass is wrapped."""

    _stepped = False  # for the schedules of learning rates, whose steps come second

    def __init__(self) -> None:
        self._hooks: dict[str, dict[int, Hook]] = {}
        self._stepping = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in cls.__dict__:
            type.__setattr__(cls, "step", _hooked(cls.__dict__["step"]))

    def _register(self, kind: str, hook: Hook, prepend: bool = False) -> RemovableHandle:
        return register(self._hooks.setdefault(kind, {}), hook, prepend)

    def _run_hooks(self, kind: str, *arguments: Any) -> Any:
        """What the last hook gave that gave anything in place of the last argument; else the last argument."""
        kept = arguments[-1]
        for hook in list(self._hooks.get(kind, {}).values()):
            given = hook(*arguments[:-1], kept) if len(arguments) > 1 else hook(kept)
            kept = kept if given is None or len(arguments) == 1 else given
        return kept

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(optimizer, args, kwargs)`` before each step; it may return other ``(args, kwargs)``.

        The first of ``args`` is the optimizer.
        """
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(optimizer, args, kwargs)`` after each step.

        Example:
            >>> import tensorwright as tw
            >>> from tensorwright.optim import SGD
            >>> optimizer = SGD([tw.ones(1, requires_grad=True)])
            >>> handle = optimizer.register_step_post_hook(lambda *_: print("stepped"))
            >>> optimizer.step()
            stepped
        """
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer)`` before ``state_dict``."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer, state_dict)`` after ``state_dict``; it may return another one."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer, state_dict)`` before ``load_state_dict``; it may return another one."""
        return self._register("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer)`` after ``load_state_dict``."""
        return self._register("load_state_dict_post", hook, prepend)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step with its hooks around it; a step that calls the one of its parent runs them once."""

    @functools.wraps(step)
    def run(self: Hooked, *args: Any, **kwargs: Any) -> Any:
        self._stepped = True
        if self._stepping or not (self._hooks or BEFORE_STEPS or AFTER_STEPS):
            return step(self, *args, **kwargs)
        self._stepping, given = True, (self, *args)  # hooks see the optimizer among the arguments, as in PyTorch
        try:
            for hook in [*BEFORE_STEPS.values(), *self._hooks.get("step_pre", {}).values()]:
                given, kwargs = hook(self, given, kwargs) or (given, kwargs)
            result = step(*given, **kwargs)
            for hook in [*self._hooks.get("step_post", {}).values(), *AFTER_STEPS.values()]:
                hook(self, given, kwargs)
        finally:
            self._stepping = False
        return result

    return run
