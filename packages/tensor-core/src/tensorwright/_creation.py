"""Tensors from Python data and from other libraries' arrays."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from tensorwright import _C
from tensorwright._arguments import check_tensor
from tensorwright._C import Tensor

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]  # Python 3.12
    from typing import SupportsIndex

    import numpy as np
    from tensorwright._C import DeviceLike, DtypeLike

    _ = SupportsIndex


def _finish(tensor: Tensor, device: DeviceLike | None, requires_grad: bool) -> Tensor:
    place = _C.get_default_device() if device is None else device
    if tensor.device != place:
        tensor = tensor.to(place)
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def tensor(
    data: Any, *, dtype: DtypeLike | None = None, device: DeviceLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of ``data``.

    Args:
        data: a number, nested lists or tuples of numbers, an array, or a tensor.
        dtype: of the result. Found from the data if absent: bool, int64, the default floating dtype or complex for
            Python's numbers; an array's or tensor's own dtype.
        device: of the result; the CPU if absent.
        requires_grad: whether autograd records operations on it.

    Raises:
        ValueError: if nested lists differ in length.
        TypeError: if something in the data is no number.
        OverflowError: if an integer does not fit the dtype.

    Example:
        >>> import tensorwright as tw
        >>> tw.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
        >>> tw.tensor(1.5, dtype=tw.float64)
        tensor(1.5, dtype=tensorwright.float64)
    """
    return _finish(_C.tensor_from_data(data, dtype, "tensor"), device, requires_grad)


def _shares_memory(obj: Any) -> Tensor | None:
    """A tensor over the memory of ``obj``, or None if it has none that could be shared."""
    if isinstance(obj, Tensor):
        return obj
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(obj, numpy.generic):
        return None
    if numpy is not None and isinstance(obj, numpy.ndarray):
        return _C.tensor_from_buffer(obj, "asarray")
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    if isinstance(obj, (bytes, bytearray, str)):
        return None
    try:
        memoryview(obj)
    except TypeError:
        return None
    return _C.tensor_from_buffer(obj, "asarray")


def asarray(
    obj: Any, *, dtype: DtypeLike | None = None, device: DeviceLike | None = None, copy: bool | None = None
) -> Tensor:
    """``obj`` as a tensor, sharing its memory where that is possible.

    Args:
        obj: a tensor, an array (buffer protocol or DLPack), a number or nested lists.
        dtype: of the result; the data's own if absent.
        device: of the result; the data's own if absent.
        copy: True copies always, False never, None only where needed.

    Raises:
        ValueError: if ``copy=False`` and the data must be copied.

    Example:
        >>> import tensorwright as tw
        >>> x = tw.zeros(2)
        >>> tw.asarray(x) is x
        True
    """
    shared = None if copy is True else _shares_memory(obj)
    if shared is None:
        if copy is False:
            raise ValueError(f"asarray: copy=False, but {type(obj).__name__} has no memory that a tensor can share")
        return _finish(_C.tensor_from_data(obj, dtype, "asarray"), device, False)
    result = shared if dtype is None else shared.to(dtype)
    result = result if device is None else result.to(device)
    if copy is False and result is not shared:
        raise ValueError(f"asarray: copy=False, but the data is {shared.dtype.name} on {shared.device}")
    return result


def as_tensor(data: Any, dtype: DtypeLike | None = None, device: DeviceLike | None = None) -> Tensor:
    """``data`` as a tensor, sharing its memory where that is possible; ``asarray`` under PyTorch's name.

    Example:
        >>> import tensorwright as tw
        >>> tw.as_tensor([1, 2]).dtype
        tensorwright.int64
    """
    return asarray(data, dtype=dtype, device=device)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of a NumPy array; what one writes the other sees.

    Raises:
        TypeError: if it is no array, or its dtype has no counterpart here.
        ValueError: for negative strides.

    Example:
        >>> import numpy as np
        >>> import tensorwright as tw
        >>> array = np.zeros(2, dtype=np.float32)
        >>> tw.from_numpy(array)[0] = 1
        >>> array.tolist()
        [1.0, 0.0]
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(array, numpy.ndarray):
        raise TypeError(f"from_numpy(): argument 'array' must be numpy.ndarray, got {type(array).__name__}")
    return _C.tensor_from_buffer(array, "from_numpy")


