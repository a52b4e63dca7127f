"""Writing a checkpoint: into a temporary folder, to the disk, and under its name by one rename."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from tensorwright import _safetensors, _shards
from tensorwright._C import Tensor
from tensorwright._files import sync_folder
from tensorwright._tensor_methods import raw_bytes

from . import _manifest, _tree
from ._manifest import FileRecord, Manifest, TensorRecord

TENSORS = Path("tensors.safetensors")
TEMPORARY, REMOVED = ".writing", ".removed"


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tensors: dict[str, TensorRecord] = {}
        self.files: dict[str, FileRecord] = {}

    def put(self, name: str, data: bytes) -> None:
        with open(self.folder / name, "xb") as file:
            file.write(data)
            _sync(file)

    def put_index(self, groups: list[dict[str, Tensor]], names: list[str]) -> str:
        name, data = _shards.index_path(TENSORS).name, _shards.encode_index(groups, names, None)
        self.put(name, data)
        self.files[name] = FileRecord(len(data), len(data), _manifest.sha256(data))
        return name

    def put_tensors(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        ordered = _safetensors.in_file_order(tensors)
        header = _safetensors.encode_header(ordered, None)
        blocks = [raw_bytes(tensor) for tensor in ordered.values()]
        with open(self.folder / name, "xb") as file:
            file.write(header)
            for block in blocks:
                file.write(block)
            _sync(file)
        records, position = {}, 0
        for (path, tensor), sums in zip(
            ordered.items(), _manifest.in_parallel(_manifest.checksums, blocks), strict=True
        ):
            begin, position = position, position + _shards.nbytes(tensor)
            shape, dtype = tuple(tensor.shape), _safetensors.NAMES[tensor.dtype]
            records[path] = TensorRecord(name, dtype, shape, begin, position, *sums)
        self.tensors |= {path: records[path] for path in tensors}
        self.files[name] = FileRecord(len(header) + position, len(header), _manifest.sha256(header))


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _fill(folder: Path, state: Any, step: int | None, metrics: Mapping[str, float], most: int | None) -> None:
    plain, tensors = _tree.encode(state)
    writer, index = _Writer(folder), None
    groups = [tensors] if most is None else _shards.divided(tensors, most)
    names = [TENSORS.name] if len(groups) == 1 else _shards.shard_names(TENSORS, len(groups))
    for name, group in zip(names, groups, strict=True):
        writer.put_tensors(name, group)
    if len(groups) > 1:
        index = writer.put_index(groups, names)
    saved = datetime.now(UTC).isoformat(timespec="seconds")
    text = _manifest.encode(Manifest(step, dict(metrics), saved, writer.tensors, writer.files, index, plain))
    for name in _manifest.NAMES:
        writer.put(name, text)
    sync_folder(folder)


def write(target: Path, state: Any, step: int | None, metrics: Mapping[str, float], most: int | None) -> None:
    """Write a checkpoint that appears under its name when all of it is on the disk, and not before."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}{TEMPORARY}")
    temporary.mkdir()
    try:
        _fill(temporary, state, step, metrics, most)
        os.rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(target.parent)


def remove(target: Path) -> None:
    """Take a checkpoint away: its name goes first, so that nobody meets half of one."""
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(6)}{REMOVED}")
    os.rename(target, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def remove_remains(folder: Path) -> None:
    """Clear away what a process that was killed has left; no other may be writing."""
    for path in folder.glob(".*"):
        if path.name.endswith((TEMPORARY, REMOVED)):
            shutil.rmtree(path, ignore_errors=True)
