"""For the packages that add to tensorwright: layers, native plugins, what these bring to Tensor, and its refusals."""

from __future__ import annotations

import os
import sys
from typing import Any

import tensorwright
from tensorwright import _C
from tensorwright._arguments import check_optional as check_optional
from tensorwright._arguments import check_tensor as check_tensor
from tensorwright._arguments import check_tensors as check_tensors
from tensorwright._C import CallsForward as CallsForward
from tensorwright._exports import lazy_exports as lazy_exports
from tensorwright._failed_call import FailedCall as FailedCall
from tensorwright._grad_mode import LayerMask as LayerMask

__all__ = [
    "CallsForward", "FailedCall", "LayerMask", "attribute", "check_optional", "check_tensor", "check_tensors",
    "lazy_exports", "load_library", "load_plugin", "method", "property",
]  # fmt: skip


def method(name: str, op: str) -> None:
    """Let ``tensor.<name>(...)`` call an op, with the tensor as its first argument.

    Example:
        >>> import tensorwright as tw
        >>> tw.extend.method("plus", "tw::add")
        >>> tw.ones(1).plus(2).item()
        3.0
    """
    _C.extend_tensor(name, _C.find_op(op))


def property(name: str, getter: str, setter: str | None = None, doc: str = "") -> None:
    """Let reading ``tensor.<name>`` call the op ``getter(tensor)`` and assigning call ``setter(tensor, value)``.

    Deleting the attribute assigns None.

    Example:
        >>> import tensorwright as tw
        >>> tw.extend.property("negated", getter="tw::neg")
        >>> tw.ones(1).negated.item()
        -1.0
    """
    _C.extend_tensor(name, _C.op_property(name, getter, setter, doc))


def attribute(name: str, value: Any) -> None:
    """Set an attribute of the Tensor type: functions become methods, descriptors are asked, all else is constant."""
    _C.extend_tensor(name, value)


def load_plugin(path: str) -> None:
    """Load a native plugin, a shared library with the symbol ``tw_plugin_entry_1``.

    Raises:
        AbiError: if it is no plugin, or needs another ABI; nothing of it stays registered.
    """
    _C.load_plugin(path)


def load_library(name: str, distribution: str) -> None:
    """Load the native library that a distribution keeps in ``tensorwright/_lib``.

    Args:
        name: of the library, without what the system puts before and after it: ``tensorwright_autograd``.
        distribution: that brings it, for the error's words.

    Raises:
        ImportError: if no folder of tensorwright has it.
        AbiError: if it does not fit this core.
    """
    file = {"win32": f"{name}.dll", "darwin": f"lib{name}.dylib"}.get(sys.platform, f"lib{name}.so")
    # Parts may lie in several folders.
    places = [os.path.join(folder, "_lib", file) for folder in tensorwright.__path__]
    for place in places:
        if os.path.exists(place):
            return load_plugin(place)
    tried = ", ".join(places)
    raise ImportError(f"{distribution} is installed without its native library; looked for {tried}")
