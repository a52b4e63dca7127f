"""Types from annotations."""

from __future__ import annotations

import ast
import collections.abc
import types
import typing
from typing import TYPE_CHECKING, Any

from tensorwright import Size, Tensor, device, dtype

from . import _types as t

if TYPE_CHECKING:
    from ._source import Source

_PLAIN: dict[Any, t.Type] = {
    int: t.INT,
    float: t.FLOAT,
    bool: t.BOOL,
    complex: t.COMPLEX,
    str: t.STR,
    None: t.NONE,
    type(None): t.NONE,
    Tensor: t.TENSOR,
    dtype: t.DTYPE,
    device: t.DEVICE,
    Size: t.ListType(t.INT, frozen=True),
}
_classes: dict[type, t.ClassType] = {}


def class_type(cls: type) -> t.ClassType:
    """The one type of a compiled class."""
    if cls not in _classes:
        _classes[cls] = t.ClassType(cls, {})
    return _classes[cls]


def is_compiled_class(cls: Any) -> bool:
    return isinstance(cls, type) and cls.__dict__.get("__tensorwright_script__", False)


def from_annotation(annotation: Any) -> t.Type | None:
    """The type that an annotation means, or None if scripts have no such type."""
    if isinstance(annotation, typing.Hashable) and annotation in _PLAIN:
        return _PLAIN[annotation]
    if is_compiled_class(annotation):
        return class_type(annotation)
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        return named_tuple(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Tensor):
        return t.TENSOR
    return _generic(typing.get_origin(annotation), typing.get_args(annotation))


def declared_type(source: Source, node: ast.expr | None) -> t.Type | None:
    """The type that an annotation of a function's source means, or None if scripts have no such type.

    An annotation that cannot be evaluated is for other readers: names that exist only while types are checked.
    """
    if node is None:
        return None
    try:
        return from_annotation(source.annotation(node))
    except Exception:  # whatever evaluating it raises
        return None


def named_tuple(cls: Any) -> t.TupleType | None:
    """The type of a NamedTuple; fields without annotation are tensors."""
    hints = typing.get_type_hints(cls)
    items = [from_annotation(hints.get(name, Tensor)) for name in cls._fields]
    if any(item is None for item in items):
        return None
    return t.TupleType(tuple(i for i in items if i is not None), cls._fields, cls)


def _generic(origin: Any, args: tuple[Any, ...]) -> t.Type | None:
    if origin in (typing.Union, types.UnionType):
        return _union([from_annotation(arg) for arg in args])
    if origin is typing.Literal:
        return _union([t.of_constant(arg) for arg in args])
    if origin is tuple and args and args[-1] is Ellipsis:
        item = from_annotation(args[0])
        return None if item is None else t.ListType(item, frozen=True)
    parts = [from_annotation(arg) for arg in args]
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or origin is None:
        return None
    if origin is collections.abc.Sequence:
        return t.ListType(known[0], frozen=True)
    if origin is list:
        return t.ListType(known[0])
    if origin is dict:
        return t.DictType(known[0], known[1])
    if origin is tuple:
        return t.TupleType(tuple(known))
    return known[0] if origin in (typing.Final, typing.ClassVar) else None


def _union(parts: list[t.Type | None]) -> t.Type | None:
    if any(part is not None and t.is_tensor(part) for part in parts):  # numbers that stand for tensors are left out
        parts = [part for part in parts if part not in t.SCALARS]
    joined: t.Type | None = t.NEVER
    for part in parts:
        if part is None or joined is None:
            return None
        joined = t.join(joined, part)
    return joined
