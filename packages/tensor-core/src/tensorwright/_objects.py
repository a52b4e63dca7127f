"""Objects as JSON and tensors: what a file holds of a module, or of a dict with numbers in it.

Everything that can be met twice (containers, tensors, objects) is an entry of one list, and values refer to entries by
their number: what is one object stays one, and circles are no problem. Entries of objects hold the name of the class
and the attributes; reading them calls no constructor and no method of the class, so only classes are taken for which
this is enough.
"""

from __future__ import annotations

import base64
import copyreg
import enum
import json
import math
from collections import OrderedDict, deque
from typing import Any

from tensorwright import _C, _object_names, _safetensors
from tensorwright._C import Tensor

KIND = "$kind"
METADATA_KEY = "tensorwright.object"
VERSION = 1
_REGISTRIES = frozenset({"_parameters", "_buffers", "_modules"})  # of a module, which a state_dict does not name


def encode(value: Any) -> tuple[str, dict[str, Tensor]]:
    """A text that describes a value, and its tensors by their paths in it; those of a module as in its state_dict.

    Raises:
        TypeError: names the path of a value that cannot be described.
        ValueError: names the path of a tensor without data.
    """
    writer = _Writer()
    root = writer.value(value, "")
    writer.run()
    text = json.dumps(
        {"version": VERSION, "value": root, "entries": writer.entries}, separators=(",", ":"), allow_nan=False
    )
    return text, writer.tensors


