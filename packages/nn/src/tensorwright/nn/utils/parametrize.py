"""Parameters computed from other tensors: a parametrization stands between what is trained and what is used."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorwright as tw
from tensorwright import Tensor

from .._containers import ModuleDict, ModuleList
from .._module import Module
from .._parameter import Parameter

_cache_depth = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor at most once inside the block."""
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if _cache_depth == 0:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other to ``original`` (or ``original0``, ...).

    Args:
        modules: the parametrizations.
        original: the tensor that was there before; right_inverse, if defined, takes it back to what is trained.
        unsafe: skip the check that shape and dtype stay.
    """

    original: Parameter | Tensor
    is_tensor: bool
    ntensors: int

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        start: Any = original
        with tw.no_grad():
            for module in reversed(modules):
                if hasattr(module, "right_inverse"):
                    start = module.right_inverse(start)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        trained = isinstance(original, Parameter)
        if self.is_tensor and isinstance(original, Parameter):  # the optimizer may hold the original already
            original.data = start.detach()
            self.register_parameter("original", original)
        elif self.is_tensor:
            self.register_buffer("original", start)
        else:
            for i, part in enumerate(start):
                if trained:
                    self.register_parameter(f"original{i}", Parameter(part.detach(), original.requires_grad))
                else:
                    self.register_buffer(f"original{i}", part)

    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Make what is trained such that the parametrized tensor becomes ``value``."""
        with tw.no_grad():
            start: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"{type(module).__name__} has no right_inverse, so its tensor cannot be assigned to"
                    )
                start = module.right_inverse(start)
            for mine, new in zip(self._originals(), [start] if self.is_tensor else start, strict=True):
                mine.copy_(new)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        modules = list(self)
        value: Tensor = modules[0](*self._originals())
        for module in modules[1:]:
            value = module(value)
        return value


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has a parametrized tensor, or one of this name."""
    lists = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(lists, ModuleDict):
        return False
    return len(lists) > 0 if tensor_name is None else tensor_name in lists


def _parametrized_class(base: type[Module]) -> type[Module]:
    """A subclass whose parametrized tensors are computed when they are read."""

    class Parametrized(base):  # type: ignore[misc, valid-type]
        def __getattr__(self, name: str) -> Any:
            if name != "parametrizations" and is_parametrized(self, name):
                lists = self._modules["parametrizations"]
                if _cache_depth == 0:
                    return lists[name]()
                key = id(self), name
                if key not in _cache:
                    _cache[key] = lists[name]()
                return _cache[key]
            return super().__getattr__(name)

        def __setattr__(self, name: str, value: Any) -> None:
            if is_parametrized(self, name):
                self.parametrizations[name].right_inverse(value)
            else:
                super().__setattr__(name, value)

    Parametrized.__name__ = f"Parametrized{base.__name__}"
    Parametrized.__qualname__ = Parametrized.__name__
    return Parametrized


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let ``module.tensor_name`` be ``parametrization`` of what is trained from now on.

    Args:
        module: whose tensor it is.
        tensor_name: a parameter or buffer of it.
        parametrization: its forward computes the tensor; its right_inverse, if there is one, takes a value back.
        unsafe: skip the check that shape and dtype stay.

    Raises:
        ValueError: no such tensor, or the parametrization changes shape or dtype.

    Example:
        >>> class Symmetric(Module):
        ...     def forward(self, x: Tensor) -> Tensor:
        ...         return x.triu() + x.triu(1).T
        >>> layer = register_parametrization(tw.nn.Linear(3, 3), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all().item()), list(layer.state_dict())
        (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _extend(module, tensor_name, parametrization, unsafe)
    else:
        _begin(module, tensor_name, parametrization, unsafe)
    return module


def _extend(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    """Put a parametrization behind those that the tensor has."""
    lists: Any = module._modules["parametrizations"]
    if not unsafe:
        _check(module, name, getattr(module, name), parametrization)
    if hasattr(parametrization, "right_inverse"):
        with tw.no_grad():
            start = parametrization.right_inverse(getattr(module, name))
        lists[name].right_inverse(start)
    lists[name].append(parametrization)


def _begin(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    """Put a parametrization in the place of a tensor."""
    registries: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
    registry = next((r for r in registries if r.get(name) is not None), None)
    if registry is None:
        raise ValueError(f"register_parametrization: {type(module).__name__} has no tensor {name!r}")
    before = registry[name].detach().clone()
    chain = ParametrizationList([parametrization], registry[name], unsafe)
    if not unsafe:
        after = chain()
        if after.shape != before.shape or after.dtype != before.dtype:
            raise ValueError(_changed(module, name, before, after))
    del registry[name]
    if not is_parametrized(module):
        module.__class__ = _parametrized_class(type(module))
        module._modules["parametrizations"] = ModuleDict()
    lists: Any = module._modules["parametrizations"]
    lists._modules[name] = chain


def _changed(module: Module, name: str, before: Tensor, after: Tensor) -> str:
    return (
        f"register_parametrization: {type(module).__name__}.{name} is {list(before.shape)}, {before.dtype}; "
        f"parametrized it would be {list(after.shape)}, {after.dtype}"
    )


def _check(module: Module, name: str, value: Tensor, parametrization: Module) -> None:
    with tw.no_grad():
        after = parametrization(value)
    if after.shape != value.shape or after.dtype != value.dtype:
        raise ValueError(_changed(module, name, value, after))


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Let a tensor be a plain one again: its present value, or what was trained if not ``leave_parametrized``.

    Raises:
        ValueError: the tensor is not parametrized, or what was trained is more than one tensor.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__}.{tensor_name} is not parametrized")
    lists: Any = module._modules["parametrizations"]
    chain: ParametrizationList = lists[tensor_name]
    if not leave_parametrized and not chain.is_tensor:
        raise ValueError("remove_parametrizations: several tensors are trained; leave_parametrized must be True")
    trained = chain._originals()[0]
    is_parameter = isinstance(trained, Parameter)
    if leave_parametrized:
        with tw.no_grad():
            value = chain()
        if chain.is_tensor and is_parameter and value.dtype == trained.dtype:
            trained.data = value.detach()
            value = trained
        elif is_parameter:
            value = Parameter(value.detach(), trained.requires_grad)
    else:
        value = trained
    del lists._modules[tensor_name]
    if len(lists) == 0:
        del module._modules["parametrizations"]
        module.__class__ = type(module).__mro__[1]
    registry: dict[str, Any] = module._parameters if is_parameter else module._buffers
    registry[tensor_name] = value
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The module's class before it was parametrized."""
    return type(module).__mro__[1] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give ``to_module`` copies of the parametrizations of ``from_module`` and of what is trained."""
    lists: Any = from_module._modules.get("parametrizations")
    if not is_parametrized(from_module):
        return to_module
    for name in list(lists) if tensor_name is None else [tensor_name]:
        value = getattr(from_module, name).detach()
        if getattr(to_module, name, None) is None:
            setattr(to_module, name, Parameter(value.clone()))
        for parametrization in lists[name]:
            register_parametrization(to_module, name, copy.deepcopy(parametrization), unsafe=True)
        targets: Any = to_module._modules["parametrizations"]
        with tw.no_grad():
            for mine, theirs in zip(targets[name]._originals(), lists[name]._originals(), strict=True):
                mine.copy_(theirs)
    return to_module
