"""Saving and loading dicts of tensors as safetensors files."""

from __future__ import annotations

import mmap as memory_map
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tensorwright import _C, _safetensors
from tensorwright._C import Tensor
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


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; not every system lets folders be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` once it is complete and on the disk, and otherwise leaves no trace."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def save(
    tensors: Mapping[str, Tensor], path: PathLike | BinaryIO, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a dict of tensors to a safetensors file.

    The file appears under its name only when it is complete and on the disk: an interrupted save leaves what was there.

    Args:
        tensors: for example ``module.state_dict()``. Tensors that share memory are written one by one.
        path: where to; an existing file is replaced. Or a binary file open for writing.
        metadata: strings to keep with the tensors.

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
    if not isinstance(path, (str, os.PathLike)):
        return _write(path, tensors, metadata)
    with _replacing(Path(path)) as file:
        _write(file, tensors, metadata)
    return None


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


def _tensor(content: Any, entry: Entry, data_start: int) -> Tensor:
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


def _open(path: PathLike | BinaryIO, mmap: bool) -> tuple[Any, Header]:
    content = _read(path, mmap)
    try:
        with memoryview(content) as view:
            return content, _safetensors.decode_header(view)
    except FormatError as error:
        name = path if isinstance(path, (str, os.PathLike)) else getattr(path, "name", "the file")
        raise ValueError(f"load: {name}: {error}") from None


def load(path: PathLike | BinaryIO, *, device: DeviceLike | None = None, mmap: bool = True) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name.

    The file is checked before anything of it is used. Its memory is mapped, not copied: elements are read from disk
    when they are first touched, and writing to a tensor never changes the file.

    Args:
        path: a path, or a binary file open for reading.
        device: where the tensors go; the CPU if absent.
        mmap: False reads the whole file at once, as one must if somebody may shorten it while it is in use.

    Raises:
        ValueError: if it is no safetensors file, is truncated or inconsistent.
        OSError: if it cannot be read.

    Example:
        >>> import tempfile, os
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> tw.save({"bias": tw.zeros(2)}, path)
        >>> tw.load(path)
        {'bias': tensor([0., 0.])}
    """
    content, header = _open(path, mmap)
    tensors = {entry.name: _tensor(content, entry, header.data_start) for entry in header.entries}
    return tensors if device is None else {name: tensor.to(device) for name, tensor in tensors.items()}


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
    return _open(path, mmap=True)[1].metadata