class _Writer:
    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.entries: list[Any] = []
        self._known: dict[int, tuple[int, Any]] = {}  # with the object, whose id is its own as long as it lives
        self._waiting: deque[tuple[int, Any, str]] = deque()

    def run(self) -> None:
        """Describe what was referred to; not by recursion, since objects may refer to each other without end."""
        while self._waiting:
            number, value, path = self._waiting.popleft()
            self.entries[number] = self._entry(value, path)

    # ---- values --------------------------------------------------------------------------------------------

    def value(self, value: Any, path: str) -> Any:
        if value is None or type(value) in (bool, str, int):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {KIND: "float", "text": repr(value)}
        if type(value) is complex:
            return {KIND: "complex", "parts": [self.value(value.real, path), self.value(value.imag, path)]}
        if isinstance(value, enum.Enum):
            return {KIND: "member", "class": self._name(type(value), path), "name": value.name}
        inline = self._inline(value, path)
        return self._reference(value, path) if inline is None else inline

    def _inline(self, value: Any, path: str) -> Any:
        if type(value) in (tuple, _C.Size):
            return {KIND: "size" if type(value) is _C.Size else "tuple", "items": self._items(value, path)}
        if type(value) in (set, frozenset):
            ordered = sorted(value, key=repr)  # the same file for the same set
            return {KIND: type(value).__name__, "items": self._items(ordered, path)}
        if type(value) is slice:
            return {KIND: "slice", "items": self._items((value.start, value.stop, value.step), path)}
        if type(value) in (bytes, bytearray):
            return {KIND: type(value).__name__, "base64": base64.b64encode(value).decode()}
        if isinstance(value, _C.dtype):
            return {KIND: "dtype", "name": value.name}
        if isinstance(value, _C.device):
            return {KIND: "device", "name": str(value)}
        if _is_numpy(value, "generic") and value.dtype.kind in "biufc":
            return {KIND: "scalar", "name": self._stored(_from_numpy(value), path)}
        if isinstance(value, type) or type(value).__name__ in ("function", "builtin_function_or_method"):
            return {KIND: "name", "name": self._name(value, path)}
        return None

    def _items(self, values: Any, path: str) -> list[Any]:
        return [self.value(value, _joined(path, str(i))) for i, value in enumerate(values)]

    def _name(self, value: Any, path: str) -> str:
        name = _object_names.name_of(value)
        if name is None:
            shown = getattr(value, "__qualname__", repr(value))
            raise TypeError(
                f"save: {path or 'the object'} needs {shown}, which has no name to be found by again; classes and "
                "functions must lie in a module"
            )
        return name

    def _reference(self, value: Any, path: str) -> Any:
        number, _ = self._known.get(id(value), (None, None))
        if number is None:
            number = len(self.entries)
            self._known[id(value)] = (number, value)
            self.entries.append(None)
            self._waiting.append((number, value, path))
        return {KIND: "entry", "number": number}

    # ---- entries -------------------------------------------------------------------------------------------

    def _entry(self, value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if type(value) is list:
            return {KIND: "list", "items": self._items(value, path)}
        if type(value) in (dict, OrderedDict):
            return {KIND: type(value).__name__, "items": self._pairs(value, path)}
        if _is_numpy(value, "ndarray") and value.dtype.kind in "biufc":
            return {KIND: "array", "name": self._stored(_from_numpy(value), path)}
        attributes = _attributes(value, path)
        pairs = [
            [name, self.value(item, path if name in _REGISTRIES else _joined(path, name))]
            for name, item in attributes.items()
        ]
        return {KIND: "object", "class": self._name(type(value), path), "attributes": pairs}

    def _pairs(self, value: dict[Any, Any], path: str) -> list[Any]:
        return [[self.value(k, f"{path} key"), self.value(v, _joined(path, str(k)))] for k, v in value.items()]

    def _tensor(self, tensor: Tensor, path: str) -> Any:
        kind = type(tensor)
        entry: dict[str, Any] = {KIND: "tensor", "name": self._stored(tensor, path)}
        if tensor.dtype == _C.complex128:
            entry["dtype"] = "complex128"
        if kind is not Tensor:
            name = self._name(kind, path)
            if name not in TENSOR_KINDS:
                raise TypeError(f"save: {path or 'the object'} is a {kind.__name__}, a tensor of a class of its own")
            entry["class"] = name
            entry["persistent"] = getattr(tensor, "persistent", None)
        if getattr(tensor, "requires_grad", False):
            entry["requires_grad"] = True
        return entry

    def _stored(self, tensor: Tensor, path: str) -> str:
        where = path or "the object"
        if hasattr(tensor, "materialize"):
            raise ValueError(f"save: {where} has no shape and no data yet; a lazy module must have seen an input")
        if tensor.is_meta:
            raise ValueError(f"save: {where} lies on device 'meta' and has no data")
        data = tensor.detach()
        if data.dtype == _C.complex128:  # which safetensors does not know: pairs of float64
            data = _C.op_functions["view_as_real"](data.resolve_conj())
        if data.dtype not in _safetensors.NAMES:
            raise ValueError(f"save: {where} has dtype {data.dtype.name}, which the safetensors format does not know")
        base = path or "tensor"
        name, count = base, 1
        while name in self.tensors or name == _safetensors.METADATA_KEY:
            count += 1
            name = f"{base}#{count}"  # {"a.b": x, "a": {"b": y}} gives one path twice
        self.tensors[name] = data
        return name


TENSOR_KINDS = frozenset({f"{_object_names.NETWORKS}.Parameter", f"{_object_names.NETWORKS}.Buffer"})


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_numpy(value: Any, name: str) -> bool:
    return any(kind.__module__ == "numpy" and kind.__name__ == name for kind in type(value).__mro__)


def _from_numpy(value: Any) -> Tensor:
    import numpy as np
    from tensorwright import from_numpy

    return from_numpy(np.array(value))


def _attributes(value: Any, path: str) -> dict[str, Any]:
    """The attributes of an object that consists of nothing else.

    Raises:
        TypeError: says why an object of its class would not be the same again.
    """
    kind = type(value)
    problem = unfit(kind) or ("" if isinstance(getattr(value, "__dict__", None), dict) else "it has no attributes")
    if problem:
        raise TypeError(
            f"save: {path or 'the object'} is a {kind.__module__}.{kind.__qualname__}, which a file cannot hold: "
            f"{problem}"
        )
    own_state = getattr(kind, "__getstate__", None) is not getattr(object, "__getstate__", None)
    state = value.__getstate__() if own_state else vars(value)
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise TypeError(
            f"save: {path or 'the object'}: __getstate__ of {kind.__qualname__} gives no dict of attributes"
        )
    return state


def unfit(kind: type) -> str:
    """Why objects of a class cannot be made of their attributes alone; empty if they can."""
    for name in ("__reduce__", "__reduce_ex__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"):
        if getattr(kind, name, None) is not getattr(object, name, None):
            return f"its class defines {name}"
    if copyreg._slotnames(kind):  # type: ignore[attr-defined]
        return "its class has __slots__"
    plain: tuple[Any, ...] = (object.__new__, _C.CallsForward.__new__)
    own_new = all(kind.__new__ is not new for new in plain)
    return "its class, or one that it comes from, has a __new__ of its own" if own_new else ""
