"""The native library of this part: loaded once, its ops by name."""

from __future__ import annotations

from tensorwright import Op, extend, ops

extend.load_library("tensorwright_autograd", "tensorwright-autograd")


def op(name: str) -> Op:
    """The op ``autograd::<name>``."""
    return ops.get(f"autograd::{name}")
