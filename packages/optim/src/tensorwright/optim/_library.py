"""The native library of this part: loaded once, its ops by name."""

from __future__ import annotations

from tensorwright import Op, extend, ops

extend.load_library("tensorwright_optim", "tensorwright-optim")


def update(name: str) -> Op:
    """The op ``optim::<name>``, generated from the rule of that name in ``updates/*.yaml``."""
    return ops.get(f"optim::{name}")
