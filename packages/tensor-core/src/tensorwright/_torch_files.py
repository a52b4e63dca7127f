"""Weights out of files that PyTorch's `torch.save` wrote, by a reader that executes nothing.

Such a file is a zip archive of a pickle and of the bytes of each storage. A pickle is a program for a stack machine
that can call any function; here its instructions are only looked at. Those that make dicts, lists, tuples, numbers and
strings are carried out; the few names that stand for tensors are recognised by their text and mean what is said here;
everything else is refused.
"""

from __future__ import annotations

import mmap as memory_map
import os
import pickletools
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

from tensorwright import _C
from tensorwright._C import Tensor, dtype

MAX_PICKLE_BYTES = 256_000_000
MAX_NESTING = 100
MAX_VALUES = 10_000_000  # one container may stand in many places

DTYPES: dict[str, dtype] = {
    "BoolStorage": _C.bool, "ByteStorage": _C.uint8, "CharStorage": _C.int8, "ShortStorage": _C.int16,
    "IntStorage": _C.int32, "LongStorage": _C.int64, "HalfStorage": _C.float16, "BFloat16Storage": _C.bfloat16,
    "FloatStorage": _C.float32, "DoubleStorage": _C.float64, "ComplexFloatStorage": _C.complex64,
    "ComplexDoubleStorage": _C.complex128, "UntypedStorage": _C.uint8,
}  # fmt: skip


_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error, OSError)


class UnsafeFileError(ValueError):
    """A file holds something other than tensors and plain containers, or is damaged."""


