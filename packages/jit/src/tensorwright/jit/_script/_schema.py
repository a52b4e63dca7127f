"""Calls of ops: which overload the types of the arguments choose, and what it gives."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from tensorwright import _C

from . import _types as t
from ._values import MARK_LIST, MARK_NODE, NONE, Static, Thing, TupleValue, Value

_MASKS = frozenset(
    ["eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "isclose",
     "logical_not", "logical_and", "logical_or", "logical_xor", "isin", "isreal"]
)  # fmt: skip
_MASK_IF_MASKS = frozenset(
    ["bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "clone", "select", "slice", "unsqueeze", "reshape"]
)


@dataclass(frozen=True)
class Parameter:
    """An argument of a schema."""

    type: str
    name: str
    default: str | None
    keyword_only: bool

    @property
    def has_default(self) -> bool:
        return self.default is not None

    def default_arg(self) -> Any:
        """The default as an argument of a node."""
        assert self.default is not None
        value = math.inf if self.default == "inf" else ast.literal_eval(self.default)
        sizes = re.search(r"\[(\d+)\]$", self.type)
        if isinstance(value, (list, tuple)):
            return [MARK_LIST, *value]
        return [MARK_LIST, *[value] * int(sizes[1])] if sizes and value is not None else value


@dataclass(frozen=True)
class Schema:
    """An op's signature."""

    op: str
    parameters: tuple[Parameter, ...]
    results: tuple[tuple[str, str], ...]  # type, name
    varargs: int
    inplace: bool


def _split(text: str) -> list[str]:
    parts, depth, part = [], 0, ""
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    return [*parts, part.strip()] if part.strip() else parts


def _without_alias(kind: str) -> str:
    return re.sub(r"\([a-z]!?\)", "", kind)


@cache
def schema_of(op: str, varargs: int = -1, inplace: bool = False) -> Schema:
    """The signature of a registered op."""
    text = _C.find_op(op).schema
    head, _, result = text.partition(" -> ")
    parameters = []
    keyword_only = False
    for part in _split(head[head.index("(") + 1 : head.rindex(")")]):
        if part == "*":
            keyword_only = True
            continue
        declaration, equals, default = part.partition("=")
        kind, _, name = declaration.strip().rpartition(" ")
        parameters.append(Parameter(_without_alias(kind), name, default if equals else None, keyword_only))
    grouped = result.startswith("(") and result.endswith(")")
    results = []
    for part in _split(result[1:-1] if grouped else result):
        kind, _, name = _without_alias(part).partition(" ")
        results.append((kind, name))
    return Schema(op, tuple(parameters), tuple(results), varargs, inplace)


@cache
def overloads(name: str, method: bool) -> tuple[Schema, ...]:
    """What a function or method of that name may call, in the order in which they are tried."""
    found = _C.overloads(name, method)
    if found is None:
        return ()
    inplace, rows = found
    return tuple(schema_of(op, varargs, inplace) for op, varargs in rows)


class MismatchError(Exception):
    """The arguments do not fit a schema; says why."""


Bound = dict[str, Value]


def bind(schema: Schema, args: list[Thing], kwargs: dict[str, Thing]) -> Bound:
    """The arguments by name, of the kinds that the schema declares."""
    args = _gathered(schema, args, kwargs)
    positional = [p for p in schema.parameters if not p.keyword_only]
    if len(args) > len(positional):
        raise MismatchError(f"takes at most {len(positional)} positional arguments, got {len(args)}")
    bound: Bound = {}
    names = _aliases(schema)
    for parameter, given in zip(positional, args, strict=False):
        bound[parameter.name] = fitted(parameter, given)
    by_name = {p.name: p for p in schema.parameters}
    for keyword, given in kwargs.items():
        name = names.get(keyword, keyword)
        if name in ("requires_grad", "pin_memory", "out", "layout") and name not in by_name:
            _refuse_option(name, given)
            continue
        if name not in by_name:
            raise MismatchError(f"has no argument '{keyword}'")
        if name in bound:
            raise MismatchError(f"got argument '{keyword}' twice")
        bound[name] = fitted(by_name[name], given)
    for parameter in schema.parameters:
        if parameter.name not in bound and not parameter.has_default and not parameter.type.endswith("?"):
            raise MismatchError(f"is missing argument '{parameter.name}'")
    return bound


def _aliases(schema: Schema) -> dict[str, str]:
    """The array API's and PyTorch's other names of arguments."""
    names = {p.name for p in schema.parameters}
    pairs = [("axis", "dim"), ("axes", "dim"), ("keepdims", "keepdim"), ("input", "self"), ("x", "self")]
    return {other: name for other, name in pairs if name in names and other not in names}


def _refuse_option(name: str, given: Thing) -> None:
    if not (isinstance(given, Value) and given.is_constant and given.arg in (None, False)):
        raise MismatchError(f"takes no '{name}' in a script")


def _gathered(schema: Schema, args: list[Thing], kwargs: dict[str, Thing]) -> list[Thing]:
    """``x.view(2, 3)`` as ``x.view((2, 3))``."""
    k = schema.varargs
    if k < 0 or schema.parameters[k].name in kwargs:
        return args
    rest = args[k:]
    if schema.parameters[k].type.startswith("Tensor"):
        return [*args[:k], TupleValue(rest)] if rest and all(_is_a_tensor(a) for a in rest) else args
    if all(isinstance(a, Value) and t.resolved(a.type) in (t.INT, t.BOOL) for a in rest) and (rest or k < len(args)):
        return [*args[:k], TupleValue(rest)]
    if not rest and k == len(args) and not schema.parameters[k].has_default:
        return [*args, TupleValue([])]
    return args


