"""What is compared before a recorded run stands for a call: objects by identity, plain values by value.

Each guard says what has changed in words, for the warning, and what it watches object by object, for the look-up in
C++.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    if isinstance(now, (float, complex)):
        return repr(now) == repr(then)  # zeros differ by their signs, and NaN is what it was
    if isinstance(now, PLAIN):
        return now == then
    if isinstance(now, tuple):
        return _same_items(now, then)
    return False


def _same_items(now: Any, then: Any) -> bool:
    return len(now) == len(then) and all(map(_same, now, then))


def _same_dict(now: dict[Any, Any], then: dict[Any, Any]) -> bool:
    """Whether both have the same entries in the same order."""
    return _same_items(now, then) and _same_items(now.values(), then.values())


def _same_set(now: set[Any], then: set[Any]) -> bool:
    """Whether both have the same members; 1, 1.0 and True are equal as such."""
    return now == then and {(type(member), repr(member)) for member in now if isinstance(member, PLAIN)} == {
        (type(member), repr(member)) for member in then if isinstance(member, PLAIN)
    }


def _whole_dict(now: dict[Any, Any]) -> Watched:
    if isinstance(now, OrderedDict):
        raise TypeError("its order is not that of its dict")
    return now, True, tuple(now), tuple(now.values())


# A dict, class, list or cell, whether these are all of its entries, their keys, and their values: what
# `_C.Replays.add` takes.
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
            if not _same_items(now[name], items):
                return f"attribute '{name}' of {type(self.watched_object).__name__}"
        return None


class EntriesGuard:
    """Some entries of a namespace: the globals that some code names, the attributes of an object or a class."""

    def __init__(self, owner: dict[str, Any] | type, names: Iterable[str], what: str) -> None:
        self._owner = owner
        scope = self._scope()
        self.values = {name: scope[name] for name in names if name in scope}
        self._what = what  # "global" or "attribute of Config"

    def _scope(self) -> Mapping[str, Any]:
        return vars(self._owner) if isinstance(self._owner, type) else self._owner

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now."""
        scope = self._scope()
        yield self._owner, False, tuple(self.values), tuple(scope.get(name, _MISSING) for name in self.values)

    def changed(self) -> str | None:
        """The first entry that is not what it was, in words, or None."""
        scope = self._scope()
        for name, value in self.values.items():
            if not _same(scope.get(name, _MISSING), value):
                return f"{self._what} '{name}'"
        return None


class SlotsGuard:
    """Attributes of an object that are no entries of a dict."""

    def __init__(self, owner: object, names: Iterable[str]) -> None:
        self._owner = owner
        self.values = {name: getattr(owner, name, _MISSING) for name in names}

    def watched(self) -> Iterator[Watched]:
        """Slots are compared in Python."""
        raise TypeError("slots")

    def changed(self) -> str | None:
        """The first slot that is not what it was, in words, or None."""
        for name, value in self.values.items():
            if not _same(getattr(self._owner, name, _MISSING), value):
                return f"attribute '{name}' of {type(self._owner).__name__}"
        return None


Container = list[Any] | dict[Any, Any] | set[Any] | deque[Any]


class ContentsGuard:
    """All that a list, a dict, a set or a deque holds."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._then: Any = list(container)
        if isinstance(container, (dict, set)):
            self._then = dict(container) if isinstance(container, dict) else set(container)

    def watched(self) -> Iterator[Watched]:
        """The objects that are there now; what is neither dict nor list is compared in Python."""
        now = self._container
        if not isinstance(now, (dict, list)):
            raise TypeError(type(now).__name__)
        yield _whole_dict(now) if isinstance(now, dict) else (now, True, (), tuple(now))

    def changed(self) -> str | None:
        """Whether it does not hold what it did, in words, or None."""
        now, then = self._container, self._then
        compare: Callable[[Any, Any], bool] = (
            _same_dict if isinstance(now, dict) else _same_set if isinstance(now, set) else _same_items
        )
        return None if compare(now, then) else f"the contents of a {type(now).__name__}"


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


Guard = ObjectGuard | EntriesGuard | SlotsGuard | ContentsGuard | ClosureGuard
