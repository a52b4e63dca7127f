"""Saving and restoring the tensors of a module tree by their dotted names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorwright as tw
from tensorwright import Tensor

from ._parameter import Parameter
from ._uninitialized import UninitializedBuffer, UninitializedParameter, is_uninitialized

if TYPE_CHECKING:
    from ._module import Module


EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """Names that ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        matched = not self.missing_keys and not self.unexpected_keys
        names = f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        return "<All keys matched successfully>" if matched else names


def collect(module: Module, destination: OrderedDict[str, Any], prefix: str, keep_vars: bool) -> None:
    """Put the state of ``module`` and its children into ``destination``, names beginning with ``prefix``."""
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    for name, tensor in own_state(module).items():
        destination[prefix + name] = tensor if keep_vars or is_uninitialized(tensor) else tensor.detach()
    if _has_extra_state(module):
        destination[prefix + EXTRA] = module.get_extra_state()
    for name, child in module._modules.items():
        if child is not None:
            collect(child, destination, prefix + name + ".", keep_vars)
    for hook in module._state_dict_hooks.values():
        hook(module, destination, prefix, {})


def _has_extra_state(module: Module) -> bool:
    from ._module import Module  # which imports this

    return type(module).get_extra_state is not Module.get_extra_state


def own_state(module: Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers that ``module`` itself holds."""
    state: dict[str, Tensor] = {name: p for name, p in module._parameters.items() if p is not None}
    hidden = module._non_persistent_buffers
    return state | {name: b for name, b in module._buffers.items() if b is not None and name not in hidden}


def restore(module: Module, state: Mapping[str, Tensor], strict: bool, assign: bool) -> IncompatibleKeys:
    """Load ``state`` into ``module``; every difference is found before one error names them all."""
    given = dict(state)
    missing, unexpected, problems = _prepare(module, given, strict)
    targets = {prefix + name: (owner, name) for prefix, owner in _owners(module) for name in own_state(owner)}
    extra = {prefix + EXTRA: owner for prefix, owner in _owners(module) if _has_extra_state(owner)}
    missing += [name for name in [*targets, *extra] if name not in given]
    unexpected += [name for name in given if name not in targets and name not in extra]
    _drop_dimensions(targets, given)
    problems += _problems(targets, given)
    if strict:
        found = {"unexpected": unexpected, "missing": missing}
        problems += [f"{what}: {', '.join(names)}" for what, names in found.items() if names]
    if problems:
        raise RuntimeError(
            f"load_state_dict: {type(module).__name__} does not fit the state:\n  " + "\n  ".join(problems)
        )
    with tw.no_grad():
        for name, (owner, attribute) in targets.items():
            if name in given:
                _load_one(owner, attribute, given[name], assign)
    for name, owner in extra.items():
        if name in given:
            owner.set_extra_state(given[name])
    result = IncompatibleKeys(missing, unexpected)
    _announce(module, result)
    return result


def _announce(module: Module, result: IncompatibleKeys) -> None:
    for _, owner in _owners(module):
        owner._state_loaded()
        for hook in owner._load_state_dict_post_hooks.values():
            hook(owner, result)


def _prepare(module: Module, given: dict[str, Any], strict: bool) -> tuple[list[str], list[str], list[str]]:
    """Let the modules' hooks change what is given; the names missing and unexpected and the errors that they found."""
    found: tuple[list[str], list[str], list[str]] = ([], [], [])
    for prefix, owner in _owners(module):
        for hook in owner._load_state_dict_pre_hooks.values():
            hook(owner, given, prefix, {}, strict, *found)
    return found


def _owners(module: Module) -> list[tuple[str, Module]]:
    return [(name + "." if name else "", owner) for name, owner in module.named_modules(remove_duplicate=False)]


def _drop_dimensions(targets: Mapping[str, tuple[Module, str]], given: dict[str, Any]) -> None:
    """Numbers that were written as tensors of one dimension, as PyTorch did once and NumPy's helpers do."""
    for name, (owner, attribute) in targets.items():
        value, current = given.get(name), own_state(owner)[attribute]
        if not isinstance(value, Tensor) or is_uninitialized(value) or is_uninitialized(current):
            continue
        if tuple(value.shape) == (1,) and tuple(current.shape) == ():
            given[name] = value[0]


def _problems(targets: Mapping[str, tuple[Module, str]], given: Mapping[str, object]) -> list[str]:
    problems = []
    for name, (owner, attribute) in targets.items():
        if name not in given:
            continue
        value, current = given[name], own_state(owner)[attribute]
        if not isinstance(value, Tensor):
            problems.append(f"{name}: expected a Tensor, got {type(value).__name__}")
        elif is_uninitialized(value) and not is_uninitialized(current):
            problems.append(f"{name}: the module has shape {list(current.shape)}, the state's is not known yet")
        elif not is_uninitialized(current) and tuple(value.shape) != tuple(current.shape):
            problems.append(f"{name}: the module has shape {list(current.shape)}, the state {list(value.shape)}")
    return problems


def _load_one(owner: Module, attribute: str, value: Tensor, assign: bool) -> None:
    current = own_state(owner)[attribute]
    if is_uninitialized(value):
        return  # nothing is known on either side
    if isinstance(current, UninitializedParameter | UninitializedBuffer):
        current.materialize(tuple(value.shape))
    if not assign:
        current.copy_(value)
    elif isinstance(current, Parameter):
        setattr(owner, attribute, type(current)(value, current.requires_grad))
    else:
        setattr(owner, attribute, value)
