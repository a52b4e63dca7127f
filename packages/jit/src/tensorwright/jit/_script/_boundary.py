"""Values between Python and a run of the graph: a dict crosses as a list in which keys and values alternate."""

from __future__ import annotations

from typing import Any

from tensorwright import Tensor, device, dtype

from . import _types as t

_CLASSES: dict[t.Type, tuple[type, ...]] = {
    t.INT: (int,),
    t.FLOAT: (float, int),
    t.BOOL: (bool,),
    t.COMPLEX: (complex, float, int),
    t.NUMBER: (int, float, complex),
    t.STR: (str,),
    t.DTYPE: (dtype,),
    t.DEVICE: (device,),
}


def to_graph(kind: t.Type, value: Any, what: str) -> Any:
    """A value of Python as a run takes it.

    Raises:
        TypeError: names what it is, the type that is declared, and what came.
    """
    kind = t.resolved(kind)
    match kind:
        case t.TensorType() if isinstance(value, Tensor):
            return value
        case t.OptionalType(item=item):
            return None if value is None else to_graph(item, value, what)
        case t.ListType(item=item) if isinstance(value, (list, tuple)):
            return [to_graph(item, part, f"{what}[{k}]") for k, part in enumerate(value)]
        case t.TupleType(items=items) if isinstance(value, (tuple, list)) and len(value) == len(items):
            pairs = zip(items, value, strict=True)
            return [to_graph(part, inner, f"{what}[{k}]") for k, (part, inner) in enumerate(pairs)]
        case t.DictType() if isinstance(value, dict):
            flat = []
            for key, item in value.items():
                flat += [to_graph(kind.key, key, f"a key of {what}"), to_graph(kind.value, item, f"{what}[{key!r}]")]
            return flat
    if kind == t.NONE and value is None:
        return None
    if kind in _CLASSES and isinstance(value, _CLASSES[kind]):
        return value
    raise TypeError(f"{what} must be {kind}, got {type(value).__name__}")


def from_graph(kind: t.Type, value: Any) -> Any:
    """What a run gives, as Python knows the type."""
    kind = t.resolved(kind)
    if value is None:
        return None
    match kind:
        case t.OptionalType(item=item):
            return from_graph(item, value)
        case t.ListType(item=item, frozen=frozen):
            items = [from_graph(item, part) for part in value]
            return tuple(items) if frozen else items
        case t.DictType():
            keys = [from_graph(kind.key, key) for key in value[::2]]
            return dict(zip(keys, (from_graph(kind.value, item) for item in value[1::2]), strict=True))
        case t.TupleType(items=items, cls=cls):
            parts = [from_graph(item, part) for item, part in zip(items, value, strict=True)]
            return tuple(parts) if cls is None else cls(*parts)
    return value


def crosses(kind: t.Type) -> bool:
    """Whether Python can hand over, and get back, a value of the type."""
    kind = t.resolved(kind)
    match kind:
        case t.ClassType():
            return False
        case t.ListType(item=item) | t.OptionalType(item=item):
            return crosses(item)
        case t.TupleType(items=items):
            return all(crosses(item) for item in items)
        case t.DictType():
            return crosses(kind.key) and crosses(kind.value)
    return True