def _is_a_tensor(thing: Thing) -> bool:
    return isinstance(thing, Value) and t.is_tensor(thing.type)


def fitted(parameter: Parameter, given: Thing) -> Value:
    """The argument as the op takes it.

    Raises:
        MismatchError: if the op does not take its type.
    """
    if isinstance(given, Static):
        given = _static_argument(given)
    if isinstance(given, Value):
        value = _fitted(parameter.type, given)
        if value is not None:
            return value
    raise MismatchError(f"argument '{parameter.name}' must be {parameter.type}, got {given.described()}")


def _static_argument(given: Static) -> Thing:
    if isinstance(given.value, _C.dtype):
        return Value(t.DTYPE, given.value)
    if given.value in (bool, int, float, complex):
        names = {bool: _C.bool, int: _C.int64, float: _C.float64, complex: _C.complex128}
        return Value(t.DTYPE, names[given.value])
    if isinstance(given.value, _C.device):
        return Value(t.DEVICE, given.value)
    return given


def _fitted(wanted: str, given: Value) -> Value | None:
    kind = t.resolved(given.type)
    if wanted.endswith("?"):
        if kind == t.NONE:
            return NONE
        if isinstance(kind, t.OptionalType):
            return Value(kind, given.arg) if _fitted(wanted[:-1], Value(kind.item, given.arg)) else None
        return _fitted(wanted[:-1], given)
    if "[" in wanted:
        return _fitted_list(wanted, given)
    if "|" in wanted:
        return next((v for v in (_fitted(part, given) for part in wanted.split("|")) if v is not None), None)
    return given if _fits_one(wanted, kind) else _converted(wanted, given)


def _fits_one(wanted: str, kind: t.Type) -> bool:
    match wanted:
        case "Tensor":
            return t.is_tensor(kind)
        case "Scalar":
            return kind in t.SCALARS
        case "int":
            return kind in (t.INT, t.BOOL)
        case "float":
            return kind in (t.FLOAT, t.NUMBER, t.INT, t.BOOL)
        case "bool":
            return kind == t.BOOL
        case "str":
            return kind == t.STR
        case "dtype":
            return kind == t.DTYPE
        case "device":
            return kind == t.DEVICE
    return False


def _converted(wanted: str, given: Value) -> Value | None:
    if wanted == "device" and given.is_constant and isinstance(given.arg, str):
        return Value(t.DEVICE, _C.device(given.arg))
    if wanted == "str" and given.is_constant and given.type == t.NONE:
        return given
    return None


def _fitted_list(wanted: str, given: Value) -> Value | None:
    item, _, size = wanted.partition("[")
    kind = t.resolved(given.type)
    if isinstance(kind, t.ListType):
        if isinstance(t.resolved(kind.item), t.Unknown):
            t.join(kind.item, t.INT if item == "int" else t.TENSOR)
        return given if _fitted(item, Value(t.resolved(kind.item), [MARK_NODE, 0])) is not None else None
    if isinstance(given, TupleValue):
        values = [_fitted(item, v) if isinstance(v, Value) else None for v in given.items]
        return Value(kind, [MARK_LIST, *(v.arg for v in values if v is not None)]) if None not in values else None
    if isinstance(kind, t.TupleType):
        return given if all(_fitted(item, Value(k, [MARK_NODE, 0])) is not None for k in kind.items) else None
    count = size.rstrip("]")
    if count and _fitted(item, given) is not None:  # `int[2]`: one number stands for a list of two
        return Value(t.ListType(kind, frozen=True), [MARK_LIST, *[given.arg] * int(count)])
    return None


_RESULT_TYPES: dict[str, t.Type] = {
    "Tensor": t.TENSOR,
    "Tensor[]": t.ListType(t.TENSOR, frozen=True),
    "int": t.INT,
    "bool": t.BOOL,
    "float": t.FLOAT,
    "Scalar": t.NUMBER,
    "int[]": t.ListType(t.INT, frozen=True),
    "dtype": t.DTYPE,
    "device": t.DEVICE,
    "str": t.STR,
}


def result_type(schema: Schema, bound: Bound) -> t.Type | None:
    """What a call gives, or None if scripts have no such type."""
    kinds = [_RESULT_TYPES.get(kind.rstrip("?")) for kind, _ in schema.results]
    known = [kind for kind in kinds if kind is not None]
    if len(known) != len(kinds):
        return None
    if len(known) == 0:
        return t.NONE
    if len(known) > 1:
        names = tuple(name for _, name in schema.results)
        return t.TupleType(tuple(known), names if all(names) else ())
    return t.MASK if known[0] == t.TENSOR and gives_mask(schema, bound) else known[0]


def gives_mask(schema: Schema, bound: Bound) -> bool:
    """Whether the result is known to hold bools."""
    name = schema.op.removeprefix("tw::").partition(".")[0]
    tensors = [v.type for v in bound.values() if t.is_tensor(v.type)]
    dtype = bound.get("dtype")
    if dtype is not None and dtype.is_constant and dtype.arg is not None:
        return bool(dtype.arg == _C.bool)
    return (
        name in _MASKS or name == "to_bool" or (name in _MASK_IF_MASKS and bool(tensors) and set(tensors) == {t.MASK})
    )
