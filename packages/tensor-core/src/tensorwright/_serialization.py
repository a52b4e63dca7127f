"""Saving and loading tensors as safetensors files, and what is no tensor as a text in their header."""

from __future__ import annotations

import mmap as memory_map
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, overload

from tensorwright import _C, _object_reading, _objects, _safetensors, _shards
from tensorwright._C import Tensor
from tensorwright._files import replacing
from tensorwright._safetensors import Entry, FormatError, Header
from tensorwright._tensor_methods import from_raw_bytes, raw_bytes
from tensorwright._torch_files import UnsafeFileError

if TYPE_CHECKING:
    from tensorwright._C import DeviceLike

    PathLike = str | os.PathLike[str]
    MapLocation = DeviceLike | Mapping[str, DeviceLike] | Callable[..., Any] | None


def _is_named_tensors(value: object) -> bool:
    """Whether it is what a safetensors file is by itself, such as a state_dict."""
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(name, str) and isinstance(item, Tensor) for name, item in value.items())


def _check(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if name == _safetensors.METADATA_KEY:
            raise ValueError(f"save: the name {name!r} is reserved; pass metadata=")
        if tensor.dtype not in _safetensors.NAMES:
            raise ValueError(
                f"save: {name!r} has dtype {tensor.dtype.name}, which the safetensors format does not know"
            )
        if tensor.is_meta:
            raise ValueError(f"save: {name!r} lies on device 'meta' and has no data")


def _check_metadata(metadata: object) -> None:
    for key, value in metadata.items() if isinstance(metadata, Mapping) else ():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"save: metadata must map str to str, got {key!r}: {type(value).__name__}")
        if key == _objects.METADATA_KEY:
            raise ValueError(f"save: the name {key!r} in metadata is reserved")