class _Name(NamedTuple):
    """A name that a pickle looks up; it stays a text."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class _StorageRef(NamedTuple):
    dtype: dtype
    key: str
    numel: int


class _Mark:
    pass


# ---- the archive -------------------------------------------------------------------------------------------


class _Archive:
    """The members of a zip file as they lie in it; torch.save compresses nothing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise UnsafeFileError("the file is empty")
            self._memory = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
            try:
                with zipfile.ZipFile(file) as archive:
                    members = archive.infolist()
            except _ZIP_ERRORS as error:
                raise UnsafeFileError(
                    f"the file is no zip archive ({error}); torch.save wrote others before version 1.6: load and save "
                    "such a file again with PyTorch"
                ) from None
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            if member.filename in self._members:
                raise UnsafeFileError(f"the archive has two members {member.filename[:80]!r}")
            self._members[member.filename] = member
        self.root = self._root()

    def _root(self) -> str:
        roots = [name[: -len("data.pkl")] for name in self._members if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise UnsafeFileError("the archive has no data.pkl: it is no file of torch.save, or holds a script module")
        if roots[0] + "constants.pkl" in self._members:
            raise UnsafeFileError("the archive holds a script module, which is a program; save its state_dict()")
        return roots[0]

    def has(self, name: str) -> bool:
        return self.root + name in self._members

    def span(self, name: str) -> tuple[int, int]:
        """Where the bytes of a member begin, and how many there are."""
        member = self._members.get(self.root + name)
        if member is None:
            raise UnsafeFileError(f"the archive lacks {name[:80]!r}")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise UnsafeFileError(f"{name[:80]!r} is compressed or encrypted")
        header = self._memory[member.header_offset : member.header_offset + 30]
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise UnsafeFileError(f"the header of {name[:80]!r} is damaged")
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        begin = member.header_offset + 30 + lengths
        if begin + member.file_size > len(self._memory):
            raise UnsafeFileError(f"{name[:80]!r} reaches beyond the end of the file")
        return begin, member.file_size

    def read(self, name: str, most: int) -> bytes:
        begin, size = self.span(name)
        if size > most:
            raise UnsafeFileError(f"{name[:80]!r} has {size:,} bytes; at most {most:,} are read")
        return self._memory[begin : begin + size]

    def storage(self, ref: _StorageRef) -> Tensor:
        """The elements of a storage, sharing the file's mapped memory where they are aligned."""
        begin, size = self.span(f"data/{ref.key}")
        if ref.numel * ref.dtype.itemsize > size:
            raise UnsafeFileError(f"storage {ref.key[:20]!r} of {ref.numel} {ref.dtype.name} has only {size} bytes")
        if ref.numel == 0:
            none: Tensor = _C.op_functions["empty"](0, dtype=ref.dtype, device="cpu")
            return none
        count = ref.numel * ref.dtype.itemsize
        if begin % ref.dtype.itemsize:
            return _C.frombuffer(bytearray(self._memory[begin : begin + count]), ref.dtype, ref.numel, 0)
        if ref.dtype == _C.bool:  # a byte may hold anything
            return _C.frombuffer(self._memory, _C.uint8, count, begin) != 0
        return _C.frombuffer(self._memory, ref.dtype, ref.numel, begin)


# ---- the pickle --------------------------------------------------------------------------------------------


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _sizes(value: object, what: str) -> list[int]:
    if not isinstance(value, (tuple, list)) or not all(map(_is_size, value)) or len(value) > 64:
        raise UnsafeFileError(f"a tensor's {what} is {str(value)[:80]}")
    return list(value)


class _Reader:
    """A pickle's stack machine without the instructions that run code."""

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive
        self._storages: dict[str, Tensor] = {}
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        try:
            for instruction, argument, _ in pickletools.genops(program):
                if instruction.name == "STOP":
                    break
                self._step(instruction.name, argument)
            (result,) = self._stack
        except UnsafeFileError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
            raise UnsafeFileError(f"the pickle is damaged: {type(error).__name__}: {error}") from None
        return result

    def _step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            self._stack.append(argument)
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name not in _IGNORED:
            action = _ACTIONS.get(name)
            if action is None:
                raise UnsafeFileError(f"the pickle has an instruction {name}, which plain containers do not need")
            action(self, argument)

    def _items(self) -> list[Any]:
        """What was pushed since the last mark."""
        for i in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[i], _Mark):
                items = self._stack[i + 1 :]
                del self._stack[i:]
                return items
        raise UnsafeFileError("the pickle has no mark where it needs one")

    def mark(self, _: Any) -> None:
        self._stack.append(_Mark())

    def put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def make_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._items()))

    def short_tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise UnsafeFileError("the pickle makes a tuple of more than there is")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(items)

    def append(self, _: Any) -> None:
        value = self._stack.pop()
        self._extend([value])

    def appends(self, _: Any) -> None:
        self._extend(self._items())

    def _extend(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise UnsafeFileError("the pickle appends to what is no list")
        self._stack[-1].extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._update([key, value])

    def set_items(self, _: Any) -> None:
        self._update(self._items())

    def _update(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise UnsafeFileError("the pickle sets items of what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int, bool, float, type(None)):
                raise UnsafeFileError(f"a dict has a key of type {type(key).__name__}")
            target[key] = value

    def look_up(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(_Name(module, name))

    def look_up_stacked(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise UnsafeFileError("the pickle looks up what is no name")
        self._stack.append(_Name(module, name))

    def persistent(self, _: Any) -> None:
        self._stack.append(_storage_ref(self._stack.pop()))

    def build(self, _: Any) -> None:
        """A state_dict is a dict with an attribute `_metadata`; other objects have no state here."""
        state = self._stack.pop()
        if type(self._stack[-1]) is not dict or type(state) is not dict or set(state) != {"_metadata"}:
            raise UnsafeFileError("the pickle sets the state of an object")

    def call(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(function) is not _Name or type(arguments) is not tuple:
            raise UnsafeFileError("the pickle calls what is no name")
        meaning = _MEANINGS.get(str(function))
        if meaning is None:
            raise UnsafeFileError(f"the file needs {str(function)[:100]}, which is no tensor and no plain container")
        self._stack.append(meaning(self, arguments))

    # ---- what the names mean

    def ordered_dict(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        if not arguments:
            return {}
        pairs = arguments[0]
        if len(arguments) != 1 or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            raise UnsafeFileError("an OrderedDict is made of what are no pairs")
        made: dict[Any, Any] = {}
        self._stack.append(made)
        self._update([item for pair in pairs for item in pair])
        return self._stack.pop()  # type: ignore[no-any-return]

    def size(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_sizes(arguments[0], "size"))

    def parameter(self, arguments: tuple[Any, ...]) -> Tensor:
        if not arguments or not isinstance(arguments[0], Tensor):
            raise UnsafeFileError("a Parameter is made of what is no tensor")
        return arguments[0]

    def tensor(self, arguments: tuple[Any, ...]) -> Tensor:
        ref, offset, size, stride = arguments[:4]
        if type(ref) is not _StorageRef or not _is_size(offset):
            raise UnsafeFileError("a tensor lies in what is no storage")
        shape, steps = _sizes(size, "size"), _sizes(stride, "stride")
        try:
            return self._storage(ref).as_strided(shape, steps, offset).detach()
        except (ValueError, MemoryError) as error:
            raise UnsafeFileError(f"a tensor does not fit its storage: {error}") from None

    def _storage(self, ref: _StorageRef) -> Tensor:
        known = self._storages.get(ref.key)
        if known is None or known.dtype != ref.dtype or known.numel() != ref.numel:
            known = self._storages[ref.key] = self._archive.storage(ref)
        return known


def _storage_ref(described: Any) -> _StorageRef:
    if type(described) is not tuple or len(described) != 5 or described[0] != "storage":
        raise UnsafeFileError("the pickle refers to something other than a storage")
    kind, key, numel = described[1], described[2], described[4]
    if type(kind) is not _Name or kind.module not in ("torch", "torch.storage") or kind.name not in DTYPES:
        raise UnsafeFileError(f"a storage has the type {str(kind)[:80]}, which has no dtype here")
    if type(key) is not str or set(key) & set("/\\\0") or not _is_size(numel):
        raise UnsafeFileError("a storage is described by what is no name and number of elements")
    return _StorageRef(DTYPES[kind.name], key, numel)


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset((
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
))  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_IGNORED = frozenset(("PROTO", "FRAME"))
_ACTIONS: dict[str, Callable[[_Reader, Any], None]] = {
    "MARK": _Reader.mark, "BINPUT": _Reader.put, "LONG_BINPUT": _Reader.put, "MEMOIZE": _Reader.memoize,
    "BINGET": _Reader.get, "LONG_BINGET": _Reader.get, "TUPLE": _Reader.make_tuple,
    "TUPLE1": lambda r, _: r.short_tuple(1), "TUPLE2": lambda r, _: r.short_tuple(2),
    "TUPLE3": lambda r, _: r.short_tuple(3), "APPEND": _Reader.append, "APPENDS": _Reader.appends,
    "SETITEM": _Reader.set_item, "SETITEMS": _Reader.set_items, "GLOBAL": _Reader.look_up,
    "STACK_GLOBAL": _Reader.look_up_stacked, "BINPERSID": _Reader.persistent, "BUILD": _Reader.build,
    "REDUCE": _Reader.call,
}  # fmt: skip
_MEANINGS: dict[str, Callable[[_Reader, tuple[Any, ...]], Any]] = {
    "collections.OrderedDict": _Reader.ordered_dict,
    "torch.Size": _Reader.size,
    "torch._utils._rebuild_tensor": _Reader.tensor,
    "torch._utils._rebuild_tensor_v2": _Reader.tensor,
    "torch._utils._rebuild_parameter": _Reader.parameter,
}


# ---- the result --------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> Any:
    """What a file of torch.save holds: tensors in dicts, lists and tuples, with numbers, strings and None.

    Raises:
        UnsafeFileError: if it holds anything else, or is damaged.
    """
    archive = _Archive(path)
    if archive.has("byteorder") and archive.read("byteorder", 100) != b"little":
        raise UnsafeFileError("the file was written on a big-endian machine")
    return _Reader(archive).run(archive.read("data.pkl", MAX_PICKLE_BYTES))


def flattened(value: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by dotted names (`model.layer.weight`, `0.bias`), and the numbers, strings and None beside them."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    visited = 0

    def visit(item: Any, name: str, depth: int) -> None:
        nonlocal visited
        visited += 1
        if depth > MAX_NESTING or visited > MAX_VALUES:
            raise UnsafeFileError(f"containers are nested more than {MAX_NESTING} deep, or hold too many values")
        if isinstance(item, (dict, list, tuple)) and not isinstance(item, (_Name, _StorageRef)):
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            for key, inner in pairs:
                visit(inner, f"{name}.{key}" if name else str(key), depth + 1)
            return
        if isinstance(item, (_Name, _StorageRef, _Mark)):
            raise UnsafeFileError(f"{name[:80]!r} is {str(item)[:80]}, which is no tensor and no plain value")
        target: dict[str, Any] = tensors if isinstance(item, Tensor) else plain
        if name in tensors or name in plain:
            raise UnsafeFileError(f"two values have the name {name[:80]!r}")
        target[name] = item

    visit(value, "", 0)
    return tensors, plain
