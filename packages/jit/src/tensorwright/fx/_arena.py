"""Between arguments as Python has them and as the graph stores them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorwright as tw
from tensorwright.fx.immutable_collections import immutable_dict, immutable_list

if TYPE_CHECKING:
    from tensorwright.fx.node import Node

# The marks of tensorwright.jit's arguments.
_NODE, _LIST, _TUPLE, _DICT, _SLICE, _ELLIPSIS = range(6)
_CONSTANTS = frozenset({type(None), bool, float, complex, str, tw.dtype, tw.device})


class Kept:
    """A Python object among the constants of a graph."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Kept({self.value!r})"


class NamedTupleOf(NamedTuple):
    """Stands as the only key of a dict for a named tuple with nodes in it."""

    kind: Any


def encode(value: Any, number: Callable[[Node], int]) -> Any:
    """`value` in the marked form; `number` gives a node's, or refuses it."""
    kind = type(value)
    if kind in _CONSTANTS:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else Kept(value)
    if kind is list or kind is immutable_list:
        return (_LIST, *[encode(item, number) for item in value])
    if kind is tuple:
        return (_TUPLE, *[encode(item, number) for item in value])
    if isinstance(value, dict):
        return (_DICT, *[encode(part, number) for pair in value.items() for part in pair])
    if kind is slice:
        return (_SLICE, *[encode(part, number) for part in (value.start, value.stop, value.step)])
    if value is Ellipsis:
        return (_ELLIPSIS, 0)
    if hasattr(value, "_fx_node_"):
        return (_NODE, number(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return (_DICT, Kept(NamedTupleOf(kind)), (_TUPLE, *[encode(item, number) for item in value]))
    return Kept(value)


def decode(value: Any, node: Callable[[int], Node]) -> Any:
    """What :func:`encode` was given, its lists and dicts immutable."""
    kind = type(value)
    if kind is Kept:
        return value.value
    if kind is not tuple:
        return value
    mark = value[0]
    if mark == _NODE:
        return node(value[1])
    if mark == _ELLIPSIS:
        return ...
    items = [decode(item, node) for item in value[1:]]
    if mark == _LIST:
        return immutable_list(items)
    if mark == _TUPLE:
        return tuple(items)
    if mark == _SLICE:
        return slice(*items)
    if len(items) == 2 and isinstance(items[0], NamedTupleOf):
        return items[0].kind(*items[1])
    return immutable_dict(zip(items[::2], items[1::2], strict=True))


def decode_items(value: Any, node: Callable[[int], Node]) -> list[Any]:
    """The items of a marked list."""
    return [decode(item, node) for item in value[1:]]
