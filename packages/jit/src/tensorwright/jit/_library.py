"""The native library of this part: loaded once, its ops by name."""

from __future__ import annotations

from tensorwright import Op, extend, ops

extend.load_library("twrt", "tensorwright-jit")


def op(name: str) -> Op:
    """The op ``jit::<name>``."""
    return ops.get(f"jit::{name}")
