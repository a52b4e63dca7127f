"""Files in memory, and files that appear when they are complete."""

from __future__ import annotations

import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tensorwright import _C
from tensorwright._storage import note_shared

if TYPE_CHECKING:
    from tensorwright._C import DtypeLike, Tensor


def map_file(filename: str | os.PathLike[str], shared: bool, size: int, dtype: DtypeLike) -> Tensor:
    """A vector of ``size`` elements over the beginning of a file."""
    empty: Tensor = _C.op_functions["empty"](0, dtype=dtype, device="cpu")
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"from_file: size must be a number of elements, got {size!r}")
    nbytes = size * empty.itemsize
    with open(filename, _mode(filename, shared)) as file:
        present = os.fstat(file.fileno()).st_size
        if present < nbytes:
            if not shared:
                raise ValueError(f"from_file: {size} elements take {nbytes} bytes, {filename} has {present}")
            file.truncate(nbytes)
        if nbytes == 0:
            return empty
        memory = mmap.mmap(file.fileno(), nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    tensor = _C.frombuffer(memory, empty.dtype, size, 0)
    if shared:
        note_shared(memory, tensor)
    return tensor


def _mode(filename: str | os.PathLike[str], shared: bool) -> str:
    if not shared:
        return "rb"
    return "r+b" if os.path.exists(filename) else "w+b"


def sync_folder(folder: Path) -> None:
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
def replacing(path: Path) -> Iterator[BinaryIO]:
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
    sync_folder(path.parent)
