"""Levels of transforms, as context managers over the native ops."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorwright import Tensor, ops
from tensorwright.autograd import _library as _library  # the native library is loaded with it

_open_grad = ops.get("transform::open_grad")
_open_forward = ops.get("transform::open_forward")
_open_batch = ops.get("transform::open_batch")
_close = ops.get("transform::close")

lift = ops.get("transform::lift")
make_dual = ops.get("transform::make_dual")
add_batch = ops.get("transform::add_batch")
lower = ops.get("transform::lower")
tangent_of = ops.get("transform::tangent_of")
remove_batch = ops.get("transform::remove_batch")
level_of = ops.get("transform::level_of")
kind_of_level = ops.get("transform::kind_of_level")
batch_dim_of = ops.get("transform::batch_dim_of")
size_of_batch = ops.get("transform::size_of_batch")

ops.get("transform::set_warner")(lambda message: warnings.warn(message, UserWarning, stacklevel=2))


@contextmanager
def grad_level() -> Iterator[int]:
    """A level that records ops on its tensors."""
    level: int = _open_grad()
    try:
        yield level
    finally:
        _close(level)


@contextmanager
def forward_level() -> Iterator[int]:
    """A level that carries tangents."""
    level: int = _open_forward()
    try:
        yield level
    finally:
        _close(level)


@contextmanager
def batch_level(size: int, randomness: str) -> Iterator[int]:
    """A level that carries a batch dimension."""
    level: int = _open_batch(size, randomness)
    try:
        yield level
    finally:
        _close(level)


def lowered(value: Any, level: int) -> Any:
    """A leaf of a result, below the level."""
    return lower(value, level) if isinstance(value, Tensor) else value
