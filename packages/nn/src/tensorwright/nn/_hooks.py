"""Registries of callables that every module runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorwright.extend import CallsForward

Hook = Callable[..., Any]


# ---- of all modules ------------------------------------------------------------------------------------------


class CallHooks(dict[int, Any]):
    """Hooks on the calls of all modules: these look for hooks of their own only, as long as there is none here."""

    def __setitem__(self, key: int, hook: Any) -> None:
        super().__setitem__(key, hook)
        CallsForward._watch_all(True)

    def pop(self, key: int, *default: Any) -> Any:
        """As of any dict; handles remove hooks so."""
        hook = super().pop(key, *default)
        CallsForward._watch_all(any(ON_CALLS))
        return hook


FORWARD_PRE, FORWARD, BACKWARD_PRE, BACKWARD = ON_CALLS = (CallHooks(), CallHooks(), CallHooks(), CallHooks())
ON_REGISTRATION: dict[str, dict[int, Hook]] = {"parameter": {}, "buffer": {}, "module": {}}


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """What a module shall have under a name: what is given, or what a hook on the registrations of all gives for it."""
    for hook in list(ON_REGISTRATION[kind].values()):
        changed = hook(module, name, value)
        value = value if changed is None else changed
    return value
