"""Attributes of tensors, tuples, modules, instances and packages."""

from __future__ import annotations

import ast
import inspect
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from tensorwright import Tensor

from . import _types as t
from ._compiler import STATE
from ._ops import call_overloads
from ._schema import overloads
from ._values import MARK_NODE, BoundFunction, Method, ModuleThing, Static, Super, Thing, TupleValue, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler


def attribute(c: Compiler, owner: Thing, name: str, node: ast.AST) -> Thing:
    """``owner.name``."""
    if isinstance(owner, ModuleThing):
        return _of_module(c, owner, name, node)
    if isinstance(owner, Static):
        return _of_static(c, owner, name, node)
    if isinstance(owner, Super):
        return _of_super(c, owner, name, node)
    value = c.as_value(owner, node)
    kind = t.resolved(value.type)
    if isinstance(kind, t.OptionalType):
        raise c.error(
            f"attribute '{name}' of what may be None: it is {kind}", node, "test `is not None` before, in an if"
        )
    if isinstance(kind, t.ClassType):
        return _of_instance(c, value, kind, name, node)
    if isinstance(kind, t.TupleType) and name in kind.fields:
        return c.items(value)[kind.fields.index(name)]
    if (
        isinstance(kind, t.TupleType)
        and kind.cls is not None
        and isinstance(getattr(kind.cls, name, None), FunctionType)
    ):
        return BoundFunction(getattr(kind.cls, name), value)
    if t.is_tensor(kind):
        return _of_tensor(c, value, name, node)
    if kind in t.SCALARS and name in ("real", "imag"):
        return c.b.builtin(name, t.FLOAT if kind == t.COMPLEX else kind, value)
    if kind == t.DTYPE and name in ("is_floating_point", "is_complex"):
        return c.b.builtin(name, t.BOOL, value)
    return Method(value, name)


# ---- tensors ----------------------------------------------------------------------------------------------------

_SIZES = t.ListType(t.INT, frozen=True)


def _of_tensor(c: Compiler, value: Value, name: str, node: ast.AST) -> Thing:
    match name:
        case "shape":
            return c.b.builtin("size", _SIZES, value)
        case "ndim":
            return c.b.builtin("ndim", t.INT, value)
        case "dtype":
            return c.b.builtin("dtype", t.DTYPE, value)
        case "device":
            return c.b.builtin("device", t.DEVICE, value)
        case "T":
            return _permuted(c, value, node)
        case "mT":
            return op(c, "transpose", [value, constant(-2), constant(-1)], node)
        case "real" | "imag":
            return op(c, name, [value], node)
        case "is_cuda" | "is_mps" | "is_sparse" | "is_quantized" | "is_nested":
            return constant(False)
        case "data":
            return op(c, "detach", [value], node)
        case "grad" | "grad_fn" | "requires_grad" | "is_leaf":
            raise c.error(
                f"'{name}' of a tensor in a script", node, "a graph knows no autograd; read it outside of the script"
            )
    if not hasattr(Tensor, name):
        raise c.error(f"a Tensor has no attribute '{name}'", node)
    return Method(value, name)


def op(c: Compiler, name: str, args: list[Thing], node: ast.AST) -> Thing:
    """Call an op by the name of its function."""
    return call_overloads(c, name, overloads(name, False), args, {}, node)


def _permuted(c: Compiler, value: Value, node: ast.AST) -> Thing:
    """All dimensions in reverse order: for a matrix, transposed."""
    dims = c.b.builtin("ndim", t.INT, value)
    made = c.b.builtin("list", t.ListType(t.INT))
    loop = c.b.node("for", [dims.arg], t.TupleType(()))

    def body() -> None:
        place = c.b.node("placeholder", [], t.INT, target="turn", label="turn")
        c.b.effect("insert", t.NONE, made, constant(0), place)
        c.b.node("yield", [])

    c.way(c.b.add_region(loop), body)
    return op(c, "permute", [value, made], node)


# ---- instances --------------------------------------------------------------------------------------------------