def from_dlpack(x: Any, *, device: DeviceLike | None = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of any object with ``__dlpack__`` (arrays of NumPy, PyTorch, JAX, CuPy, ...).

    Args:
        x: the object, or a DLPack capsule.
        device: where the result must lie; where the data is if absent.
        copy: True copies always, False never, None only where needed.

    Raises:
        TypeError: if ``x`` is neither, or its dtype has no counterpart here.
        BufferError: if the exporter cannot give the memory.

    Example:
        >>> import numpy as np
        >>> import tensorwright as tw
        >>> tw.from_dlpack(np.arange(3)).tolist()
        [0, 1, 2]
    """
    # Some tables hand out tensors whatever gradients they need; their __dlpack__ does not.
    plain = copy is None and device is None and not getattr(x, "requires_grad", False)
    if plain and (shared := _C.from_dlpack_exchange(x)) is not None:
        return shared
    export = getattr(x, "__dlpack__", None)
    shared = _C.from_dlpack_capsule(x) if export is None else _import(export, copy)
    result = shared if device is None else shared.to(device)
    if copy is False and result is not shared:
        raise ValueError(f"from_dlpack: copy=False, but the data lies on {shared.device}")
    return result.clone() if copy and result is shared and export is None else result


def _import(export: Any, copy: bool | None) -> Tensor:
    """What ``__dlpack__`` gives, asked for in the ways of newer and older versions of the protocol.

    An exporter that is asked for version 1 and gives an older capsule cannot say whether its memory may be written:
    that of JAX may not.
    """
    if copy is not None:
        try:
            return _C.from_dlpack_capsule(export(max_version=(1, 3), copy=copy), not copy)
        except TypeError as error:
            if "copy" not in str(error) and "max_version" not in str(error):
                raise
    try:
        shared = _C.from_dlpack_capsule(export(max_version=(1, 3)), True)
    except TypeError as error:  # exporters from before DLPack 1.0 take no arguments
        if "max_version" not in str(error):
            raise
        shared = _C.from_dlpack_capsule(export())
    return shared.clone() if copy else shared


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of a tensor's memory, of the kind from before version 1; ``from_dlpack`` needs none.

    Example:
        >>> import tensorwright as tw
        >>> tw.from_dlpack(tw.to_dlpack(tw.ones(2))).tolist()
        [1.0, 1.0]
    """
    check_tensor("to_dlpack", "tensor", tensor)
    return tensor.__dlpack__()


def from_file(
    filename: str | os.PathLike[str],
    shared: bool | None = None,
    size: int | None = 0,
    *,
    dtype: DtypeLike | None = None,
    layout: object = None,
    device: DeviceLike | None = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A vector over a file's bytes, which are read when they are touched.

    Args:
        filename: the file.
        shared: True: what is written goes into the file, which is made or lengthened to hold ``size`` elements, and
            other processes that map it see it. Otherwise the file is not changed.
        size: number of elements.
        dtype: of the elements; the default dtype if absent.
        layout: there is one, ``tw.strided``.
        device: where the result goes; the file's mapping is on the CPU.
        pin_memory: has no effect.
        requires_grad: whether autograd records operations on it.

    Raises:
        ValueError: if the file is too short, or size is negative.
        OSError: if the file cannot be opened or mapped.

    Example:
        >>> import os, tempfile
        >>> import tensorwright as tw
        >>> path = os.path.join(tempfile.mkdtemp(), "numbers")
        >>> tw.from_file(path, shared=True, size=3).copy_(tw.arange(3.0)).sum().item()
        3.0
        >>> tw.from_file(path, size=3).tolist()
        [0.0, 1.0, 2.0]
    """
    from tensorwright._files import map_file

    tensor = map_file(filename, bool(shared), size or 0, _C.get_default_dtype() if dtype is None else dtype)
    return _finish(tensor, device if device is not None else "cpu", requires_grad)


def frombuffer(
    buffer: Buffer, *, dtype: DtypeLike, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A vector over the bytes of an object with the buffer protocol (bytes, bytearray, mmap, array).

    Args:
        buffer: its memory is shared; read-only memory gives a read-only tensor.
        dtype: of the elements.
        count: how many of them; -1 for as many as there are.
        offset: bytes to skip first.
        requires_grad: whether autograd records operations on it.

    Raises:
        ValueError: if the buffer is too small or not a multiple of the element's size.

    Example:
        >>> import tensorwright as tw
        >>> tw.frombuffer(bytes([1, 2, 3]), dtype=tw.uint8, offset=1).tolist()
        [2, 3]
    """
    return _finish(_C.frombuffer(buffer, dtype, count, offset), None, requires_grad)
