"""The older forms of weight_norm and spectral_norm: a hook computes the weight before each call."""

from __future__ import annotations

from typing import Any

import tensorwright as tw
from tensorwright import Tensor

from .. import functional as F
from .._module import Module
from .._parameter import Parameter

_HOOKS = "_weight_hooks"  # name of the weight to the handle of its hook and how it is computed


class _WeightNormHook:
    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Module) -> Tensor:
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        result: Tensor = v * (g / tw.norm_except_dim(v, 2, self.dim))
        return result

    def __call__(self, module: Module, args: Any) -> None:
        module.__dict__[self.name] = self.compute(module)


class _SpectralNormHook:
    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def as_matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def compute(self, module: Module, iterate: bool) -> Tensor:
        weight: Tensor = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.as_matrix(weight)
        if iterate:
            with tw.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.detach().T.mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.detach().mv(v), dim=0, eps=self.eps))
        result: Tensor = weight / u.clone().dot(matrix.mv(v.clone()))
        return result

    def __call__(self, module: Module, args: Any) -> None:
        module.__dict__[self.name] = self.compute(module, module.training)


def _take_weight(function: str, module: Module, name: str) -> Parameter:
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"{function}: {type(module).__name__} has no parameter {name!r}")
    del module._parameters[name]
    return weight


def _hook(module: Module, name: str, hook: Any) -> None:
    hooks = module.__dict__.setdefault(_HOOKS, {})
    hooks[name] = (module.register_forward_pre_hook(hook), hook)


def _unhook(function: str, module: Module, name: str, kind: type) -> Any:
    handle, hook = module.__dict__.get(_HOOKS, {}).get(name, (None, None))
    if not isinstance(hook, kind):
        raise ValueError(f"{function}: {type(module).__name__}.{name} has no such norm")
    handle.remove()
    del module.__dict__[_HOOKS][name]
    return hook


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train magnitude ``weight_g`` and direction ``weight_v`` of a weight; see ``parametrizations.weight_norm``."""
    weight = _take_weight("weight_norm", module, name)
    hook = _WeightNormHook(name, -1 if dim is None else dim)
    module.register_parameter(name + "_g", Parameter(tw.norm_except_dim(weight.detach(), 2, hook.dim)))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    hook(module, None)
    _hook(module, name, hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo ``weight_norm``: the weight keeps its value."""
    hook = _unhook("remove_weight_norm", module, name, _WeightNormHook)
    value = hook.compute(module).detach()
    module.__dict__.pop(name, None)
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    module.register_parameter(name, Parameter(value))
    return module


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide ``weight_orig`` by its largest singular value; see ``parametrizations.spectral_norm``."""
    if n_power_iterations <= 0:
        raise ValueError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
    weight = _take_weight("spectral_norm", module, name)
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    hook = _SpectralNormHook(name, n_power_iterations, dim, eps)
    matrix = hook.as_matrix(weight.detach())
    module.register_parameter(name + "_orig", weight)
    for suffix, size in (("_u", matrix.shape[0]), ("_v", matrix.shape[1])):
        drawn = matrix.new_empty(size).normal_()
        module.register_buffer(name + suffix, F.normalize(drawn, dim=0, eps=eps))
    module.__dict__[name] = weight.detach()
    _hook(module, name, hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Undo ``spectral_norm``: the weight keeps its value."""
    hook = _unhook("remove_spectral_norm", module, name, _SpectralNormHook)
    with tw.no_grad():
        value = hook.compute(module, False)
    module.__dict__.pop(name, None)
    del module._parameters[name + "_orig"], module._buffers[name + "_u"], module._buffers[name + "_v"]
    module.register_parameter(name, Parameter(value))
    return module