def _of_instance(c: Compiler, value: Value, kind: t.ClassType, name: str, node: ast.AST) -> Thing:
    if name in kind.attributes:
        item = t.resolved(kind.attributes[name])
        if isinstance(item, t.Unknown):
            raise c.error(f"'{name}' is read before it is assigned", node, "assign it in __init__")
        place = list(kind.attributes).index(name)
        return c.b.builtin("getitem", item, value, constant(place))
    found = inspect.getattr_static(kind.cls, name, None)
    if isinstance(found, property):
        from ._calls import call_thing

        return call_thing(c, BoundFunction(found.fget, value), [], {}, node)
    if isinstance(found, staticmethod):
        return Static(found.__func__)
    if isinstance(found, FunctionType):
        return BoundFunction(found, value)
    if hasattr(kind.cls, name):
        return c.lift(getattr(kind.cls, name))
    raise c.error(f"{kind.cls.__name__} has no attribute '{name}'", node)


def set_attribute(c: Compiler, owner: Thing, name: str, thing: Thing, node: ast.AST) -> None:
    """``owner.name = thing``."""
    if isinstance(owner, ModuleThing):
        return _set_of_module(c, owner, name, thing, node)
    if isinstance(owner, Value) and isinstance(t.resolved(owner.type), t.ClassType):
        return _set_of_instance(c, owner, name, c.as_value(thing, node), node)
    raise c.error(f"attributes of {owner.described()} cannot be assigned", node)


def _set_of_instance(c: Compiler, owner: Value, name: str, value: Value, node: ast.AST) -> None:
    kind = t.resolved(owner.type)
    assert isinstance(kind, t.ClassType)
    if name not in kind.attributes:
        raise c.error(f"{kind.cls.__name__} has no attribute '{name}'", node, "assign it in __init__")
    before = t.resolved(kind.attributes[name])
    if isinstance(before, t.Unknown):
        before.bound = value.type
    elif not t.accepts(before, value.type):
        raise c.error(
            f"'{name}' is {before}, but {value.type} is assigned", node, f"declare `{name}: ...` in the class"
        )
    c.b.effect("setitem", t.NONE, owner, constant(list(kind.attributes).index(name)), value)


# ---- modules ----------------------------------------------------------------------------------------------------


def module_thing(c: Compiler, module: Any, path: str) -> ModuleThing:
    """A module; one that is reached on two paths has the first."""
    module = getattr(module, "__tensorwright_original__", module)
    known = c.paths.setdefault(id(module), path)
    return ModuleThing(module, known)


def is_module(thing: Any) -> bool:
    """Whether an object is a module of nn: one that has parameters and submodules by name."""
    return hasattr(type(thing), "named_parameters") and hasattr(type(thing), "forward")


def _of_module(c: Compiler, owner: ModuleThing, name: str, node: ast.AST) -> Thing:
    module = owner.value
    key = f"{STATE}{owner.path}{name}"
    if key in c.env or key in c.state:
        return c.env.get(key, c.state.get(key)) or constant(None)
    if name == "training":
        return state(c, owner, name, node)
    found = inspect.getattr_static(type(module), name, None)
    if isinstance(found, property):
        from ._calls import call_thing

        return call_thing(c, BoundFunction(found.fget, owner), [], {}, node)
    if isinstance(found, staticmethod):
        return Static(found.__func__)
    if not hasattr(module, name):
        raise c.error(f"{type(module).__name__} has no attribute '{name}'", node)
    thing = getattr(module, name)
    if isinstance(thing, MethodType) and thing.__self__ is module:
        return BoundFunction(thing.__func__, owner)
    if key in mutable_attributes(c, module, owner.path) and not isinstance(thing, Tensor):
        return state(c, owner, name, node)
    if isinstance(thing, Tensor):
        c.state_owners[owner.path + name] = (module, name)
        return c.attribute(owner.path + name, thing)
    if is_module(thing):
        return module_thing(c, thing, f"{owner.path}{name}.")
    return _lift_modules(c, thing, owner.path + name)


def _lift_modules(c: Compiler, thing: Any, path: str) -> Thing:
    if isinstance(thing, (list, tuple)) and any(is_module(item) for item in thing):
        return TupleValue([_lift_modules(c, item, f"{path}.{k}") for k, item in enumerate(thing)])
    return module_thing(c, thing, f"{path}.") if is_module(thing) else c.lift(thing)


