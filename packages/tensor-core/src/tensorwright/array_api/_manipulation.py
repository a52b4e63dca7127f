"""Functions that rearrange elements."""

from __future__ import annotations

from collections.abc import Sequence

import tensorwright as tw
from tensorwright.array_api._types import Axis, Tensor

__all__ = [
    "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "repeat", "reshape", "roll", "squeeze", "stack",
    "tile", "unstack",
]  # fmt: skip


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The arrays one after the other; flattened if ``axis`` is None."""
    parts = [x.reshape(-1) for x in arrays] if axis is None else list(arrays)
    dtype = tw.result_type(*parts)
    return tw.concat([x.to(dtype) for x in parts], 0 if axis is None else axis)


def expand_dims(x: Tensor, /, axis: int) -> Tensor:
    """A view with a further dimension of size one."""
    return tw.unsqueeze(x, axis)


def flip(x: Tensor, /, *, axis: Axis = None) -> Tensor:
    """The elements in reverse order along the axes, or along all."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tw.flip(x, tuple(axes)) if x.ndim else x.clone()


def moveaxis(x: Tensor, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    """A view with some axes moved."""
    return tw.moveaxis(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """A view with the axes in another order."""
    return tw.permute(x, axes)


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Each element, or each slice along an axis, repeated."""
    along = x.reshape(-1) if axis is None else x
    dim = 0 if axis is None else axis
    if isinstance(repeats, Tensor):
        repeats = repeats.to(tw.int64).broadcast_to((along.shape[dim],))
    return tw.repeat_interleave(along, repeats, dim)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The elements in another shape; a copy always (True), never (False) or where needed (None)."""
    if copy is False:
        return x.view(shape)
    return tw.reshape(x.clone() if copy else x, shape)


def roll(x: Tensor, /, shift: int | tuple[int, ...], *, axis: Axis = None) -> Tensor:
    """The elements shifted along axes; what leaves at one end enters at the other."""
    if axis is None:
        return tw.roll(x, shift)
    if isinstance(axis, tuple) and isinstance(shift, int):
        shift = (shift,) * len(axis)
    return tw.roll(x, shift, axis)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """A view without the axes, whose sizes must be one."""
    axes = (axis,) if isinstance(axis, int) else axis
    for i in axes:
        if not -x.ndim <= i < x.ndim:
            raise IndexError(f"squeeze: axis {i} is out of range for shape {tuple(x.shape)}")
        if x.shape[i] != 1:
            raise ValueError(f"squeeze: axis {i} has size {x.shape[i]}, not 1; x has shape {tuple(x.shape)}")
    return tw.squeeze(x, axes)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """The arrays side by side along a new axis."""
    dtype = tw.result_type(*arrays)
    return tw.stack([x.to(dtype) for x in arrays], axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """``x`` repeated along each axis."""
    return tw.tile(x, repetitions)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    return tuple(tw.unbind(x, axis))
