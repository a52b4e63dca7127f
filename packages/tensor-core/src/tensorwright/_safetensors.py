"""The safetensors file format: a length, a JSON header, and the bytes of the tensors one after the other.

Format: https://huggingface.co/docs/safetensors. A file is somebody else's until its header has been checked: every
size and offset is compared with the file before a single element is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tensorwright import _C
from tensorwright._C import Tensor, dtype

MAX_HEADER_BYTES = 100_000_000
MAX_DIMENSIONS = 64
ALIGNMENT = 64  # of the first tensor, so that mapped memory suits vector instructions
METADATA_KEY = "__metadata__"

DTYPES: dict[str, dtype] = {
    "BOOL": _C.bool, "U8": _C.uint8, "U16": _C.uint16, "U32": _C.uint32, "U64": _C.uint64,
    "I8": _C.int8, "I16": _C.int16, "I32": _C.int32, "I64": _C.int64,
    "F8_E4M3": _C.float8_e4m3fn, "F8_E5M2": _C.float8_e5m2, "F16": _C.float16, "BF16": _C.bfloat16,
    "F32": _C.float32, "F64": _C.float64, "C64": _C.complex64,
}  # fmt: skip
NAMES = {value: name for name, value in DTYPES.items()}


class FormatError(ValueError):
    """A file is no safetensors file, or is damaged."""


class Entry(NamedTuple):
    """A tensor in a file; offsets count from the end of the header."""

    name: str
    dtype: dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a file says about itself."""

    entries: list[Entry]
    metadata: dict[str, str]
    data_start: int


# ---- writing ---------------------------------------------------------------------------------------------


def encode_header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> bytes:
    """The length and the header, padded with spaces so that the data after them is aligned."""
    header: dict[str, Any] = {METADATA_KEY: dict(metadata)} if metadata else {}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.numel() * tensor.itemsize
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(f"save: the header would take {len(text):,} bytes; the format allows {MAX_HEADER_BYTES:,}")
    return len(text).to_bytes(8, "little") + text


def in_file_order(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Large elements first, so that every tensor lies at a multiple of its element size; then by name."""
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    return {name: tensors[name] for name in names}


# ---- reading ---------------------------------------------------------------------------------------------


def unique_pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no name may occur twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise FormatError(f"the name {key!r} occurs twice in the header")
        found[key] = value
    return found


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _sizes(value: object, what: str) -> list[int]:
    if not isinstance(value, list) or not all(_is_size(item) for item in value):
        raise FormatError(f"{what} must be a list of sizes, it is {str(value)[:80]}")
    return value


def _entry(name: str, fields: object, data_bytes: int) -> Entry:
    what = f"tensor {name[:80]!r}"
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{what} must be described by dtype, shape and data_offsets")
    kind = fields["dtype"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise FormatError(f"{what} has dtype {str(kind)[:20]!r}; known are {', '.join(DTYPES)}")
    shape, offsets = _sizes(fields["shape"], f"{what}: shape"), _sizes(fields["data_offsets"], f"{what}: data_offsets")
    if len(shape) > MAX_DIMENSIONS or len(offsets) != 2:
        raise FormatError(f"{what} has {len(shape)} dimensions and {len(offsets)} offsets")
    begin, end = offsets
    if not begin <= end <= data_bytes:
        raise FormatError(f"{what} lies at bytes {begin} to {end}, but the file holds {data_bytes} bytes of data")
    needed = DTYPES[kind].itemsize
    for size in shape:
        needed *= size
    if needed != end - begin:
        raise FormatError(f"{what} of {kind} {shape} needs {needed} bytes, its offsets span {end - begin}")
    return Entry(name, DTYPES[kind], tuple(shape), begin, end)


def _check_cover(entries: Iterable[Entry], data_bytes: int) -> None:
    """The tensors must lie one after the other, without overlap and without a hole."""
    position = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != position:
            problem = "overlaps the one before it" if entry.begin < position else "leaves a hole before it"
            raise FormatError(f"tensor {entry.name[:80]!r} at byte {entry.begin} {problem}")
        position = entry.end
    if position != data_bytes:
        raise FormatError(f"the tensors take {position} bytes, but the file holds {data_bytes} bytes of data")


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise FormatError(f"{METADATA_KEY} must map strings to strings")
    return value


def decode_header(view: memoryview) -> Header:
    """The checked header of a whole file."""
    if len(view) < 8:
        raise FormatError(f"the file is too short for a header: {len(view)} bytes")
    length = int.from_bytes(view[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise FormatError(f"the header claims {length:,} bytes; the format allows {MAX_HEADER_BYTES:,}")
    if 8 + length > len(view):
        raise FormatError(f"the file is truncated: its header claims {length} bytes, {len(view) - 8} are there")
    try:
        fields = json.loads(bytes(view[8 : 8 + length]).decode(), object_pairs_hook=unique_pairs)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"the header is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise FormatError("the header must be a JSON object")
    metadata = _metadata(fields.pop(METADATA_KEY, {}))
    data_bytes = len(view) - 8 - length
    entries = [_entry(name, value, data_bytes) for name, value in fields.items()]
    _check_cover(entries, data_bytes)
    return Header(entries, metadata, 8 + length)
