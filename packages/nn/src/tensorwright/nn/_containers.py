"""Modules that hold other modules, in order or by name."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from tensorwright import Tensor

from ._module import Module
from ._signatures import R


class Sequential(Module[[Any], R]):
    """Modules called one after the other, each with what the one before returned.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright.nn import Linear, ReLU
        >>> model = Sequential(Linear(4, 3), ReLU(), Linear(3, 2))
        >>> model(tw.ones(5, 4)).shape
        (5, 2)
        >>> len(model[:2])
        2
    """

    @overload
    def __init__(self, *modules: *tuple[*tuple[Module, ...], Module[..., R]]) -> None: ...
    @overload
    def __init__(self: Sequential[Any], *modules: Module) -> None: ...
    @overload
    def __init__(self: Sequential[Any], modules: Mapping[str, Module], /) -> None: ...
    def __init__(self, *modules: Any) -> None:  # type: ignore[misc]  # mypy takes signature 1 for another one
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], Mapping) else enumerate(modules)
        for name, module in named:
            self.add_module(str(name), module)

    def forward(self, input: Any) -> R:
        """Call every module in turn."""
        for module in self:
            input = module(input)
        return input  # type: ignore[no-any-return]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))  # type: ignore[arg-type]
        return list(self)[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, list(self._modules)[index], module)

    def __delitem__(self, index: int | slice) -> None:
        kept = list(self)
        del kept[index]
        self._modules.clear()
        self.extend(kept)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]  # None where a module was left out

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self, *other)

    def __iadd__(self, other: Iterable[Module]) -> Sequential:
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*self).__imul__(times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        if not isinstance(times, int):
            raise TypeError(f"Sequential: expected how often the modules come, an int, got {type(times).__name__}")
        if times < 1:
            raise ValueError(f"Sequential: the modules must come at least once, got {times} times")
        return self.extend(list(self) * (times - 1))

    def append(self, module: Module) -> Sequential:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """Add several modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """Put a module in front of the one at ``index``."""
        members = list(self)
        if not -len(members) <= index <= len(members):
            raise IndexError(f"Sequential.insert: index {index} is outside [{-len(members)}, {len(members)}]")
        members.insert(index, module)
        self._modules.clear()
        return self.extend(members)

    def pop(self, key: int) -> Module:
        """Take the module at ``key`` out and return it."""
        module = self[key]
        del self[key]
        return module


class ModuleList(Module):
    """A list whose modules are registered, so that their parameters are found; None stands for one that is left out.

    Example:
        >>> from tensorwright.nn import Linear
        >>> layers = ModuleList(Linear(2, 2) for _ in range(3))
        >>> len(list(layers.parameters()))
        6
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _child_texts(self) -> Iterable[tuple[str, str]]:
        first = 0
        for text, group in itertools.groupby(map(repr, self)):
            count = len(list(group))
            last = first + count - 1
            yield (f"{first}-{last}", f"{count} x {text}") if count > 1 else (str(first), text)
            first = last + 1

    def _position(self, index: int) -> str:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"ModuleList: index {index} is out of range for {len(self)} modules")
        return str(index % len(self))

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._position(index)]  # type: ignore[return-value]  # None where a module was left out

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._position(index), module)

    def __delitem__(self, index: int | slice) -> None:
        kept = list(self)
        del kept[index]
        self._modules.clear()
        self.extend(kept)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add several modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module in front of the one at ``index``."""
        members = list(self)
        members.insert(index, module)
        self._modules.clear()
        self.extend(members)

    def pop(self, key: int = -1) -> Module:
        """Take the module at ``key`` out and return it."""
        module = self[key]
        del self[key]
        return module


class ModuleDict(Module):
    """A dict whose modules are registered.

    Example:
        >>> from tensorwright.nn import Linear
        >>> heads = ModuleDict({"digit": Linear(8, 10), "sign": Linear(8, 2)})
        >>> sorted(heads)
        ['digit', 'sign']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]  # None where a module was left out

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """Names, in the order of insertion."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """Modules, in the order of insertion."""
        return [self[key] for key in self]

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names with their modules."""
        return [(key, self[key]) for key in self]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace several modules."""
        pairs = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for key, module in pairs:
            self[key] = module

    def pop(self, key: str) -> Module:
        """Take a module out and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()


class Identity(Module[[Tensor], Tensor]):
    """Returns its input; takes and ignores any arguments, so that it can replace any layer."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class Flatten(Module[[Tensor], Tensor]):
    """Joins the dimensions ``start_dim`` to ``end_dim``: [N, C, H, W] becomes [N, C*H*W] by default."""

    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The flattened view."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module[[Tensor], Tensor]):
    """Splits dimension ``dim`` into ``unflattened_size``."""

    dim: int
    unflattened_size: tuple[int, ...]

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """The unflattened view."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
