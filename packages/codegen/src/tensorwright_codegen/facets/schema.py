"""Schemas: `(Tensor self, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor` as typed objects and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .errors import UNKNOWN, FacetError, Location


class Type(Enum):
    """What an argument or a result is; the value is its spelling in schemas."""

    TENSOR = "Tensor"
    OPERAND = "Tensor|Scalar"
    SCALAR = "Scalar"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STR = "str"
    DTYPE = "dtype"
    DEVICE = "device"
    INTS = "int[]"
    FLOATS = "float[]"
    TENSORS = "Tensor[]"
    OBJECT = "Object"


RESULT_TYPES = frozenset(Type) - {Type.OPERAND, Type.FLOATS, Type.DEVICE}
DTYPES = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float8_e4m3fn", "float8_e5m2",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


@dataclass(frozen=True)
class Dtype:
    """A dtype by name, as a default value or a constant of a rule."""

    name: str

    def __str__(self) -> str:
        return self.name


Constant = None | bool | int | float | str | tuple[int, ...] | tuple[float, ...] | Dtype


@dataclass(frozen=True)
class Default:
    """The default of an argument (wrapped, because None is a value)."""

    value: Constant

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return f"'{self.value}'"
        if isinstance(self.value, tuple):
            return f"[{', '.join(repr(item) for item in self.value)}]"
        return str(self.value)


@dataclass(frozen=True)
class Alias:
    """`(a)`: shares the storage named a; `(a!)`: and is written."""

    name: str
    written: bool

    def __str__(self) -> str:
        return f"({self.name}{'!' if self.written else ''})"


@dataclass(frozen=True)
class Arg:
    name: str
    type: Type
    optional: bool = False
    keyword_only: bool = False
    default: Default | None = None
    list_length: int = 0  # int[2]: one int stands for that many; 0: any length
    element_optional: bool = False  # Tensor?[]
    alias: Alias | None = None

    @property
    def type_text(self) -> str:
        base = self.type.value
        if self.type in (Type.INTS, Type.FLOATS) and self.list_length:
            base = base.replace("[]", f"[{self.list_length}]")
        if self.element_optional:
            base = base.replace("[]", "?[]")
        if self.alias:
            base = base.replace("Tensor", f"Tensor{self.alias}", 1)
        return base + ("?" if self.optional else "")

    def __str__(self) -> str:
        default = "" if self.default is None else f"={self.default}"
        return f"{self.type_text} {self.name}{default}"


@dataclass(frozen=True)
class Ret:
    type: Type
    name: str | None = None
    alias: Alias | None = None

    def __str__(self) -> str:
        base = self.type.value
        if self.alias:
            base = base.replace("Tensor", f"Tensor{self.alias}", 1)
        return base if self.name is None else f"{base} {self.name}"


@dataclass(frozen=True)
class Schema:
    """Typed arguments and results.

    >>> str(parse_schema("(Tensor(a) self, int[2] size=1, *, dtype? dtype=None)->(Tensor(a) x, Tensor y)"))
    '(Tensor(a) self, int[2] size=1, *, dtype? dtype=None) -> (Tensor(a) x, Tensor y)'
    """

    args: tuple[Arg, ...]
    rets: tuple[Ret, ...]

    def arg(self, name: str) -> Arg | None:
        return next((arg for arg in self.args if arg.name == name), None)

    def index(self, name: str) -> int:
        return next(i for i, arg in enumerate(self.args) if arg.name == name)

    @property
    def positional_count(self) -> int:
        return sum(not arg.keyword_only for arg in self.args)

    def alias_of(self, ret: Ret) -> int:
        """Index of the argument whose storage the result shares, or -1."""
        if ret.alias is None:
            return -1
        return next((i for i, a in enumerate(self.args) if a.alias and a.alias.name == ret.alias.name), -1)

    def __str__(self) -> str:
        parts: list[str] = []
        for arg in self.args:
            if arg.keyword_only and "*" not in parts:
                parts.append("*")
            parts.append(str(arg))
        if len(self.rets) == 1 and self.rets[0].name is None:
            return f"({', '.join(parts)}) -> {self.rets[0]}"
        return f"({', '.join(parts)}) -> ({', '.join(map(str, self.rets))})"


_TYPE = re.compile(
    r"(?P<base>Tensor\|Scalar|Tensor|Scalar|int|float|bool|str|dtype|device|Object)"
    r"(?P<alias>\([a-z]+!?\))?(?P<element>\?(?=\[))?(?P<list>\[\d*\])?(?P<optional>\?)?$"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*$")


def _split(text: str) -> list[str]:
    """Splits at commas outside of brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


