"""Between what a node calls in Python and ops of the graph: ``tw.relu`` is ``tw::relu``, ``operator.add`` a call."""

from __future__ import annotations

import functools
import inspect
import math
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorwright as tw
from tensorwright import Op, Tensor, ops


class Parameter(NamedTuple):
    """One argument of a schema."""

    type: str
    name: str
    optional: bool
    keyword_only: bool


class Schema(NamedTuple):
    """An op of the registry, as calls see it."""

    op: str
    parameters: tuple[Parameter, ...]
    positional: int
    results: int


def _split(text: str) -> list[str]:
    """At the commas outside of brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, letter in enumerate(text):
        if letter == '"' or letter == "'":
            quoted = not quoted
        elif not quoted and letter in "([":
            depth += 1
        elif not quoted and letter in ")]":
            depth -= 1
        elif letter == "," and depth == 0 and not quoted:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()] if text.strip() else []


@functools.cache
def schema_of(op: str) -> Schema | None:
    """Of the op ``"tw::relu"``; None if there is no such op."""
    if "::" not in op:
        return None
    try:
        text = registered(op).schema
    except LookupError:
        return None
    inside, _, results = text[text.index("(") + 1 :].rpartition(" -> ")
    parameters, keyword_only = [], False
    for part in _split(inside.rstrip()[:-1]):
        if part == "*":
            keyword_only = True
            continue
        declared, _, default = part.partition("=")
        kind, _, name = declared.rpartition(" ")
        parameters.append(Parameter(kind, name, bool(default), keyword_only))
    count = len(_split(results[1:-1])) if results.startswith("(") else 1
    return Schema(op, tuple(parameters), sum(not p.keyword_only for p in parameters), count)


@functools.cache
def registered(op: str) -> Op:
    """One object for each op, so that targets compare equal."""
    return ops.get(op)


@functools.cache
def _overloads() -> dict[str, list[str]]:
    """The ops of tensorwright by the name before their overload's: max -> tw::max, tw::max.dim."""
    found: dict[str, list[str]] = {}
    for name in tw._C.op_names():
        if name.startswith("tw::"):
            found.setdefault(name[4:].partition(".")[0], []).append(name)
    return found


@functools.cache
def _functions() -> dict[int, str]:
    """Names of the ops' functions by their identity."""
    return {id(function): name for name, function in tw._C.op_functions.items()}


# ---- from calls to ops -----------------------------------------------------------------------------------------------

_NUMBER = (int, float, bool, complex)
_FITS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda v: isinstance(v, Tensor),
    "Scalar": lambda v: isinstance(v, _NUMBER),
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "float": lambda v: isinstance(v, (int, float)),
    "bool": lambda v: isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "dtype": lambda v: isinstance(v, tw.dtype),
    "device": lambda v: isinstance(v, (str, tw.device)),
}


def _fits(kind: str, value: Any, is_node: Callable[[Any], bool]) -> bool:
    if is_node(value):
        return True
    if kind.endswith("?"):
        return value is None or _fits(kind[:-1], value, is_node)
    if kind.endswith("]"):
        item, _, size = kind[:-1].partition("[")
        if isinstance(value, (list, tuple)):
            return all(_fits(item, v, is_node) for v in value)
        return bool(size) and _fits(item, value, is_node)
    return any(word in _FITS and _FITS[word](value) for word in kind.split("|"))


def _accepts(schema: Schema, args: tuple[Any, ...], kwargs: Mapping[str, Any], is_node: Callable[[Any], bool]) -> bool:
    if len(args) > schema.positional:
        return False
    by_name = {p.name: p for p in schema.parameters[len(args) :]}
    if not by_name.keys() >= kwargs.keys():
        return False
    if any(not p.optional and name not in kwargs for name, p in by_name.items()):
        return False
    positional = all(_fits(p.type, v, is_node) for p, v in zip(schema.parameters, args, strict=False))
    return positional and all(_fits(by_name[name].type, v, is_node) for name, v in kwargs.items())


def op_of_call(
    target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], is_node: Callable[[Any], bool]
) -> tuple[str, dict[str, Any]] | None:
    """The op that the call runs and its keywords, if it can be said without running it; else None."""
    name = target.name if isinstance(target, Op) else _functions().get(id(target))
    if name is None:
        return None
    keywords = dict(kwargs)
    base = name.removeprefix("tw::")
    candidates = [name] if "::" in name else _overloads().get(name, [])
    if not candidates and base.endswith("_") and args and is_node(args[0]):
        base, candidates = base[:-1], _overloads().get(base[:-1], [])
        keywords["into"] = args[0]
    elif "out" in keywords and is_node(keywords["out"]):
        keywords["into"] = keywords.pop("out")
    rest = {k: v for k, v in keywords.items() if k != "into"}
    schemas = [schema_of(op) for op in candidates]
    fitting = [s for s in schemas if s is not None and _accepts(s, args, rest, is_node)]
    if len(fitting) != 1 or callable_of(fitting[0].op, args, keywords)[0] is not target:
        return None
    return fitting[0].op, keywords


