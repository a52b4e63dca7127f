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
        KeyError: if a name is not a parameter or buffer of the module.
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
            found |= {f"{path}.{name}" if path else name: (registry, name) for name in registry}
    return found


@contextmanager
def _replaced(module: Module, given: Mapping[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    members = _members(module)
    own = {name: registry[key] for name, (registry, key) in members.items()}
    unexpected = [name for name in given if name not in members]
    new = dict(given)
    if tie_weights:
        by_tensor = {id(own[name]): value for name, value in given.items() if own.get(name) is not None}
        new |= {name: by_tensor[id(t)] for name, t in own.items() if name not in given and id(t) in by_tensor}
    missing = [name for name, tensor in own.items() if name not in new and tensor is not None]
    if strict and (missing or unexpected):
        raise RuntimeError(f"functional_call: missing names {missing}, unexpected names {unexpected}")
    if unexpected:
        raise KeyError(f"functional_call: {type(module).__name__} has no parameter or buffer {unexpected[0]!r}")
    try:
        for name, value in new.items():
            registry, key = members[name]
            registry[key] = value
        yield
    finally:
        for name in new:
            registry, key = members[name]
            registry[key] = own[name]
