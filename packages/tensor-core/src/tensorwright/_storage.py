"""The memory of tensors: bytes, or elements of one dtype."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from tensorwright import _C
from tensorwright._arguments import check_tensor
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from tensorwright._C import device, dtype


class UntypedStorage:
    """The bytes that a tensor and its views lie in, as ``tensor.untyped_storage()`` gives them.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.arange(3)
        >>> x.untyped_storage().nbytes(), x[1:].untyped_storage().data_ptr() == x.data_ptr()
        (24, True)
    """

    __slots__ = ("_bytes",)

    def __init__(self, data: int | Tensor = 0) -> None:
        """New memory of a number of bytes, or the memory of a tensor."""
        tensor = data if isinstance(data, Tensor) else _C.op_functions["empty"](int(data), dtype=_C.uint8, device="cpu")
        self._bytes = tensor._storage_bytes()

    @property
    def device(self) -> device:
        """Where the memory lies."""
        return self._bytes.device

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._bytes.data_ptr()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._bytes.numel()

    size = nbytes

    def element_size(self) -> int:
        """1: elements are bytes."""
        return 1

    def __len__(self) -> int:
        return self.nbytes()

    def __getitem__(self, index: int | slice) -> Any:
        part = self._bytes[index]
        return UntypedStorage(part) if isinstance(index, slice) else part.item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._bytes[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """The bytes as ints."""
        found: list[int] = self._bytes.tolist()
        return found

    def fill_(self, value: int) -> UntypedStorage:
        """Set every byte."""
        self._bytes.fill_(value)
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool | None = None) -> UntypedStorage:
        """Take over the bytes of another storage of the same size."""
        self._bytes.copy_(source._bytes, non_blocking=bool(non_blocking))
        return self

    def clone(self) -> UntypedStorage:
        """Other memory with the same bytes."""
        return UntypedStorage(self._bytes.clone())

    def cpu(self) -> UntypedStorage:
        """The bytes in host memory; itself if they lie there."""
        return self if self._bytes.is_cpu else UntypedStorage(self._bytes.cpu())

    def resize_(self, nbytes: int) -> UntypedStorage:
        """Change the number of bytes.

        Raises:
            ValueError: if tensors lie in the storage: their memory cannot move under them.
        """
        if self._bytes._storage_users() > 1 and nbytes != self.nbytes():
            raise ValueError("resize_: tensors lie in this storage; resize them, or a clone of the storage")
        if nbytes > self.nbytes():
            self._bytes = _C.op_functions["resize_"](self._bytes, nbytes)._storage_bytes()
        else:
            self._bytes = self._bytes[:nbytes]
        return self

    def is_shared(self) -> bool:
        """Whether other processes see what is written."""
        return is_shared(self._bytes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UntypedStorage):
            return NotImplemented
        return self.data_ptr() == other.data_ptr() and self.nbytes() == other.nbytes()

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"tensorwright.UntypedStorage({self.nbytes()} bytes on {self.device})"


class TypedStorage(UntypedStorage):
    """The memory of a tensor as elements of its dtype, as ``tensor.storage()`` gives it."""

    __slots__ = ("_elements",)

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor)
        whole = self._bytes.numel() // tensor.itemsize
        self._elements = tensor.detach().as_strided([whole], [1], 0)

    @property
    def dtype(self) -> dtype:
        """Of the elements."""
        return self._elements.dtype

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self._bytes)

    def size(self) -> int:
        """How many elements there are."""
        return self._elements.numel()

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._elements.itemsize

    def __len__(self) -> int:
        return self.size()

    def __getitem__(self, index: int | slice) -> Any:
        part = self._elements[index]
        return part.tolist() if isinstance(index, slice) else part.item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._elements[index] = value

    def tolist(self) -> list[Any]:
        """The elements as Python values."""
        found: list[Any] = self._elements.tolist()
        return found

    def __repr__(self) -> str:
        return f"tensorwright.TypedStorage({self.size()} elements of {self.dtype.name} on {self.device})"


def set_(
    self: Tensor,
    source: Tensor | UntypedStorage | None = None,
    storage_offset: int = 0,
    size: Any = None,
    stride: Any = None,
) -> Tensor:
    """Let the tensor lie in other memory.

    Args:
        source: a tensor, whose memory, size and strides are taken over; with `size`, only its memory. Or a storage,
            whose elements become a vector unless `size` says otherwise. None leaves an empty tensor.
        storage_offset: of the first element, counted in elements.
        size: of the tensor in the given memory.
        stride: in elements; row-major if absent.

    Raises:
        TypeError: if the dtypes differ.
        ValueError: if sizes and strides reach outside the memory.
        NotImplementedError: if the tensor or the source requires grad and operations are recorded.

    Example:
        >>> import tensorwright as tw
        >>> x, y = tw.zeros(2), tw.arange(4.0)
        >>> x.set_(y, 1, (2,), (2,)).tolist()
        [1.0, 3.0]
    """
    check_tensor("set_", "self", self)
    change = _C.op_functions["set_"]
    if source is None:
        change(self, _C.op_functions["empty"](0, dtype=self.dtype, device=self.device), 0, [0], [1])
        return self
    if isinstance(source, UntypedStorage):
        lead = source._bytes
        if lead.numel() % self.itemsize:
            lead = lead[: lead.numel() - lead.numel() % self.itemsize]
        tensor = lead.view(self.dtype)
        shape, steps = [tensor.numel()], [1]
    else:
        if not isinstance(source, Tensor):
            raise TypeError(f"set_(): argument 'source' must be Tensor or storage, got {type(source).__name__}")
        tensor, shape, steps = source, list(source.shape), list(source.stride())
        storage_offset = storage_offset if size is not None else source.storage_offset()
    if size is not None:
        shape = [size] if isinstance(size, int) else list(size)
        steps = _row_major(shape) if stride is None or (not shape and not stride) else list(stride)
    change(self, tensor, storage_offset, shape, steps)
    return self


def _row_major(shape: list[int]) -> list[int]:
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return steps[::-1]


# ---- memory that processes share ---------------------------------------------------------------------------

_shared: dict[int, Any] = {}  # addresses of shared memory, and weak references to what keeps it


_descriptors: dict[int, int] = {}  # of the files without a name that shared memory is of


def note_shared(memory: Any, tensor: Tensor, descriptor: int | None = None) -> None:
    """Remember that the tensor lies in memory that processes share, which ``memory`` keeps, and the file it is of."""
    from weakref import ref

    address = tensor.data_ptr()
    _shared[address] = ref(memory, lambda _: _forget_shared(address))
    if descriptor is not None:
        _descriptors[address] = descriptor


def _forget_shared(address: int) -> None:
    _shared.pop(address, None)
    descriptor = _descriptors.pop(address, None)
    if descriptor is not None:
        os.close(descriptor)


def shared_descriptor(tensor: Tensor) -> int | None:
    """The descriptor of the file that the tensor's shared memory is of, if there is one."""
    return _descriptors.get(tensor._storage_bytes().data_ptr())


