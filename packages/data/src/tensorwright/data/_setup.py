"""What a worker process is started with."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import Any

from ._memory import Arena, Mapped, Place, anonymous_file
from ._packing import Packed, Packer, unpacked
from ._work import BATCH, EPOCH, STARTING, Progress, Recipe

_ROW = 8  # cells of a worker: a cache line
Init = Callable[[int], object] | None


class Page:
    """Cells of 64 bits that all processes of a pool share: the wanted epoch, and how far each worker is."""

    def __init__(self, workers: int, descriptor: int | None = None) -> None:
        size = _ROW * 8 * (workers + 1)
        self.descriptor = anonymous_file(size) if descriptor is None else descriptor
        self.workers = workers
        self._memory = mmap.mmap(self.descriptor, size)
        self.cells = memoryview(self._memory).cast("q")
        if descriptor is None:
            for worker in range(workers):
                self.row(worker)[BATCH] = STARTING

    def row(self, worker: int) -> memoryview:
        return self.cells[_ROW * (worker + 1) : _ROW * (worker + 2)]

    def close_descriptor(self) -> None:
        """The mapping stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Setup:
    """Recipe and options. A fork copies it; other start methods pickle it, tensors of the dataset in shared memory."""

    def __init__(self, recipe: Recipe, init: Init, workers: int, seed: int) -> None:
        self._content: tuple[Recipe, Init] = recipe, init
        self.workers = workers
        self.seed = seed
        self.page = Page(workers)
        self._arena = Arena()
        self._known: dict[Any, tuple[Any, Place]] = {}

    def opened(self) -> tuple[Recipe, Init]:
        return self._content

    def progress(self, worker: int) -> Progress:
        return Progress(self.page.cells, self.page.row(worker))

    def wanted_epoch(self) -> int:
        return self.page.cells[EPOCH]

    def __reduce__(self) -> tuple[Any, ...]:
        packed = Packer(self._arena, {}, self._known).packed(self._content)
        chunks = [(chunk.number, chunk.size) for chunk in self._arena.chunks.values()]
        descriptors = [DupFd(chunk.descriptor) for chunk in self._arena.chunks.values()]
        page = DupFd(self.page.descriptor)
        return _Unopened, (packed, chunks, descriptors, page, self.workers, self.seed)

    def started(self) -> None:
        """All workers run: close what only their start needed."""
        self.page.close_descriptor()
        for chunk in self._arena.chunks.values():
            os.close(chunk.descriptor)
        self._arena.chunks.clear()
        self._known.clear()


class _Unopened(Setup):
    """A pickled setup in the worker; the dataset is unpickled only when asked for, so that a failure can be told."""

    def __init__(
        self,
        packed: Packed,
        chunks: list[tuple[int, int]],
        descriptors: list[Any],
        page: Any,
        workers: int,
        seed: int,
    ) -> None:
        self._packed = packed
        self._mapped = Mapped(mmap.ACCESS_COPY)  # what a worker writes into its dataset stays its own, as with fork
        self._mapped.learn(chunks, [], [descriptor.detach() for descriptor in descriptors])
        self.workers = workers
        self.seed = seed
        self.page = Page(workers, page.detach())
        self.page.close_descriptor()

    def opened(self) -> tuple[Recipe, Init]:
        content: tuple[Recipe, Init] = unpacked(self._packed, self._mapped)
        return content
