"""Functions of Python and of tensorwright that scripts know by themselves."""

from __future__ import annotations

import ast
import inspect
import math
import typing
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorwright as tw

from .._trace import is_tracing
from . import _decorators
from . import _types as t
from ._annotations import from_annotation
from ._arguments import Args, Function, Kwargs, given, take
from ._attributes import attribute, op
from ._calls import call_thing, isinstance_of
from ._conditions import truth
from ._iterate import (
    enumerate_of,
    iteration_of,
    listed,
    range_of,
    reversed_of,
    zip_of,
)
from ._methods import product
from ._operators import binary
from ._tensor_functions import TENSOR_FUNCTIONS
from ._values import MARK_LIST, ModuleThing, Static, Super, Thing, TupleValue, Value, constant
from ._with import is_grad_enabled

if TYPE_CHECKING:
    from ._compiler import Compiler


# ---- numbers ----------------------------------------------------------------------------------------------------


def _number(name: str, kind: t.Type) -> Function:
    def convert(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        (thing,) = take(c, name, args, kwargs, "x", node)
        if not given(thing):
            return constant(0 if kind == t.INT else 0.0)
        value = c.as_value(thing, node)
        if t.is_tensor(value.type):
            value = c.b.builtin("item", t.NUMBER, value)
        source = t.resolved(value.type)
        if (source not in t.SCALARS and source != t.STR) or source == t.COMPLEX:
            raise c.error(f"{name}() of {value.type}", node)
        return value if source == kind else c.b.builtin(name, kind, value)

    return convert


def _complex(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    values = [c.as_value(a, node) for a in take(c, "complex", args, kwargs, "real imag", node, 1) if given(a)]
    values = [c.b.builtin("item", t.NUMBER, v) if t.is_tensor(v.type) else v for v in values]
    return c.b.builtin("complex", t.COMPLEX, *values)


def _bool(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    (thing,) = take(c, "bool", args, kwargs, "x", node)
    return truth(c, thing, node)


def _abs(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    (thing,) = take(c, "abs", args, kwargs, "x", node, 1)
    value = c.as_value(thing, node)
    if t.is_tensor(value.type):
        return op(c, "abs", [value], node)
    kind = t.resolved(value.type)
    if kind not in t.SCALARS:
        raise c.error(f"abs() of {value.type}", node)
    return c.b.builtin("abs", {t.BOOL: t.INT, t.COMPLEX: t.FLOAT}.get(kind, kind), value)


def _round(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    number, digits = take(c, "round", args, kwargs, "number ndigits", node, 1)
    value = c.as_value(number, node)
    if t.is_tensor(value.type):
        return op(c, "round", [value], node)
    kind = t.resolved(value.type)
    if not given(digits):
        return c.b.builtin("round", t.INT, value)
    return c.b.builtin("round", t.INT if kind == t.BOOL else kind, value, c.as_value(digits, node))


def _divmod(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    a, b = take(c, "divmod", args, kwargs, "a b", node, 2)
    return TupleValue([binary(c, ast.FloorDiv, a, b, node), binary(c, ast.Mod, a, b, node)])


def _pow(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    a, b = take(c, "pow", args, kwargs, "base exp", node, 2)
    return binary(c, ast.Pow, a, b, node)


_INT_RESULTS = frozenset(["floor", "ceil", "trunc", "gcd", "factorial"])
_BOOL_RESULTS = frozenset(["isnan", "isinf", "isfinite"])
_MATH = [
    "sqrt", "exp", "exp2", "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
    "acosh", "atanh", "erf", "erfc", "fabs", "atan2", "fmod", "copysign", "pow", "log", "log2", "log10", "log1p",
    "degrees", "radians", "isnan", "isinf", "isfinite", "floor", "ceil", "trunc", "gcd", "factorial",
]  # fmt: skip


def _math(name: str) -> Function:
    kind = t.INT if name in _INT_RESULTS else t.BOOL if name in _BOOL_RESULTS else t.FLOAT

    def run(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        values = [c.as_value(a, node) for a in args]
        values = [c.b.builtin("item", t.NUMBER, v) if t.is_tensor(v.type) else v for v in values]
        for value in values:
            if t.resolved(value.type) not in t.SCALARS or t.resolved(value.type) == t.COMPLEX:
                raise c.error(f"math.{name} of {value.type}", node)
        if not 1 <= len(values) <= 2:
            raise c.error(f"math.{name} got {len(values)} arguments", node)
        return c.b.builtin(f"math.{name}", kind, *values)

    return run


# ---- sequences --------------------------------------------------------------------------------------------------


def _len(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    (thing,) = take(c, "len", args, kwargs, "x", node, 1)
    if isinstance(thing, TupleValue):
        return constant(len(thing.items))
    if isinstance(thing, (Static, ModuleThing)) and hasattr(thing.value, "__len__"):
        return constant(len(thing.value))
    value = c.as_value(thing, node)
    kind = t.resolved(value.type)
    if isinstance(kind, t.TupleType):
        return constant(len(kind.items))
    if isinstance(kind, t.ClassType):
        return call_thing(c, attribute(c, value, "__len__", node), [], {}, node)
    if t.is_tensor(kind) or isinstance(kind, (t.ListType, t.DictType)) or kind == t.STR:
        return c.b.builtin("len", t.INT, value)
    raise c.error(
        f"len() of {value.type}", node, "test `is not None` before" if isinstance(kind, t.OptionalType) else ""
    )


def _extreme(name: str) -> Function:
    def run(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        if kwargs:
            raise c.error(f"{name}() takes no '{next(iter(kwargs))}' in a script", node, "write the loop")
        values = [c.as_value(a, node) for a in args]
        if len(values) == 1:
            many = values[0] if isinstance(t.resolved(values[0].type), t.ListType) else listed(c, args[0], node)
            kind = t.resolved(many.type)
            assert isinstance(kind, t.ListType)
            _check_ordered(c, name, kind.item, node)
            return c.b.builtin(name, t.resolved(kind.item), many)
        joined: t.Type | None = t.NEVER
        for value in values:
            joined = None if joined is None else t.join(joined, value.type)
        _check_ordered(c, name, joined, node)
        assert joined is not None
        return c.b.builtin(name, joined, *values)

    return run


def _check_ordered(c: Compiler, name: str, kind: t.Type | None, node: ast.AST) -> None:
    if kind is None or t.is_tensor(kind) or isinstance(t.resolved(kind), t.OptionalType):
        raise c.error(f"{name}() of {kind or 'values of different types'}", node, f"use tw.{name}imum for tensors")


def _sum(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    items, start = take(c, "sum", args, kwargs, "iterable start", node, 1)
    total: Thing = start if given(start) else constant(0)
    iteration = iteration_of(c, items, node)
    if iteration.items is not None:
        for item in iteration.items:
            total = binary(c, ast.Add, total, item, node)
        return total
    return _summed(c, listed(c, items, node), c.as_value(total, node), node)


def _summed(c: Compiler, items: Value, total: Value, node: ast.AST) -> Value:
    """A loop of the graph that adds."""
    kind = t.resolved(items.type)
    assert isinstance(kind, t.ListType)
    item = t.resolved(kind.item)
    count = c.b.builtin("len", t.INT, items)
    first = constant(0)
    if t.is_tensor(item) and not t.is_tensor(total.type):
        some = c.b.builtin("gt", t.BOOL, count, constant(0))
        c.b.node("assert", [some.arg, "sum() of an empty list of tensors is no tensor", "ValueError"])
        begin = binary(c, ast.Add, total, c.b.builtin("getitem", item, items, constant(0)), node)
        assert isinstance(begin, Value)
        total, first = begin, constant(1)
        count = c.b.builtin("sub", t.INT, count, first)
    result = t.INT if item == t.BOOL else item
    loop = c.b.node("for", [count.arg, total.arg], t.TupleType((result,)))

    def body() -> None:
        place = c.b.node("placeholder", [], t.INT, target="turn", label="turn")
        so_far = c.b.node("placeholder", [], result, target="total", label="total")
        at = c.b.builtin("add", t.INT, place, first) if first.arg else place
        more = binary(c, ast.Add, so_far, c.b.builtin("getitem", item, items, at), node)
        c.b.node("yield", [c.as_value(more, node).arg])

    c.way(c.b.add_region(loop), body)
    return c.b.node("tuple.get", [loop.arg, 0], result)


def _any_all(name: str) -> Function:
    def run(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        (thing,) = take(c, name, args, kwargs, "iterable", node, 1)
        if isinstance(thing, TupleValue):
            tests = [truth(c, item, node) for item in thing.items]
            if all(test.is_constant for test in tests):
                return constant((any if name == "any" else all)(test.arg for test in tests))
            return c.b.node("builtin", [[MARK_LIST, *(test.arg for test in tests)]], t.BOOL, target=name)
        value = c.as_value(thing, node)
        if t.is_tensor(value.type):
            raise c.error(f"{name}() of a tensor", node, f"use x.{name}()")
        return c.b.builtin(name, t.BOOL, value)

    return run


def _sorted(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    items, descending = take(c, "sorted", args, kwargs, "iterable reverse", node, 1)
    value = listed(c, items, node)
    kind = t.resolved(value.type)
    assert isinstance(kind, t.ListType)
    _check_ordered(c, "sorted", kind.item, node)
    reverse = c.as_value(descending, node) if given(descending) else constant(False)
    return c.b.builtin("sorted", kind, value, reverse)


def _list(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if not args:
        return c.b.builtin("list", t.ListType(t.Unknown()))
    return listed(c, args[0], node)


def _tuple(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if not args:
        return TupleValue([])
    if isinstance(args[0], TupleValue):
        return TupleValue(args[0].items)
    value = listed(c, args[0], node)
    kind = t.resolved(value.type)
    assert isinstance(kind, t.ListType)
    return c.b.builtin("tuple", t.ListType(kind.item, frozen=True), value)


def _dict(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    from ._expressions import new_dict

    if not args:
        return new_dict(c, [constant(k) for k in kwargs], [c.as_value(v, node) for v in kwargs.values()], node)
    kind = t.resolved(args[0].type) if isinstance(args[0], Value) else t.NONE
    if isinstance(kind, t.DictType):
        return c.b.builtin("copy", kind, c.as_value(args[0], node))
    pairs = listed(c, args[0], node)
    pair = t.resolved(pairs.type)
    assert isinstance(pair, t.ListType)
    inner = t.resolved(pair.item)
    if not isinstance(inner, t.TupleType) or len(inner.items) != 2:
        raise c.error(f"dict() takes pairs, got {pairs.type}", node)
    return c.b.builtin("dict.of", t.DictType(inner.items[0], inner.items[1]), pairs)


def _range(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return range_of(c, args, node)


def _enumerate(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    items, start = take(c, "enumerate", args, kwargs, "iterable start", node, 1)
    first = c.as_value(start, node) if given(start) else constant(0)
    return enumerate_of(c, iteration_of(c, items, node), first)


def _zip(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if any(not (isinstance(v, Value) and v.is_constant and v.arg is False) for v in kwargs.values()):
        raise c.error("zip(strict=True) cannot be compiled", node, "assert that the lengths are equal")
    return zip_of(c, [iteration_of(c, arg, node) for arg in args], node)


def _reversed(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return reversed_of(c, iteration_of(c, args[0], node))


def _map(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    raise c.error("map() and filter() cannot be compiled", node, "write a comprehension: [f(x) for x in xs]")


# ---- text -------------------------------------------------------------------------------------------------------


def _text(name: str) -> Function:
    def run(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        thing = args[0] if args else constant("")
        if isinstance(thing, Static):
            return constant(str(thing.value))
        value = c.as_value(thing, node)
        return value if name == "str" and value.type == t.STR else c.b.builtin(name, t.STR, value)

    return run


def _print(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    separator, end = kwargs.pop("sep", constant(" ")), kwargs.pop("end", constant("\n"))
    kwargs.pop("flush", None)
    if kwargs:
        raise c.error(f"print() takes no '{next(iter(kwargs))}' in a script", node)
    parts = [c.as_value(_text("str")(c, [arg], {}, node), node) for arg in args]
    listed_parts = [MARK_LIST, *(part.arg for part in parts)]
    line = c.b.node("builtin", [c.as_value(separator, node).arg, listed_parts], t.STR, target="str.join")
    return c.b.effect("print", t.NONE, c.b.builtin("add", t.STR, line, c.as_value(end, node)))


def _ord_chr(name: str, wanted: t.Type, kind: t.Type) -> Function:
    def run(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        value = c.as_value(args[0], node)
        if t.resolved(value.type) != wanted:
            raise c.error(f"{name}() of {value.type}", node)
        return c.b.builtin(name, kind, value)

    return run


def _warn(c: Compiler, node: ast.Call) -> Thing:
    """Scripts do not warn."""
    return constant(None)


# ---- objects ----------------------------------------------------------------------------------------------------


def _isinstance(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return isinstance_of(c, args[0], args[1], node)


def _hasattr(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    owner, name = args[0], c.as_value(args[1], node)
    if not name.is_constant:
        raise c.error("hasattr() takes a constant name", node)
    if isinstance(owner, Static):
        return constant(hasattr(owner.value, name.arg))
    kind = t.resolved(c.as_value(owner, node).type)
    if isinstance(kind, t.ClassType):
        return constant(name.arg in kind.attributes or hasattr(kind.cls, name.arg))
    return constant(hasattr(tw.Tensor, name.arg) if t.is_tensor(kind) else False)


def _getattr(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    name = c.as_value(args[1], node)
    if not name.is_constant:
        raise c.error("getattr() takes a constant name", node)
    if len(args) > 2 and not c.as_value(_hasattr(c, args[:2], {}, node), node).arg:
        return args[2]
    return attribute(c, args[0], name.arg, node)


def _type(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if isinstance(args[0], Static):
        return Static(type(args[0].value))
    kind = t.resolved(c.as_value(args[0], node).type)
    if isinstance(kind, t.ClassType):
        return Static(kind.cls)
    raise c.error("type() of a value cannot be compiled", node, "use isinstance")


def _second(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """``cast(T, value)`` and ``annotate(T, value)``: types an empty list."""
    kind = from_annotation(args[0].value) if isinstance(args[0], Static) else None
    if kind is not None and isinstance(args[1], Value) and not t.accepts(kind, args[1].type):
        raise c.error(f"the value is {args[1].type}, but declared {kind}", node)
    if kind is not None and isinstance(args[1], Value) and args[1].type == t.NONE:
        return Value(kind, None)
    return args[1]


def _super(c: Compiler, node: ast.Call) -> Thing:
    """``super()`` in a method."""
    try:
        cls = c.frame.source.lookup("__class__")
    except KeyError:
        raise c.error("super() outside of a method", node) from None
    return Super(cls, c.env[c.frame.source.tree.args.args[0].arg])


def _is_scripting(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return constant(True)


def _is_tracing(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return constant(False)


def _product(c: Compiler, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    (items,) = take(c, "math.prod", args, kwargs, "iterable", node, 1)
    value = listed(c, items, node)
    kind = t.resolved(value.type)
    if not isinstance(kind, t.ListType) or kind.item != t.INT:
        raise c.error(f"math.prod() of {value.type}", node, "write the loop")
    return product(c, value)


FUNCTIONS: dict[Any, Function] = {
    int: _number("int", t.INT),
    float: _number("float", t.FLOAT),
    complex: _complex,
    bool: _bool,
    abs: _abs,
    round: _round,
    divmod: _divmod,
    pow: _pow,
    len: _len,
    min: _extreme("min"),
    max: _extreme("max"),
    sum: _sum,
    any: _any_all("any"),
    all: _any_all("all"),
    sorted: _sorted,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    range: _range,
    enumerate: _enumerate,
    zip: _zip,
    reversed: _reversed,
    map: _map,
    filter: _map,
    str: _text("str"),
    repr: _text("repr"),
    print: _print,
    ord: _ord_chr("ord", t.STR, t.INT),
    chr: _ord_chr("chr", t.INT, t.STR),
    isinstance: _isinstance,
    hasattr: _hasattr,
    getattr: _getattr,
    type: _type,
    math.prod: _product,
    typing.cast: _second,
    _decorators.annotate: _second,
    _decorators.is_scripting: _is_scripting,
    is_tracing: _is_tracing,
    tw.is_grad_enabled: is_grad_enabled,
    **TENSOR_FUNCTIONS,
    **{getattr(math, name): _math(name) for name in _MATH},
}
SYNTAX: dict[Any, Callable[[Compiler, ast.Call], Thing]] = {super: _super, warnings.warn: _warn}


def known_functions() -> list[str]:
    """For the documentation: what of Python's own a script knows."""
    return sorted(f.__qualname__ for f in FUNCTIONS if inspect.isbuiltin(f) or inspect.isclass(f))
