"""Levels of transforms: the native ops for them, and context managers that open them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorwright import Tensor, ops
from tensorwright.autograd import _library as _library  # the ops below come with it

open_grad = ops.get("transform::open_grad")
open_forward = ops.get("transform::open_forward")
open_batch = ops.get("transform::open_batch")
close = ops.get("transform::close")

lift = ops.get("transform::lift")
make_dual = ops.get("transform::make_dual")
add_batch = ops.get("transform::add_batch")
lower = ops.get("transform::lower")
tangent_of = ops.get("transform::tangent_of")
remove_batch = ops.get("transform::remove_batch")
note_unit_vectors = ops.get("transform::note_unit_vectors")

level_of = ops.get("transform::level_of")
kind_of_level = ops.get("transform::kind_of_level")
batch_dim_of = ops.get("transform::batch_dim_of")
size_of_batch = ops.get("transform::size_of_batch")
randomness_of = ops.get("transform::randomness_of")
enter_below = ops.get("transform::enter_below")
leave_below = ops.get("transform::leave_below")

ops.get("transform::set_warner")(lambda message: warnings.warn(message, UserWarning, stacklevel=2))


@contextmanager
def grad_level() -> Iterator[int]:
    """A level that records ops on its tensors."""
    level: int = open_grad()
    try:
        yield level
    finally:
        close(level)


@contextmanager
def forward_level() -> Iterator[int]:
    """A level that carries tangents."""
    level: int = open_forward()
    try:
        yield level
    finally:
        close(level)


@contextmanager
def batch_level(size: int, randomness: str) -> Iterator[int]:
    """A level that carries a batch dimension."""
    level: int = open_batch(size, randomness)
    try:
        yield level
    finally:
        close(level)


@contextmanager
def below(level: int) -> Iterator[None]:
    """Ops run as they did where the level was opened."""
    enter_below(level)
    try:
        yield
    finally:
        leave_below(level)


def lowered(value: Any, level: int) -> Any:
    """A leaf of a result, below the level."""
    return lower(value, level) if isinstance(value, Tensor) else value