@functools.cache
def _draws(name: str) -> bool:
    candidates = [name] if "::" in name else _overloads().get(name.rstrip("_"), [])
    return any("random" in registered(op).tags for op in candidates)


def is_random(target: Any) -> bool:
    """Whether a callable is an op that draws random numbers."""
    name = target.name if isinstance(target, Op) else _functions().get(id(target))
    return name is not None and _draws(name)


# ---- from ops to calls -----------------------------------------------------------------------------------------------


def callable_of(op: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What calls the op in Python, and the keywords it takes."""
    kwargs = dict(keywords)
    into = kwargs.pop("into", None)
    namespace, _, full = op.partition("::")
    base = full.partition(".")[0]
    functions: dict[str, Any] = tw._C.op_functions if namespace == "tw" else {}
    if into is not None and args and args[0] is into and f"{base}_" in functions:
        return functions[f"{base}_"], kwargs
    if into is not None:
        kwargs["out"] = into
    return (functions[base] if base in functions else registered(op)), kwargs


def split_positional(op: str, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments in the schema's order as Python passes them: those that are keyword-only by name."""
    schema = schema_of(op)
    if schema is None or len(args) <= schema.positional:
        return args, {}
    names = [p.name for p in schema.parameters]
    return args[: schema.positional], dict(zip(names[schema.positional :], args[schema.positional :], strict=False))


# ---- names of callables ----------------------------------------------------------------------------------------------

_PUBLIC = ("linalg", "fft", "special", "nn.functional", "fx", "ops")


def _member(module: Any, name: str) -> Any:
    """An attribute, as it is while no trace runs."""
    found = getattr(module, name, None)
    return getattr(found, "_fx_recorded_", found)


@functools.cache
def _public_name(target: Any) -> str | None:
    name = getattr(target, "__name__", "")
    if not name.isidentifier():
        return None
    if _member(tw, name) is target:
        return f"tw.{name}"
    for path in _PUBLIC:
        module = sys.modules.get(f"tensorwright.{path}")
        plain = name.removeprefix(path.partition(".")[0] + "_")
        for candidate in (name, plain):
            if module is not None and _member(module, candidate) is target:
                return f"tw.{path}.{candidate}"
    return None


def qualified_name(target: Any) -> str:
    """How the callable is written: ``tw.relu``, ``operator.add``, ``builtins.getattr``, ``my.module.function``."""
    if isinstance(target, Op):
        return f"tw.ops.get({target.name!r})"
    try:
        public = _public_name(target)
    except TypeError:  # not hashable
        public = None
    if public is not None:
        return public
    module = getattr(target, "__module__", None) or type(target).__module__
    name = getattr(target, "__qualname__", None) or getattr(target, "__name__", None) or type(target).__qualname__
    return f"{'operator' if module == '_operator' else module}.{name}"


_BUILTINS = {"abs": abs, "getattr": getattr, "len": len, "round": round}


def known_callable(name: str) -> Any:
    """The callable of that qualified name among those of the standard operators and of tensorwright; else None.

    Nothing is imported.
    """
    module, _, attribute = name.rpartition(".")
    if module == "operator":
        return _member(operator, attribute)
    if module == "math":
        return _member(math, attribute)
    if module == "builtins":
        return _BUILTINS.get(attribute)
    if module == "tw" or module.startswith("tw."):
        found: Any = sys.modules.get("tensorwright" + module[2:])
        return _member(found, attribute)
    return None


# ---- names of arguments ----------------------------------------------------------------------------------------------


class ArgumentNames(NamedTuple):
    """What a callable's parameters are called, and the defaults that are known."""

    positional: tuple[str, ...]
    defaults: Mapping[str, Any]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[Any, Any] | None:
        """Arguments by name; None if there are more than names."""
        if len(args) > len(self.positional):
            return None
        return {**self.defaults, **dict(zip(self.positional, args, strict=False)), **kwargs}


@functools.cache
def _names_of(target: Any) -> ArgumentNames | None:
    name = target.name if isinstance(target, Op) else _functions().get(id(target))
    if name is not None:
        candidates = [name] if "::" in name else _overloads().get(name, [])
        schema = schema_of(candidates[0]) if len(candidates) == 1 else None
        return None if schema is None else ArgumentNames(tuple(p.name for p in schema.parameters), {})
    if not inspect.isfunction(target):
        return None
    parameters = inspect.signature(target).parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    return ArgumentNames(
        tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY),
        {p.name: p.default for p in parameters if p.default is not p.empty},
    )


def argument_names(target: Any) -> ArgumentNames | None:
    """Names of a callable's arguments; None where they are not the same for every call, or not known."""
    try:
        return _names_of(target)
    except TypeError:  # not hashable
        return None
