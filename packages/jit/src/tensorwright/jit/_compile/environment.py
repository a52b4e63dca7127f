"""What a function reads besides its arguments while it is recorded: globals, closures, the objects whose methods run.

A recorded graph holds for as long as all of this is what it was. It is watched by `sys.setprofile` while the function
runs for the first time, and compared before each later call.
"""

from __future__ import annotations

import builtins
import dis
import functools
import gc
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import tensorwright
from tensorwright import Tensor
from tensorwright.jit._compile.guards import (
    PLAIN,
    ClosureGuard,
    Container,
    ContentsGuard,
    EntriesGuard,
    Guard,
    ObjectGuard,
    SlotsGuard,
    Watched,
    kind_of,
)

_OURS = tuple(str(Path(folder)) for folder in tensorwright.__path__)
_PYTHONS_OWN = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class has a dict that can change
_MOST_ENTRIES = 10_000  # of one container: comparing more before each call would cost more than the call

# Builtins that do something besides giving a value, or give another one each time.
_EFFECTS: dict[int, str] = {
    id(function): name
    for name, function in {
        "print": builtins.print,
        "input": builtins.input,
        "open": builtins.open,
        "time.time": time.time,
        "time.perf_counter": time.perf_counter,
        "time.monotonic": time.monotonic,
        "random.random": random.random,
    }.items()
}


def _is_import(frame: FrameType) -> bool:
    """Whether this runs for an import, and is no part of what the function does."""
    outer: FrameType | None = frame
    while outer is not None and not outer.f_code.co_filename.startswith("<frozen importlib"):
        outer = outer.f_back
    return outer is not None


