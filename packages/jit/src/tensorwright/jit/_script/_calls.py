"""Calls: functions compiled into their place, ops, classes, and what only Python can run."""

from __future__ import annotations

import ast
import functools
import inspect
from types import FunctionType, MethodType, UnionType
from typing import TYPE_CHECKING, Any

from tensorwright import _C, Op, Tensor

from . import _types as t
from ._annotations import from_annotation, is_compiled_class, named_tuple
from ._attributes import attribute, is_module
from ._compiler import STATE, Frame
from ._decorators import modifier_of
from ._errors import FrontendError
from ._methods import call_method
from ._operators import binary
from ._ops import call_overloads
from ._schema import overloads, schema_of
from ._source import NoSourceError, Source, source_of
from ._values import (
    BoundFunction,
    LocalFunction,
    Method,
    ModuleThing,
    Static,
    Thing,
    TupleValue,
    Value,
    constant,
)

if TYPE_CHECKING:
    from ._compiler import Compiler

Args = list[Thing]
Kwargs = dict[str, Thing]
_DEEPEST = 60  # functions within functions


def call(c: Compiler, node: ast.Call) -> Thing:
    """A call expression."""
    from ._expressions import expression, starred
    from ._library import SYNTAX

    callee = expression(c, node.func)
    if isinstance(callee, Static):
        special = SYNTAX.get(_key_of(callee.value))
        if special is not None:
            return special(c, node)
    args = _sizes(c, node) if _takes_sizes(callee) else None
    args = args if args is not None else starred(c, node.args)
    kwargs: Kwargs = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise c.error("** in a call cannot be compiled", keyword.value, "name the arguments")
        kwargs[keyword.arg] = expression(c, keyword.value)
    return call_thing(c, callee, args, kwargs, node)


def _takes_sizes(callee: Thing) -> bool:
    """Whether it is an op whose list of ints may come as separate arguments."""
    if isinstance(callee, Method):
        found = overloads(callee.name, True) if t.is_tensor(callee.receiver.type) else ()
    else:
        name = op_name(callee.value) if isinstance(callee, Static) else None
        found = overloads(name, False) if name is not None else ()
    return any(schema.varargs >= 0 for schema in found)


def _sizes(c: Compiler, node: ast.Call) -> Args | None:
    """``zeros(*shape, 3)``: the arguments as one list, where only a run knows how many they are."""
    from ._expressions import expression

    if not any(isinstance(arg, ast.Starred) for arg in node.args):
        return None
    whole: Thing = TupleValue([])
    for arg in node.args:
        part = expression(c, arg.value) if isinstance(arg, ast.Starred) else TupleValue([expression(c, arg)])
        kind = t.resolved(part.type) if isinstance(part, Value) else t.NONE
        if isinstance(kind, t.ListType) and not kind.frozen:
            part = c.b.builtin("tuple", t.ListType(kind.item, frozen=True), c.as_value(part, arg))
        whole = part if isinstance(whole, TupleValue) and not whole.items else binary(c, ast.Add, whole, part, node)
    return [whole] if not isinstance(whole, TupleValue) else whole.items


