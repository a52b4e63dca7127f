"""Trees of containers: taken apart, put together, mapped; with classes that a program adds."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import tensorwright as tw
from hypothesis import given
from hypothesis import strategies as st
from tensorwright._tree import NODES
from tensorwright.utils import _pytree as pytree


class Point(NamedTuple):
    x: Any
    y: Any


class Pair:
    def __init__(self, a: Any, b: Any, name: str = "") -> None:
        self.a, self.b, self.name = a, b, name


@pytest.fixture
def pairs() -> Iterator[None]:
    pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], [p.name]), lambda items, names: Pair(*items, *names))
    yield
    del NODES[Pair]


def children(trees: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.text(max_size=2), trees, max_size=3)
    return st.one_of(
        st.lists(trees, max_size=3),
        st.lists(trees, max_size=3).map(tuple),
        named,
        named.map(OrderedDict),
        named.map(lambda d: defaultdict(list, d)),
        st.lists(trees, max_size=3).map(lambda items: deque(items, maxlen=5)),
        st.builds(Point, trees, trees),
    )


trees = st.recursive(st.one_of(st.integers(), st.none(), st.text(max_size=2)), children, max_leaves=12)


@given(trees)
def test_what_is_taken_apart_is_put_together_again(tree: Any) -> None:
    leaves, structure = pytree.tree_flatten(tree)
    again = pytree.tree_unflatten(leaves, structure)
    assert again == tree
    assert repr(again) == repr(tree)  # also the kinds of containers, and the order of entries
    assert leaves == pytree.tree_leaves(tree) == list(pytree.tree_iter(tree))
    assert all(map(pytree.tree_is_leaf, leaves))
    assert structure == pytree.tree_structure(tree)
    assert hash(structure) == hash(pytree.tree_structure(again))
    assert pytree.tree_map(lambda leaf: [leaf], tree) == pytree.tree_unflatten([[leaf] for leaf in leaves], structure)


def test_leaves_come_in_order() -> None:
    tree = {"b": 1, "a": [2, (3, None)], "c": Point(4, deque([5]))}
    assert pytree.tree_leaves(tree) == [1, 2, 3, None, 4, 5]
    assert pytree.tree_leaves(tree, is_leaf=lambda t: isinstance(t, list)) == [1, [2, (3, None)], 4, 5]
    assert pytree.tree_leaves(tw.Size([1, 2])) == [tw.Size([1, 2])]
    assert pytree.tree_structure({"a": 1}) != pytree.tree_structure({"b": 1})
    assert pytree.tree_structure(deque([1], maxlen=2)) != pytree.tree_structure(deque([1], maxlen=3))


def test_several_trees_are_mapped_together() -> None:
    tree = {"a": 1, "b": [2, (3,)]}
    other = {"b": [20, ({"any": "thing"},)], "a": 10}  # the order of entries is the first tree's
    assert pytree.tree_map(lambda x, y: (x, y), tree, other) == {"a": (1, 10), "b": [(2, 20), ((3, {"any": "thing"}),)]}
    for wrong in ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": [2, [3]]}, {"a": 1, "b": [2]}, {"a": 1, "c": [2, (3,)]}):
        with pytest.raises(ValueError, match="trees differ"):
            pytree.tree_map(lambda x, y: x, tree, wrong)


def test_some_leaves_are_chosen() -> None:
    tree = [1, "a", (2.0, None)]
    assert pytree.tree_map_only(int, lambda x: x + 1, tree) == [2, "a", (2.0, None)]
    assert pytree.tree_map_only((int, float), str, tree) == ["1", "a", ("2.0", None)]
    assert pytree.tree_map_only(int | str, repr, tree) == ["1", "'a'", (2.0, None)]
    assert pytree.tree_map_only(lambda leaf: leaf is None, lambda _: 0, tree) == [1, "a", (2.0, 0)]
    seen: list[Any] = []
    assert pytree.tree_map_(seen.append, tree) is tree
    assert pytree.tree_map_only_(str, seen.append, tree) is tree
    assert seen == [1, "a", 2.0, None, "a"]
    assert pytree.tree_any_only(int, lambda x: x > 0, tree)
    assert not pytree.tree_all_only((int, float), lambda x: x > 1, tree)
    assert not pytree.tree_all(lambda leaf: leaf is not None, tree)
    assert pytree.tree_any(lambda leaf: leaf is None, tree)


def test_registered_classes_are_containers(pairs: None) -> None:
    tree = [Pair(1, {"x": 2}, "first"), 3]
    doubled = pytree.tree_map(lambda leaf: leaf * 2, tree)
    assert (doubled[0].a, doubled[0].b, doubled[0].name, doubled[1]) == (2, {"x": 4}, "first", 6)
    assert pytree.tree_structure(Pair(1, 2, "a")) != pytree.tree_structure(Pair(1, 2, "b"))
    assert pytree.tree_leaves([type("Derived", (Pair,), {})(1, 2)]) != [1, 2]
    with pytest.raises(ValueError, match="Pair is a container already"):
        pytree.register_pytree_node(Pair, lambda p: ((), None), lambda items, context: None)
    with pytest.raises(ValueError, match="list is a container already"):
        pytree.register_pytree_node(list, lambda p: (p, None), lambda items, context: items)
    with pytest.raises(TypeError, match="cls must be a class, got int"):
        pytree.register_pytree_node(3, lambda p: (p, None), lambda items, context: items)  # type: ignore[arg-type]


def test_leaves_must_be_as_many_as_the_structure_has() -> None:
    structure = pytree.tree_structure([1, 2])
    for leaves in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match=f"the structure has 2 leaves, got {len(leaves)}"):
            pytree.tree_unflatten(leaves, structure)
    with pytest.raises(TypeError, match="treespec must be a TreeSpec, got int"):
        pytree.tree_unflatten([1], 3)  # type: ignore[arg-type]
