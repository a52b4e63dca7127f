"""Weights in several safetensors files with an index, in the layout that others use: `model.safetensors.index.json`.

The index is JSON: `{"metadata": {"total_size": bytes}, "weight_map": {name of tensor: name of file}}`. Files lie in
the folder of the index; a name that points elsewhere is refused.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorwright._C import Tensor
from tensorwright._safetensors import MAX_HEADER_BYTES, FormatError, unique_pairs

INDEX_SUFFIX = ".index.json"
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(size: int | str) -> int:
    """A number of bytes, given as one or as text: "5GB", "500 MiB"."""
    if isinstance(size, bool) or not isinstance(size, (int, str)):
        raise TypeError(f"save: max_shard_size must be int or str, got {type(size).__name__}")
    match = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", str(size))
    if match is None or match[2].upper() not in _UNITS or int(match[1]) == 0:
        raise ValueError(f'save: max_shard_size must be a number of bytes such as "5GB", got {size!r}')
    return int(match[1]) * _UNITS[match[2].upper()]


def nbytes(tensor: Tensor) -> int:
    """Bytes of the elements in a file."""
    return tensor.numel() * tensor.itemsize


def divided(tensors: Mapping[str, Tensor], most: int) -> list[dict[str, Tensor]]:
    """Tensors in their order, in groups of at most `most` bytes; a larger tensor is a group of its own."""
    groups: list[dict[str, Tensor]] = [{}]
    room = most
    for name, tensor in tensors.items():
        if groups[-1] and nbytes(tensor) > room:
            groups.append({})
            room = most
        groups[-1][name] = tensor
        room -= nbytes(tensor)
    return groups


def index_path(path: Path) -> Path:
    """`weights.safetensors.index.json` for `weights.safetensors`."""
    return path.with_name(path.name + INDEX_SUFFIX)


def shard_names(path: Path, count: int) -> list[str]:
    """`weights-00001-of-00003.safetensors` and so on."""
    return [f"{path.stem}-{i + 1:05d}-of-{count:05d}{path.suffix}" for i in range(count)]


def encode_index(groups: list[dict[str, Tensor]], names: list[str], metadata: Mapping[str, str] | None) -> bytes:
    """The JSON of an index."""
    total = sum(nbytes(tensor) for group in groups for tensor in group.values())
    weight_map = {name: file for group, file in zip(groups, names, strict=True) for name in group}
    index: dict[str, Any] = {"metadata": {**(metadata or {}), "total_size": total}, "weight_map": weight_map}
    return (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode()


def read_index(path: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Where each tensor lies, and the strings saved with them.

    Raises:
        FormatError: if the file is no index, or points out of its folder.
    """
    if os.path.getsize(path) > MAX_HEADER_BYTES:
        raise FormatError(f"the index has more than {MAX_HEADER_BYTES:,} bytes")
    try:
        index = json.loads(path.read_bytes().decode(), object_pairs_hook=unique_pairs)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"the index is no JSON: {error}") from None
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict):
        raise FormatError("the index must be a JSON object with a weight_map")
    metadata = index.get("metadata", {})
    texts = {k: v for k, v in metadata.items() if isinstance(v, str)} if isinstance(metadata, dict) else {}
    return {name: _beside(path, file) for name, file in weight_map.items()}, texts


def _beside(index: Path, file: object) -> Path:
    """A file of the index's folder: no path, no folder, no link out of it."""
    plain = isinstance(file, str) and file not in ("", ".", "..") and not set(file) & set("/\\:\0")
    if not plain:
        raise FormatError(f"the index names {str(file)[:80]!r}, which is no file of its own folder")
    return index.parent / str(file)
