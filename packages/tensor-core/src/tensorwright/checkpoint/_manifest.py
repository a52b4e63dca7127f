"""The manifest of a checkpoint: the state but for its tensors, and where each tensor lies with its checksums.

It is JSON, whose last entry is the SHA-256 of all bytes before it, and lies in the folder twice.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tensorwright import _C, _safetensors
from tensorwright._C import Tensor
from tensorwright._safetensors import DTYPES, FormatError, unique_pairs

FORMAT, VERSION = "tensorwright.checkpoint", 1
NAMES = ("manifest.json", "manifest.copy.json")
MAX_BYTES = 1 << 30
_WORTH_THREADS = 1 << 22  # bytes

Sum = TypeVar("Sum")


@dataclass(frozen=True)
class TensorRecord:
    """A tensor in a file: bytes ``begin`` to ``end`` behind the header."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    crc32: int
    sha256: str


@dataclass(frozen=True)
class FileRecord:
    """A file of the checkpoint; of a safetensors file the checksum is the header's, its length included."""

    bytes: int
    header_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint consists of."""

    step: int | None
    metrics: Mapping[str, float]
    saved: str
    tensors: Mapping[str, TensorRecord]
    files: Mapping[str, FileRecord]
    index: str | None = None
    state: Any = field(default=None, repr=False)


def sha256(data: Any) -> str:
    """In hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def checksums(data: Any) -> tuple[int, str]:
    """A CRC, which finds a bit that has flipped, and a SHA-256, which finds everything."""
    return zlib.crc32(data), sha256(data)


def in_parallel(function: Callable[[memoryview], Sum], blocks: Sequence[memoryview]) -> list[Sum]:
    """A checksum of each block, by as many threads as there are processors: hashing holds no lock."""
    if sum(block.nbytes for block in blocks) < _WORTH_THREADS:
        return [function(block) for block in blocks]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(blocks), _C.available_cpus())) as threads:
        return list(threads.map(function, blocks))


# ---- text ------------------------------------------------------------------------------------------------


def encode(manifest: Manifest) -> bytes:
    """The text of a manifest, closed by its checksum."""
    fields = {"format": FORMAT, "version": VERSION, **vars(manifest)}
    texts = {name: _json(value) for name, value in fields.items() if name not in ("tensors", "files")}
    texts |= {"files": _lines(manifest.files), "tensors": _lines(manifest.tensors)}
    body = ("{\n" + ",\n".join(f' "{name}": {text}' for name, text in texts.items())).encode()
    return body + _closing(body)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(records: Mapping[str, TensorRecord] | Mapping[str, FileRecord]) -> str:
    """One record a line. Many times faster than an indentation by the library, which would be Python."""
    return "{" + ",".join(f"\n  {_json(name)}: {_json(vars(record))}" for name, record in records.items()) + "\n }"


def _closing(body: bytes) -> bytes:
    return f',\n "sha256": "{sha256(body)}"\n}}\n'.encode()


def decode(text: bytes) -> Manifest:
    """The checked content of a manifest.

    Raises:
        FormatError: if a bit of it is not as it was written, or it is no manifest.
    """
    body = text[: -len(_closing(b""))]
    if _closing(body) != text[len(body) :]:
        raise FormatError("its checksum is not that of its text")
    try:
        fields = json.loads(text.decode(), object_pairs_hook=unique_pairs)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"it is no JSON: {error}") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise FormatError(f"it is no manifest of a {FORMAT}")
    if fields.get("version") != VERSION:
        raise FormatError(f"it is of version {fields.get('version')!r}; this tensorwright reads {VERSION}")
    try:
        return _checked(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"it lacks a field, or has one of another type: {error!r}") from None


def _checked(fields: dict[str, Any]) -> Manifest:
    files = {name: _file(name, record) for name, record in fields["files"].items()}
    tensors = {name: _tensor(name, record, files) for name, record in fields["tensors"].items()}
    step, metrics, index = fields["step"], fields["metrics"], fields["index"]
    if not (step is None or isinstance(step, int)) or not all(isinstance(v, (int, float)) for v in metrics.values()):
        raise FormatError("step must be a whole number, and metrics numbers by name")
    if index is not None and index not in files:
        raise FormatError(f"it names the index {str(index)[:80]!r}, but no such file")
    return Manifest(step, metrics, str(fields["saved"]), tensors, files, index, fields["state"])


def _sizes(what: str, *values: object) -> None:
    if not all(type(value) is int and 0 <= value < 1 << 63 for value in values):
        raise FormatError(f"{what}: sizes must be whole numbers, they are {str(values)[:80]}")


def _file(name: str, record: dict[str, Any]) -> FileRecord:
    if name in ("", ".", "..") or set(name) & set("/\\:\0") or name in NAMES:
        raise FormatError(f"it names the file {name[:80]!r}, which is none of its own folder")
    found = FileRecord(**record)
    _sizes(f"file {name[:80]!r}", found.bytes, found.header_bytes)
    return found


def _tensor(name: str, record: dict[str, Any], files: Mapping[str, FileRecord]) -> TensorRecord:
    what = f"tensor {name[:80]!r}"
    found = TensorRecord(**{**record, "shape": tuple(record["shape"])})
    _sizes(what, found.begin, found.end, found.crc32, *found.shape)
    if found.dtype not in DTYPES or found.file not in files:
        raise FormatError(f"{what}: dtype {str(found.dtype)[:20]!r} or file {str(found.file)[:80]!r} is not known")
    file = files[found.file]
    needed = DTYPES[found.dtype].itemsize
    for size in found.shape:
        needed *= size
    if found.end - found.begin != needed or file.header_bytes + found.end > file.bytes:
        raise FormatError(f"{what}: it cannot lie at bytes {found.begin} to {found.end} of {found.file}")
    return found


# ---- headers ---------------------------------------------------------------------------------------------


def in_file(manifest: Manifest, file: str) -> dict[str, TensorRecord]:
    """The tensors of a file, in the manifest's order."""
    return {name: record for name, record in manifest.tensors.items() if record.file == file}


def described(records: Mapping[str, TensorRecord]) -> dict[str, Tensor]:
    """Tensors of these shapes and dtypes without data."""
    empty = _C.op_functions["empty"]
    return {name: empty(r.shape, dtype=DTYPES[r.dtype], device="meta") for name, r in records.items()}


def header_of(manifest: Manifest, file: str) -> bytes:
    """The header that a safetensors file must have: it follows from the manifest."""
    return _safetensors.encode_header(_safetensors.in_file_order(described(in_file(manifest, file))), None)
