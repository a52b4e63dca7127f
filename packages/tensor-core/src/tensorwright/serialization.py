"""Files of tensors and objects, and which classes and functions they may name; as ``torch.serialization``."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from tensorwright import _object_names, _object_reading
from tensorwright._object_names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from tensorwright._serialization import TensorFile, load, load_metadata, save
from tensorwright._torch_files import UnsafeFileError

if TYPE_CHECKING:
    import os

__all__ = [
    "TensorFile",
    "UnsafeFileError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "load_metadata",
    "safe_globals",
    "save",
]


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike[str] | BinaryIO) -> list[str]:
    """The names in a file that ``load`` would refuse; they may be added with ``add_safe_globals``.

    Raises:
        ValueError: if it is no file that ``save`` has written.

    Example:
        >>> import io
        >>> from argparse import Namespace
        >>> import tensorwright as tw
        >>> file = io.BytesIO()
        >>> tw.save({"options": Namespace(rate=0.1)}, file)
        >>> _ = file.seek(0)
        >>> tw.serialization.get_unsafe_globals_in_checkpoint(file)
        ['argparse.Namespace']
    """
    described = TensorFile(f).described
    return [] if described is None else sorted(filter(_is_refused, _object_reading.names_in(described)))


def _is_refused(name: str) -> bool:
    try:
        _object_names.find(name, of_the_program=False)
    except UnsafeFileError:
        return True
    return False
