"""States as JSON and tensors: what a manifest can hold is written into it, tensors and arrays get names beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tensorwright import _C, _safetensors
from tensorwright._C import Tensor

if TYPE_CHECKING:
    import numpy as np

KIND = "$kind"  # of a JSON object that stands for something else than a dict with names for keys


class _Encoder:
    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}

    def value(self, value: Any, path: str) -> Any:
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {KIND: "float", "text": repr(float(value))}
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if isinstance(value, tuple):
            return {KIND: "tuple", "items": self._items(value, path)}
        if isinstance(value, list):
            return self._items(value, path)
        if isinstance(value, Mapping):
            return self._mapping(value, path)
        if type(value).__module__ == "numpy" and hasattr(value, "__array_interface__") and hasattr(value, "ndim"):
            return self._array(value, path)
        raise TypeError(
            f"save: {path or 'the state'} is a {type(value).__name__}; a checkpoint holds tensors, NumPy arrays, "
            "dicts, lists, tuples, numbers, strings, bools and None"
        )

    def _items(self, values: Iterable[Any], path: str) -> list[Any]:
        return [self.value(value, _joined(path, str(i))) for i, value in enumerate(values)]

    def _mapping(self, value: Mapping[Any, Any], path: str) -> Any:
        if all(isinstance(key, str) for key in value) and KIND not in value:
            return {key: self.value(item, _joined(path, key)) for key, item in value.items()}
        pairs = [[self.value(k, f"{path} key"), self.value(v, _joined(path, str(k)))] for k, v in value.items()]
        return {KIND: "dict", "items": pairs}

    def _tensor(self, tensor: Tensor, path: str) -> Any:
        if tensor.dtype == _C.complex128:  # which safetensors does not know: pairs of float64
            pairs = _C.op_functions["view_as_real"](tensor.detach().resolve_conj())
            return {KIND: "complex128", "name": self._named(path, pairs)}
        if tensor.dtype not in _safetensors.NAMES or tensor.is_meta:
            raise ValueError(
                f"save: {path} has dtype {tensor.dtype.name} on device '{tensor.device}', and no data to keep"
            )
        return {KIND: "tensor", "name": self._named(path, tensor)}

    def _array(self, value: np.ndarray[Any, Any], path: str) -> Any:
        from tensorwright import from_numpy

        return {KIND: "array", "name": self._named(path, from_numpy(value.copy()))}

    def _named(self, path: str, tensor: Tensor) -> str:
        base = path or "tensor"
        name, count = base, 1
        while name in self.tensors or name == _safetensors.METADATA_KEY:
            count += 1
            name = f"{base}#{count}"  # {"a.b": x, "a": {"b": y}} gives one path twice
        self.tensors[name] = tensor
        return name


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def encode(state: Any) -> tuple[Any, dict[str, Tensor]]:
    """What JSON can hold of a state, and its tensors by their paths in it.

    Raises:
        TypeError: names the path of a value that is no tensor, array, container, number or string.
    """
    encoder = _Encoder()
    return encoder.value(state, ""), encoder.tensors


def decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The state again.

    Raises:
        ValueError: if it names what is not there.
    """
    if isinstance(value, list):
        return [decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if KIND not in value:
        return {key: decode(item, tensors) for key, item in value.items()}
    try:
        return _decode_kind(value, tensors)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the state names {str(value)[:120]}, which cannot be read: {error!r}") from None


def _decode_kind(value: dict[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    kind = value[KIND]
    if kind == "tensor":
        return tensors[value["name"]]
    if kind == "complex128":
        return _C.op_functions["view_as_complex"](tensors[value["name"]])
    if kind == "array":
        return tensors[value["name"]].numpy()
    if kind == "float":
        return float(value["text"])
    if kind == "tuple":
        return tuple(decode(item, tensors) for item in value["items"])
    if kind == "dict":
        return {decode(key, tensors): decode(item, tensors) for key, item in value["items"]}
    raise KeyError(kind)
