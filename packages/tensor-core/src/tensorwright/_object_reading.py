"""The objects that the text in a file describes; see `_objects`, which writes it."""

from __future__ import annotations

import base64
import binascii
import enum
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorwright import _C, _object_names
from tensorwright._C import Tensor
from tensorwright._objects import KIND, TENSOR_KINDS, VERSION, unfit
from tensorwright._torch_files import UnsafeFileError

_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError, binascii.Error)


def decode(text: str, tensors: Mapping[str, Tensor], of_the_program: bool) -> Any:
    """The value that `text` describes.

    Args:
        text: of a file.
        tensors: of that file.
        of_the_program: whether it may name classes of the program, see `_object_names.find`.

    Raises:
        UnsafeFileError: if it names what it may not, or if it describes nothing that was written here.
    """
    try:
        description = json.loads(text)
        if description["version"] != VERSION:
            raise UnsafeFileError(f"its objects are written in version {description['version']!r}; known is {VERSION}")
        return _Reader(description["entries"], tensors, of_the_program).whole(description["value"])
    except UnsafeFileError:
        raise
    except _WRONG as error:
        raise UnsafeFileError(f"the description of its objects is damaged: {type(error).__name__}: {error}") from None


def names_in(text: str) -> set[str]:
    """The names of classes and functions in a description.

    Raises:
        UnsafeFileError: if it is none.
    """
    try:
        return set(_names(json.loads(text)))
    except _WRONG as error:
        raise UnsafeFileError(f"the description of its objects is damaged: {type(error).__name__}: {error}") from None


def _names(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get(KIND) in ("object", "member"):
                yield str(item["class"])
            elif item.get(KIND) == "name":
                yield str(item["name"])
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


class _Reader:
    def __init__(self, entries: Any, tensors: Mapping[str, Tensor], of_the_program: bool) -> None:
        if not isinstance(entries, list):
            raise UnsafeFileError("the description of its objects is damaged: there is no list of entries")
        self._entries, self._tensors, self._of_the_program = entries, tensors, of_the_program
        self._made: list[Any] = []

    def whole(self, root: Any) -> Any:
        """First every entry is made, and then filled: an entry may hold any other, and itself."""
        self._made = [self._new(entry) for entry in self._entries]
        for made, entry in zip(self._made, self._entries, strict=True):
            self._fill(made, entry)
        return self.value(root)

    def _find(self, name: object) -> Any:
        return _object_names.find(name, self._of_the_program)

    # ---- entries -------------------------------------------------------------------------------------------

    def _new(self, entry: dict[str, Any]) -> Any:
        kind = entry[KIND]
        if kind in ("list", "dict", "OrderedDict"):
            return {"list": list, "dict": dict, "OrderedDict": OrderedDict}[kind]()
        if kind == "tensor":
            return self._tensor(entry)
        if kind == "array":
            return self._tensors[entry["name"]].numpy()
        if kind == "object":
            return self._object(self._find(entry["class"]))
        raise UnsafeFileError(f"the description of its objects is damaged: there is no kind {str(kind)[:80]!r}")

    @staticmethod
    def _object(found: Any) -> Any:
        if not isinstance(found, type) or issubclass(found, (type, enum.Enum)):
            raise UnsafeFileError(f"{found!r} is no class that objects with attributes have")
        problem = unfit(found)
        if problem:
            raise UnsafeFileError(f"an object of {found.__qualname__} is more than its attributes: {problem}")
        return found.__new__(found)  # unfit: nobody has defined another

    def _tensor(self, entry: dict[str, Any]) -> Tensor:
        tensor = self._tensors[entry["name"]]
        if entry.get("dtype") == "complex128":
            tensor = _C.op_functions["view_as_complex"](tensor)
        requires_grad = entry.get("requires_grad", False) is True
        if "class" not in entry:
            return _with_gradients(tensor) if requires_grad else tensor
        if entry["class"] not in TENSOR_KINDS:
            raise UnsafeFileError(f"{str(entry['class'])[:80]!r} is no kind of tensor")
        networks = _object_names.networks()
        if entry["class"].endswith("Parameter"):
            made: Tensor = networks.Parameter(tensor, requires_grad)
        else:
            made = networks.Buffer(tensor, persistent=entry["persistent"] is True)
        return made

    def _fill(self, made: Any, entry: dict[str, Any]) -> None:
        kind = entry[KIND]
        if kind == "list":
            made.extend(self.value(item) for item in entry["items"])
        elif kind in ("dict", "OrderedDict"):
            for key, item in entry["items"]:
                made[self.value(key)] = self.value(item)
        elif kind == "object":
            attributes = {name: self.value(item) for name, item in entry["attributes"]}
            if not all(isinstance(name, str) for name in attributes):
                raise UnsafeFileError("a name of an attribute is no text")
            vars(made).update(attributes)

    # ---- values --------------------------------------------------------------------------------------------

    def value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            if isinstance(value, list):
                raise UnsafeFileError("the description of its objects is damaged: a list is an entry")
            return value
        kind = value[KIND]
        if kind == "entry":
            number = value["number"]
            if type(number) is not int or not 0 <= number < len(self._made):
                raise UnsafeFileError(f"the description of its objects is damaged: there is no entry {number!r}")
            return self._made[number]
        if kind not in _INLINE:
            raise UnsafeFileError(f"the description of its objects is damaged: there is no kind {str(kind)[:80]!r}")
        return _INLINE[kind](self, value)

    def items(self, value: dict[str, Any]) -> list[Any]:
        return [self.value(item) for item in value["items"]]

    def member(self, value: dict[str, Any]) -> Any:
        found = self._find(value["class"])
        if not isinstance(found, type) or not issubclass(found, enum.Enum):
            raise UnsafeFileError(f"{found!r} is no enumeration")
        return found.__members__[value["name"]]

    def named(self, value: dict[str, Any]) -> Any:
        return self._find(value["name"])

    def scalar(self, value: dict[str, Any]) -> Any:
        return self._tensors[value["name"]].numpy()[()]


def _with_gradients(tensor: Tensor) -> Tensor:
    """A leaf that records; a plain tensor where tensorwright-autograd is not installed, as parameters are then."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise UnsafeFileError(f"a tensor of {tensor.dtype.name} cannot require gradients")
    return tensor.requires_grad_() if hasattr(tensor, "requires_grad_") else tensor


def _dtype(value: dict[str, Any]) -> Any:
    found = getattr(_C, value["name"])
    if not isinstance(found, _C.dtype):
        raise UnsafeFileError(f"{value['name'][:80]!r} is no dtype")
    return found


_INLINE: dict[str, Callable[[_Reader, dict[str, Any]], Any]] = {
    "float": lambda r, v: float(v["text"]),
    "complex": lambda r, v: complex(*(r.value(part) for part in v["parts"])),
    "tuple": lambda r, v: tuple(r.items(v)),
    "size": lambda r, v: _C.Size(r.items(v)),
    "set": lambda r, v: set(r.items(v)),
    "frozenset": lambda r, v: frozenset(r.items(v)),
    "slice": lambda r, v: slice(*r.items(v)),
    "bytes": lambda r, v: base64.b64decode(v["base64"], validate=True),
    "bytearray": lambda r, v: bytearray(base64.b64decode(v["base64"], validate=True)),
    "dtype": lambda r, v: _dtype(v),
    "device": lambda r, v: _C.device(v["name"]),
    "scalar": _Reader.scalar,
    "member": _Reader.member,
    "name": _Reader.named,
}