class _Parser:
    def __init__(self, location: Location) -> None:
        self.location = location

    def error(self, message: str) -> FacetError:
        return FacetError(self.location, f"schema: {message}")

    def schema(self, text: str) -> Schema:
        left, arrow, right = text.partition("->")
        left, right = left.strip(), right.strip()
        if not arrow or not left.startswith("(") or not left.endswith(")"):
            raise self.error(f"expected `(arguments) -> results`, got {text!r}")
        args: list[Arg] = []
        keyword_only = False
        for part in _split(left[1:-1]):
            if part == "*":
                keyword_only = True
                continue
            args.append(self.arg(part, keyword_only))
        names = [arg.name for arg in args]
        for name in names:
            if names.count(name) > 1:
                raise self.error(f"argument {name!r} is declared twice")
        self.check_default_order(args)
        schema = Schema(tuple(args), self.rets(right))
        for ret in schema.rets:
            if ret.alias and schema.alias_of(ret) < 0:
                raise self.error(f"result {ret} shares storage with no argument")
        return schema

    def check_default_order(self, args: list[Arg]) -> None:
        seen: Arg | None = None
        for arg in args:
            if arg.keyword_only:
                return
            if arg.default is not None:
                seen = arg
            elif seen is not None:
                raise self.error(f"argument {arg.name!r} without a default follows {seen.name!r} that has one")

    def rets(self, text: str) -> tuple[Ret, ...]:
        if text.startswith("(") and text.endswith(")"):
            return tuple(self.ret(part) for part in _split(text[1:-1]))
        return (self.ret(text),)

    def ret(self, text: str) -> Ret:
        type_text, _, name = text.partition(" ")
        arg = self.typed(type_text, name.strip() or "result")
        if arg.type not in RESULT_TYPES or arg.optional or arg.list_length or arg.element_optional:
            raise self.error(f"{type_text!r} cannot be a result; expected one of {_words(RESULT_TYPES)}")
        return Ret(arg.type, name.strip() or None, arg.alias)

    def arg(self, text: str, keyword_only: bool) -> Arg:
        declaration, equals, default = text.partition("=")
        type_text, _, name = declaration.strip().rpartition(" ")
        if not type_text:
            raise self.error(f"expected `type name`, got {text!r}")
        arg = self.typed(type_text.strip(), name)
        value = self.default(arg, default.strip()) if equals else None
        return Arg(
            arg.name, arg.type, arg.optional, keyword_only, value, arg.list_length, arg.element_optional, arg.alias
        )

    def typed(self, type_text: str, name: str) -> Arg:
        match = _TYPE.match(type_text)
        if not match:
            raise self.error(f"unknown type {type_text!r} of {name!r}; expected one of {_words(Type)}")
        if not _NAME.match(name):
            raise self.error(f"{name!r} is not a name")
        base, brackets = match["base"], match["list"]
        try:
            kind = Type(base + ("[]" if brackets else ""))
        except ValueError:
            raise self.error(f"there are no lists of {base}; expected one of {_words(Type)}") from None
        alias = Alias(match["alias"].strip("()!"), "!" in match["alias"]) if match["alias"] else None
        if (alias or match["element"]) and not base.startswith("Tensor"):
            raise self.error(f"only tensors have marks such as {match['alias'] or '?[]'}, {name!r} is {base}")
        length = int(brackets[1:-1]) if brackets and brackets != "[]" else 0
        return Arg(
            name,
            kind,
            bool(match["optional"]),
            list_length=length,
            element_optional=bool(match["element"]),
            alias=alias,
        )

    def default(self, arg: Arg, text: str) -> Default:
        value = _constant(text)
        if value is _INVALID or not _fits(arg, value):  # type: ignore[arg-type]
            raise self.error(f"default {text!r} of {arg.name!r} is not a {arg.type_text}")
        if arg.type is Type.FLOAT and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        return Default(value)  # type: ignore[arg-type]


_INVALID = object()


def _constant(text: str) -> object:
    words: dict[str, object] = {"None": None, "True": True, "False": False}
    if text in words:
        return words[text]
    if text in DTYPES:
        return Dtype(text)
    if len(text) >= 2 and text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1]
    if text.startswith("[") and text.endswith("]"):
        items = tuple(_constant(part) for part in _split(text[1:-1]))
        return items if all(isinstance(i, (int, float)) for i in items) else _INVALID
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return _INVALID


def _fits(arg: Arg, value: Constant) -> bool:
    if value is None:
        return arg.optional
    if isinstance(value, bool):
        return arg.type in (Type.BOOL, Type.SCALAR, Type.OPERAND)
    if isinstance(value, int):
        one_int_list = arg.type is Type.INTS and arg.list_length > 0
        return one_int_list or arg.type in (Type.INT, Type.FLOAT, Type.SCALAR, Type.OPERAND)
    if isinstance(value, float):
        return arg.type in (Type.FLOAT, Type.SCALAR, Type.OPERAND)
    if isinstance(value, str):
        return arg.type is Type.STR
    if isinstance(value, tuple):
        return arg.type in (Type.INTS, Type.FLOATS)
    return arg.type is Type.DTYPE


def _words(types: object) -> str:
    return ", ".join(sorted(t.value for t in types))  # type: ignore[attr-defined]


def parse_schema(text: str, location: Location = UNKNOWN) -> Schema:
    """Reads a schema; raises FacetError naming the part that is wrong."""
    return _Parser(location).schema(text)
