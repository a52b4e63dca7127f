"""Objects between processes: pickled, but for the memory of tensors and arrays, which goes through shared memory."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import tensorwright as tw

from ._memory import NOTHING, Arena, Bytes, Mapped, Place

COPIED = 1 << 13  # bytes up to which the reader copies a block: cheaper than watching who looks at it
INLINE = 1 << 14  # a longer pickle travels through shared memory too, so that messages stay short
Packed = tuple[Any, list[Place]]  # the pickle or its place, and the places of its buffers

Known = dict[Any, tuple[Any, Place]]

_EMPTY = bytearray()


class _Places:
    """Puts the buffers of one pickle into an arena. (Apart from the pickler, which would hold itself otherwise.)"""

    def __init__(self, arena: Arena, own: dict[int, Place], known: Known | None) -> None:
        self.arena = arena
        self._own = own
        self._known = known
        self._next: Place | None = None
        self.all: list[Place] = []

    def prepare(self, tensor: tw.Tensor, owner: tw.Tensor) -> None:
        """The next buffer will be the memory of ``tensor``, which is copied unless it was made in the arena."""
        size = tensor.nbytes
        made_here = self._own.get(tensor.data_ptr()) if size else NOTHING
        if size == 0:
            self._next = NOTHING
        elif made_here is not None and made_here[2] == size and tensor.is_contiguous():
            self.arena.hold(made_here)
            self._next = made_here
        else:
            self._next = self.copied(id(owner), owner, size, lambda view: _fill(view, tensor))

    def keep(self, buffer: pickle.PickleBuffer) -> bool:
        """Called for each buffer, a tensor's right after ``prepare``; True keeps it in the pickle."""
        place, self._next = self._next, None
        if place is None:
            raw = buffer.raw()
            if raw.nbytes == 0:
                return True
            address = np.frombuffer(raw, dtype=np.uint8).__array_interface__["data"][0]
            place = self.copied((address, raw.nbytes), raw, raw.nbytes, lambda view: np.copyto(view, raw))
        self.all.append(place)
        return False

    def copied(self, key: Any, owner: Any, size: int, fill: Callable[[Bytes], object]) -> Place:
        """A block with a copy of what ``owner`` holds; the same block again where that is known already."""
        if self._known is not None and key in self._known:
            return self._known[key][1]
        place, view = self.arena.allocate(size)
        fill(view)
        self.arena.hold(place)
        if self._known is not None:
            self._known[key] = owner, place
        return place


class Packer(ForkingPickler):
    """Pickles into an arena; what only ``Process`` may hand on (locks, sockets) works while one starts.

    Args:
        arena: where the memory of tensors and arrays goes.
        own: what was made there already, by address.
        known: what earlier packers have put there, kept alive so that an address means one thing.
    """

    def __init__(self, arena: Arena, own: dict[int, Place], known: Known | None = None) -> None:
        self._stream = io.BytesIO()
        self._places = _Places(arena, own, known)
        super().__init__(self._stream, 5, True, self._places.keep)

    def reducer_override(self, obj: Any) -> Any:
        """Tensors: their memory is a buffer of its own, wherever it lies."""
        if type(obj) is not tw.Tensor or obj.device.type != "cpu":
            return NotImplemented
        tracked = "tensorwright.autograd" in sys.modules and obj.requires_grad
        if tracked and not obj.is_leaf:
            raise RuntimeError(
                f"a tensor of shape {list(obj.shape)} has a gradient graph, which stays in its process: detach() it"
            )
        self._places.prepare(obj.detach() if tracked else obj, obj)
        return rebuilt, (pickle.PickleBuffer(_EMPTY), obj.dtype, tuple(obj.shape), tracked)

    def packed(self, obj: Any) -> Packed:
        """Pickle one object."""
        try:
            self.dump(obj)
        except BaseException:
            self._places.arena.release([place[:2] for place in self._places.all if place != NOTHING])
            raise
        data = self._stream.getbuffer()
        if len(data) <= INLINE:
            return bytes(data), self._places.all
        return self._places.copied(object(), None, len(data), lambda view: np.copyto(view, data)), self._places.all


def _fill(view: Bytes, tensor: tw.Tensor) -> None:
    tw.frombuffer(view, dtype=tensor.dtype).view(tensor.shape).copy_(tensor)


def rebuilt(data: Any, dtype: tw.dtype, shape: tuple[int, ...], requires_grad: bool) -> tw.Tensor:
    """The tensor over a buffer; called while unpickling."""
    tensor = tw.frombuffer(data, dtype=dtype).view(shape) if len(data) else tw.empty(shape, dtype=dtype)
    return tensor.requires_grad_() if requires_grad else tensor


def unpacked(packed: Packed, mapped: Mapped) -> Any:
    """The object again. Its tensors and arrays look at the shared memory, small ones at memory of their own."""
    pickled, places = packed
    data = mapped.copy(pickled) if isinstance(pickled, tuple) else pickled
    return pickle.loads(data, buffers=[_buffer(place, mapped) for place in places])


def _buffer(place: Place, mapped: Mapped) -> Any:
    if place == NOTHING:
        return _EMPTY
    return mapped.copy(place) if place[2] <= COPIED else mapped.view(place)


class BatchMemory:
    """What ``default_collate`` stacks into, in a worker: memory that needs no copy to reach the other process."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.own: dict[int, Place] = {}

    def __call__(self, shape: tuple[int, ...], dtype: tw.dtype) -> tw.Tensor | None:
        size = dtype.itemsize * int(np.prod(shape, dtype=object))
        if size <= COPIED:
            return None
        place, view = self._arena.allocate(size)
        tensor = tw.frombuffer(view, dtype=dtype).view(shape)
        self.own[tensor.data_ptr()] = place
        return tensor