def _key_of(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return None
    return value


def call_thing(c: Compiler, callee: Thing, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """Call anything that can be called."""
    match callee:
        case Method(receiver=receiver, name=name):
            return call_method(c, receiver, name, args, kwargs, node)
        case BoundFunction(function=function, instance=instance):
            return call_function(c, function, [instance, *args], kwargs, node)
        case LocalFunction():
            return _call_local(c, callee, args, kwargs, node)
        case ModuleThing():
            return _call_module(c, callee, args, kwargs, node)
        case Static(value=value):
            return _call_static(c, value, args, kwargs, node)
        case Value(type=kind) if isinstance(t.resolved(kind), t.ClassType):
            return call_thing(c, attribute(c, callee, "__call__", node), args, kwargs, node)
    raise c.error(f"{callee.described()} cannot be called", node)


def _call_static(c: Compiler, function: Any, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    from ._library import FUNCTIONS

    special = FUNCTIONS.get(_key_of(function))
    if special is not None:
        return special(c, args, kwargs, node)
    name = op_name(function)
    if name is not None:
        return call_overloads(c, name, overloads(name, False), args, kwargs, node)
    if isinstance(function, Op):
        return call_overloads(c, function.name, (schema_of(function.name),), args, kwargs, node)
    if isinstance(function, type):
        return _call_class(c, function, args, kwargs, node)
    if isinstance(function, functools.partial):
        before = [c.lift(arg) for arg in function.args]
        return call_thing(c, c.lift(function.func), [*before, *args], {**_lifted(c, function.keywords), **kwargs}, node)
    if getattr(function, "__name__", "") == "get" and isinstance(getattr(function, "__self__", None), dict):
        return _get_known(c, function.__self__, args, node)
    if isinstance(function, MethodType):
        return call_function(c, function.__func__, [c.lift(function.__self__), *args], kwargs, node)
    original = getattr(function, "__tensorwright_original__", None)
    if original is not None:
        return call_thing(c, c.lift(original), args, kwargs, node)
    if _is_tensor_method(function) and args:
        return call_method(c, c.as_value(args[0], node), function.__name__, args[1:], kwargs, node)
    if isinstance(function, FunctionType):
        return call_function(c, function, args, kwargs, node)
    raise c.error(f"{Static(function).described()} cannot be compiled", node, _IGNORE)


def _get_known(c: Compiler, table: dict[Any, Any], args: Args, node: ast.AST) -> Thing:
    """``table.get(key, default)`` of a dict from outside of the script."""
    key = c.as_value(args[0], node)
    if not key.is_constant:
        raise c.error("a dict from outside of the script is read with constant keys", node)
    if key.arg in table:
        return c.lift(table[key.arg])
    return args[1] if len(args) > 1 else constant(None)


_IGNORE = "call it from a function under @tw.jit.ignore, which stays Python"


def _is_tensor_method(function: Any) -> bool:
    return getattr(function, "__objclass__", None) is Tensor


def _lifted(c: Compiler, things: dict[str, Any]) -> Kwargs:
    return {name: c.lift(thing) for name, thing in things.items()}


@functools.lru_cache(maxsize=1)
def _op_names() -> dict[int, str]:
    return {id(function): name for name, function in _C.op_functions.items()}


def op_name(function: Any) -> str | None:
    """The name of the op that a function of tensorwright is."""
    name = _op_names().get(id(function))
    return name if name is not None and _C.op_functions[name] is function else None


# ---- functions of Python ----------------------------------------------------------------------------------------


def call_function(c: Compiler, function: Any, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """Compile a function into the place of its call."""
    from ._python import call_ignored, call_unused

    modifier = modifier_of(function)
    if modifier == "ignore":
        return call_ignored(c, function, args, kwargs, node)
    if modifier == "unused":
        return call_unused(c, function, node)
    try:
        source = source_of(function)
    except NoSourceError as error:
        raise c.error(str(error), node, _IGNORE) from None
    module = args[0].value if args and isinstance(args[0], ModuleThing) else None
    if _is_recursive(c, source, module):
        from ._recursion import call_recursive

        return call_recursive(c, source, args, kwargs, node)
    if len(c.frames) > _DEEPEST:
        raise c.error(f"functions call each other more than {_DEEPEST} deep", node)
    bound = bind_arguments(c, source, _defaults(c, source), args, kwargs, node)
    return inline(c, Frame(source, module=module), bound, node)


def _is_recursive(c: Compiler, source: Source, module: Any) -> bool:
    """Whether the function is being compiled around here; a method, of the same module."""
    return any(
        frame.source.function is source.function and frame.module is module and not frame.names for frame in c.frames
    )


def _defaults(c: Compiler, source: Source) -> Kwargs:
    signature = inspect.signature(source.function)
    empty = inspect.Parameter.empty
    return {name: c.lift(p.default) for name, p in signature.parameters.items() if p.default is not empty}


def _call_local(c: Compiler, function: LocalFunction, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    source: Source = function.source
    own = Source(source.function, function.tree, source.file, source.lines)
    if len(c.frames) > _DEEPEST:
        raise c.error("a function inside of a script that calls itself", node, "define it at the head of the file")
    names = {**function.names, **{n: thing for n, thing in c.env.items() if n in function.names}}
    names = {n: thing for n, thing in names.items() if not n.startswith(("%", STATE))}
    bound = bind_arguments(c, own, function.defaults, args, kwargs, node)
    return inline(c, Frame(own, names=names), bound, node)


def bind_arguments(
    c: Compiler, source: Source, defaults: Kwargs, args: Args, kwargs: Kwargs, node: ast.AST
) -> dict[str, Thing]:
    """Arguments by the names of a function's parameters."""
    a = source.tree.args
    positional = [p.arg for p in [*a.posonlyargs, *a.args]]
    bound: dict[str, Thing] = dict(zip(positional, args, strict=False))
    if len(args) > len(positional) and a.vararg is None:
        raise c.error(f"{source.name}() takes {len(positional)} positional arguments, got {len(args)}", node)
    if a.vararg is not None:
        bound[a.vararg.arg] = TupleValue(args[len(positional) :])
    names = {*positional, *(p.arg for p in a.kwonlyargs)}
    for name, thing in kwargs.items():
        if name not in names:
            raise c.error(f"{source.name}() has no argument '{name}'", node)
        if name in bound:
            raise c.error(f"{source.name}() got argument '{name}' twice", node)
        bound[name] = thing
    for name in [*positional, *(p.arg for p in a.kwonlyargs)]:
        if name not in bound:
            if name not in defaults:
                raise c.error(f"{source.name}() is missing argument '{name}'", node)
            bound[name] = defaults[name]
    if a.kwarg is not None:
        bound[a.kwarg.arg] = Static({})
    return bound


def inline(c: Compiler, frame: Frame, bound: dict[str, Thing], node: ast.AST) -> Thing:
    """Compile the body of a function with its parameters bound; gives what it returns."""
    from ._control import function_body

    frame.calls = [*c.frame.calls, c.place(node)] if c.frames else []
    before, dead, raised = c.env, c.dead, c.raised
    c.frames.append(frame)
    try:
        _declare(c, frame.source, bound)
        c.env = {**{n: thing for n, thing in before.items() if n.startswith(STATE)}, **bound}
        c.dead = c.raised = False
        result = function_body(c, frame.source)
        raised_inside = c.raised
        kept = {n: thing for n, thing in c.env.items() if n.startswith(STATE)}
    finally:
        c.frames.pop()
        c.env = before
    c.env = {**before, **kept}
    c.dead, c.raised = dead or raised_inside, raised or raised_inside
    return result


def _declare(c: Compiler, source: Source, bound: dict[str, Thing]) -> None:
    """Check arguments against the annotations that scripts have types for; they type empty lists too."""
    from ._statements import declared

    a = source.tree.args
    for parameter in [*a.posonlyargs, *a.args, *a.kwonlyargs]:
        thing = bound[parameter.arg]
        if not isinstance(thing, Value) or parameter.annotation is None:
            continue
        kind = declared(c, parameter.annotation)
        if kind is None:
            continue
        if not t.accepts(kind, thing.type) and not _loosely(kind, thing.type):
            raise c.error(
                f"argument '{parameter.arg}' of {source.name}() is {thing.type}, but declared {kind}", parameter
            )


def _loosely(kind: t.Type, given: t.Type) -> bool:
    """A sequence of ints is a shape, whatever holds it; a number may turn out to be of the right kind."""
    given = t.resolved(given)
    inner = t.without_none(t.resolved(kind))
    if given == t.NUMBER:
        return inner in t.SCALARS
    sequences = (t.ListType, t.TupleType)
    return (isinstance(inner, sequences) and isinstance(given, sequences)) or isinstance(given, t.OptionalType)


# ---- modules ----------------------------------------------------------------------------------------------------


def _call_module(c: Compiler, thing: ModuleThing, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    module = thing.value
    if not hasattr(module, "forward"):
        raise c.error(f"{thing.described()} has no forward", node)
    for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
        if getattr(module, hooks, None):
            raise c.error(f"{thing.described()} has hooks", node, "take them off before scripting")
    with c.at(node):
        return call_thing(c, attribute(c, thing, "forward", node), args, kwargs, node)


# ---- classes ----------------------------------------------------------------------------------------------------


def _make_plain_instance(c: Compiler, cls: type, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    """An instance of a class that nobody marked for scripts, if its source can be compiled."""
    from ._classes import compile_class, make_instance

    try:
        compile_class(cls)
        return make_instance(c, cls, args, kwargs, node)
    except (FrontendError, NoSourceError) as error:
        raise c.error(f"class {cls.__name__} cannot be compiled", node, f"its source says why: {error}") from error


def _is_plain_class(cls: type) -> bool:
    """Whether a class says by its source alone what its instances are."""
    return cls.__mro__[1:] == (object,) and type(cls) is type and inspect.isfunction(vars(cls).get("__init__"))


def _call_class(c: Compiler, cls: type, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _make_named_tuple(c, cls, args, kwargs, node)
    if is_compiled_class(cls):
        from ._classes import make_instance

        return make_instance(c, cls, args, kwargs, node)
    if _is_plain_class(cls):
        return _make_plain_instance(c, cls, args, kwargs, node)
    if is_module(cls):
        raise c.error(f"the module {cls.__name__} is made inside of a script", node, "make it in __init__")
    raise c.error(f"class {cls.__name__} cannot be compiled", node, "put @tw.jit.script over the class")


def _make_named_tuple(c: Compiler, cls: Any, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    fields = cls._fields
    bound = dict(zip(fields, args, strict=False)) | kwargs
    defaults = getattr(cls, "_field_defaults", {})
    unknown = [name for name in bound if name not in fields]
    if len(args) > len(fields) or unknown:
        raise c.error(f"{cls.__name__} has the fields {', '.join(fields)}", node)
    items = []
    kind = named_tuple(cls)
    for k, name in enumerate(fields):
        if name not in bound and name not in defaults:
            raise c.error(f"{cls.__name__}() is missing '{name}'", node)
        thing = bound[name] if name in bound else c.lift(defaults[name])
        if kind is not None and isinstance(thing, Value) and not t.accepts(kind.items[k], thing.type):
            raise c.error(f"field '{name}' of {cls.__name__} is {kind.items[k]}, got {thing.type}", node)
        items.append(thing)
    return TupleValue(items, fields, cls)


def isinstance_of(c: Compiler, thing: Thing, cls: Thing, node: ast.AST) -> Thing:
    """``isinstance(thing, cls)``: known from the types, but for optionals."""
    if isinstance(cls, Static) and isinstance(cls.value, UnionType):
        cls = TupleValue([Static(part) for part in cls.value.__args__])
    if isinstance(cls, TupleValue):
        found = [isinstance_of(c, thing, item, node) for item in cls.items]
        known = [f for f in found if isinstance(f, Value) and f.is_constant]
        if any(f.arg for f in known):
            return constant(True)
        return next((f for f in found if f not in known), constant(False))
    if not isinstance(cls, Static):
        raise c.error("isinstance takes a class", node)
    if isinstance(thing, Static):
        return constant(isinstance(thing.value, cls.value))
    value = c.as_value(thing, node)
    kind = t.resolved(value.type)
    if isinstance(kind, t.OptionalType):
        if not _is_class(t.resolved(kind.item), cls.value):
            return c.b.builtin("is_none", t.BOOL, value) if cls.value is type(None) else constant(False)
        return c.b.builtin("not", t.BOOL, c.b.builtin("is_none", t.BOOL, value))
    if kind == t.NUMBER and cls.value in (int, float, bool, complex):
        raise c.error(
            "which kind of number this is, only a run knows", node, "int(x) or float(x) says which number it is"
        )
    return constant(_is_class(kind, cls.value))


def _is_class(kind: t.Type, cls: Any) -> bool:
    if cls is object:
        return True
    if isinstance(kind, t.TensorType):
        return bool(isinstance(cls, type) and issubclass(Tensor, cls))
    if isinstance(kind, t.ListType):
        return cls is (tuple if kind.frozen else list)
    if isinstance(kind, t.TupleType):
        return cls is tuple or (kind.cls is not None and issubclass(kind.cls, cls))
    if isinstance(kind, t.DictType):
        return cls is dict
    if isinstance(kind, t.ClassType):
        return issubclass(kind.cls, cls)
    if kind == t.BOOL:
        return cls in (bool, int)
    wanted = from_annotation(cls)
    return wanted is not None and wanted == kind
