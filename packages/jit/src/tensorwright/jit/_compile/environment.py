"""What a function reads besides its arguments while it is recorded: globals, closures, the objects whose methods run.

A recorded graph holds for as long as all of this is what it was. It is watched by `sys.setprofile` while the function
runs for the first time, and compared before each later call.
"""

from __future__ import annotations

import builtins
import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import tensorwright
from tensorwright import Tensor

_OURS = tuple(str(Path(folder)) for folder in tensorwright.__path__)
_PLAIN = (bool, int, float, complex, str, bytes, type(None), tensorwright.dtype, tensorwright.device)
_MISSING = object()

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


def _same(now: object, then: object) -> bool:
    """Whether a value that was read is still the one: plain values by type and value, all else by identity."""
    if now is then:
        return True
    if type(now) is not type(then):
        return False
    if isinstance(now, _PLAIN):
        return now == then
    if isinstance(now, tuple):
        assert isinstance(then, tuple)
        return len(now) == len(then) and all(map(_same, now, then))
    return False


def _same_dict(now: dict[Any, Any], then: dict[Any, Any]) -> bool:
    if len(now) != len(then):
        return False
    for key, value in then.items():
        found = now.get(key, _MISSING)
        if found is not value and not _same(found, value):
            return False
    return True


def _whole_dict(now: dict[Any, Any]) -> Watched:
    return now, True, tuple(now), tuple(now.values())


def _is_import(frame: FrameType) -> bool:
    """Whether this runs for an import, and is no part of what the function does."""
    outer: FrameType | None = frame
    while outer is not None and not outer.f_code.co_filename.startswith("<frozen importlib"):
        outer = outer.f_back
    return outer is not None


def _is_users(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(_OURS) and not _is_import(frame)


# A container, whether these are all of its entries, their keys, and their values: what `_C.Replays.add` takes.
Watched = tuple[object, bool, tuple[Any, ...], tuple[Any, ...]]


class ObjectGuard:
    """The attributes of an object, and the contents of the dicts and lists among them."""

    def __init__(self, watched: Any) -> None:
        self.watched_object = watched
        self.attributes = dict(vars(watched))
        self.dicts = {name: dict(value) for name, value in self.attributes.items() if isinstance(value, dict)}
        self.lists = {name: list(value) for name, value in self.attributes.items() if isinstance(value, list)}

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now."""
        now = vars(self.watched_object)
        yield _whole_dict(now)
        yield from (_whole_dict(now[name]) for name in self.dicts)
        yield from ((now[name], True, (), tuple(now[name])) for name in self.lists)

    def changed(self) -> str | None:
        """The first attribute that is not what it was, in words, or None."""
        now = vars(self.watched_object)
        if not _same_dict(now, self.attributes):
            names = [*self.attributes, *now]
            name = next(n for n in names if not _same(now.get(n, _MISSING), self.attributes.get(n, _MISSING)))
            return f"attribute '{name}' of {type(self.watched_object).__name__}"
        for name, content in self.dicts.items():
            if not _same_dict(now[name], content):
                return f"attribute '{name}' of {type(self.watched_object).__name__}"
        for name, items in self.lists.items():
            if len(now[name]) != len(items) or not all(map(_same, now[name], items)):
                return f"attribute '{name}' of {type(self.watched_object).__name__}"
        return None


class GlobalsGuard:
    """The globals that some code names."""

    def __init__(self, code: CodeType, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.values = {name: scope[name] for name in code.co_names if name in scope}

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now."""
        yield self.scope, False, tuple(self.values), tuple(self.scope.get(name, _MISSING) for name in self.values)

    def changed(self) -> str | None:
        """The first global that is not what it was, in words, or None."""
        for name, value in self.values.items():
            if not _same(self.scope.get(name, _MISSING), value):
                return f"global '{name}'"
        return None


class ClosureGuard:
    """The variables that a function closes over."""

    def __init__(self, function: Any) -> None:
        self.names = function.__code__.co_freevars
        self.cells = function.__closure__ or ()
        self.values = [cell.cell_contents for cell in self.cells]

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now."""
        yield from ((cell, True, (), (cell.cell_contents,)) for cell in self.cells)

    def changed(self) -> str | None:
        """The first variable that is not what it was, in words, or None."""
        for name, cell, value in zip(self.names, self.cells, self.values, strict=True):
            if not _same(cell.cell_contents, value):
                return f"variable '{name}' of the enclosing function"
        return None


class Environment:
    """All guards of one recorded run."""

    def __init__(self) -> None:
        self.guards: list[ObjectGuard | GlobalsGuard | ClosureGuard] = []
        self.effect: str | None = None  # what cannot be replayed, in words with its line
        self._seen: dict[int, object] = {}  # kept, so that no other object takes the same address

    def changed(self) -> str | None:
        """What is not as it was when the function was recorded, in words, or None."""
        for guard in self.guards:
            found = guard.changed()
            if found is not None:
                return found
        return None

    def watched(self) -> list[Watched] | None:
        """Everything that is read, object by object; None where something is not there any more."""
        try:
            return [watched for guard in self.guards for watched in guard.watched()]
        except (KeyError, TypeError, ValueError):
            return None

    def watch(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run the function and note what it reads."""
        if getattr(function, "__closure__", None):
            self.guards.append(ClosureGuard(function))
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
        if not code.co_filename.startswith(_OURS) and self._first(code):
            self.guards.append(GlobalsGuard(code, frame.f_globals))
        owner = frame.f_locals.get("self") if code.co_varnames[:1] == ("self",) else None
        if not hasattr(owner, "__dict__") or isinstance(owner, (Tensor, Environment)) or not self._first(owner):
            return
        if code.co_name != "__init__":  # an object that is made on the way is no part of the environment
            self.guards.append(ObjectGuard(owner))

    def _first(self, thing: object) -> bool:
        known = id(thing) in self._seen
        self._seen[id(thing)] = thing
        return not known
