"""From a function of Python to one of the graph."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field
from typing import Any

from tensorwright.jit._program import Program

from . import _types as t
from ._annotations import declared_type, from_annotation
from ._boundary import crosses
from ._compiler import STATE, Compiler, Frame
from ._errors import FrontendError, Place
from ._source import NoSourceError, Source, source_of
from ._values import MARK_TUPLE, ModuleThing, Static, Thing, Value


@dataclass
class Compiled:
    """A function of a program, and how Python calls it."""

    name: str
    signature: inspect.Signature
    parameters: dict[str, t.Type]
    result: t.Type
    state: list[tuple[Any, str, t.Type]] = field(default_factory=list)  # attributes that a run reads: owner and name
    assigned: list[tuple[Any, str, t.Type]] = field(default_factory=list)  # those that it gives back
    tensors: dict[str, tuple[Any, str]] = field(default_factory=dict)  # where the kept tensors come from


def compile_function(program: Program, name: str, function: Any, module: Any = None) -> Compiled:
    """Compile a function, or a method of a module.

    Raises:
        FrontendError: says what cannot be compiled, and where.
    """
    try:
        source = source_of(function)
    except NoSourceError as error:
        raise FrontendError(str(error), Place("<unknown>", 0, 0, 0, 0, "")) from None
    c = Compiler(program)
    c.b.start(name)
    c.frames.append(Frame(source))
    kinds = _parameters(c, source, module)
    if module is not None:
        c.env[source.tree.args.args[0].arg] = ModuleThing(module, "")
        c.paths[id(module)] = ""
    else:
        _let_it_call_itself(c, source, name, kinds)
    return _finished(c, source, name, kinds)


def _parameters(c: Compiler, source: Source, module: Any) -> dict[str, t.Type]:
    a = source.tree.args
    for star in (a.vararg, a.kwarg):
        if star is not None:
            raise c.error("parameters with a star have no type", star, "take a list, and call with it")
    parameters = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    defaults = inspect.signature(source.function).parameters
    kinds = {}
    for parameter in parameters[1:] if module is not None else parameters:
        default = defaults[parameter.arg].default
        kind = _declared(c, source, parameter, default)
        kinds[parameter.arg] = kind
        constant = default is None or isinstance(default, (bool, int, float, str))
        c.env[parameter.arg] = c.b.parameter(parameter.arg, kind, *([default] if constant else []))
    return kinds


def _declared(c: Compiler, source: Source, parameter: ast.arg, default: Any) -> t.Type:
    if parameter.annotation is None:
        return t.TENSOR
    try:
        annotation = source.annotation(parameter.annotation)
        kind = from_annotation(annotation)
        if annotation is Any:  # it says nothing: a tensor, or what is left out
            kind = t.NONE if default is None else t.TENSOR
    except Exception as error:
        raise c.error(f"the annotation of '{parameter.arg}' cannot be evaluated: {error}", parameter) from None
    shown = ast.unparse(parameter.annotation)
    if kind is None:
        raise c.error(f"parameter '{parameter.arg}' is declared {shown}, which is no type of scripts", parameter)
    if not crosses(kind):
        raise c.error(
            f"an instance of {shown} cannot be handed to a script", parameter, "make it inside, or pass its parts"
        )
    return kind


def _let_it_call_itself(c: Compiler, source: Source, name: str, kinds: dict[str, t.Type]) -> None:
    result = declared_type(source, getattr(source.tree, "returns", None))
    if result is not None:
        c.pending[source.function] = (name, kinds, result)


def _finished(c: Compiler, source: Source, name: str, kinds: dict[str, t.Type]) -> Compiled:
    from ._control import function_body

    result = _as_result(c, function_body(c, source), source)
    outputs = [c.as_value(c.env[key], source.tree) for key in c.assigned_state]
    c.b.place = None
    c.b.node("return", [[MARK_TUPLE, result.arg, *(o.arg for o in outputs)] if outputs else result.arg])
    c.b.finish()
    owners = c.state_owners
    state = [
        (*owners[key.removeprefix(STATE)], thing.type)
        for key, thing in c.state.items()
        if isinstance(thing, Value) and not t.is_tensor(thing.type)
    ]
    assigned = [
        (*owners[key.removeprefix(STATE)], output.type) for key, output in zip(c.assigned_state, outputs, strict=True)
    ]
    held = {f"{STATE}{path}" for path in owners} & set(c.state)
    tensors = {
        path: owner
        for path, owner in owners.items()
        if f"{STATE}{path}" not in held or t.is_tensor(_type_of(c.state[f"{STATE}{path}"]))
    }
    return Compiled(name, inspect.signature(source.function), kinds, result.type, state, assigned, tensors)


def _type_of(thing: Thing) -> t.Type:
    return thing.type if isinstance(thing, Value) else t.NEVER


def _as_result(c: Compiler, thing: Thing, source: Source) -> Value:
    returns = getattr(source.tree, "returns", None)
    place = next((n for n in ast.walk(source.tree) if isinstance(n, ast.Return)), source.tree)
    if isinstance(thing, Static) and c.raised:
        thing = Value(t.NONE, None)
    value = c.as_value(thing, place)
    if not crosses(value.type):
        raise c.error(f"an instance of {value.type} cannot be given back to Python", place, "return its parts")
    if returns is not None and t.resolved(value.type) != t.NEVER:
        kind = declared_type(source, returns)
        loose = t.resolved(value.type) == t.NUMBER
        if kind is not None and not loose and not t.accepts(kind, value.type):
            raise c.error(f"{source.name} gives {value.type}, but is declared to give {kind}", place)
    return value
