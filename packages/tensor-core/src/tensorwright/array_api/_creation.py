"""Creation functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import tensorwright as tw
from tensorwright.array_api._types import Device, Dtype, Number, Shape, Tensor

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid",
    "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def _sizes(shape: Shape) -> Sequence[int]:
    return (shape,) if isinstance(shape, int) else shape


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Dtype | None = None,
    device: Device | None = None,
) -> Tensor:
    """Evenly spaced numbers of the half-open interval from ``start`` (0 if it is the only number) to ``stop``."""
    first, last = (0, start) if stop is None else (start, stop)
    if isinstance(first, int) and isinstance(last, int) and isinstance(step, int) and step:
        return _integer_range(range(first, last, step), dtype, device)
    if (last - first) / step <= 0:  # not a mistake here: there are no such numbers
        return tw.empty(0, dtype=dtype, device=device)
    return tw.arange(first, last, step, dtype=dtype, device=device)


def _integer_range(numbers: range, dtype: Dtype | None, device: Device | None) -> Tensor:
    dtype = tw.int64 if dtype is None else dtype
    if not numbers:
        return tw.empty(0, dtype=dtype, device=device)
    if all(-(2**63) <= n < 2**63 for n in (numbers.start, numbers.stop)):
        return tw.arange(numbers.start, numbers.stop, numbers.step, dtype=dtype, device=device)
    return tw.tensor(numbers, dtype=dtype, device=device)  # the upper half of uint64


def asarray(
    obj: Any, /, *, dtype: Dtype | None = None, device: Device | None = None, copy: bool | None = None
) -> Tensor:
    """``obj`` (a tensor, a number, nested lists, or an object with a buffer) as a tensor."""
    return tw.asarray(obj, dtype=dtype, device=device, copy=copy)


def empty(shape: Shape, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor whose elements are not set."""
    return tw.empty(_sizes(shape), dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor of the shape of ``x`` whose elements are not set."""
    return tw.empty_like(x, dtype=dtype, device=device)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Dtype | None = None,
    device: Device | None = None,
) -> Tensor:
    """Ones on the ``k``-th diagonal, zeros elsewhere."""
    out = tw.zeros(n_rows, n_rows if n_cols is None else n_cols, dtype=dtype, device=device)
    if -out.shape[0] < k < out.shape[1]:
        out.diagonal(k).fill_(1)
    return out


def from_dlpack(x: object, /, *, device: Device | None = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of an object with ``__dlpack__``."""
    return tw.from_dlpack(x, device=device, copy=copy)


def full(shape: Shape, fill_value: Number, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor with ``fill_value`` everywhere."""
    return tw.full(_sizes(shape), fill_value, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: Number, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor of the shape of ``x`` with ``fill_value`` everywhere."""
    return tw.full_like(x, fill_value, dtype=dtype, device=device)


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: Dtype | None = None,
    device: Device | None = None,
    endpoint: bool = True,
) -> Tensor:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, which is left out unless ``endpoint``."""
    given = tw.result_type(start, stop, 0.0) if dtype is None else dtype
    steps = num - 1 if endpoint else num
    if isinstance(start, complex) or isinstance(stop, complex):
        a, b = complex(start), complex(stop)
        parts = [_spaced(low, high, num, steps) for low, high in ((a.real, b.real), (a.imag, b.imag))]
        out = tw.view_as_complex(tw.stack(parts, -1))
    else:
        out = _spaced(start, stop, num, steps)
    return out.to(given) if device is None else out.to(given).to(device)


def _spaced(start: float, stop: float, num: int, steps: int) -> Tensor:
    """Computed in float64, so that both ends are exact."""
    if steps == num:
        return tw.linspace(start, stop, num + 1, dtype=tw.float64)[:num]
    return tw.linspace(start, stop, num, dtype=tw.float64)


def meshgrid(*arrays: Tensor, indexing: Literal["xy", "ij"] = "xy") -> list[Tensor]:
    """Coordinate matrices of coordinate vectors."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    if any(x.ndim != 1 for x in arrays):
        raise ValueError(f"meshgrid: expected vectors, got shapes {[tuple(x.shape) for x in arrays]}")
    n = len(arrays)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    shaped = [x.reshape([-1 if d == place else 1 for d in range(n)]) for x, place in zip(arrays, places, strict=True)]
    return list(tw.broadcast_tensors(shaped)) if shaped else []


def ones(shape: Shape, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor of ones."""
    return tw.ones(_sizes(shape), dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor of ones of the shape of ``x``."""
    return tw.ones_like(x, dtype=dtype, device=device)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The lower triangles of matrices, up to the ``k``-th diagonal."""
    return tw.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The upper triangles of matrices, from the ``k``-th diagonal on."""
    return tw.triu(x, k)


def zeros(shape: Shape, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor of zeros."""
    return tw.zeros(_sizes(shape), dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """A tensor of zeros of the shape of ``x``."""
    return tw.zeros_like(x, dtype=dtype, device=device)
