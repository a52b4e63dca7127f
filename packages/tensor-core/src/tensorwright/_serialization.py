"""Saving and loading dicts of tensors as safetensors files."""

from __future__ import annotations

import mmap as memory_map
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, overload

from tensorwright import _C, _safetensors, _shards
from tensorwright._C import Tensor
from tensorwright._files import replacing
from tensorwright._safetensors import Entry, FormatError, Header
from tensorwright._tensor_methods import from_raw_bytes, raw_bytes

if TYPE_CHECKING:
    from tensorwright._C import DeviceLike

    PathLike = str | os.PathLike[str]


def _check(tensors: object, metadata: object) -> None:
    if not isinstance(tensors, Mapping):
        raise TypeError(f"save: expected a dict of tensors, got {type(tensors).__name__}")
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"save: names must be str, got {type(name).__name__}")
        if name == _safetensors.METADATA_KEY:
            raise ValueError(f"save: the name {name!r} is reserved; pass metadata=")
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"save: {name!r} must be Tensor, got {type(tensor).__name__}; other values go into metadata=, as str"
            )
        if tensor.dtype not in _safetensors.NAMES:
            raise ValueError(
                f"save: {name!r} has dtype {tensor.dtype.name}, which the safetensors format does not know"
            )
        if tensor.is_meta:
            raise ValueError(f"save: {name!r} lies on device 'meta' and has no data")
    for key, value in metadata.items() if isinstance(metadata, Mapping) else ():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"save: metadata must map str to str, got {key!r}: {type(value).__name__}")


def _write(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> None:
    ordered = _safetensors.in_file_order(tensors)
    file.write(_safetensors.encode_header(ordered, metadata))
    for tensor in ordered.values():
        file.write(raw_bytes(tensor))


def save(
    tensors: Mapping[str, Tensor],
    path: PathLike | BinaryIO,
    *,
    metadata: Mapping[str, str] | None = None,
    max_shard_size: int | str | None = None,
) -> None:
    """Write a dict of tensors to a safetensors file.

    The file appears under its name only when it is complete and on the disk: an interrupted save leaves what was there.

    Args:
        tensors: for example ``module.state_dict()``. Tensors that share memory are written one by one.
        path: where to; an existing file is replaced. Or a binary file open for writing.
        metadata: strings to keep with the tensors.
        max_shard_size: in bytes, or "5GB". If the tensors take more, they go into several files beside ``path``, named
            ``weights-00001-of-00003.safetensors``, and ``weights.safetensors.index.json`` says which lies where;
            ``load(path)`` finds them. A tensor that is larger has a file of its own.

    Raises:
        TypeError: if a name is no str or a value no tensor.
        ValueError: for complex128, which the format does not know.
        OSError: if the file cannot be written.

    Example:
        >>> import tempfile, os
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> tw.save({"weight": tw.ones(2, 3)}, path, metadata={"epoch": "7"})
        >>> tw.load(path)["weight"].shape
        (2, 3)
    """
    _check(tensors, metadata)
    most = None if max_shard_size is None else _shards.parse_size(max_shard_size)
    if not isinstance(path, (str, os.PathLike)):
        if most is not None:
            raise TypeError("save: shards are files, so path must be a path where max_shard_size is given")
        return _write(path, tensors, metadata)
    target = Path(path)
    groups = [] if most is None else _shards.divided(tensors, most)
    if len(groups) > 1:
        return _save_shards(groups, target, metadata)
    with replacing(target) as file:
        _write(file, tensors, metadata)
    _shards.index_path(target).unlink(missing_ok=True)  # of shards that were there before
    return None


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
    name = path if isinstance(path, (str, os.PathLike)) else getattr(path, "name", "the file")
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

    def __init__(self, path: PathLike | BinaryIO, *, mmap: bool = True) -> None:
        self._mmap = mmap
        self._opened: dict[Path, TensorFile] = {}
        self._shard_of: dict[str, Path] = {}
        self._entries: dict[str, Entry] = {}
        index = _index_of(path)
        if index is not None:
            self._shard_of, self.metadata = _read_index(index)
            return
        self._content, header = _open(path, mmap)
        self._data_start = header.data_start
        self._entries = {entry.name: entry for entry in header.entries}
        self.metadata = header.metadata

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
    path: PathLike | BinaryIO,
    *,
    names: Iterable[str] | None = None,
    device: DeviceLike | None = None,
    mmap: bool = True,
    lazy: Literal[False] = False,
) -> dict[str, Tensor]: ...
@overload
def load(path: PathLike | BinaryIO, *, mmap: bool = True, lazy: Literal[True]) -> TensorFile: ...


def load(
    path: PathLike | BinaryIO,
    *,
    names: Iterable[str] | None = None,
    device: DeviceLike | None = None,
    mmap: bool = True,
    lazy: bool = False,
) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file, by name.

    The file is checked before anything of it is used. Its memory is mapped, not copied: elements are read from disk
    when they are first touched, and writing to a tensor never changes the file.

    Args:
        path: a path, or a binary file open for reading. Of tensors in several files, the path that they were saved to,
            or that of their index, ``weights.safetensors.index.json``.
        names: of the tensors to load; all if absent.
        device: where the tensors go; the CPU if absent.
        mmap: False reads the whole file at once, as one must if somebody may shorten it while it is in use.
        lazy: give a mapping that makes a tensor when it is asked for, instead of a dict of all.

    Raises:
        ValueError: if it is no safetensors file, is truncated or inconsistent.
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
    file = TensorFile(path, mmap=mmap)
    if lazy:
        if names is not None or device is not None:
            raise TypeError("load: lazy=True takes neither names nor device; ask the mapping for tensors")
        return file
    tensors = {name: _named(file, name, path) for name in (file if names is None else names)}
    return tensors if device is None else {name: tensor.to(device) for name, tensor in tensors.items()}


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
