"""Tensors as PyTorch made them before ``tensor()`` and ``empty()``: ``Tensor(2, 3)``, ``LongTensor([1, 2])``."""

from __future__ import annotations

from typing import Any

from tensorwright import _C, get_default_dtype
from tensorwright._C import Size, Tensor, dtype
from tensorwright._creation import tensor


def construct(arguments: tuple[Any, ...], dtype: dtype | None = None, name: str = "Tensor") -> Tensor:
    """What ``name(*arguments)`` makes: of sizes a tensor with any values, of data a copy; floats by default.

    A tensor of the dtype is given back as it is.

    Raises:
        TypeError: for anything but sizes or one sequence, array or tensor.
    """
    wanted = get_default_dtype() if dtype is None else dtype
    first = arguments[0] if arguments else ()
    if len(arguments) == 1 and isinstance(first, Size):
        return _empty(first, wanted)
    if all(isinstance(item, int) and not isinstance(item, bool) for item in arguments):
        return _empty(arguments or (0,), wanted)
    if len(arguments) != 1 or isinstance(first, (bool, float, complex, str)):
        given = ", ".join(type(item).__name__ for item in arguments)
        raise TypeError(f"{name}() takes sizes, or one sequence, array or tensor, got {given}")
    if isinstance(first, Tensor):
        return first if dtype is None or first.dtype == dtype else first.to(dtype)
    return tensor(first, dtype=wanted)


def _empty(sizes: Any, dtype: dtype) -> Tensor:
    made: Tensor = _C.op_functions["empty"](*sizes, dtype=dtype)
    return made


class _TypedTensor(type):
    """A class of tensors of one dtype: ``isinstance`` asks for the dtype."""

    dtype: dtype

    def __call__(cls, *arguments: Any) -> Tensor:
        return construct(arguments, cls.dtype, cls.__name__)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.dtype == cls.dtype


def _typed(name: str, dtype: dtype) -> _TypedTensor:
    doc = f"Makes tensors of {dtype.name}, from sizes or data; ``isinstance(x, {name})`` says that x is one."
    return _TypedTensor(name, (), {"dtype": dtype, "__doc__": doc, "__module__": "tensorwright"})


BFloat16Tensor = _typed("BFloat16Tensor", _C.bfloat16)
BoolTensor = _typed("BoolTensor", _C.bool)
ByteTensor = _typed("ByteTensor", _C.uint8)
CharTensor = _typed("CharTensor", _C.int8)
DoubleTensor = _typed("DoubleTensor", _C.float64)
FloatTensor = _typed("FloatTensor", _C.float32)
HalfTensor = _typed("HalfTensor", _C.float16)
IntTensor = _typed("IntTensor", _C.int32)
LongTensor = _typed("LongTensor", _C.int64)
ShortTensor = _typed("ShortTensor", _C.int16)


def dtype_named(kind: Any) -> Any:
    """The dtype of a typed tensor, also by name (``"torch.LongTensor"``); anything else as it is."""
    if isinstance(kind, str):
        kind = globals().get(kind.rpartition(".")[2], kind) if kind.endswith("Tensor") else kind
    return kind.dtype if isinstance(kind, _TypedTensor) else kind
