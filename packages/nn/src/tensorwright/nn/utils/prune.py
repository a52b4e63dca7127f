"""Weights set to zero: a mask beside a parameter, applied before each call of its module."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.utils.hooks import RemovableHandle

from .._module import Module

Amount = int | float
Method = TypeVar("Method", bound="BasePruningMethod")
_METHODS = "_pruning_methods"  # name of a parameter to the handle of its hook and the method


def _count(amount: Amount, total: int) -> int:
    """How many of ``total`` a number or a share are."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"prune: amount must be a number, got {type(amount).__name__}")
    share = isinstance(amount, float)
    if amount < 0 or (share and amount > 1) or (not share and amount > total):
        raise ValueError(f"prune: amount must be a share in [0, 1] or a number of at most {total}, got {amount}")
    return round(amount * total) if share else int(amount)


class BasePruningMethod:
    """A rule that makes masks. Subclasses define ``compute_mask(t, default_mask)`` and ``PRUNING_TYPE``."""

    PRUNING_TYPE = "unstructured"
    _tensor_name = ""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor of importance scores, of which ``default_mask`` has pruned a part already."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute_mask()")

    def __call__(self, module: Module, inputs: Any) -> None:
        module.__dict__[self._tensor_name] = self.apply_mask(module)

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times its mask."""
        original: Tensor = getattr(module, self._tensor_name + "_orig")
        mask: Tensor = getattr(module, self._tensor_name + "_mask")
        return original * mask.to(original.dtype)

    @classmethod
    def apply(
        cls: type[Method],
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune ``module.name``: the parameter becomes ``name_orig``, its mask the buffer ``name_mask``."""
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        methods = module.__dict__.setdefault(_METHODS, {})
        if name in methods:
            hook, before = methods[name]
            method = _joined(hook, before, method)
        else:
            _set_aside(module, name)
        original_tensor: Tensor = getattr(module, name + "_orig").detach()
        if importance_scores is not None and importance_scores.shape != original_tensor.shape:
            raise ValueError(
                f"prune: importance_scores have shape {list(importance_scores.shape)}, the parameter "
                f"{list(original_tensor.shape)}"
            )
        scores = original_tensor if importance_scores is None else importance_scores
        default = module._buffers.get(name + "_mask")
        mask = method.compute_mask(scores, tw.ones_like(original_tensor) if default is None else default)
        module._buffers[name + "_mask"] = mask
        method(module, None)
        methods[name] = (module.register_forward_pre_hook(method), method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A pruned copy of a tensor, without a module."""
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(scores, tw.ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned value the parameter again."""
        remove(module, self._tensor_name)


def _joined(hook: RemovableHandle, before: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    """The methods that a parameter is pruned by, and one more; the hook of those before is taken off."""
    hook.remove()
    container = before if isinstance(before, PruningContainer) else PruningContainer(before)
    container.add_pruning_method(method)
    return container


def _set_aside(module: Module, name: str) -> None:
    """Let the parameter be ``name_orig``."""
    original = module._parameters.get(name)
    if original is None:
        raise ValueError(f"prune: {type(module).__name__} has no parameter {name!r}")
    del module._parameters[name]
    module.register_parameter(name + "_orig", original)


class PruningContainer(BasePruningMethod):
    """Several methods, each pruning of what the ones before have left."""

    PRUNING_TYPE = "container"

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._methods = list(methods)
        if methods:
            self._tensor_name = methods[0]._tensor_name

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method, which must be for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"PruningContainer: expected a pruning method, got {type(method).__name__}")
        if method._tensor_name != self._tensor_name:
            raise ValueError(f"PruningContainer: is for {self._tensor_name!r}, the method for {method._tensor_name!r}")
        self._methods.append(method)

    def __len__(self) -> int:
        return len(self._methods)

    def __iter__(self) -> Any:
        return iter(self._methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the newest method, applied to what is left."""
        method = self._methods[-1]
        left = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            places = (left.reshape(-1) == 1).nonzero().flatten()
            part = t.reshape(-1).index_select(0, places)
            new = method.compute_mask(part, tw.ones_like(part))
            return left.reshape(-1).index_copy(0, places, new.to(left.dtype)).reshape(left.shape)
        if method.PRUNING_TYPE == "structured":
            dim: int = method.dim  # type: ignore[attr-defined]
            others = [d for d in range(t.ndim) if d != dim % t.ndim]
            channels = (left.sum(others) != 0).nonzero().flatten()
            part = t.index_select(dim, channels)
            new = method.compute_mask(part, left.index_select(dim, channels))
            return left.index_copy(dim, channels, new.to(left.dtype))
        return method.compute_mask(t, default_mask)


class Identity(BasePruningMethod):
    """Prunes nothing, but puts parameter and mask in place."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask there was."""
        return default_mask


class _Counting(BasePruningMethod):
    def __init__(self, amount: Amount) -> None:
        _count(amount, 1 if isinstance(amount, float) else max(int(amount), 0))
        self.amount = amount


class RandomUnstructured(_Counting):
    """Prunes elements at random."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros at random places."""
        return _zeros_at(default_mask, tw.randperm(t.numel())[: _count(self.amount, t.numel())])


class L1Unstructured(_Counting):
    """Prunes the elements of smallest magnitude."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros at the smallest elements."""
        count = _count(self.amount, t.numel())
        return _zeros_at(default_mask, t.abs().reshape(-1).argsort(stable=True)[:count])


def _zeros_at(mask: Tensor, places: Tensor) -> Tensor:
    return mask.reshape(-1).index_fill(0, places, 0).reshape(mask.shape)


class RandomStructured(_Counting):
    """Prunes channels, slices along ``dim``, at random."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _channels(self, t: Tensor, count: int) -> Tensor:
        return tw.randperm(t.shape[self.dim])[:count]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Zeros in whole slices."""
        if t.ndim <= 1:
            raise ValueError(f"prune: channels need at least 2 dimensions, got shape {list(t.shape)}")
        count = _count(self.amount, t.shape[self.dim])
        return default_mask.index_fill(self.dim, self._channels(t, count), 0)


class LnStructured(RandomStructured):
    """Prunes the channels, slices along ``dim``, of smallest ``n``-norm."""

    def __init__(self, amount: Amount, n: float, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _channels(self, t: Tensor, count: int) -> Tensor:
        others = [d for d in range(t.ndim) if d != self.dim % t.ndim]
        return t.norm(self.n, others).argsort(stable=True)[:count]


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The product of both masks."""
        return default_mask * self.mask.to(default_mask.dtype)


# ---- as functions ----------------------------------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Put parameter and mask in place without pruning."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Amount) -> Module:
    """Prune a number or share of elements at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Amount, importance_scores: Tensor | None = None) -> Module:
    """Prune a number or share of elements, those of smallest magnitude.

    Example:
        >>> layer = l1_unstructured(tw.nn.Linear(4, 3), "weight", 0.25)
        >>> int((layer.weight == 0).sum().item()), list(layer.state_dict())
        (3, ['bias', 'weight_orig', 'weight_mask'])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Amount, dim: int) -> Module:
    """Prune a number or share of channels along ``dim`` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Amount, n: float, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune a number or share of channels along ``dim``, those of smallest ``n``-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune what ``mask`` says."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune elements of several parameters as if they were one."""
    owners: Sequence[tuple[Module, str]] = list(parameters)
    given = importance_scores or {}
    tensors = [getattr(module, name).detach() for module, name in owners]
    masks = [getattr(m, n + "_mask", tw.ones_like(t)) for (m, n), t in zip(owners, tensors, strict=True)]
    scores = tw.cat([given.get(owner, t).reshape(-1) for owner, t in zip(owners, tensors, strict=True)])
    container = PruningContainer()
    container._tensor_name = "all"
    method = pruning_method(**kwargs)
    method._tensor_name = "all"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(f"global_unstructured: {pruning_method.__name__} prunes whole channels")
    container.add_pruning_method(method)
    mask = container.compute_mask(scores, tw.cat([m.reshape(-1) for m in masks]))
    start = 0
    for (module, name), t in zip(owners, tensors, strict=True):
        custom_from_mask(module, name, mask[start : start + math.prod(t.shape)].reshape(t.shape))
        start += math.prod(t.shape)


def remove(module: Module, name: str) -> Module:
    """Make the pruned value the parameter again.

    Raises:
        ValueError: the parameter is not pruned.
    """
    handle, method = module.__dict__.get(_METHODS, {}).get(name, (None, None))
    if method is None:
        raise ValueError(f"prune.remove: {type(module).__name__}.{name} is not pruned")
    handle.remove()
    del module.__dict__[_METHODS][name]
    original: Any = module._parameters.pop(name + "_orig")
    mask: Any = module._buffers.pop(name + "_mask")
    module.__dict__.pop(name, None)
    original.data = original.detach() * mask.to(original.dtype)
    module._parameters[name] = original
    return module


def is_pruned(module: Module) -> bool:
    """Whether any parameter of a module or of those below it is pruned."""
    return any(bool(m.__dict__.get(_METHODS)) for m in module.modules())