def _write(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> None:
    ordered = _safetensors.in_file_order(tensors)
    file.write(_safetensors.encode_header(ordered, metadata))
    for tensor in ordered.values():
        file.write(raw_bytes(tensor))


def save(
    obj: Any,
    f: PathLike | BinaryIO,
    *,
    metadata: Mapping[str, str] | None = None,
    max_shard_size: int | str | None = None,
) -> None:
    """Write tensors to a safetensors file, or an object that holds some.

    The file appears under its name only when it is complete and on the disk: an interrupted save leaves what was there.

    A dict of tensors by name, such as a ``state_dict``, is what the format is made for. Beside it there may be an
    object: a module, an optimizer's state, a dict or list with numbers, strings, NumPy arrays in it. Its tensors then
    are named by their place in it (those of a module as in its ``state_dict``), and what is no tensor stands as text in
    the header's metadata: names of classes and their attributes, no code. ``load`` gives the object back.

    Args:
        obj: for example ``module.state_dict()``, or ``module``. A tensor that is met twice is written once; tensors
            that only share memory are written one by one.
        f: where to; an existing file is replaced. Or a binary file open for writing.
        metadata: strings to keep with the tensors.
        max_shard_size: in bytes, or "5GB". If the tensors take more, they go into several files beside ``f``, named
            ``weights-00001-of-00003.safetensors``, and ``weights.safetensors.index.json`` says which lies where;
            ``load(f)`` finds them. A tensor that is larger has a file of its own.

    Raises:
        TypeError: names what in the object a file cannot hold: a lambda, an object that is more than its attributes.
        ValueError: for tensors without data; for complex128 in a dict of tensors, which the format does not know.
        OSError: if the file cannot be written.

    Example:
        >>> import tempfile, os
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> tw.save({"weight": tw.ones(2, 3)}, path, metadata={"epoch": "7"})
        >>> tw.load(path)["weight"].shape
        (2, 3)
        >>> tw.save({"epoch": 7, "best": {"weight": tw.ones(2)}}, path)
        >>> tw.load(path)
        {'epoch': 7, 'best': {'weight': tensor([1., 1.])}}
    """
    _check_metadata(metadata)
    tensors, strings = _as_file(obj, metadata)
    most = None if max_shard_size is None else _shards.parse_size(max_shard_size)
    if not isinstance(f, (str, os.PathLike)):
        if most is not None:
            raise TypeError("save: shards are files, so f must be a path where max_shard_size is given")
        return _write(f, tensors, strings)
    target = Path(f)
    groups = [] if most is None else _shards.divided(tensors, most)
    if len(groups) > 1:
        return _save_shards(groups, target, strings)
    with replacing(target) as file:
        _write(file, tensors, strings)
    _shards.index_path(target).unlink(missing_ok=True)  # of shards that were there before
    return None


def _as_file(obj: Any, metadata: Mapping[str, str] | None) -> tuple[Mapping[str, Tensor], Mapping[str, str] | None]:
    """The tensors and the strings of the file."""
    if _is_named_tensors(obj):
        _check(obj)
        return obj, metadata
    text, tensors = _objects.encode(obj)
    return tensors, {**(metadata or {}), _objects.METADATA_KEY: text}


def _save_shards(groups: list[dict[str, Tensor]], path: Path, metadata: Mapping[str, str] | None) -> None:
    """All files are complete before the first takes its name; the index comes last."""
    names = _shards.shard_names(path, len(groups))
    with ExitStack() as files:
        index = files.enter_context(replacing(_shards.index_path(path)))
        for name, group in zip(names, groups, strict=True):
            _write(files.enter_context(replacing(path.with_name(name))), group, metadata)
        index.write(_shards.encode_index(groups, names, metadata))
    path.unlink(missing_ok=True)  # a single file that was there before


def _read(source: Any, mmap: bool) -> Any:
    """The bytes of a file, as an object that exports a writable buffer: changes never reach the file."""
    if not isinstance(source, (str, os.PathLike)):
        return bytearray(source.read())
    with open(source, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if mmap and size:
            return memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
        content = bytearray(size)
        del content[file.readinto(content) :]
        return content


def tensor_of_entry(content: Any, entry: Entry, data_start: int) -> Tensor:
    if entry.begin == entry.end:
        return from_raw_bytes(b"", entry.dtype, entry.shape).clone()
    start = data_start + entry.begin
    if start % entry.dtype.itemsize:  # files of other writers need not be aligned
        data: Any = bytearray(memoryview(content)[start : start + entry.end - entry.begin])
        start = 0
    else:
        data = content
    if entry.dtype == _C.bool:  # a byte may hold anything
        return (_C.frombuffer(data, _C.uint8, entry.end - entry.begin, start) != 0).view(entry.shape)
    count = (entry.end - entry.begin) // entry.dtype.itemsize
    return _C.frombuffer(data, entry.dtype, count, start).view(entry.shape)


def _format_error(path: Any, content: Any, error: FormatError) -> ValueError:
    name = _shown(path)
    with memoryview(content) as view:
        start = bytes(view[:4])
    if start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
        return ValueError(
            f"load: {name} is a file of pickled objects, which load never runs; "
            f"convert PyTorch's weights with `python -m tensorwright convert {name} weights.safetensors`"
        )
    return ValueError(f"load: {name}: {error}")


def _open(path: PathLike | BinaryIO, mmap: bool) -> tuple[Any, Header]:
    content = _read(path, mmap)
    try:
        with memoryview(content) as view:
            return content, _safetensors.decode_header(view)
    except FormatError as error:
        raise _format_error(path, content, error) from None


class TensorFile(Mapping[str, Tensor]):
    """The tensors of a safetensors file, or of several with an index, made when they are asked for.

    ``load(path, lazy=True)`` gives one. Tensors share the file's mapped memory; nothing is read before it is touched.

    Example:
        >>> import tempfile, os
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> tw.save({"bias": tw.zeros(2), "weight": tw.ones(2, 3)}, path)
        >>> file = tw.load(path, lazy=True)
        >>> sorted(file), file["weight"].shape
        (['bias', 'weight'], (2, 3))
    """

    metadata: dict[str, str]
    described: str | None  # the object that the tensors belong to

    def __init__(self, path: PathLike | BinaryIO, *, mmap: bool = True) -> None:
        self._mmap = mmap
        self._opened: dict[Path, TensorFile] = {}
        self._shard_of: dict[str, Path] = {}
        self._entries: dict[str, Entry] = {}
        index = _index_of(path)
        if index is not None:
            self._shard_of, self.metadata = _read_index(index)
            self.described = self.metadata.pop(_objects.METADATA_KEY, None)
            return
        self._content, header = _open(path, mmap)
        self._data_start = header.data_start
        self._entries = {entry.name: entry for entry in header.entries}
        self.metadata = header.metadata
        self.described = self.metadata.pop(_objects.METADATA_KEY, None)

    def __getitem__(self, name: str) -> Tensor:
        if name in self._entries:
            return tensor_of_entry(self._content, self._entries[name], self._data_start)
        shard = self._shard_of.get(name)
        if shard is None:
            raise KeyError(name)
        if shard not in self._opened:
            self._opened[shard] = TensorFile(shard, mmap=self._mmap)
        if name not in self._opened[shard]:
            raise ValueError(f"load: {shard} has no tensor {name[:80]!r}, which the index says it holds")
        return self._opened[shard][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries or self._shard_of)

    def __len__(self) -> int:
        return len(self._entries or self._shard_of)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._shard_of

    def __repr__(self) -> str:
        return f"TensorFile({len(self)} tensors)"


def _index_of(path: object) -> Path | None:
    """The index that a path means: itself, or the one beside a file that is not there."""
    if not isinstance(path, (str, os.PathLike)):
        return None
    target = Path(path)
    if target.name.endswith(_shards.INDEX_SUFFIX):
        return target
    index = _shards.index_path(target)
    return index if index.exists() and not target.exists() else None


def _read_index(index: Path) -> tuple[dict[str, Path], dict[str, str]]:
    try:
        return _shards.read_index(index)
    except FormatError as error:
        raise ValueError(f"load: {index}: {error}") from None


@overload
def load(
    f: PathLike | BinaryIO,
    map_location: MapLocation = None,
    *,
    weights_only: bool | None = None,
    names: Iterable[str] | None = None,
    device: DeviceLike | None = None,
    mmap: bool | None = None,
    lazy: Literal[False] = False,
) -> Any: ...
@overload
def load(f: PathLike | BinaryIO, *, mmap: bool | None = None, lazy: Literal[True]) -> TensorFile: ...


def load(
    f: PathLike | BinaryIO,
    map_location: MapLocation = None,
    *,
    weights_only: bool | None = None,
    names: Iterable[str] | None = None,
    device: DeviceLike | None = None,
    mmap: bool | None = None,
    lazy: bool = False,
) -> Any:
    """What ``save`` has written: a dict of tensors by name, or an object.

    The file is checked before anything of it is used. Its memory is mapped, not copied: elements are read from disk
    when they are first touched, and writing to a tensor never changes the file.

    Nothing in a file is executed. An object's class is looked up among what the program has, and the object gets its
    attributes without a call of its constructor. Files may name the modules and functions of ``tw.nn``, and what was
    given to ``tw.serialization.add_safe_globals``.

    Args:
        f: a path, or a binary file open for reading. Of tensors in several files, the path that they were saved to,
            or that of their index, ``weights.safetensors.index.json``.
        map_location: as ``device``; a dict of devices gives that of "cpu". A function is not asked: files do not say
            where tensors lay.
        weights_only: False lets files also name modules, dataclasses and enumerations that the program has imported.
        names: of the tensors to load, as a dict; all if absent.
        device: where the tensors go; the CPU if absent.
        mmap: False reads the whole file at once, as one must if somebody may shorten it while it is in use.
        lazy: give a mapping that makes a tensor when it is asked for, instead of a dict of all.

    Raises:
        ValueError: if it is no safetensors file, is truncated or inconsistent, or names what it may not.
        KeyError: if there is no tensor of a name in ``names``.
        OSError: if it cannot be read.

    Example:
        >>> import tempfile, os
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> tw.save({"bias": tw.zeros(2)}, path)
        >>> tw.load(path)
        {'bias': tensor([0., 0.])}
    """
    file = TensorFile(f, mmap=mmap is not False)
    target = _place(map_location) if device is None else device
    if lazy:
        if names is not None or target is not None:
            raise TypeError("load: lazy=True takes neither names nor device; ask the mapping for tensors")
        return file
    tensors = {name: _named(file, name, f) for name in (file if names is None else names)}
    if target is not None:
        tensors = {name: tensor.to(target) for name, tensor in tensors.items()}
    if file.described is None or names is not None:
        return tensors
    try:
        return _object_reading.decode(file.described, tensors, of_the_program=weights_only is False)
    except UnsafeFileError as error:
        raise UnsafeFileError(f"load: {_shown(f)}: {error}") from None


def _place(map_location: object) -> Any:
    """Where tensors go; None leaves them."""
    if isinstance(map_location, Mapping):
        return map_location.get("cpu")
    return None if callable(map_location) and not isinstance(map_location, _C.device) else map_location


def _shown(path: object) -> object:
    return path if isinstance(path, (str, os.PathLike)) else getattr(path, "name", "the file")


def _named(file: TensorFile, name: str, path: object) -> Tensor:
    if name not in file:
        raise KeyError(f"load: {path} has no tensor {name!r}")
    return file[name]


def load_metadata(path: PathLike | BinaryIO) -> dict[str, str]:
    """The strings that were saved with the tensors of a safetensors file.

    Raises:
        ValueError: if it is no safetensors file, is truncated or inconsistent.

    Example:
        >>> import io
        >>> import tensorwright as tw
        >>> file = io.BytesIO()
        >>> tw.save({}, file, metadata={"epoch": "7"})
        >>> _ = file.seek(0)
        >>> tw.load_metadata(file)
        {'epoch': '7'}
    """
    return TensorFile(path).metadata
