"""Nested containers and their leaves, under the names that code written for PyTorch imports.

The containers are those of transforms, compiled functions and exported programs: tuples, named tuples, lists, dicts,
deques, and classes that were registered here. Entries of dicts keep their order; None is a leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import UnionType
from typing import Any

from tensorwright._tree import NODES, Node, Structure, flatten, taken_apart

__all__ = [
    "PyTree",
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any
TreeSpec = Structure
IsLeaf = Callable[[Any], bool] | None
Types = type | tuple[type, ...] | UnionType


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_fn: Callable[[list[Any], Any], Any],
    **serialization: Any,
) -> None:
    """Let objects of a class be containers: for the functions here, and for arguments and results of transforms.

    Args:
        cls: the class itself; classes that come from it are not included.
        flatten_fn: gives the items of an object, and a context that can be compared.
        unflatten_fn: makes an object of items and context.
        serialization: accepted as PyTorch has it; archives hold tuples, lists and dicts only.

    Raises:
        TypeError: if `cls` is no class.
        ValueError: if it is a container already.

    Example:
        >>> from tensorwright.utils._pytree import register_pytree_node, tree_map
        >>> class Pair:
        ...     def __init__(self, a, b):
        ...         self.a, self.b = a, b
        >>> register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda items, _: Pair(*items))
        >>> tree_map(abs, Pair(-1, 2)).a
        1
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_pytree_node: cls must be a class, got {type(cls).__name__}")
    if cls in NODES or cls in (tuple, list, dict):
        raise ValueError(f"register_pytree_node: {cls.__name__} is a container already")
    NODES[cls] = Node(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree in order, and its structure.

    Example:
        >>> from tensorwright.utils._pytree import tree_flatten, tree_unflatten
        >>> leaves, structure = tree_flatten({"a": 1, "b": (2, [3])})
        >>> leaves
        [1, 2, 3]
        >>> tree_unflatten([4, 5, 6], structure)
        {'a': 4, 'b': (5, [6])}
    """
    return flatten(tree, is_leaf)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a structure with other leaves.

    Raises:
        TypeError: if `treespec` is none.
        ValueError: if there are more leaves than it has, or fewer.
    """
    if not isinstance(treespec, Structure):
        raise TypeError(f"tree_unflatten: treespec must be a TreeSpec, got {type(treespec).__name__}")
    given = list(leaves)
    if len(given) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: the structure has {treespec.num_leaves} leaves, got {len(given)}")
    return treespec.build(given)


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves of a tree one after the other."""
    return iter(flatten(tree, is_leaf)[0])


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree in order."""
    return flatten(tree, is_leaf)[0]


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """A tree without its leaves."""
    return flatten(tree, is_leaf)[1]


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether this is no container."""
    return (is_leaf is not None and is_leaf(tree)) or taken_apart(tree) is None


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The tree with each leaf replaced by what the function gives for it, and for what the other trees have there.

    Raises:
        ValueError: if another tree has not the containers of the first.

    Example:
        >>> from tensorwright.utils._pytree import tree_map
        >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
        {'a': 11, 'b': [22]}
    """
    leaves, structure = flatten(tree, is_leaf)
    return structure.build([func(*each) for each in zip(leaves, *map(structure.flatten_up_to, rests), strict=True)])


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Call the function for each leaf, and return the tree itself."""
    leaves, structure = flatten(tree, is_leaf)
    for each in zip(leaves, *map(structure.flatten_up_to, rests), strict=True):
        func(*each)
    return tree


def _chosen(which: Types | Callable[[Any], bool]) -> Callable[[Any], bool]:
    if isinstance(which, (type, tuple, UnionType)):
        return lambda leaf: isinstance(leaf, which)
    return which


def tree_map_only(
    type_or_types_or_pred: Types | Callable[[Any], bool],
    /,
    func: Callable[[Any], Any],
    tree: PyTree,
    is_leaf: IsLeaf = None,
) -> PyTree:
    """The tree with the leaves of some types replaced.

    Example:
        >>> from tensorwright.utils._pytree import tree_map_only
        >>> tree_map_only(int, lambda x: x + 1, [1, "a"])
        [2, 'a']
    """
    chosen = _chosen(type_or_types_or_pred)
    return tree_map(lambda leaf: func(leaf) if chosen(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Types | Callable[[Any], bool],
    /,
    func: Callable[[Any], Any],
    tree: PyTree,
    is_leaf: IsLeaf = None,
) -> PyTree:
    """Call the function for each leaf of some types, and return the tree itself."""
    for leaf in filter(_chosen(type_or_types_or_pred), tree_iter(tree, is_leaf)):
        func(leaf)
    return tree


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether something holds for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether something holds for one of the leaves."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types: Types, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether something holds for all leaves of some types."""
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(type_or_types: Types, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether something holds for one of the leaves of some types."""
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))
