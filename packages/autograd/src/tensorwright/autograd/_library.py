"""The native library of this part: found beside the package, loaded once, its ops by name."""

from __future__ import annotations

import sys
from pathlib import Path

import tensorwright
from tensorwright import Op, extend, ops

_NAMES = {"win32": "tensorwright_autograd.dll", "darwin": "libtensorwright_autograd.dylib"}


def _find() -> str:
    """The parts of tensorwright may lie in several folders; the library is in the `_lib` of one."""
    name = _NAMES.get(sys.platform, "libtensorwright_autograd.so")
    places = [Path(folder) / "_lib" / name for folder in tensorwright.__path__]
    for place in places:
        if place.exists():
            return str(place)
    tried = ", ".join(map(str, places))
    raise ImportError(f"tensorwright-autograd is installed without its native library; looked for {tried}")


extend.load_plugin(_find())


def op(name: str) -> Op:
    """The op ``autograd::<name>``."""
    return ops.get(f"autograd::{name}")
