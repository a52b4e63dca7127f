"""Instances of classes whose source is compiled: lists of their attributes."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from . import _types as t
from ._annotations import class_type, from_annotation
from ._calls import call_function
from ._source import NoSourceError, source_of
from ._values import MARK_LIST, Thing, Value

if TYPE_CHECKING:
    from ._compiler import Compiler


def compile_class(cls: type) -> type:
    """Mark a class, and find out what attributes its instances have."""
    cls.__tensorwright_script__ = True  # type: ignore[attr-defined]
    kind = class_type(cls)
    names = _attribute_names(cls)
    hints = {n: a for base in reversed(cls.__mro__) for n, a in inspect.get_annotations(base).items()}
    for name in names:
        kind.attributes[name] = _declared(cls, hints.get(name))
    return cls


def _declared(cls: type, annotation: Any) -> t.Type:
    if isinstance(annotation, str):
        module = inspect.getmodule(cls)
        try:
            annotation = eval(annotation, vars(module) if module else {}, {cls.__name__: cls})
        except Exception:  # a name that exists only while types are checked: the first assignment says the type
            return t.Unknown()
    found = from_annotation(annotation) if annotation is not None else None
    return found if found is not None else t.Unknown()


def _attribute_names(cls: type) -> list[str]:
    """What ``__init__`` assigns to self, in order; the fields of a dataclass."""
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        init = vars(base).get("__init__")
        if inspect.isfunction(init):
            tree = source_of(init).tree
            names |= dict.fromkeys(_stored(tree, tree.args.args[0].arg))
    return list(names)


def _stored(tree: ast.AST, own: str) -> list[str]:
    """The attributes of the object `own` that are assigned, in order."""
    stores = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
    stores.sort(key=lambda n: (n.lineno, n.col_offset))
    return [n.attr for n in stores if isinstance(n.value, ast.Name) and n.value.id == own]


def make_instance(c: Compiler, cls: Any, args: list[Thing], kwargs: dict[str, Thing], node: ast.AST) -> Thing:
    """``cls(...)``."""
    kind = class_type(cls)
    empty = [MARK_LIST, *([None] * len(kind.attributes))]
    instance = c.b.node("builtin", [empty], kind, target="list")
    if dataclasses.is_dataclass(cls):
        _fill_fields(c, cls, instance, args, kwargs, node)
    elif "__init__" in vars(cls) or cls.__init__ is not object.__init__:
        try:
            call_function(c, cls.__init__, [instance, *args], kwargs, node)
        except NoSourceError as error:
            raise c.error(str(error), node) from None
    return instance


def _fill_fields(
    c: Compiler, cls: Any, instance: Value, args: list[Thing], kwargs: dict[str, Thing], node: ast.AST
) -> None:
    from ._attributes import set_attribute

    fields = dataclasses.fields(cls)
    bound = {**dict(zip((f.name for f in fields), args, strict=False)), **kwargs}
    for field in fields:
        if field.name in bound:
            thing = bound[field.name]
        elif field.default is not dataclasses.MISSING:
            thing = c.lift(field.default)
        elif field.default_factory is list:
            thing = c.b.builtin("list", t.ListType(t.Unknown()))
        else:
            raise c.error(f"{cls.__name__}() is missing '{field.name}'", node)
        set_attribute(c, instance, field.name, thing, node)
    if hasattr(cls, "__post_init__"):
        call_function(c, cls.__post_init__, [instance], {}, node)
