"""A module called with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tensorwright import Tensor

from .._module import Module


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What ``module`` returns if the tensors of ``parameters_and_buffers`` stand in for its own.

    Args:
        module: what is called.
        parameters_and_buffers: tensors by dotted name; those that are not there keep their place.
        args: positional arguments, or a single one.
        kwargs: keyword arguments.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: refuse names that the module has not, and missing ones.

    Raises:
        RuntimeError: ``strict``, and names that do not fit.

    Example:
        >>> import tensorwright as tw
        >>> layer = tw.nn.Linear(1, 1, bias=False)
        >>> functional_call(layer, {"weight": tw.tensor([[3.0]])}, tw.tensor([2.0])).tolist()
        [6.0]
    """
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


def _members(module: Module) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each parameter and buffer is kept: its registry and name there."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        registries: tuple[dict[str, Any], ...] = (owner._parameters, owner._buffers)
        for registry in registries:
            for name, member in registry.items():
                if member is not None:
                    found[f"{path}.{name}" if path else name] = (registry, name)
    return found


@contextmanager
def _replaced(module: Module, given: Mapping[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    members = _members(module)
    unexpected = [name for name in given if name not in members]
    missing = [name for name in members if name not in given] if strict else []
    if strict and (missing or unexpected):
        raise RuntimeError(f"functional_call: missing names {missing}, unexpected names {unexpected}")
    if unexpected:
        raise KeyError(f"functional_call: {type(module).__name__} has no parameter or buffer {unexpected[0]!r}")
    new = dict(given)
    if tie_weights:
        by_tensor = {id(members[name][0][members[name][1]]): value for name, value in given.items()}
        for name, (registry, key) in members.items():
            if id(registry[key]) in by_tensor:
                new.setdefault(name, by_tensor[id(registry[key])])
    before = [(registry, key, registry[key]) for registry, key in (members[name] for name in new)]
    try:
        for name, value in new.items():
            registry, key = members[name]
            registry[key] = value
        yield
    finally:
        for registry, key, value in before:
            registry[key] = value