def is_shared(self: Tensor) -> bool:
    """Whether other processes see what is written to the tensor: after ``share_memory_``, or ``from_file``."""
    return self._storage_bytes().data_ptr() in _shared


def _anonymous_file(size: int) -> int | None:
    """The descriptor of a file of zeros without a name, where the system has such files."""
    if not hasattr(os, "memfd_create"):
        return None
    descriptor = os.memfd_create("tensorwright", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, size)
    return descriptor


def share_memory_(self: Tensor) -> Tensor:
    """Move the tensor into memory that processes forked from now on share.

    Other processes get it through ``tensorwright.multiprocessing``.

    Raises:
        ValueError: if other tensors lie in its memory, which they would no longer share with it.

    Example:
        >>> import tensorwright as tw
        >>> tw.ones(2).share_memory_().is_shared()
        True
    """
    if is_shared(self) or not self.is_cpu or self.untyped_storage().nbytes() == 0:
        return self
    if self._storage_users() > 1:
        raise ValueError("share_memory_: other tensors lie in the same memory; share a clone")
    import mmap

    size = self.untyped_storage().nbytes()
    descriptor = _anonymous_file(size)
    memory = mmap.mmap(-1 if descriptor is None else descriptor, size)
    place = _C.frombuffer(memory, _C.uint8, -1, 0)
    place.copy_(self._storage_bytes())
    note_shared(memory, place, descriptor)
    shape, steps, offset = list(self.shape), list(self.stride()), self.storage_offset()
    self.data = place[: size - size % self.itemsize].view(self.dtype).as_strided(shape, steps, offset)
    return self
