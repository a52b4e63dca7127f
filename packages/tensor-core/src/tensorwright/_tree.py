"""Arguments and results as trees: containers, those that programs add too, with anything else for a leaf."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tensorwright import Size


@dataclass(frozen=True)
class Node:
    """How objects of a class are taken apart into items and a context, and put together again."""

    flatten: Callable[[Any], tuple[Iterable[Any], Any]]
    unflatten: Callable[[list[Any], Any], Any]


NODES: dict[type, Node] = {
    defaultdict: Node(
        lambda tree: (tree.values(), (tree.default_factory, tuple(tree))),
        lambda items, context: defaultdict(context[0], zip(context[1], items, strict=True)),
    ),
    deque: Node(lambda tree: (tree, tree.maxlen), deque),
}


@dataclass(frozen=True)
class Structure:
    """A tree without its leaves. Two trees fit each other if their structures are equal."""

    kind: type | None  # None: a leaf
    keys: tuple[Any, ...] = ()  # of a dict; of a class in NODES its context alone
    children: tuple[Structure, ...] = ()

    def __hash__(self) -> int:
        return hash((self.kind, self.children))  # contexts need not be hashable

    @property
    def num_leaves(self) -> int:
        """How many leaves a tree of this structure has."""
        return 1 if self.kind is None else sum(child.num_leaves for child in self.children)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """What a tree has in the places of the leaves, which may be whole parts of it.

        Raises:
            ValueError: if it has not the containers of this structure, names both.
        """
        if self.kind is None:
            return [tree]
        node, kind = taken_apart(tree), type(tree)
        if node is None or kind is not self.kind:
            raise ValueError(f"trees differ: expected a {self.kind.__name__}, got {kind.__name__}")
        keys, items = node[0], list(node[1])
        if issubclass(self.kind, dict) and self.kind not in NODES and set(keys) == set(self.keys):
            keys, items = self.keys, [tree[key] for key in self.keys]
        if keys != self.keys or len(items) != len(self.children):
            names = f"{list(self.keys)}, got {list(keys)}" if keys else f"{len(self.children)} items, got {len(items)}"
            raise ValueError(f"trees differ: a {self.kind.__name__} was expected to have {names}")
        return [part for child, item in zip(self.children, items, strict=True) for part in child.flatten_up_to(item)]

    def build(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves, in order."""
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        items = [child._build(leaves) for child in self.children]
        if self.kind in NODES:
            return NODES[self.kind].unflatten(items, *self.keys)
        if issubclass(self.kind, dict):
            return self.kind(zip(self.keys, items, strict=True))
        kind: Any = self.kind
        return kind(*items) if hasattr(kind, "_fields") else kind(items)


LEAF = Structure(None)


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Structure]:
    """The leaves in order, dict entries in theirs, and the structure."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def taken_apart(tree: Any) -> tuple[tuple[Any, ...], Iterable[Any]] | None:
    """The keys and the items of one node; None for a leaf."""
    kind = type(tree)
    if kind in (dict, OrderedDict):
        return tuple(tree), tree.values()
    if kind in NODES:
        items, context = NODES[kind].flatten(tree)
        return (context,), items
    return ((), tree) if isinstance(tree, (tuple, list)) and not isinstance(tree, Size) else None


def _flatten(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> Structure:
    node = None if is_leaf is not None and is_leaf(tree) else taken_apart(tree)
    if node is None:
        leaves.append(tree)
        return LEAF
    keys, items = node
    return Structure(type(tree), keys, tuple([_flatten(item, leaves, is_leaf) for item in items]))


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