def mutable_attributes(c: Compiler, module: Any, path: str) -> set[str]:
    """Keys of the attributes that methods of the module's class assign, other than when it is made."""
    names: set[str] = set()
    for cls in type(module).__mro__:
        for method in vars(cls).values():
            if isinstance(method, FunctionType) and not method.__name__.startswith("__"):
                names |= _assigned(method)
    return {f"{STATE}{path}{name}" for name in names}


_assigned_cache: dict[Any, set[str]] = {}


def _assigned(method: FunctionType) -> set[str]:
    code = method.__code__
    if code not in _assigned_cache:
        from ._source import NoSourceError, source_of

        try:
            tree = source_of(method).tree
        except NoSourceError:
            tree = None
        stores = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute)] if tree is not None else []
        own = [n for n in stores if isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)]
        _assigned_cache[code] = {n.attr for n in own if isinstance(n.value, ast.Name) and n.value.id == "self"}
    return _assigned_cache[code]


def state(c: Compiler, owner: ModuleThing, name: str, node: ast.AST) -> Value:
    """An attribute that a run reads anew: a parameter of the graph, whose default is what it was."""
    key, module = f"{STATE}{owner.path}{name}", owner.value
    now = c.lift(getattr(module, name))
    if not isinstance(now, Value) or not now.is_constant:
        raise c.error(f"attribute '{name}' is assigned by the script; it must be a number, a str or a tensor", node)
    kind = t.BOOL if name == "training" else now.type
    value = c.b.parameter(f"{owner.path}{name}", kind, now.arg)
    c.state[key] = value
    c.state_owners[owner.path + name] = (module, name)
    return value


def _set_of_module(c: Compiler, owner: ModuleThing, name: str, thing: Thing, node: ast.AST) -> None:
    key = f"{STATE}{owner.path}{name}"
    value = c.as_value(thing, node)
    if not hasattr(owner.value, name):
        raise c.error(f"{type(owner.value).__name__} has no attribute '{name}'", node, "assign it in __init__")
    if key not in c.env and key not in c.state:
        now = getattr(owner.value, name)
        if isinstance(now, Tensor):
            path = owner.path + name
            c.state[key] = c.b.at_head(lambda: c.attribute(path, now))
            c.state_owners[path] = (owner.value, name)
        else:
            state(c, owner, name, node)
    kind = c.state[key]
    assert isinstance(kind, Value)
    if not t.accepts(kind.type, value.type) and not (t.is_tensor(kind.type) and t.is_tensor(value.type)):
        raise c.error(f"'{name}' is {kind.type}, but {value.type} is assigned", node)
    c.env[key] = value
    if key not in c.assigned_state:
        c.assigned_state.append(key)


# ---- packages and classes ---------------------------------------------------------------------------------------


def _of_super(c: Compiler, owner: Super, name: str, node: ast.AST) -> Thing:
    instance = owner.instance
    kind = type(instance.value) if isinstance(instance, ModuleThing) else _class_of(instance)
    for cls in kind.__mro__[kind.__mro__.index(owner.cls) + 1 :]:
        if isinstance(vars(cls).get(name), FunctionType):
            return BoundFunction(vars(cls)[name], instance)
    raise c.error(f"super() has no method '{name}'", node)


def _class_of(instance: Thing) -> Any:
    kind = t.resolved(instance.type) if isinstance(instance, Value) else None
    return kind.cls if isinstance(kind, t.ClassType) else object


def _of_static(c: Compiler, owner: Static, name: str, node: ast.AST) -> Thing:
    try:
        found = getattr(owner.value, name)
    except AttributeError:
        raise c.error(f"{owner.described()} has no attribute '{name}'", node) from None
    if is_module(found):
        raise c.error(
            f"the module {name} is not reached through self", node, "make it an attribute of the scripted module"
        )
    return c.lift(found)


def is_same_node(a: Value, b: Value) -> bool:
    return isinstance(a.arg, list) and a.arg[0] == MARK_NODE and a.arg == b.arg
