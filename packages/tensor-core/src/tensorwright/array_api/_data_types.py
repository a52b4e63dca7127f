"""Functions of data types."""

from __future__ import annotations

from dataclasses import dataclass

import tensorwright as tw
from tensorwright.array_api._types import Device, Dtype, Number, Tensor

__all__ = ["astype", "broadcast_arrays", "broadcast_to", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]

KINDS: dict[str, tuple[Dtype, ...]] = {
    "bool": (tw.bool,),
    "signed integer": (tw.int8, tw.int16, tw.int32, tw.int64),
    "unsigned integer": (tw.uint8, tw.uint16, tw.uint32, tw.uint64),
    "real floating": (tw.float32, tw.float64),
    "complex floating": (tw.complex64, tw.complex128),
}
KINDS["integral"] = KINDS["signed integer"] + KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] + KINDS["real floating"] + KINDS["complex floating"]
_FURTHER_FLOATS = (tw.float16, tw.bfloat16, tw.float8_e4m3fn, tw.float8_e5m2)


@dataclass(frozen=True)
class FinfoObject:
    """Limits of a floating-point dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Dtype


@dataclass(frozen=True)
class IinfoObject:
    """Limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: Dtype


def _dtype_of(type: Dtype | Tensor) -> Dtype:
    return type.dtype if isinstance(type, Tensor) else type


def astype(x: Tensor, dtype: Dtype, /, *, copy: bool = True, device: Device | None = None) -> Tensor:
    """``x`` in another dtype; itself if it has that dtype already and ``copy`` is False."""
    if x.dtype.is_complex and not dtype.is_complex:
        raise TypeError(f"astype: {x.dtype.name} would lose its imaginary part as {dtype.name}; use real(x)")
    out = x.to(dtype) if device is None else x.to(dtype).to(device)
    return out.clone() if copy and out is x else out


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """The arrays broadcast against each other."""
    return list(tw.broadcast_tensors(arrays))


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """A view of ``x`` broadcast to a shape."""
    return tw.broadcast_to(x, shape)


def can_cast(from_: Dtype | Tensor, to: Dtype, /) -> bool:
    """Whether promotion may turn values of one dtype into another."""
    return tw.promote_types(_dtype_of(from_), to) == to


def finfo(type: Dtype | Tensor, /) -> FinfoObject:
    """Limits of a floating-point dtype, or of the parts of a complex one."""
    limits = tw.finfo(_dtype_of(type))
    dtype: Dtype = getattr(tw, limits.dtype)
    return FinfoObject(limits.bits, limits.eps, limits.max, limits.min, limits.smallest_normal, dtype)


def iinfo(type: Dtype | Tensor, /) -> IinfoObject:
    """Limits of an integer dtype."""
    limits = tw.iinfo(_dtype_of(type))
    dtype: Dtype = getattr(tw, limits.dtype)
    return IinfoObject(limits.bits, limits.max, limits.min, dtype)


def isdtype(dtype: Dtype, kind: Dtype | str | tuple[Dtype | str, ...]) -> bool:
    """Whether a dtype is, or is of, any of the given kinds."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, item) for item in kind)
    if not isinstance(kind, str):
        return dtype == kind
    if kind not in KINDS:
        raise ValueError(f"isdtype: kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    return dtype in KINDS[kind] or (kind in ("real floating", "numeric") and dtype in _FURTHER_FLOATS)


def result_type(*arrays_and_dtypes: Tensor | Dtype | Number) -> Dtype:
    """The dtype of an operation on these."""
    if all(isinstance(item, (bool, int, float, complex)) for item in arrays_and_dtypes):
        raise ValueError("result_type: expected an array or a dtype among the arguments")
    return tw.result_type(*arrays_and_dtypes)
