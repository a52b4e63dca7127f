"""Where a tensor of a failed call comes from: a member of a module, an argument of the model, or a line of code."""

from __future__ import annotations

import inspect
import linecache
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType
from typing import Any

from tensorwright import Tensor

from ._assignments import assigning_lines
from ._containers import Sequential
from ._module import Module

_OWN_CODE = os.path.dirname(__file__)
_NODES_TO_LOOK_AT = 1000


@dataclass(frozen=True)
class Frame:
    """A frame on the way to an exception, and the instruction where it stands."""

    code: CodeType
    variables: dict[str, Any]
    offset: int

    @classmethod
    def of(cls, frame: FrameType, offset: int) -> Frame:
        """Reads the local variables once: each look at them copies them."""
        return cls(frame.f_code, frame.f_locals, offset)

    @property
    def module(self) -> Module | None:
        """The module whose method runs here."""
        found = self.variables.get("self")
        return found if isinstance(found, Module) else None


@dataclass
class Origins:
    """What is known of the tensors of one failed call of a model.

    Attributes:
        roots: the outermost module, and those called that are no members of it, with the paths they were called by.
        arguments: of the outermost call, by name.
        frames: from that call to the exception.
    """

    roots: Sequence[tuple[str, Module]]
    arguments: dict[str, object]
    frames: Sequence[Frame]

    def of(self, tensor: Tensor) -> str:
        """A phrase that says where the tensor comes from; empty if nothing is known."""
        if id(tensor) in self._members:
            return self._members[id(tensor)]
        argument = next((name for name, value in self.arguments.items() if _holds(value, tensor)), None)
        if argument is not None:
            return f"argument {argument} of {type(self.roots[0][1]).__name__}"
        return "; ".join(filter(None, (self._maker(tensor), self._line(tensor))))

    @cached_property
    def _members(self) -> dict[int, str]:
        """Parameters and buffers by identity."""
        named: dict[int, str] = {}
        for path, module in self.roots:
            for kind, members in (("parameter", module.named_parameters), ("buffer", module.named_buffers)):
                for name, member in members(prefix=path):
                    named.setdefault(id(member), f"{kind} {name}")
        return named

    def _maker(self, tensor: Tensor) -> str:
        """The op that gave the tensor, and the nearest parameter that took part, where differentiation knows them."""
        node = getattr(tensor, "grad_fn", None)
        if node is None:
            return ""
        near = next((self._members[id(leaf)] for leaf in _leaves(node) if id(leaf) in self._members), "")
        return f"made by {node.name().removesuffix('Backward')}" + (f", after {near}" if near else "")

    def _line(self, tensor: Tensor) -> str:
        for frame in self.frames:
            names = [name for name, value in frame.variables.items() if value is tensor]
            previous = _previous_module(frame) if names else None
            if previous is not None:
                return f"output of {self._name(previous)}"
            places = [place for name in names for place in _places(frame, name)]
            if places:
                return " or ".join(dict.fromkeys(places))
        return ""

    def _name(self, module: Module) -> str:
        for path, outer in self.roots:
            for name, inner in outer.named_modules(prefix=path):
                if inner is module:
                    return f"{name} ({type(module).__name__})"
        return type(module).__name__


def _holds(value: object, tensor: Tensor) -> bool:
    if isinstance(value, (list, tuple)):
        return any(item is tensor for item in value)
    if isinstance(value, dict):
        return any(item is tensor for item in value.values())
    return value is tensor


def _leaves(node: Any) -> Iterator[object]:
    """The leaves that a node of the graph was computed from, the nearest ones first."""
    pending, seen = deque([node]), 0
    while pending and seen < _NODES_TO_LOOK_AT:
        here, seen = pending.popleft(), seen + 1
        if hasattr(here, "variable"):
            yield here.variable
        pending.extend(earlier for earlier, _ in here.next_functions if earlier is not None)


def _previous_module(frame: Frame) -> Module | None:
    """In ``Sequential.forward``, the module that gave what the present one was called with."""
    if not isinstance(frame.module, Sequential) or not frame.code.co_filename.startswith(_OWN_CODE):
        return None
    members = list(frame.module)
    at = next((i for i, member in enumerate(members) if member is frame.variables.get("module")), 0)
    return members[at - 1] if at else None


def _places(frame: Frame, name: str) -> list[str]:
    """The lines of a user's function that may have assigned the variable."""
    file = frame.code.co_filename
    if file.startswith(_OWN_CODE):
        return []
    lines = assigning_lines(frame.code, frame.offset, name)
    if 0 in lines and name in _arguments(frame.code):  # its maker is further out
        return []
    return [f"{os.path.basename(file)}:{line}: {linecache.getline(file, line).strip()}" for line in lines if line]


def _arguments(code: CodeType) -> tuple[str, ...]:
    collected = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + collected]
