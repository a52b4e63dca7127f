"""Methods of Tensor that are neither ops nor hot; attached to the type when tensorwright is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorwright import _C, _siblings
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


def type_(self: Tensor, dtype: DtypeLike | None = None) -> Tensor | str:
    """The name of the dtype, or the tensor in another dtype."""
    return f"tensorwright.{self.dtype.name}" if dtype is None else self.to(dtype)


# ---- copying and pickling --------------------------------------------------------------------------------


def raw_bytes(tensor: Tensor) -> memoryview:
    """The elements of a tensor in row-major order, without a copy if they lie so."""
    plain = tensor.detach().to("cpu").contiguous()
    bits = _BITS_OF.get(plain.dtype)
    return memoryview(plain if bits is None else plain.view(bits))


def from_raw_bytes(data: Any, dtype: dtype, shape: tuple[int, ...]) -> Tensor:
    """A tensor over bytes in row-major order, which ``data`` exports."""
    return _C.frombuffer(data, dtype, -1, 0).view(shape)


def _rebuild(cls: type[Tensor], data: bytes, dtype: dtype, shape: Size, requires_grad: bool) -> Tensor:
    tensor = from_raw_bytes(data, dtype, shape).clone()
    if cls is not Tensor:
        tensor = tensor.as_subclass(cls)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def __reduce_ex__(self: Tensor, protocol: object) -> tuple[object, ...]:  # noqa: N807
    """Pickled by value: dtype, shape and bytes."""
    cls = self.__class__
    state = getattr(self, "__dict__", None)
    made = (cls, raw_bytes(self).tobytes(), self.dtype, tuple(self.shape), _C.requires_grad(self))
    return (_rebuild, made, state) if state else (_rebuild, made)


def __deepcopy__(self: Tensor, memo: dict[int, object]) -> Tensor:  # noqa: N807
    """A copy with memory of its own, once for each tensor of the structure that is copied."""
    known = memo.get(id(self))
    if isinstance(known, Tensor):
        return known
    if _C.requires_grad(self) and not self.is_leaf:
        raise RuntimeError("deepcopy: only leaf tensors can be copied with their graph; use detach() or clone()")
    copied = self.detach().clone()
    if self.__class__ is not Tensor:
        copied = copied.as_subclass(self.__class__)
    if _C.requires_grad(self):
        copied.requires_grad = True
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
    for name in _siblings.TENSOR_ATTRIBUTES:
        _C.extend_tensor(name, _siblings.SiblingAttribute(name))
