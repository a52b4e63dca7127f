"""Methods of Tensor that are neither ops nor hot; attached to the type when tensorwright is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from tensorwright import _C, _removed, _sets, _siblings
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import numpy as np
    from tensorwright._C import DeviceLike, DtypeLike, Size, dtype

# dtypes that the buffer protocol does not know travel as integers of the same size
_BITS_OF = {_C.bfloat16: _C.int16, _C.float8_e4m3fn: _C.uint8, _C.float8_e5m2: _C.uint8}


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """The tensor as a NumPy array that shares its memory.

    Args:
        force: detach the tensor and bring it to the CPU first, where needed.

    Raises:
        TypeError: for tensors on other devices; for bfloat16 and float8, which NumPy has only with ml_dtypes installed.
        RuntimeError: if the tensor requires grad.

    Example:
        >>> import tensorwright as tw
        >>> tw.tensor([1, 2]).numpy()
        array([1, 2])
    """
    import numpy as np

    tensor = self.detach().to("cpu") if force else self
    if not tensor.is_cpu:
        raise TypeError(f"numpy(): the tensor lies on {tensor.device}; copy it with cpu() first")
    if _C.requires_grad(tensor):
        raise RuntimeError("numpy(): the tensor requires grad; use detach().numpy()")
    bits = _BITS_OF.get(tensor.dtype)
    if bits is None:
        return np.asarray(memoryview(tensor))
    return np.asarray(memoryview(tensor.view(bits))).view(_extension_dtype(tensor.dtype.name))


def _extension_dtype(name: str) -> Any:
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        raise TypeError(
            f"numpy(): NumPy has no {name}; convert the tensor with float() first, or install ml_dtypes"
        ) from None
    return getattr(ml_dtypes, name)


def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:  # noqa: N807
    """What ``numpy.asarray`` calls where the buffer protocol does not serve."""
    import numpy as np

    return np.array(self.numpy(), dtype=dtype, copy=copy)


def _array_interface(self: Tensor) -> dict[str, Any]:
    """The tensor's memory in the form of NumPy's array interface, version 3, for libraries that read only that."""
    dtype = self.dtype
    kind = "f" if dtype.is_floating_point else "c" if dtype.is_complex else "b" if dtype == _C.bool else None
    if not self.is_cpu or _C.requires_grad(self) or dtype in _BITS_OF:
        raise AttributeError("__array_interface__: only detached tensors in host memory of a dtype that NumPy has")
    code = kind or ("i" if dtype.is_signed else "u")
    order = "|" if dtype.itemsize == 1 else "<" if sys.byteorder == "little" else ">"
    return {
        "shape": tuple(self.shape),
        "typestr": f"{order}{code}{dtype.itemsize}",
        "data": (self.data_ptr(), self._is_readonly),
        "strides": None if self.is_contiguous() else tuple(s * dtype.itemsize for s in self.stride()),
        "version": 3,
    }


def __format__(self: Tensor, spec: str) -> str:  # noqa: N807
    """A tensor of no dimensions formats like its number."""
    if not spec:
        return str(self)
    if self.ndim == 0:
        return format(self.item(), spec)
    raise TypeError(
        f"format(): a tensor of shape {list(self.shape)} takes no format specification; use item() or round()"
    )


def _repr_html_(self: Tensor) -> str:
    """What notebooks show."""
    from tensorwright._printing import tensor_html

    return tensor_html(self)


def new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A new tensor of ``data`` with this one's dtype and device, unless others are given.

    Example:
        >>> import tensorwright as tw
        >>> tw.zeros(1).new_tensor([1, 2])
        tensor([1., 2.])
    """
    tensor = _C.tensor_from_data(data, self.dtype if dtype is None else dtype, "new_tensor")
    tensor = tensor.to(self.device if device is None else device)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def __array_namespace__(self: Tensor, *, api_version: str | None = None) -> ModuleType:  # noqa: N807
    """The functions of the array API standard for tensors, ``tensorwright.array_api``.

    Args:
        api_version: the version of the standard that the caller is written to; 2021.12 to 2024.12.

    Raises:
        ValueError: for another version.
    """
    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(f"__array_namespace__(): version {api_version!r} is not known; this is 2024.12")
    from tensorwright import array_api

    return array_api


def to_device(self: Tensor, device: DeviceLike, /, *, stream: object = None) -> Tensor:
    """The tensor on a device: ``to`` under the array API standard's name.

    Raises:
        ValueError: if a stream is given; the devices here have none.
    """
    if stream is not None:
        raise ValueError("to_device(): argument 'stream' must be None")
    return self.to(device)


def type_(self: Tensor, dtype: Any = None) -> Tensor | str:
    """The name of the dtype, or the tensor in another dtype, which may be a ``LongTensor`` or its name."""
    if dtype is None:
        return f"tensorwright.{self.dtype.name}"
    from tensorwright._typed_tensors import dtype_named

    return self.to(dtype_named(dtype))


# ---- copying and pickling --------------------------------------------------------------------------------


def raw_bytes(tensor: Tensor) -> memoryview:
    """The elements of a tensor in row-major order, without a copy if they lie so."""
    plain = tensor.detach().to("cpu").contiguous()
    bits = _BITS_OF.get(plain.dtype)
    return memoryview(plain if bits is None else plain.view(bits))


def from_raw_bytes(data: Any, dtype: dtype, shape: tuple[int, ...]) -> Tensor:
    """A tensor over bytes in row-major order, which ``data`` exports."""
    return _C.frombuffer(data, dtype, -1, 0).view(shape)


