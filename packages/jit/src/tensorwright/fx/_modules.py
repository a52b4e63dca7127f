"""Modules by what they can do: those of tensorwright.nn where it is installed, others with the same methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorwright import Tensor

if TYPE_CHECKING:
    from tensorwright.fx._plain_module import Module as Module
else:
    try:
        from tensorwright.nn import Module
    except ModuleNotFoundError as error:
        if error.name != "tensorwright-nn":
            raise
        from tensorwright.fx._plain_module import Module


_ABSENT = object()


def is_module(value: Any) -> bool:
    """Whether the value is a module, of whatever making."""
    return hasattr(value, "named_modules") and hasattr(value, "forward") and not isinstance(value, type)


def of_nn(kind: type) -> bool:
    """Whether a class is one of tensorwright.nn's."""
    return kind.__module__.partition("tensorwright.nn")[0] == "" and kind.__module__ != ""


def get_path(module: Any, path: str) -> Any:
    """The attribute at a path.

    Raises:
        AttributeError: names the part that is missing.
    """
    value = module
    for k, atom in enumerate(filter(None, path.split("."))):
        inner = getattr(value, atom, _ABSENT)
        if inner is _ABSENT:
            where = ".".join(path.split(".")[:k]) or type(module).__name__
            raise AttributeError(f"there is no '{path}': {where} has no attribute '{atom}'")
        value = inner
    return value


def set_path(module: Any, path: str, value: Any) -> None:
    """Put a value at a path, with empty modules on the way where there are none."""
    *way, name = path.split(".")
    for atom in way:
        child = getattr(module, atom, None)
        if child is None:
            child = Module()
            module.add_module(atom, child)
        module = child
    if isinstance(value, Tensor) and type(value) is Tensor:
        module.register_buffer(name, value)
    elif is_module(value):
        module.add_module(name, value)
    else:
        setattr(module, name, value)
