"""Reading a checkpoint: every byte is compared with its checksum before it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorwright import _safetensors
from tensorwright._C import Tensor
from tensorwright._safetensors import FormatError
from tensorwright._serialization import tensor_of_entry

from . import _manifest, _tree
from ._manifest import Manifest


class CheckpointError(ValueError):
    """A checkpoint cannot be used; ``damages`` says what is wrong with it."""

    damages: list[Damage]

    def __init__(self, message: str, damages: list[Damage] | None = None) -> None:
        super().__init__(message)
        self.damages = damages or []


class DamagedCheckpointWarning(UserWarning):
    """A checkpoint was passed over, or used in spite of what is damaged in it."""


@dataclass(frozen=True)
class Damage:
    """Something in a checkpoint that is not as it was written.

    Attributes:
        file: in the checkpoint's folder.
        what: "tensor", "header", "index", "manifest", "length" or "file".
        tensor: the tensor's name.
        detail: what is wrong.
    """

    file: str
    what: str
    detail: str
    tensor: str | None = None

    def __str__(self) -> str:
        part = f"tensor {self.tensor!r}" if self.tensor is not None else self.what
        return f"{part} in {self.file}: {self.detail}"


@dataclass
class Content:
    """What was read of a checkpoint: its tensors lie over the bytes that were checked."""

    manifest: Manifest | None = None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether the state is whole; of the manifest one copy is enough, and nobody needs the index."""
        return self.manifest is not None and all(damage.what in ("manifest", "index") for damage in self.damages)

    def state(self) -> Any:
        """The state that was saved.

        Raises:
            CheckpointError: if the manifest, which is whole, describes what nobody has saved.
        """
        assert self.manifest is not None
        try:
            return _tree.decode(self.manifest.state, self.tensors)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"the state cannot be read: {error}") from None


def read_bytes(path: Path, most: int) -> bytearray:
    """A file, unless it has more than ``most`` bytes."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise FormatError(f"it has {size:,} bytes, at most {most:,} are expected")
        content = bytearray(size)
        del content[file.readinto(content) :]
        return content


def read_manifest(folder: Path) -> tuple[Manifest | None, list[Damage]]:
    """The manifest, from whichever of the two files is good, and what is wrong with the other."""
    found: dict[str, Manifest] = {}
    damages = []
    for name in _manifest.NAMES:
        try:
            found[name] = _manifest.decode(bytes(read_bytes(folder / name, _manifest.MAX_BYTES)))
        except FormatError as error:
            damages.append(Damage(name, "manifest", str(error)))
        except OSError as error:
            damages.append(Damage(name, "manifest", error.strerror or str(error)))
    manifests = list(found.values())
    if len(manifests) == 2 and manifests[0] != manifests[1]:
        damages.append(Damage(_manifest.NAMES[1], "manifest", f"it says something else than {_manifest.NAMES[0]}"))
    return (manifests[0] if manifests else None), damages


def read(folder: Path, *, keep: bool = True) -> Content:
    """Check a checkpoint, and keep its tensors if ``keep``."""
    content = Content()
    content.manifest, content.damages = read_manifest(folder)
    if content.manifest is None:
        return content
    for name in content.manifest.files:
        tensors = _read_file(folder / name, content.manifest, content.damages)
        if keep:
            content.tensors |= tensors
    return content


def _read_file(path: Path, manifest: Manifest, damages: list[Damage]) -> dict[str, Tensor]:
    name = path.name
    record = manifest.files[name]
    try:
        data = read_bytes(path, 2 * record.bytes + (1 << 20))
    except (OSError, FormatError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        damages.append(Damage(name, "file", reason))
        return {}
    found = list(_damages_of(name, data, manifest))
    damages += found
    return {} if found or name == manifest.index else _tensors(name, data, manifest, damages)


def _damages_of(name: str, data: bytearray, manifest: Manifest) -> Iterator[Damage]:
    record = manifest.files[name]
    if len(data) != record.bytes:
        yield Damage(name, "length", f"it has {len(data)} bytes, {record.bytes} were written")
    with memoryview(data) as view:
        if _manifest.sha256(view[: record.header_bytes]) != record.sha256:
            what = "index" if name == manifest.index else "header"
            yield Damage(name, what, f"its {record.header_bytes} bytes are not those that were written")
        entries, start = _manifest.in_file(manifest, name), record.header_bytes
        blocks = [view[start + entry.begin : start + entry.end] for entry in entries.values()]
        found = _manifest.in_parallel(_manifest.sha256, blocks)
        for (tensor, entry), checksum in zip(entries.items(), found, strict=True):
            if checksum != entry.sha256:
                place = f"bytes {start + entry.begin} to {start + entry.end}"
                yield Damage(name, "tensor", f"{place} are not those that were written", tensor)
        for block in blocks:
            block.release()


def _tensors(name: str, data: bytearray, manifest: Manifest, damages: list[Damage]) -> dict[str, Tensor]:
    """The tensors of a file whose bytes are good; manifest and header must still say the same."""
    try:
        with memoryview(data) as view:
            header = _safetensors.decode_header(view)
    except FormatError as error:
        damages.append(Damage(name, "header", str(error)))
        return {}
    described = {entry.name: (entry.dtype, entry.shape, entry.begin, entry.end) for entry in header.entries}
    expected = {
        tensor: (_safetensors.DTYPES[r.dtype], r.shape, r.begin, r.end)
        for tensor, r in _manifest.in_file(manifest, name).items()
    }
    if described != expected:
        damages.append(Damage(name, "header", "it says something else about the tensors than the manifest"))
        return {}
    return {entry.name: tensor_of_entry(data, entry, header.data_start) for entry in header.entries}