def _finished(cls: type[Tensor], tensor: Tensor, requires_grad: bool) -> Tensor:
    if cls is not Tensor:
        tensor = tensor.as_subclass(cls)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _rebuild(cls: type[Tensor], data: Any, dtype: dtype, shape: Size, requires_grad: bool) -> Tensor:
    return _finished(cls, from_raw_bytes(data, dtype, shape).clone(), requires_grad)


class _PickledStorage:
    """Memory that several tensors may share: pickle writes it once for one dump, and finds it again by identity."""

    def __init__(self, data: Any) -> None:
        self.bytes = data if isinstance(data, Tensor) else _C.frombuffer(data, _C.uint8, -1, 0).clone()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _PickledStorage, (_payload(self.bytes, protocol),)


_pickled: WeakValueDictionary[tuple[int, int], _PickledStorage] = WeakValueDictionary()


def _payload(tensor: Tensor, protocol: Any) -> Any:
    """The bytes of a tensor for pickle, which may hand them on without a copy from protocol 5 on."""
    from pickle import PickleBuffer

    data = raw_bytes(tensor)
    return PickleBuffer(data) if isinstance(protocol, int) and protocol >= 5 and data.nbytes else data.tobytes()


def _part_of(tensor: Tensor, storage: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]] | None:
    """Offset, shape and strides of a tensor in its storage; None for what only a copy by value describes."""
    offset = tensor.data_ptr() - storage.data_ptr()
    if not tensor.is_cpu or tensor.numel() == 0 or offset % tensor.itemsize:
        return None
    return offset // tensor.itemsize, tuple(tensor.shape), tuple(tensor.stride())


def _view_of(storage: Tensor, dtype: dtype, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    whole = storage[: storage.numel() - storage.numel() % dtype.itemsize]
    return whole.view(dtype).as_strided(list(shape), list(stride), offset)


def _rebuild_view(
    cls: type[Tensor],
    storage: _PickledStorage,
    dtype: dtype,
    part: tuple[int, tuple[int, ...], tuple[int, ...]],
    requires_grad: bool,
) -> Tensor:
    return _finished(cls, _view_of(storage.bytes, dtype, *part).detach(), requires_grad)


def __reduce_ex__(self: Tensor, protocol: object) -> tuple[object, ...]:  # noqa: N807
    """Pickled by value; tensors that share memory share it again after they were loaded from one pickle."""
    cls = self.__class__
    state = getattr(self, "__dict__", None)
    shared = self._storage_users() > 1
    storage = self.detach()._storage_bytes()
    part = _part_of(self, storage) if shared else None
    made: tuple[Any, ...]
    if part is None:
        made = (_rebuild, (cls, _payload(self, protocol), self.dtype, tuple(self.shape), _C.requires_grad(self)))
    else:
        key = (storage.data_ptr(), storage.numel())
        kept = _pickled.get(key)
        if kept is None:
            kept = _pickled[key] = _PickledStorage(storage)
        made = (_rebuild_view, (cls, kept, self.dtype, part, _C.requires_grad(self)))
    return (*made, state) if state else made


def _deep_copied(self: Tensor, memo: dict[Any, object]) -> Tensor:
    """A detached copy; tensors of one storage are copied into one new storage, which the memo keeps."""
    if self._storage_users() == 1:
        return self.detach().clone()
    storage = self.detach()._storage_bytes()
    part = _part_of(self, storage)
    if part is None:
        return self.detach().clone()
    key = ("storage", storage.data_ptr(), storage.numel())
    copied = memo.get(key)
    if not isinstance(copied, Tensor):
        copied = memo[key] = storage.clone()
    return _view_of(copied, self.dtype, *part).detach()


def __deepcopy__(self: Tensor, memo: dict[Any, object]) -> Tensor:  # noqa: N807
    """A copy with memory of its own, once for each tensor of the structure that is copied.

    Tensors that share memory share it in the copy too.
    """
    known = memo.get(id(self))
    if isinstance(known, Tensor):
        return known
    if _C.requires_grad(self) and not self.is_leaf:
        raise RuntimeError("deepcopy: only leaf tensors can be copied with their graph; use detach() or clone()")
    copied = _finished(self.__class__, _deep_copied(self, memo), _C.requires_grad(self))
    memo[id(self)] = copied
    return copied


def __copy__(self: Tensor) -> Tensor:  # noqa: N807
    """Another tensor over the same memory."""
    copied = self.data.as_subclass(self.__class__) if self.__class__ is not Tensor else self.data
    if _C.requires_grad(self):
        copied.requires_grad = True
    return copied


_METHODS: tuple[Callable[..., Any], ...] = (
    numpy, __array__, __array_namespace__, to_device, __format__, _repr_html_, new_tensor, type_, __reduce_ex__,
    __deepcopy__, __copy__,
)  # fmt: skip


def install() -> None:
    """Put the methods on Tensor, whose type only the core can change, and stand-ins for what siblings bring."""
    for method in _METHODS:
        name = "type" if method is type_ else method.__name__
        method.__name__, method.__qualname__ = name, f"Tensor.{name}"
        _C.extend_tensor(name, method)
    for function in (_sets.unique, _sets.unique_consecutive):
        _C.extend_tensor(function.__name__, function)
    _C.extend_tensor("__array_interface__", property(_array_interface))
    for removed in (_removed.eig, _removed.lstsq, _removed.solve, _removed.symeig):
        _C.extend_tensor(removed.__name__, removed)
    for name in _siblings.TENSOR_ATTRIBUTES:
        _C.extend_tensor(name, _siblings.SiblingAttribute(name))
