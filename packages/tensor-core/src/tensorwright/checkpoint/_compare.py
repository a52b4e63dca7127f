"""What differs between two checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorwright import _C
from tensorwright._C import Tensor
from tensorwright._serialization import load as load_tensors

from . import _read, _store
from ._read import CheckpointError
from ._tree import KIND

if TYPE_CHECKING:
    PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Difference:
    """Something that two checkpoints do not have alike.

    Attributes:
        path: of the value in the state: "model.0.weight".
        kind: "missing", "added", "dtype", "shape", "values" or "value".
        detail: both sides in words.
    """

    path: str
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


def diff(a: PathLike, b: PathLike) -> list[Difference]:
    """What differs between two states: tensors bit for bit, and all else.

    Args:
        a: a checkpoint, a folder of checkpoints (the newest good one counts), or a safetensors file.
        b: likewise.

    Raises:
        FileNotFoundError: if there is none.
        CheckpointError: if one is damaged.

    Example:
        >>> import tempfile
        >>> import tensorwright as tw
        >>> from tensorwright.checkpoint import Checkpoints
        >>> checkpoints = Checkpoints(tempfile.mkdtemp())
        >>> a = checkpoints.save({"weight": tw.tensor([1.0, 2.0]), "lr": 0.1})
        >>> b = checkpoints.save({"weight": tw.tensor([1.0, 2.5]), "lr": 0.01})
        >>> for difference in diff(a.path, b.path):
        ...     print(difference)
        weight: 1 of 2 elements differ, by at most 0.5
        lr: 0.1 and 0.01
    """
    (tensors_a, plain_a), (tensors_b, plain_b) = _opened(a), _opened(b)
    found = list(_membership(tensors_a, tensors_b, "a tensor"))
    for name in tensors_a:
        if name in tensors_b:
            found += _tensors_differ(name, tensors_a[name], tensors_b[name])
    found += _membership(plain_a, plain_b, "a value")
    for path in plain_a:
        if path in plain_b and plain_a[path] != plain_b[path]:
            found.append(Difference(path, "value", f"{plain_a[path]!r} and {plain_b[path]!r}"))
    return found


def _opened(source: PathLike) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    path = Path(source)
    if path.is_file():
        return load_tensors(path, lazy=True), {}
    if not _store.is_checkpoint(path):
        newest = _store.Checkpoints(path).latest()
        if newest is None:
            raise FileNotFoundError(2, "no checkpoint that is good", str(path))
        path = newest.path
    content = _read.read(path)
    if content.manifest is None or not content.usable:
        raise CheckpointError(f"{path} is damaged: " + "; ".join(map(str, content.damages)), content.damages)
    content.state()  # what it describes can be read
    tensors = {name: content.tensors[name] for name in content.manifest.tensors}  # in the state's order
    return tensors, dict(_leaves(content.manifest.state, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What is no tensor, by path."""
    if isinstance(value, dict) and KIND in value:
        if "items" not in value:
            if "name" not in value:
                yield path, value["text"]
            return
        pairs = value["items"]
        named = [(str(k), v) for k, v in pairs] if value[KIND] == "dict" else [(str(i), v) for i, v in enumerate(pairs)]
    elif isinstance(value, dict):
        named = list(value.items())
    elif isinstance(value, list):
        named = [(str(i), item) for i, item in enumerate(value)]
    else:
        yield path, value
        return
    for name, item in named:
        yield from _leaves(item, f"{path}.{name}" if path else name)


def _membership(a: Mapping[str, Any], b: Mapping[str, Any], what: str) -> Iterator[Difference]:
    yield from (Difference(name, "missing", f"{what} of the first only") for name in a if name not in b)
    yield from (Difference(name, "added", f"{what} of the second only") for name in b if name not in a)


def _tensors_differ(name: str, a: Tensor, b: Tensor) -> Iterator[Difference]:
    if a.dtype != b.dtype:
        yield Difference(name, "dtype", f"{a.dtype.name} and {b.dtype.name}")
    elif a.shape != b.shape:
        yield Difference(name, "shape", f"shape {list(a.shape)} and {list(b.shape)}")
    else:
        differing = int((_bits(a) != _bits(b)).any(-1).sum().item()) if a.numel() else 0
        if differing:
            yield Difference(name, "values", f"{differing} of {a.numel()} elements differ{_by_how_much(a, b)}")


def _bits(tensor: Tensor) -> Tensor:
    """Bytes of each element, so that NaN equals itself and 0.0 is not -0.0."""
    return tensor.contiguous().view(-1, 1).view(_C.uint8)


def _by_how_much(a: Tensor, b: Tensor) -> str:
    wide = _C.complex128 if a.is_complex() else _C.float64
    distance = (a.to(dtype=wide) - b.to(dtype=wide)).abs()
    finite = distance[distance.isfinite()]
    return f", by at most {finite.max().item():.6g}" if finite.numel() else ""
