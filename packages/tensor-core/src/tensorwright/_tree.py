"""Arguments and results as trees: tuples, named tuples, lists and dicts, with anything else for a leaf."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tensorwright import Size


@dataclass(frozen=True)
class Structure:
    """A tree without its leaves. Two trees fit each other if their structures are equal."""

    kind: type | None  # None: a leaf
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()

    def build(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves, in order."""
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        items = [child._build(leaves) for child in self.children]
        if issubclass(self.kind, dict):
            return self.kind(zip(self.keys, items, strict=True))
        kind: Any = self.kind
        return kind(*items) if hasattr(kind, "_fields") else kind(items)


LEAF = Structure(None)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, dict entries in theirs, and the structure."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    if type(tree) in (dict, OrderedDict):
        keys = tuple(tree)
        return Structure(type(tree), keys, tuple(_flatten(tree[key], leaves) for key in keys))
    if isinstance(tree, (tuple, list)) and not isinstance(tree, Size):
        return Structure(type(tree), (), tuple(_flatten(item, leaves) for item in tree))
    leaves.append(tree)
    return LEAF


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with each leaf replaced."""
    leaves, structure = flatten(tree)
    return structure.build(map(function, leaves))


def broadcast_prefix(prefix: Any, structure: Structure, tree_name: str) -> list[Any]:
    """A leaf of ``prefix`` for each leaf of the structure, where one leaf may stand for a whole part of it.

    Raises:
        ValueError: if the prefix has a part that the structure has not.
    """
    if structure.kind is None:
        return [prefix]
    count = len(structure.children)
    if isinstance(prefix, dict):
        if set(prefix) != set(structure.keys):
            raise ValueError(f"{tree_name}: expected keys {list(structure.keys)}, got {list(prefix)}")
        parts = [prefix[key] for key in structure.keys]
    elif isinstance(prefix, (tuple, list)):
        if len(prefix) != count:
            raise ValueError(f"{tree_name}: expected {count} entries, got {len(prefix)}")
        parts = list(prefix)
    else:
        parts = [prefix] * count
    pairs = zip(parts, structure.children, strict=True)
    return [leaf for part, child in pairs for leaf in broadcast_prefix(part, child, tree_name)]
