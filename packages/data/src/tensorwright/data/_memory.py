"""Memory that two processes share, without a name in any file system.

A chunk is an anonymous file: one process makes it, sends its descriptor through a socket, and both map it. The kernel
frees it when the last of them has unmapped it or died, however it died, so there is nothing to track and to leak.

The writer divides its chunks into blocks. A block is free again when the reader has said that it needs it no longer
*and* nothing in the writer looks at it any more.
"""

from __future__ import annotations

import bisect
import mmap
import os
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Place = tuple[int, int, int]  # chunk, offset, bytes

ALIGNMENT = 64
SMALLEST_CHUNK = 1 << 22
LARGEST_GROWTH = 1 << 28
NOTHING: Place = (-1, 0, 0)


def anonymous_file(size: int) -> int:
    """The descriptor of a file of zeros that has no name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("tensorwright", os.MFD_CLOEXEC)
    else:
        import tempfile  # needed by few, and slow to import

        descriptor, name = tempfile.mkstemp()
        os.unlink(name)
    os.ftruncate(descriptor, size)
    return descriptor


class Chunk:
    """One anonymous file, mapped; the writer keeps its free places here."""

    def __init__(self, number: int, descriptor: int, size: int) -> None:
        self.number = number
        self.size = size
        self.descriptor = descriptor
        self.memory = mmap.mmap(descriptor, size)
        self._free: list[tuple[int, int]] = [(size, 0)]  # sorted by size, so that the smallest that fits is taken
        self._starts: dict[int, int] = {0: size}
        self._ends: dict[int, int] = {size: size}

    @property
    def unused(self) -> bool:
        return self._starts.get(0) == self.size

    def take(self, size: int) -> int | None:
        """The offset of ``size`` bytes that are free, or None."""
        place = bisect.bisect_left(self._free, (size, 0))
        if place == len(self._free):
            return None
        whole, offset = self._free[place]
        self._remove(offset, whole)
        if whole > size:
            self._insert(offset + size, whole - size)
        return offset

    def give_back(self, offset: int, size: int) -> None:
        behind = self._starts.get(offset + size)
        if behind is not None:
            self._remove(offset + size, behind)
            size += behind
        before = self._ends.get(offset)
        if before is not None:
            self._remove(offset - before, before)
            offset, size = offset - before, size + before
        self._insert(offset, size)

    def _insert(self, offset: int, size: int) -> None:
        bisect.insort(self._free, (size, offset))
        self._starts[offset] = size
        self._ends[offset + size] = size

    def _remove(self, offset: int, size: int) -> None:
        del self._free[bisect.bisect_left(self._free, (size, offset))]
        del self._starts[offset], self._ends[offset + size]

    def view(self, offset: int, size: int) -> Bytes:
        return np.frombuffer(self.memory, dtype=np.uint8, count=size, offset=offset)


class Arena:
    """The writer's side: hands out blocks, and makes further chunks when none fits."""

    def __init__(self) -> None:
        self.chunks: dict[int, Chunk] = {}
        self._made: list[Chunk] = []
        self._dropped: list[int] = []
        self._next = 0
        self._holds: dict[tuple[int, int], int] = {}
        self._lookers: dict[tuple[int, int], weakref.ref[Bytes]] = {}
        self._sizes: dict[tuple[int, int], int] = {}
        self._unlooked: list[tuple[int, int]] = []  # a callback runs at any moment, so it only notes what happened

    def allocate(self, size: int) -> tuple[Place, Bytes]:
        """A block, and an array over it: the block stays while the array lives, and while the reader holds it."""
        self._collect()
        rounded = -(-size // ALIGNMENT) * ALIGNMENT
        number, offset = self._found(rounded)
        key = number, offset
        view = self.chunks[number].view(offset, size)
        self._sizes[key] = rounded
        self._holds[key] = 1
        self._lookers[key] = weakref.ref(view, lambda _: self._unlooked.append(key))
        return (number, offset, size), view

    def _found(self, size: int) -> tuple[int, int]:
        for chunk in self.chunks.values():
            offset = chunk.take(size)
            if offset is not None:
                return chunk.number, offset
        chunk = self._grown(size)
        offset = chunk.take(size)
        assert offset is not None
        return chunk.number, offset

    def _grown(self, size: int) -> Chunk:
        """A new chunk, as large as all others together: few descriptors, whatever is held. Unused pages are free."""
        total = sum(chunk.size for chunk in self.chunks.values())
        wanted = max(SMALLEST_CHUNK, min(4 * size, size + LARGEST_GROWTH), min(total, LARGEST_GROWTH))
        wanted = -(-wanted // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        chunk = Chunk(self._next, anonymous_file(wanted), wanted)
        self._next += 1
        self.chunks[chunk.number] = chunk
        self._made.append(chunk)
        return chunk

    def hold(self, place: Place) -> None:
        """The reader is told about the block."""
        self._holds[place[:2]] += 1

    def _collect(self) -> None:
        while self._unlooked:
            key = self._unlooked.pop()
            del self._lookers[key]
            self._released(key)

    def release(self, keys: list[tuple[int, int]]) -> None:
        """The reader needs these no longer; chunks that nobody uses are given back to the system, but for one."""
        for key in keys:
            self._released(key)
        self._collect()
        unused = [chunk for chunk in self.chunks.values() if chunk.unused]
        for chunk in unused[:-1]:
            del self.chunks[chunk.number]
            self._dropped.append(chunk.number)

    def _released(self, key: tuple[int, int]) -> None:
        self._holds[key] -= 1
        if not self._holds[key]:
            del self._holds[key]
            self.chunks[key[0]].give_back(key[1], self._sizes.pop(key))

    def news(self) -> tuple[list[tuple[int, int]], list[int], list[int]]:
        """What the reader must know: (number, size) of new chunks, chunks to forget, and descriptors of the new ones.

        The caller closes the descriptors once they are sent.
        """
        made, dropped = self._made, self._dropped
        self._made, self._dropped = [], []
        return [(chunk.number, chunk.size) for chunk in made], dropped, [chunk.descriptor for chunk in made]


class Mapped:
    """The reader's side of an arena."""

    def __init__(self, access: int = mmap.ACCESS_WRITE) -> None:
        self._chunks: dict[int, mmap.mmap] = {}
        self._access = access
        self._lookers: dict[tuple[int, int], weakref.ref[Bytes]] = {}
        self.released: list[tuple[int, int]] = []

    def learn(self, made: list[tuple[int, int]], dropped: list[int], descriptors: list[int]) -> None:
        """Map and forget chunks as ``Arena.news`` says."""
        for (number, size), descriptor in zip(made, descriptors, strict=True):
            self._chunks[number] = mmap.mmap(descriptor, size, access=self._access)
            os.close(descriptor)
        for number in dropped:
            del self._chunks[number]

    def view(self, place: Place) -> Bytes:
        """An array over a block, which is released when the array and all that was made of it are gone."""
        number, offset, size = place
        view: Bytes = np.frombuffer(self._chunks[number], dtype=np.uint8, count=size, offset=offset)
        self._lookers[number, offset] = weakref.ref(view, self._releaser((number, offset)))
        return view

    def copy(self, place: Place) -> bytearray:
        """The bytes of a block, which is released at once."""
        number, offset, size = place
        data = bytearray(memoryview(self._chunks[number])[offset : offset + size])
        self.released.append((number, offset))
        return data

    def _releaser(self, key: tuple[int, int]) -> Callable[[object], None]:
        lookers, released = self._lookers, self.released

        def release(_: object) -> None:
            lookers.pop(key, None)
            released.append(key)

        return release

    def taken_releases(self) -> list[tuple[int, int]]:
        """The blocks released since the last call."""
        taken = self.released[:]  # a callback may append meanwhile, in any thread
        del self.released[: len(taken)]
        return taken
