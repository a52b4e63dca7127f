"""Methods of values: of tensors as ops, of lists, dicts, tuples and strings as builtins."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING

from tensorwright import Tensor

from . import _types as t
from ._iterate import listed
from ._ops import call_overloads
from ._schema import overloads
from ._values import BoundFunction, Thing, TupleValue, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler

Args = list[Thing]
Kwargs = dict[str, Thing]


def call_method(c: Compiler, receiver: Value, name: str, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """``receiver.name(...)``."""
    kind = t.resolved(receiver.type)
    if t.is_tensor(kind):
        return tensor_method(c, receiver, name, args, kwargs, node)
    if isinstance(kind, t.ListType) and not kind.frozen:
        return _list_method(c, receiver, kind, name, args, kwargs, node)
    if isinstance(kind, t.DictType):
        return _dict_method(c, receiver, kind, name, args, kwargs, node)
    if isinstance(kind, (t.TupleType, t.ListType)):
        return _tuple_method(c, receiver, name, args, node)
    if kind == t.STR:
        return _str_method(c, receiver, name, args, kwargs, node)
    if name == "conjugate" and kind in t.SCALARS:
        return c.b.builtin("conjugate", kind, receiver)
    if name == "is_integer" and kind == t.FLOAT:
        return c.b.builtin("eq", t.BOOL, c.b.builtin("mod", t.FLOAT, receiver, constant(1.0)), constant(0.0))
    if isinstance(kind, t.OptionalType):
        raise c.error(f"method '{name}' of what may be None: it is {kind}", node, "test `is not None` before, in an if")
    raise c.error(f"{kind} has no method '{name}' in scripts", node)


# ---- tensors ----------------------------------------------------------------------------------------------------


def _size(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    if args:
        return c.b.builtin("size", t.INT, x, c.as_value(args[0], node))
    return c.b.builtin("size", t.ListType(t.INT, frozen=True), x)


def _dim(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    return c.b.builtin("ndim", t.INT, x)


def _numel(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    return c.b.builtin("numel", t.INT, x)


def _item(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    return c.b.builtin("item", t.BOOL if t.resolved(x.type) == t.MASK else t.NUMBER, x)


def _floating(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    return c.b.builtin("is_floating_point", t.BOOL, x)


def _complex(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    return c.b.builtin("is_complex", t.BOOL, x)


def _tolist(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    raise c.error(
        "tolist() has no type: how deep its lists are, only a run knows", node, "loop over the tensor, with item()"
    )


def _type(c: Compiler, x: Value, args: Args, node: ast.AST) -> Thing:
    return call_overloads(c, "to", overloads("to", True), [x, *args], {}, node)


_TENSOR: dict[str, Callable[[Compiler, Value, Args, ast.AST], Thing]] = {
    "size": _size,
    "dim": _dim,
    "ndimension": _dim,
    "numel": _numel,
    "nelement": _numel,
    "item": _item,
    "is_floating_point": _floating,
    "is_complex": _complex,
    "tolist": _tolist,
    "type": _type,
}


def tensor_method(c: Compiler, receiver: Value, name: str, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """A method of a tensor."""
    special = _TENSOR.get(name)
    if special is not None:
        return special(c, receiver, [*args, *kwargs.values()], node)
    found = overloads(name, True)
    if found:
        return call_overloads(c, name, found, [receiver, *args], kwargs, node)
    function = getattr(Tensor, name, None)
    if isinstance(function, FunctionType):
        from ._calls import call_thing

        return call_thing(c, BoundFunction(function, receiver), args, kwargs, node)
    if name in ("requires_grad_", "backward", "register_hook", "retain_grad"):
        raise c.error(f"Tensor.{name} in a script", node, "a graph knows no autograd; call it outside of the script")
    raise c.error(f"Tensor.{name} cannot be compiled", node)


# ---- lists ------------------------------------------------------------------------------------------------------


def put_into(c: Compiler, holder: Value, item: Value, node: ast.AST) -> None:
    """Check, or find out, that a list holds items of that type."""
    kind = t.resolved(holder.type)
    assert isinstance(kind, t.ListType)
    inner = t.resolved(kind.item)
    if isinstance(inner, t.Unknown):
        inner.bound = item.type
    elif not t.accepts(inner, item.type) and inner != t.NUMBER:
        raise c.error(
            f"the list holds {inner}, got {item.type}", node, "keep one type in a list, or declare `x: list[...] = []`"
        )


def extend_list(c: Compiler, holder: Value, more: Thing, node: ast.AST) -> None:
    """``holder.extend(more)``."""
    items = more if isinstance(more, Value) and not isinstance(more, TupleValue) else listed(c, more, node)
    kind = t.resolved(items.type)
    if isinstance(kind, t.ListType) and not isinstance(t.resolved(kind.item), t.Unknown):
        put_into(c, holder, Value(t.resolved(kind.item), items.arg), node)
    elif not isinstance(kind, (t.ListType, t.DictType)) and kind != t.STR:
        items = listed(c, more, node)
    c.b.effect("extend", t.NONE, holder, items)


def _values(c: Compiler, args: Args, node: ast.AST) -> list[Value]:
    return [c.as_value(arg, node) for arg in args]


def _count(c: Compiler, name: str, args: Args, least: int, most: int, node: ast.AST) -> None:
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise c.error(f"{name}() takes {wanted} arguments, got {len(args)}", node)


def _list_method(
    c: Compiler, x: Value, kind: t.ListType, name: str, args: Args, kwargs: Kwargs, node: ast.AST
) -> Thing:
    item = t.resolved(kind.item)
    counts = {"append": 1, "extend": 1, "insert": 2, "remove": 1, "index": 1, "count": 1}
    if name in counts:
        _count(c, name, args, counts[name], counts[name], node)
    match name:
        case "append" | "insert":
            values = _values(c, args, node)
            put_into(c, x, values[-1], node)
            return c.b.effect(name, t.NONE, x, *values)
        case "extend":
            extend_list(c, x, args[0], node)
            return constant(None)
        case "pop":
            _count(c, name, args, 0, 1, node)
            return c.b.effect("pop", item, x, *_values(c, args, node))
        case "remove" | "index" | "count":
            if t.is_tensor(item):
                raise c.error(f"{name}() compares tensors", node, "loop over the list with an index")
            builder = c.b.effect if name == "remove" else c.b.builtin
            return builder(name, t.NONE if name == "remove" else t.INT, x, *_values(c, args, node))
        case "clear" | "reverse":
            return c.b.effect(name, t.NONE, x)
        case "sort":
            descending = c.as_value(kwargs.pop("reverse", constant(False)), node)
            _no_more(c, name, args, kwargs, node)
            return c.b.effect("sort", t.NONE, x, descending)
        case "copy":
            return c.b.builtin("copy", kind, x)
    raise c.error(f"list has no method '{name}' in scripts", node)


def _no_more(c: Compiler, name: str, args: Args, kwargs: Kwargs, node: ast.AST) -> None:
    if args or kwargs:
        given = next(iter(kwargs), "a positional one")
        raise c.error(f"{name}() takes no argument '{given}' in a script", node)


def _tuple_method(c: Compiler, x: Value, name: str, args: Args, node: ast.AST) -> Thing:
    kind = t.resolved(x.type)
    if isinstance(kind, t.TupleType) and name == "_replace":
        raise c.error("_replace cannot be compiled", node, "make a new one with its class")
    if name in ("index", "count"):
        _count(c, name, args, 1, 1, node)
        return c.b.builtin(name, t.INT, x, *_values(c, args, node))
    if name == "numel":  # of a shape
        return product(c, x)
    raise c.error(f"tuple has no method '{name}' in scripts", node)


def product(c: Compiler, sizes: Value) -> Value:
    """The product of a list of ints."""
    count = c.b.builtin("len", t.INT, sizes)
    loop = c.b.node("for", [count.arg, 1], t.TupleType((t.INT,)))

    def body() -> None:
        place = c.b.node("placeholder", [], t.INT, target="turn", label="turn")
        so_far = c.b.node("placeholder", [], t.INT, target="product", label="product")
        size = c.b.builtin("getitem", t.INT, sizes, place)
        c.b.node("yield", [c.b.builtin("mul", t.INT, so_far, size).arg])

    c.way(c.b.add_region(loop), body)
    return c.b.node("tuple.get", [loop.arg, 0], t.INT)


# ---- dicts ------------------------------------------------------------------------------------------------------


def _dict_method(
    c: Compiler, x: Value, kind: t.DictType, name: str, args: Args, kwargs: Kwargs, node: ast.AST
) -> Thing:
    values = _values(c, args, node)
    key, item = t.resolved(kind.key), t.resolved(kind.value)
    if name in ("get", "pop", "setdefault") and values and t.join(key, values[0].type) is None:
        raise c.error(f"the keys of this dict are {key}, got {values[0].type}", node)
    match name:
        case "keys":
            return c.b.builtin("keys", t.ListType(key, frozen=True), x)
        case "values":
            return c.b.builtin("values", t.ListType(item, frozen=True), x)
        case "items":
            return c.b.builtin("items", t.ListType(t.TupleType((key, item)), frozen=True), x)
        case "get":
            _count(c, name, args, 1, 2, node)
            found = t.join(item, values[1].type if len(values) > 1 else t.NONE)
            if found is None:
                raise c.error(f"get() gives {item} or {values[1].type}", node)
            return c.b.builtin("get", found, x, *values)
        case "pop":
            _count(c, name, args, 1, 2, node)
            return c.b.effect("pop", item, x, *values)
        case "setdefault":
            _count(c, name, args, 2, 2, node)
            t.join(item, values[1].type)
            return c.b.effect("setdefault", t.resolved(item), x, *values)
        case "update":
            _count(c, name, args, 1, 1, node)
            if t.join(kind, values[0].type) is None:
                raise c.error(f"update() takes {kind}, got {values[0].type}", node)
            return c.b.effect("update", t.NONE, x, *values)
        case "clear":
            return c.b.effect("clear", t.NONE, x)
        case "copy":
            return c.b.builtin("copy", kind, x)
    raise c.error(f"dict has no method '{name}' in scripts", node)


# ---- strings ----------------------------------------------------------------------------------------------------

_STR: dict[str, tuple[t.Type, int, int]] = {
    "upper": (t.STR, 0, 0),
    "lower": (t.STR, 0, 0),
    "isdigit": (t.BOOL, 0, 0),
    "isalpha": (t.BOOL, 0, 0),
    "isalnum": (t.BOOL, 0, 0),
    "isspace": (t.BOOL, 0, 0),
    "strip": (t.STR, 0, 1),
    "lstrip": (t.STR, 0, 1),
    "rstrip": (t.STR, 0, 1),
    "split": (t.ListType(t.STR), 0, 1),
    "replace": (t.STR, 2, 2),
    "find": (t.INT, 1, 1),
    "startswith": (t.BOOL, 1, 1),
    "endswith": (t.BOOL, 1, 1),
}


def _str_method(c: Compiler, x: Value, name: str, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if kwargs:
        _no_more(c, name, [], kwargs, node)
    known = [a.arg for a in (x, *args) if isinstance(a, Value) and a.is_constant]
    if len(known) == 1 + len(args) and name in ("lower", "upper", "strip", "replace", "startswith", "endswith"):
        return constant(getattr(known[0], name)(*known[1:]))
    if name == "join":
        _count(c, name, args, 1, 1, node)
        return c.b.builtin("str.join", t.STR, x, listed(c, args[0], node))
    if name == "count":
        _count(c, name, args, 1, 1, node)
        return c.b.builtin("count", t.INT, x, *_values(c, args, node))
    if name == "format":
        raise c.error("str.format cannot be compiled", node, "use an f-string")
    if name not in _STR:
        raise c.error(f"str has no method '{name}' in scripts", node)
    kind, least, most = _STR[name]
    _count(c, name, args, least, most, node)
    return c.b.builtin(f"str.{name}", kind, x, *_values(c, args, node))
