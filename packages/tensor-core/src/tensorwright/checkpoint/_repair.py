"""Mending a checkpoint from what is left of it and from others; only bytes whose checksum is right are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tensorwright import _shards
from tensorwright._files import replacing
from tensorwright._safetensors import FormatError

from . import _manifest, _read, _store
from ._bit import flipped_bit
from ._manifest import FileRecord, Manifest, TensorRecord
from ._read import Damage

if TYPE_CHECKING:
    PathLike = str | os.PathLike[str]


@dataclass
class RepairReport:
    """What became of a damaged checkpoint.

    Attributes:
        path: the checkpoint.
        repaired: a line for each part that is as it was written again, and how.
        remaining: what could not be repaired.
    """

    path: Path
    repaired: list[str] = field(default_factory=list)
    remaining: list[Damage] = field(default_factory=list)


class _Place(NamedTuple):
    file: Path
    begin: int
    end: int


class _Donors:
    """Other checkpoints, searched by checksum: a layer that is frozen is the same in all of a run."""

    def __init__(self, path: Path, sources: Iterable[Path]) -> None:
        self._folders = [folder for source in sources for folder in _checkpoints_in(source) if folder != path]
        self._folders += [folder for folder in reversed(_checkpoints_in(path.parent)) if folder != path]
        self._places: dict[str, list[_Place]] | None = None

    def manifest(self, name: str) -> tuple[Manifest, Path] | None:
        """That of a copy of a checkpoint: one of the same name."""
        for folder in self._folders:
            found = _read.read_manifest(folder)[0] if folder.name == name else None
            if found is not None:
                return found, folder
        return None

    def data(self, record: TensorRecord) -> tuple[bytes, Path] | None:
        for place in self._of_checksum().get(record.sha256, []):
            try:
                with open(place.file, "rb") as file:
                    file.seek(place.begin)
                    data = file.read(place.end - place.begin)
            except OSError:
                continue
            if _manifest.sha256(data) == record.sha256:
                return data, place.file
        return None

    def _of_checksum(self) -> dict[str, list[_Place]]:
        if self._places is None:
            self._places = {}
            for folder in self._folders:
                for checksum, place in _places_in(folder):
                    self._places.setdefault(checksum, []).append(place)
        return self._places


def _checkpoints_in(path: Path) -> list[Path]:
    if _store.is_checkpoint(path):
        return [path]
    return [checkpoint.path for checkpoint in _store.Checkpoints(path)]


def _places_in(folder: Path) -> Iterator[tuple[str, _Place]]:
    manifest, _ = _read.read_manifest(folder)
    if manifest is not None:
        for record in manifest.tensors.values():
            start = manifest.files[record.file].header_bytes
            yield record.sha256, _Place(folder / record.file, start + record.begin, start + record.end)


def repair(checkpoint: PathLike, sources: Iterable[PathLike] = ()) -> RepairReport:
    """Make what is damaged in a checkpoint as it was written, where that can be known.

    - A manifest comes from its copy, or from a checkpoint of the same name in ``sources``.
    - Headers and the index follow from the manifest.
    - A tensor with one flipped bit gets it back: its CRC tells which.
    - Any other tensor comes from a checkpoint that has the same one by its SHA-256: in ``sources``, or beside this one.

    Nothing is guessed: what is written has the checksum of what was saved. The rest stays as it is and is reported.

    Args:
        checkpoint: its folder.
        sources: checkpoints, or folders of some, to take parts from: a backup, or another machine's copy.

    Raises:
        FileNotFoundError: if the folder does not exist.

    Example:
        >>> import tempfile
        >>> import tensorwright as tw
        >>> from tensorwright.checkpoint import Checkpoints
        >>> saved = Checkpoints(tempfile.mkdtemp()).save({"weight": tw.ones(2)})
        >>> with open(saved.path / "tensors.safetensors", "r+b") as file:
        ...     place = file.seek(-1, 2)
        ...     written = file.write(bytes([0x3F ^ 0x10]))
        >>> repair(saved.path).repaired
        ["tensor 'weight' in tensors.safetensors: bit 4 of its byte 7 had flipped"]
        >>> saved.verify()
        []
    """
    path = Path(checkpoint)
    if not path.is_dir():
        raise FileNotFoundError(2, "no checkpoint", str(path))
    report, donors = RepairReport(path), _Donors(path, map(Path, sources))
    manifest = _repair_manifest(path, donors, report)
    if manifest is not None:
        for name, record in manifest.files.items():
            if name == manifest.index:
                _repair_index(path / name, record, manifest, report)
            else:
                _FileRepair(path / name, record, manifest, donors, report).run()
    report.remaining = _read.read(path, keep=False).damages
    return report


def _repair_manifest(path: Path, donors: _Donors, report: RepairReport) -> Manifest | None:
    manifest, damages = _read.read_manifest(path)
    source = path
    if manifest is None:
        found = donors.manifest(path.name)
        if found is None:
            return None
        manifest, source = found
    bad = {damage.file for damage in damages}
    good = next(name for name in _manifest.NAMES if _is_good(source / name))
    for name in sorted(bad):
        with replacing(path / name) as file:
            file.write((source / good).read_bytes())
        report.repaired.append(f"manifest in {name}: copied from {source / good}")
    return manifest


def _is_good(path: Path) -> bool:
    try:
        _manifest.decode(path.read_bytes())
    except (FormatError, OSError):
        return False
    return True


def _repair_index(path: Path, record: FileRecord, manifest: Manifest, report: RepairReport) -> None:
    names = [name for name in manifest.files if name != manifest.index]
    groups = [_manifest.described(_manifest.in_file(manifest, name)) for name in names]
    data = _shards.encode_index(groups, names, None)
    damaged = not path.exists() or path.read_bytes() != data
    if damaged and _manifest.sha256(data) == record.sha256:
        with replacing(path) as file:
            file.write(data)
        report.repaired.append(f"index in {path.name}: made anew from the manifest")


class _FileRepair:
    """One file of tensors, in memory until all that can be mended is."""

    def __init__(
        self, path: Path, record: FileRecord, manifest: Manifest, donors: _Donors, report: RepairReport
    ) -> None:
        self._path, self._record, self._manifest = path, record, manifest
        self._donors, self._report = donors, report
        found = path.read_bytes() if path.exists() else b""
        self._present = len(found)
        self._data = bytearray(found[: record.bytes].ljust(record.bytes, b"\0"))
        self._lines: list[str] = []
        self._lost = False  # something is missing that nobody has

    def run(self) -> None:
        if self._present != self._record.bytes:
            self._lines.append(f"length of {self._path.name}: {self._record.bytes} bytes, it had {self._present}")
        self._mend_header()
        for name, record in _manifest.in_file(self._manifest, self._path.name).items():
            self._mend_tensor(name, record)
        if self._lines and not self._lost:
            with replacing(self._path) as file:
                file.write(self._data)
            self._report.repaired += self._lines

    def _mend_header(self) -> None:
        size = self._record.header_bytes
        if _manifest.sha256(self._data[:size]) == self._record.sha256:
            return
        header = _manifest.header_of(self._manifest, self._path.name)
        if _manifest.sha256(header) == self._record.sha256:
            self._data[:size] = header
            self._lines.append(f"header in {self._path.name}: made anew from the manifest")

    def _mend_tensor(self, name: str, record: TensorRecord) -> None:
        begin, end = self._record.header_bytes + record.begin, self._record.header_bytes + record.end
        data = bytes(self._data[begin:end])
        crc, checksum = _manifest.checksums(data)
        if checksum == record.sha256:
            return
        what = f"tensor {name!r} in {self._path.name}"
        bit = flipped_bit(crc ^ record.crc32, 8 * len(data)) if end <= self._present else None
        if bit is not None:
            mended = bytearray(data)
            mended[bit // 8] ^= 1 << bit % 8
            if _manifest.sha256(mended) == record.sha256:
                self._data[begin:end] = mended
                self._lines.append(f"{what}: bit {bit % 8} of its byte {bit // 8} had flipped")
                return
        donated = self._donors.data(record)
        if donated is not None:
            self._data[begin:end] = donated[0]
            self._lines.append(f"{what}: copied from {donated[1]}")
        elif end > self._present:
            self._lost = True  # zeros in its place would only look like a file
