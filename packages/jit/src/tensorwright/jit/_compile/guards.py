"""What is compared before a recorded run stands for a call: objects by identity, plain values by value.

Each guard says what has changed in words, for the warning, and what it watches object by object, for the look-up in
C++.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import tensorwright
from tensorwright import Tensor

PLAIN = (bool, int, float, complex, str, bytes, type(None), tensorwright.dtype, tensorwright.device)
_MISSING = object()


def kind_of(tensor: Tensor) -> tuple[object, ...]:
    """What a recorded graph takes for given of a tensor, besides its values."""
    requires_grad = bool(getattr(tensor, "requires_grad", False))
    return tensor.dtype, tensor.shape, tensor.stride(), tensor.device, requires_grad


def _same(now: object, then: object) -> bool:
    """Whether a value that was read is still the one: plain values by type and value, all else by identity."""
    if now is then:
        return True
    if type(now) is not type(then):
        return False
    if isinstance(now, PLAIN):
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


class EntriesGuard:
    """Some entries of a dict: the globals that some code names, or the attributes of an object."""

    def __init__(self, scope: dict[str, Any], names: Iterable[str], what: str) -> None:
        self.scope = scope
        self.values = {name: scope[name] for name in names if name in scope}
        self._what = what  # "global" or "attribute of Config"

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now."""
        yield self.scope, False, tuple(self.values), tuple(self.scope.get(name, _MISSING) for name in self.values)

    def changed(self) -> str | None:
        """The first entry that is not what it was, in words, or None."""
        for name, value in self.values.items():
            if not _same(self.scope.get(name, _MISSING), value):
                return f"{self._what} '{name}'"
        return None


class ContentsGuard:
    """All that a list, a dict or a set holds."""

    def __init__(self, container: list[Any] | dict[Any, Any] | set[Any]) -> None:
        self._container = container
        self._then = container.copy()

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now; a set is compared in Python."""
        now = self._container
        if isinstance(now, set):
            raise TypeError("a set")
        yield _whole_dict(now) if isinstance(now, dict) else (now, True, (), tuple(now))

    def changed(self) -> str | None:
        """Whether it does not hold what it did, in words, or None."""
        now, then = self._container, self._then
        if isinstance(now, dict):
            same = _same_dict(now, then)  # type: ignore[arg-type]
        elif isinstance(now, set):
            same = now == then
        else:
            same = len(now) == len(then) and all(map(_same, now, then))
        return None if same else f"the contents of a {type(now).__name__}"


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


Guard = ObjectGuard | EntriesGuard | ContentsGuard | ClosureGuard
