"""Modules whose first values are never drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorwright as tw

from .._module import Module

ModuleT = TypeVar("ModuleT", bound=Module)


def skip_init(module_cls: type[ModuleT], *args: Any, device: tw.device | str | None = None, **kwargs: Any) -> ModuleT:
    """Make a module without values in its parameters and buffers, to be overwritten by a state.

    Args:
        module_cls: a class of modules that takes ``device``.
        args: for the class; likewise ``kwargs``.
        device: where the members are, the CPU if None.

    Raises:
        TypeError: ``module_cls`` is no class of modules, or does not take ``device``.

    Example:
        >>> from tensorwright import nn
        >>> skip_init(nn.Linear, 3, 2).weight.shape
        (2, 3)
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise TypeError(f"skip_init: expected a class of modules, got {module_cls!r}")
    make: Callable[..., ModuleT] = module_cls  # which arguments it takes is its own affair
    return make(*args, device="meta", **kwargs).to_empty(device="cpu" if device is None else device)
