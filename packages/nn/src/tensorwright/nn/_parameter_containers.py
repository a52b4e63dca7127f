"""Containers of parameters, and what is left of older containers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tensorwright import Tensor

from ._module import Module
from ._parameter import Parameter


def _as_parameter(value: Any) -> Any:
    """Tensors become parameters; anything else stays what it is."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(key: object, value: Any) -> str:
    if isinstance(value, Tensor):
        kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
        return f"({key}): {kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"
    return f"({key}): Object of type: {type(value).__name__}"


class ParameterList(Module):
    """A list whose tensors are registered as parameters.

    Example:
        >>> import tensorwright as tw
        >>> factors = ParameterList([tw.ones(2), tw.zeros(3)])
        >>> [name for name, _ in factors.named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(values or ())

    def _place(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ParameterList: index {index} is out of range for {len(self)} values")
        return str(index % len(self))

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._place(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._place(index), _as_parameter(value))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add several values at the end."""
        for value in values:
            self.append(value)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take the value at ``index`` out and return it."""
        values = list(self)
        value = values.pop(int(self._place(index)))
        for i in range(self._size):
            delattr(self, str(i))
        self._size = 0
        self.extend(values)
        return value

    def extra_repr(self) -> str:
        """A line for each value."""
        return "\n".join(_described(i, value) for i, value in enumerate(self))


class ParameterDict(Module):
    """A dict whose tensors are registered as parameters.

    Example:
        >>> import tensorwright as tw
        >>> ParameterDict({"scale": tw.ones(2)}).scale.requires_grad
        True
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update(parameters or {})

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: keys must be strings, got {type(key).__name__}")
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return self.copy().__ior__(other)

    def __ror__(self, other: Mapping[str, Any]) -> ParameterDict:
        return ParameterDict(other).__ior__(self)

    def __ior__(self, other: ParameterDict) -> ParameterDict:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """A dict with the same values."""
        return ParameterDict(dict(self.items()))

    def keys(self) -> Iterable[str]:
        """Keys, in the order of insertion."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """Values, in the order of insertion."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Keys with their values."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or ``default``."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which becomes ``default`` if it is not there."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def update(self, parameters: Mapping[str, Any] | ParameterDict | Iterable[tuple[str, Any]]) -> None:
        """Add or replace several values."""
        pairs = parameters.items() if isinstance(parameters, (Mapping, ParameterDict)) else parameters
        for key, value in pairs:
            self[key] = value

    def pop(self, key: str) -> Any:
        """Take a value out and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last value out and return it with its key."""
        key = list(self._keys)[-1]
        return key, self.pop(key)

    def clear(self) -> None:
        """Take all values out."""
        for key in list(self._keys):
            del self[key]

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with ``default`` for each key."""
        return ParameterDict((key, default) for key in keys)

    def extra_repr(self) -> str:
        """A line for each value."""
        return "\n".join(_described(key, value) for key, value in self.items())


class Container(Module):
    """What ``Module`` was called for modules with children; use ``Module``."""

    def __init__(self, **modules: Module) -> None:
        super().__init__()
        warnings.warn("Container is deprecated; use Module", DeprecationWarning, stacklevel=2)
        for name, module in modules.items():
            self.add_module(name, module)


class DataParallel(Module):
    """A module called as it is: there are no devices among which a batch could be divided.

    Args:
        module: what is called.
        device_ids, output_device: None, or an empty list.
        dim: the dimension of the batch.
    """

    module: Module
    dim: int

    def __init__(
        self, module: Module, device_ids: list[int] | None = None, output_device: int | None = None, dim: int = 0
    ) -> None:
        super().__init__()
        if device_ids or output_device is not None:
            raise ValueError(f"DataParallel: there are no devices to choose from, got {device_ids} and {output_device}")
        self.module, self.dim = module, dim
        self.device_ids: list[int] = []
        self.output_device: int | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module returns."""
        return self.module(*args, **kwargs)
