"""Square brackets: reading, assigning and deleting items."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import _types as t
from ._attributes import module_thing, op
from ._schema import overloads
from ._values import (
    MARK_LIST,
    NONE,
    BoundFunction,
    ModuleThing,
    Static,
    Thing,
    TupleValue,
    Value,
    constant,
)

if TYPE_CHECKING:
    from ._compiler import Compiler


def subscript(c: Compiler, owner: Thing, key: ast.expr, node: ast.AST) -> Thing:
    """``owner[key]``."""
    if isinstance(owner, ModuleThing):
        return _of_modules(c, owner, key, node)
    if isinstance(owner, Static):
        return _of_static(c, owner, key, node)
    value = c.as_value(owner, node) if not isinstance(owner, TupleValue) else owner
    kind = t.resolved(value.type)
    if isinstance(kind, t.OptionalType):
        raise c.error(f"an item of what may be None: it is {kind}", node, "test `is not None` before, in an if")
    if t.is_tensor(kind):
        return Key(c, value, key).read(node)
    if isinstance(kind, t.TupleType):
        return _of_tuple(c, value, key, node)
    if isinstance(kind, t.ClassType):
        return _own(c, value, "__getitem__", [_key(c, key)], node)
    if isinstance(kind, t.DictType):
        return c.b.builtin("getitem", t.resolved(kind.value), value, _checked_key(c, kind, key))
    if isinstance(kind, t.ListType) or kind == t.STR:
        item = t.resolved(kind.item) if isinstance(kind, t.ListType) else t.STR
        if isinstance(key, ast.Slice):
            return c.b.builtin("slice", kind, value, *_bounds(c, key))
        return c.b.builtin("getitem", item, value, _index(c, key))
    raise c.error(f"{value.described()} has no items", node)


def _key(c: Compiler, node: ast.expr) -> Thing:
    from ._expressions import expression

    return expression(c, node)


def _own(c: Compiler, value: Value, method: str, args: list[Thing], node: ast.AST) -> Thing:
    from ._calls import call_thing

    kind = t.resolved(value.type)
    assert isinstance(kind, t.ClassType)
    if not hasattr(kind.cls, method):
        raise c.error(f"{kind.cls.__name__} has no {method}", node)
    return call_thing(c, BoundFunction(getattr(kind.cls, method), value), args, {}, node)


def _bounds(c: Compiler, key: ast.Slice) -> list[Value]:
    """Start, stop and step, None where they are left out."""
    from ._expressions import value

    bounds = []
    for part in (key.lower, key.upper, key.step):
        bound = NONE if part is None else value(c, part)
        if t.resolved(bound.type) not in (t.INT, t.BOOL, t.NONE) and part is not None:
            advice = "int(x) makes an int of a number or a tensor"
            raise c.error(f"a slice takes ints, got {bound.type}", part, advice)
        bounds.append(bound)
    return bounds


def _index(c: Compiler, node: ast.expr) -> Value:
    given = c.as_value(_key(c, node), node)
    if t.resolved(given.type) not in (t.INT, t.BOOL):
        raise c.error(
            f"the index must be an int, got {given.type}", node, "int(x) makes an int of a number or a tensor"
        )
    return given


def _checked_key(c: Compiler, kind: t.DictType, node: ast.expr) -> Value:
    given = c.as_value(_key(c, node), node)
    if t.join(kind.key, given.type) is None:
        raise c.error(f"the keys of this dict are {kind.key}, got {given.type}", node)
    return given


def _of_tuple(c: Compiler, value: Value, key: ast.expr, node: ast.AST) -> Thing:
    things = c.items(value)
    if isinstance(key, ast.Slice):
        bounds = _bounds(c, key)
        if any(not bound.is_constant for bound in bounds):
            raise c.error("the bounds of a slice of a tuple are constants", key, "list(x) makes a list of a tuple")
        return TupleValue(things[slice(*(bound.arg for bound in bounds))])
    place = _index(c, key)
    if place.is_constant:
        if not -len(things) <= place.arg < len(things):
            raise c.error(f"tuple index {place.arg} of {len(things)} items", key)
        return things[int(place.arg)]
    kind: t.Type | None = t.NEVER
    for thing in things:
        kind = None if kind is None else t.join(kind, c.as_value(thing, node).type)
    if kind is None or not things:
        raise c.error("the items of this tuple differ in type; its index must be a constant", key)
    return c.b.builtin("getitem", kind, value, place)


def _of_modules(c: Compiler, owner: ModuleThing, key: ast.expr, node: ast.AST) -> Thing:
    """An item of a ModuleList, ModuleDict or Sequential."""
    if isinstance(key, ast.Slice):
        bounds = _bounds(c, key)
        children = list(owner.value)
        if any(not bound.is_constant for bound in bounds):
            raise c.error("the bounds of a slice of modules are constants", key)
        chosen = range(len(children))[slice(*(bound.arg for bound in bounds))]
        return TupleValue([module_thing(c, children[k], f"{owner.path}{k}.") for k in chosen])
    place = c.as_value(_key(c, key), key)
    if not place.is_constant:
        raise c.error("modules are indexed with constants", key, "loop over them: the loop is unrolled")
    try:
        child = owner.value[place.arg]
    except (IndexError, KeyError):
        raise c.error(f"{owner.described()} has no item {place.arg!r}", key) from None
    name = place.arg % len(owner.value) if isinstance(place.arg, int) else place.arg
    return module_thing(c, child, f"{owner.path}{name}.")


def _of_static(c: Compiler, owner: Static, key: ast.expr, node: ast.AST) -> Thing:
    if isinstance(owner.value, dict):
        place = c.as_value(_key(c, key), key)
        if not place.is_constant or place.arg not in owner.value:
            raise c.error("a dict from outside of the script is read with constant keys that it has", key)
        return c.lift(owner.value[place.arg])
    try:
        return Static(c.frame.source.annotation(node))  # type: ignore[arg-type]
    except Exception:  # whatever indexing the object raises
        raise c.error(f"{owner.described()} has no items", node) from None


# ---- assignment -------------------------------------------------------------------------------------------------


def subscript_assign(c: Compiler, owner: Thing, key: ast.expr, thing: Thing, node: ast.AST) -> None:
    """``owner[key] = thing``."""
    holder = c.as_value(owner, node)
    kind = t.resolved(holder.type)
    if isinstance(kind, t.ClassType):
        _own(c, holder, "__setitem__", [_key(c, key), thing], node)
        return
    given = c.as_value(thing, node)
    if t.is_tensor(kind):
        Key(c, holder, key).write(given, node)
    elif isinstance(kind, t.DictType):
        place = _checked_key(c, kind, key)
        if t.join(kind.value, given.type) is None:
            raise c.error(f"the values of this dict are {kind.value}, got {given.type}", node)
        c.b.effect("setitem", t.NONE, holder, place, given)
    elif isinstance(kind, t.ListType) and not kind.frozen:
        if isinstance(key, ast.Slice):
            raise c.error("a slice of a list cannot be assigned", node, "assign the items in a loop")
        from ._methods import put_into

        put_into(c, holder, given, node)
        c.b.effect("setitem", t.NONE, holder, _index(c, key), given)
    else:
        raise c.error(f"items of {holder.described()} cannot be assigned", node)


def delete_subscript(c: Compiler, holder: Value, key: ast.expr, node: ast.AST) -> None:
    """``del holder[key]``."""
    kind = t.resolved(holder.type)
    if isinstance(kind, t.DictType):
        c.b.effect("delitem", t.NONE, holder, _checked_key(c, kind, key))
    elif isinstance(kind, t.ListType) and not kind.frozen and not isinstance(key, ast.Slice):
        c.b.effect("delitem", t.NONE, holder, _index(c, key))
    else:
        raise c.error("only items of lists and dicts can be deleted", node)


# ---- tensors ----------------------------------------------------------------------------------------------------


@dataclass
class Key:
    """What ``x[key]`` means: views item by item from the left, then one pick of elements."""

    c: Compiler
    view: Value
    key: ast.expr
    dim: int = 0  # of the view; negative behind an ellipsis
    after_ellipsis: bool = False
    picked: list[object] = field(default_factory=list)
    masked: bool = False  # a mask, or what may be one, stands before
    changed: bool = False

    def __post_init__(self) -> None:
        items = list(self.key.elts) if isinstance(self.key, ast.Tuple) else [self.key]
        things = [(item, self._thing(item)) for item in items]
        dots = [k for k, (_, thing) in enumerate(things) if _is_dots(thing)]
        if len(dots) > 1:
            raise self.c.error("an index can have only one ellipsis ('...')", self.key)
        for k, (item, thing) in enumerate(things):
            if dots and k == dots[0]:
                self._skip(things[k + 1 :])
            else:
                self._apply(item, thing)

    def _thing(self, item: ast.expr) -> Thing:
        if isinstance(item, ast.Slice):
            return Static(item)
        thing = _key(self.c, item)
        if isinstance(thing, Static) and isinstance(thing.value, slice):
            raise self.c.error("a slice object", item, "write the slice in the square brackets")
        return thing

    def _skip(self, rest: list[tuple[ast.expr, Thing]]) -> None:
        """From here on dimensions count from the last."""
        used = sum(0 if isinstance(thing, Value) and thing.type == t.NONE else 1 for _, thing in rest)
        for item, thing in rest:
            if not _is_plain(thing):
                raise self.c.error(
                    "a tensor as an index behind an ellipsis", item, "write `:` for each dimension instead"
                )
        if self.picked and any(entry is not None for entry in self.picked) and used:
            raise self.c.error("indices behind a tensor and an ellipsis", self.key, "index in two steps")
        self.dim, self.after_ellipsis = -used, True

    def _apply(self, item: ast.expr, thing: Thing) -> None:
        if isinstance(thing, Static) and isinstance(thing.value, ast.Slice):
            return self._slice(thing.value)
        if isinstance(thing, Value) and t.resolved(thing.type) == t.NONE:
            return self._unsqueeze()
        if isinstance(thing, Value) and t.resolved(thing.type) == t.INT:
            return self._select(thing, item)
        if isinstance(thing, Value):
            return self._pick(self._tensor(thing, item), item)
        raise self.c.error(f"{thing.described()} is no index", item)

    def _check_unmasked(self, item: ast.AST) -> None:
        if self.masked:
            raise self.c.error(
                "an index behind a tensor that may be a mask",
                item,
                "index in two steps; masks that are made by a comparison in the script are known as such",
            )

    def _set(self, view: Thing) -> None:
        assert isinstance(view, Value)
        self.view, self.changed = view, True

    def _keep(self) -> None:
        self.picked.append(None)
        self.dim += 1

    def _select(self, index: Value, item: ast.AST) -> None:
        self._check_unmasked(item)
        self._set(op(self.c, "select", [self.view, constant(self.dim), index], item))
        if self.after_ellipsis:
            self.dim += 1

    def _unsqueeze(self) -> None:
        self._check_unmasked(self.key)
        dim = self.dim - 1 if self.after_ellipsis else self.dim
        self._set(op(self.c, "unsqueeze", [self.view, constant(dim)], self.key))
        if not self.after_ellipsis:
            self._keep()

    def _slice(self, item: ast.Slice) -> None:
        if any(part is not None for part in (item.lower, item.upper, item.step)):
            self._check_unmasked(item)
            self._cut(item, *_bounds(self.c, item))
        self._keep()

    def _cut(self, item: ast.Slice, start: Value, stop: Value, step: Value) -> None:
        if step.is_constant and step.arg is not None and step.arg < 0:
            self._reversed(start, stop, step, item)
        elif not all(bound.is_constant and bound.arg is None for bound in (start, stop, step)):
            step = constant(1) if step.is_constant and step.arg is None else step
            self._set(op(self.c, "slice", [self.view, constant(self.dim), start, stop, step], item))

    def _reversed(self, start: Value, stop: Value, step: Value, item: ast.AST) -> None:
        if start.arg is not None or stop.arg is not None or step.arg != -1:
            raise self.c.error("a slice of a tensor with a negative step", item, "slice first, then flip the dimension")
        self._set(op(self.c, "flip", [self.view, TupleValue([constant(self.dim)])], item))

    def _tensor(self, thing: Value, item: ast.AST) -> Value:
        kind = t.resolved(thing.type)
        if t.is_tensor(kind):
            return thing
        if kind == t.BOOL or isinstance(kind, (t.ListType, t.TupleType)):
            if kind == t.BOOL:
                raise self.c.error("a bool as an index", item, "use unsqueeze")
            return self.c.b.builtin("tensor", t.TENSOR, thing)
        raise self.c.error(f"{thing.type} is no index of a tensor", item)

    def _pick(self, index: Value, item: ast.AST) -> None:
        self.picked.append(index.arg)
        kind = t.resolved(index.type)
        self.masked |= kind == t.MASK or not self._counts_one(item)
        self.dim += 1

    def _counts_one(self, item: ast.AST) -> bool:
        """Whether what stands there is surely no mask: a list, or what makes integers."""
        return isinstance(item, (ast.List, ast.Tuple)) or (
            isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.func.attr in _INTEGERS
        )

    # ---- use ----

    @property
    def _picks(self) -> bool:
        return any(entry is not None for entry in self.picked)

    def _indices(self) -> Value:
        while self.picked and self.picked[-1] is None:
            self.picked.pop()
        return Value(t.ListType(t.OptionalType(t.TENSOR), frozen=True), [MARK_LIST, *self.picked])

    def read(self, node: ast.AST) -> Thing:
        """The value of ``x[key]``."""
        if self._picks:
            return self.c.b.node("tw::index", [self.view.arg, self._indices().arg], t.TENSOR)
        return self.view if self.changed else op(self.c, "alias", [self.view], node)

    def write(self, given: Value, node: ast.AST) -> None:
        """``x[key] = given``."""
        tensor = t.is_tensor(given.type)
        if not tensor and not t.is_scalar(given.type):
            given, tensor = self.c.b.builtin("tensor", t.TENSOR, given), True
        if not self._picks:
            name = "copy_" if tensor else "fill_"
            from ._ops import call_overloads

            call_overloads(self.c, name, overloads(name, True), [self.view, given], {}, node)
            return
        if not tensor:
            given = self.c.b.builtin("tensor", t.TENSOR, given)
        dtype = self.c.b.builtin("dtype", t.DTYPE, self.view)
        source = self.c.b.node("tw::to.dtype", [given.arg, dtype.arg], t.TENSOR)
        args = [self.view.arg, self._indices().arg, source.arg]
        self.c.b.node("tw::index_put", args, t.TENSOR, keywords=["into", self.view.arg])


_INTEGERS = frozenset(["argmax", "argmin", "argsort", "topk", "long", "nonzero", "randperm", "arange"])


def _is_dots(thing: Thing) -> bool:
    return isinstance(thing, Static) and thing.value is Ellipsis


def _is_plain(thing: Thing) -> bool:
    """An int, a slice or None: what becomes a view."""
    if isinstance(thing, Static):
        return isinstance(thing.value, ast.Slice)
    return isinstance(thing, Value) and t.resolved(thing.type) in (t.INT, t.NONE)
