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

_EMPTY = bytearray()


class Packer(ForkingPickler):
    """Pickles into an arena; what only ``Process`` may hand on (locks, sockets) works while one starts."""

    def __init__(self, arena: Arena, own: dict[int, Place], known: dict[Any, tuple[Any, Place]] | None = None) -> None:
        self._stream = io.BytesIO()
        super().__init__(self._stream, 5, True, self._keep)
        self._arena = arena
        self._own = own
        self._known = known  # what earlier packers have put there, kept alive so that an address means one thing
        self._next: Place | None = None
        self.places: list[Place] = []

    def reducer_override(self, obj: Any) -> Any:
        """Tensors: their memory is a buffer of its own, wherever it lies."""
        if type(obj) is not tw.Tensor or obj.device.type != "cpu":
            return NotImplemented
        tracked = "tensorwright.autograd" in sys.modules and obj.requires_grad
        if tracked and not obj.is_leaf:
            raise RuntimeError(
                f"a tensor of shape {list(obj.shape)} has a gradient graph, which stays in its process: detach() it"
            )
        self._next = self._place_of(obj.detach() if tracked else obj, id(obj), obj)
        return rebuilt, (pickle.PickleBuffer(_EMPTY), obj.dtype, tuple(obj.shape), tracked)

    def _place_of(self, tensor: tw.Tensor, key: int, owner: tw.Tensor) -> Place:
        """Where its bytes lie in the arena, into which they are copied unless they were made there."""
        size = tensor.nbytes
        if size == 0:
            return NOTHING
        made_here = self._own.get(tensor.data_ptr())
        if made_here is not None and made_here[2] == size and tensor.is_contiguous():
            self._arena.hold(made_here)
            return made_here
        return self._once((key,), owner, size, lambda view: _fill(view, tensor))

    def _once(self, key: Any, owner: Any, size: int, fill: Callable[[Bytes], object]) -> Place:
        """A block with a copy of what ``owner`` holds; the same block again if packers share what is known."""
        if self._known is not None and key in self._known:
            return self._known[key][1]
        place, view = self._arena.allocate(size)
        fill(view)
        self._arena.hold(place)
        if self._known is not None:
            self._known[key] = owner, place
        return place

    def _keep(self, buffer: pickle.PickleBuffer) -> bool:
        """Called for each buffer, a tensor's right after ``reducer_override``; True keeps it in the pickle."""
        place, self._next = self._next, None
        if place is None:
            raw = buffer.raw()
            if raw.nbytes == 0:
                return True
            address = np.frombuffer(raw, dtype=np.uint8).__array_interface__["data"][0]
            place = self._once((address, raw.nbytes), raw, raw.nbytes, lambda view: np.copyto(view, raw))
        self.places.append(place)
        return False

    def packed(self, obj: Any) -> Packed:
        """Pickle one object."""
        self.dump(obj)
        data = self._stream.getbuffer()
        if len(data) <= INLINE:
            return bytes(data), self.places
        place, view = self._arena.allocate(len(data))
        view[:] = data
        self._arena.hold(place)
        return place, self.places


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
