"""A folder of checkpoints: the newest good one, and how many are kept."""

from __future__ import annotations

import errno
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tensorwright import _shards
from tensorwright._files import sync_folder

from . import _read, _write
from ._manifest import Manifest
from ._read import CheckpointError, Content, Damage, DamagedCheckpointWarning

if TYPE_CHECKING:
    PathLike = str | os.PathLike[str]

_NAME = re.compile(r"(\d{6,})(\.step-\d+)?")


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint: a folder with safetensors files and a manifest.

    Attributes:
        path: the folder.
        number: of those that were saved into one folder, which; they count up.
    """

    path: Path
    number: int

    def manifest(self) -> Manifest:
        """What it consists of, without a look at the tensors.

        Raises:
            CheckpointError: if neither copy of the manifest can be used.
        """
        manifest, damages = _read.read_manifest(self.path)
        if manifest is None:
            raise _unusable(self.path, damages)
        return manifest

    @property
    def step(self) -> int | None:
        """The step it was saved at."""
        return self.manifest().step

    @property
    def metrics(self) -> Mapping[str, float]:
        """What was measured when it was saved."""
        return self.manifest().metrics

    def verify(self) -> list[Damage]:
        """What in it is not as it was written; empty if all is well. Reads every byte."""
        return _read.read(self.path, keep=False).damages

    def load(self) -> Any:
        """The state. Its tensors lie over memory that was read and checked.

        Raises:
            CheckpointError: names the tensors that are damaged.
        """
        content = _read.read(self.path)
        if not content.usable:
            raise _unusable(self.path, content.damages)
        _warn_of(self.path, content.damages, "it is used all the same, since the rest is whole")
        return content.state()


def _unusable(path: Path, damages: list[Damage]) -> CheckpointError:
    found = "; ".join(map(str, damages))
    return CheckpointError(f"{path} is damaged: {found}; `python -m tensorwright checkpoint repair {path}`", damages)


def _warn_of(path: Path, damages: list[Damage], consequence: str) -> None:
    if damages:
        found = "; ".join(map(str, damages))
        warnings.warn(f"{path} is damaged: {found}; {consequence}", DamagedCheckpointWarning, stacklevel=3)


class Checkpoints:
    """A folder into which a run saves its state, again and again.

    A checkpoint is a folder of safetensors files with a manifest that has a checksum of every part. It is written under
    a temporary name, brought to the disk, and renamed: a process that is killed at any moment leaves the checkpoints
    before it whole. ``load`` gives the newest one that is good.

    Args:
        folder: is made if it does not exist.
        keep: how many of the newest stay; None for all.
        keep_best: how many of the best stay besides, by ``metric``.
        metric: the name among the metrics given to ``save``.
        mode: "min" if less is better, "max" if more is.
        max_shard_size: in bytes, or "5GB": more goes into several files.

    Raises:
        ValueError: if ``keep`` is less than 1, or ``keep_best`` has no metric.

    Example:
        >>> import tempfile
        >>> import tensorwright as tw
        >>> checkpoints = Checkpoints(tempfile.mkdtemp(), keep=2)
        >>> for step in (10, 20, 30):
        ...     saved = checkpoints.save({"weight": tw.full((2,), float(step)), "lr": 0.1}, step=step)
        >>> [checkpoint.step for checkpoint in checkpoints]
        [20, 30]
        >>> checkpoints.load()
        {'weight': tensor([30., 30.]), 'lr': 0.1}
    """

    folder: Path
    keep: int | None
    keep_best: int
    metric: str | None

    def __init__(
        self,
        folder: PathLike,
        *,
        keep: int | None = 3,
        keep_best: int = 0,
        metric: str | None = None,
        mode: Literal["min", "max"] = "min",
        max_shard_size: int | str | None = None,
    ) -> None:
        if keep is not None and keep < 1:
            raise ValueError(f"Checkpoints: keep must be at least 1, or None for all; got {keep}")
        if keep_best < 0 or (keep_best > 0 and metric is None):
            raise ValueError(f"Checkpoints: keep_best={keep_best} needs the name of a metric, got {metric!r}")
        if mode not in ("min", "max"):
            raise ValueError(f"Checkpoints: mode must be 'min' or 'max', got {mode!r}")
        self.folder = Path(folder)
        self.keep, self.keep_best, self.metric, self.mode = keep, keep_best, metric, mode
        self._most = None if max_shard_size is None else _shards.parse_size(max_shard_size)

    # ---- what is there -----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Checkpoint]:
        """From the oldest to the newest, without a look at what is in them."""
        names = {path: _NAME.fullmatch(path.name) for path in self.folder.iterdir()} if self.folder.is_dir() else {}
        found = [Checkpoint(path, int(match[1])) for path, match in names.items() if match and path.is_dir()]
        return iter(sorted(found, key=lambda checkpoint: checkpoint.number))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def best(self) -> Checkpoint | None:
        """The checkpoint whose metric is best; None if there is none.

        Raises:
            ValueError: if no metric was named.
        """
        if self.metric is None:
            raise ValueError("Checkpoints.best: metric must be the name of one, got None")
        ranked = self._ranked()
        return ranked[0] if ranked else None

    def _ranked(self) -> list[Checkpoint]:
        """Those that have the metric, the best first, a newer one before an older."""
        values = []
        for checkpoint in self:
            manifest, _ = _read.read_manifest(checkpoint.path)
            value = manifest.metrics.get(str(self.metric)) if manifest is not None else None
            if value is not None and not math.isnan(value):
                values.append((value if self.mode == "min" else -value, -checkpoint.number, checkpoint))
        return [checkpoint for _, _, checkpoint in sorted(values, key=lambda entry: entry[:2])]

    # ---- saving ------------------------------------------------------------------------------------------

    def save(self, state: Any, *, step: int | None = None, metrics: Mapping[str, float] | None = None) -> Checkpoint:
        """Write a checkpoint; when this returns, it is on the disk. Then older ones are removed.

        Args:
            state: dicts, lists and tuples of tensors, NumPy arrays, numbers, strings, bools and None.
            step: is noted, and part of the folder's name.
            metrics: numbers to note, for example ``{"loss": 0.3}``. NaN and infinity are left out: they are never best.

        Raises:
            TypeError: names the path of a value that cannot be saved.
            OSError: if it cannot be written; what was there is as it was.
        """
        numbers = {name: float(value) for name, value in (metrics or {}).items()}
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}  # JSON knows no others
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder.parent)
        with self._alone():
            _write.remove_remains(self.folder)
            number = max((checkpoint.number for checkpoint in self), default=0) + 1
            path = self.folder / (f"{number:06d}" + ("" if step is None else f".step-{step}"))
            _write.write(path, state, step, finite, self._most)
            self._rotate()
        return Checkpoint(path, number)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process writes at a time: a lock that ends with its process."""
        import fcntl

        with open(self.folder / ".lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.ENOLCK):
                    raise  # some network file systems know no locks
            yield

    def _rotate(self) -> None:
        if self.keep is None:
            return
        present = list(self)
        best = self._ranked()[: self.keep_best] if self.keep_best else []
        kept = {checkpoint.path for checkpoint in [*present[-self.keep :], *best]}
        for checkpoint in present:
            if checkpoint.path not in kept:
                _write.remove(checkpoint.path)

    # ---- loading -----------------------------------------------------------------------------------------

    def load(self, *, step: int | None = None) -> Any:
        """The state of the newest checkpoint that is good, or of the newest good one of a step.

        One that is damaged is passed over, with a :class:`DamagedCheckpointWarning` that names what is damaged in it.

        Raises:
            FileNotFoundError: if there is no checkpoint, or none of the step.
            CheckpointError: if there are some, and all are damaged.
        """
        return self._newest_good(step)[1].state()

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint that is good, every byte of it; None if there is none."""
        try:
            return self._newest_good(None)[0]
        except (FileNotFoundError, CheckpointError):
            return None

    def _newest_good(self, step: int | None) -> tuple[Checkpoint, Content]:
        while True:
            candidates = [c for c in self if step is None or c.path.name.endswith(f".step-{step}")]
            if not candidates:
                what = "no checkpoint" + ("" if step is None else f" of step {step}")
                raise FileNotFoundError(errno.ENOENT, what, str(self.folder))
            found = self._first_good(candidates[::-1])
            if found is not None:
                return found

    def _first_good(self, candidates: list[Checkpoint]) -> tuple[Checkpoint, Content] | None:
        """None if another process has removed one meanwhile, as it does when it has saved a newer one."""
        damages: list[Damage] = []
        for checkpoint in candidates:
            content = _read.read(checkpoint.path)
            if content.usable:
                _warn_of(checkpoint.path, content.damages, "it is used all the same, since the rest is whole")
                return checkpoint, content
            if not checkpoint.path.exists():
                return None
            _warn_of(checkpoint.path, content.damages, "an older one is looked for")
            damages += content.damages
        raise CheckpointError(f"{self.folder}: all of {len(candidates)} checkpoints are damaged", damages)

    def __repr__(self) -> str:
        return f"Checkpoints('{self.folder}', {len(self)} checkpoints)"


def load(folder: PathLike) -> Any:
    """The state of a checkpoint, or of the newest good one in a folder of checkpoints.

    Raises:
        FileNotFoundError: if there is none.
        CheckpointError: if it is damaged; of several, if all are.

    Example:
        >>> import tempfile
        >>> import tensorwright as tw
        >>> saved = Checkpoints(tempfile.mkdtemp()).save({"weight": tw.ones(2)})
        >>> load(saved.path)
        {'weight': tensor([1., 1.])}
    """
    path = Path(folder)
    return Checkpoint(path, 0).load() if is_checkpoint(path) else Checkpoints(path).load()


def is_checkpoint(path: Path) -> bool:
    """Whether a folder is one checkpoint, be it damaged, and not a folder of some."""
    from . import _manifest

    return any((path / name).exists() for name in _manifest.NAMES) or _NAME.fullmatch(path.name) is not None


def verify(folder: PathLike) -> dict[Path, list[Damage]]:
    """What is damaged in a checkpoint, or in each checkpoint of a folder.

    Raises:
        FileNotFoundError: if there is no checkpoint.

    Example:
        >>> import tempfile
        >>> import tensorwright as tw
        >>> saved = Checkpoints(tempfile.mkdtemp()).save({"weight": tw.ones(2)})
        >>> verify(saved.path)[saved.path]
        []
        >>> with open(saved.path / "tensors.safetensors", "r+b") as file:
        ...     place = file.seek(-1, 2)
        ...     written = file.write(b"!")
        >>> [damage.tensor for damage in verify(saved.path)[saved.path]]
        ['weight']
    """
    path = Path(folder)
    found = [Checkpoint(path, 0)] if is_checkpoint(path) else list(Checkpoints(path))
    if not found or not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no checkpoint", str(path))
    return {checkpoint.path: checkpoint.verify() for checkpoint in found}