def _is_users(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(_OURS) and not _is_import(frame)


class Environment:
    """All guards of one recorded run."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []
        self.effect: str | None = None  # what cannot be replayed, in words with its line
        self._kinds: list[tuple[Tensor, tuple[object, ...]]] = []
        self._seen: dict[int, object] = {}  # kept, so that no other object takes the same address

    def changed(self) -> str | None:
        """What is not as it was when the function was recorded, in words, or None."""
        for guard in self.guards:
            found = guard.changed()
            if found is not None:
                return found
        for tensor, kind in self._kinds:
            if kind_of(tensor) != kind:
                return f"a tensor that it reads (dtype, shape, strides, device, requires_grad {kind})"
        return None

    def watched(self) -> list[Watched] | None:
        """Everything that is read, object by object; None where something is not there any more."""
        try:
            return [watched for guard in self.guards for watched in guard.watched()]
        except (KeyError, TypeError, ValueError):
            return None

    def watch(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run the function and note what it reads."""
        self._reach = Reach(self)
        if isinstance(function, FunctionType):
            self._reach.follow(function)
        before, collects = sys.getprofile(), gc.isenabled()
        gc.disable()  # what callbacks and finalizers of the collector do is not the function's
        sys.setprofile(self._event)
        try:
            return function(*args, **kwargs)
        finally:
            sys.setprofile(before)
            if collects:
                gc.enable()
            self._seen.clear()
            self._kinds = [(tensor, kind_of(tensor)) for tensor in self._tensors()]

    def _tensors(self) -> list[Tensor]:
        """Those among what is read: their data may be exchanged where they are."""
        values = (value for _, _, _, values in self.watched() or () for value in values)
        return [value for value in values if isinstance(value, Tensor)]

    def _event(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            self._enter(frame)
        elif event == "c_call" and id(arg) in _EFFECTS and _is_users(frame):
            self.note_effect(f"{_EFFECTS[id(arg)]}() is called", frame)

    def note_effect(self, what: str, frame: FrameType | None) -> None:
        """Keep the first reason why the run cannot be replayed."""
        if self.effect is None:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}: " if frame is not None else ""
            self.effect = place + what

    def _enter(self, frame: FrameType) -> None:
        code = frame.f_code
        if _is_import(frame):
            return
        users = not code.co_filename.startswith(_OURS)
        if users and self._first(code):
            self._reach.enter(code, frame)
        owner = frame.f_locals.get("self") if code.co_varnames[:1] == ("self",) else None
        if not hasattr(owner, "__dict__") or isinstance(owner, (Tensor, Environment)) or not self._first(owner):
            return
        if code.co_name != "__init__":  # an object that is made on the way is no part of the environment
            self.guards.append(ObjectGuard(owner))
            if users:
                self._reach.follow(owner)

    def _first(self, thing: object) -> bool:
        known = id(thing) in self._seen
        self._seen[id(thing)] = thing
        return not known


def _is_ours(module: object) -> bool:
    return f"{module}.".startswith("tensorwright.")


def _users_classes(kind: type) -> list[type]:
    """A class and its bases as far as they can change."""
    return [base for base in kind.__mro__ if base.__flags__ & _PYTHONS_OWN and not _is_ours(base.__module__)]


def _slots(value: object) -> set[str]:
    """The attributes of an object for which its class has made room in place of a dict."""
    classes = _users_classes(type(value))
    return {name for kind in classes for name, made in vars(kind).items() if isinstance(made, MemberDescriptorType)}


@functools.lru_cache(maxsize=4096)
def _globals_of(code: CodeType) -> tuple[str, ...]:
    """The globals that some code reads; `co_names` has attributes too."""
    read = (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    return tuple(dict.fromkeys(read))


class Reach:
    """What comes into reach of users' code from globals, closures and `self`, by contents and by names it mentions."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._names: set[str] = set()  # that the code has mentioned so far
        self._objects: list[object] = []  # come to, whose attributes of these names are watched
        self._seen: dict[int, object] = {}

    def enter(self, code: CodeType, frame: FrameType) -> None:
        """Follow what this code names; what was come to before may have attributes that only it names."""
        new = set(code.co_names) - self._names
        self._names |= new
        for value in tuple(self._objects):
            self._attributes(value, new)
        self._add(EntriesGuard(frame.f_globals, _globals_of(code), "global"))

    def follow(self, value: Any) -> None:
        """Watch what is in reach of a value, once."""
        if isinstance(value, (Tensor, *PLAIN)) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, (list, dict, set, deque)):
            self._contents(value)
        elif isinstance(value, tuple):
            for item in value:
                self.follow(item)
        elif isinstance(value, FunctionType):
            self._closure(value)
        elif isinstance(value, functools.partial):
            self.follow((value.func, value.args, value.keywords))
        elif isinstance(value, type):
            for kind in _users_classes(value):
                self._object(kind)
        elif isinstance(value, ModuleType):
            if not _is_ours(value.__name__):
                self._object(value)
        elif isinstance(getattr(value, "__dict__", None), dict) or _users_classes(type(value)):
            self._object(value)
            self.follow(type(value))

    def _contents(self, container: Container) -> None:
        if len(container) > _MOST_ENTRIES:
            what = f"it has a {type(container).__name__} of {len(container)} entries in reach, too many to compare"
            self._environment.note_effect(what, None)
            return
        self._environment.guards.append(ContentsGuard(container))
        for item in tuple(container.values() if isinstance(container, dict) else container):
            self.follow(item)

    def _closure(self, function: FunctionType) -> None:
        if not function.__closure__ or function.__code__.co_filename.startswith(_OURS):
            return
        try:
            guard = ClosureGuard(function)
        except ValueError:  # a variable that has no value yet is assigned by the run
            return
        self._environment.guards.append(guard)
        for value in guard.values:
            self.follow(value)

    def _object(self, value: object) -> None:
        self._objects.append(value)
        self._attributes(value, self._names)

    def _attributes(self, value: object, names: set[str]) -> None:
        attributes = getattr(value, "__dict__", {})
        if found := names & attributes.keys():
            what = f"attribute of {getattr(value, '__name__', type(value).__name__)}"
            self._add(EntriesGuard(value if isinstance(value, type) else attributes, sorted(found), what))
        if not isinstance(value, (type, ModuleType)) and (found := names & _slots(value)):
            self._add(SlotsGuard(value, sorted(found)))

    def _add(self, guard: EntriesGuard | SlotsGuard) -> None:
        self._environment.guards.append(guard)
        for item in guard.values.values():
            self.follow(item)
