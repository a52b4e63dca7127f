"""Types of values in scripts, and how two of them join where control flow does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Type:
    """What is known of a value while a script is compiled."""

    def text(self) -> str:
        """As the graph writes it."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Simple(Type):
    """A type without parts."""

    name: str
    graph: str

    def text(self) -> str:
        return self.graph

    def __str__(self) -> str:
        return self.name


INT, FLOAT = Simple("int", "int"), Simple("float", "float")
BOOL, COMPLEX = Simple("bool", "bool"), Simple("complex", "complex")
NUMBER = Simple("a number", "number")  # an int or a float or ..., as it comes
STR, NONE = Simple("str", "str"), Simple("None", "none")
DTYPE, DEVICE = Simple("dtype", "dtype"), Simple("device", "device")
NEVER = Simple("nothing", "none")  # of what is never reached
SCALARS = (INT, FLOAT, BOOL, COMPLEX, NUMBER)
_OF_CONSTANT = {bool: BOOL, int: INT, float: FLOAT, complex: COMPLEX, str: STR, type(None): NONE}


@dataclass(frozen=True)
class TensorType(Type):
    """A tensor; whether it is known to be a mask decides how it indexes."""

    mask: bool = False

    def text(self) -> str:
        return "tensor<bool, ?, ?>" if self.mask else "tensor<?, ?, ?>"

    def __str__(self) -> str:
        return "Tensor"


TENSOR, MASK = TensorType(), TensorType(mask=True)


@dataclass(eq=False)
class Unknown(Type):
    """The item type of an empty list until something is put into it."""

    bound: Type | None = None

    def text(self) -> str:
        return (self.bound or TENSOR).text()

    def __str__(self) -> str:
        return str(self.bound or "?")


@dataclass(frozen=True)
class ListType(Type):
    """A list; a frozen one is a tuple of any length, such as a shape."""

    item: Type
    frozen: bool = False

    def text(self) -> str:
        return f"list<{self.item.text()}>"

    def __str__(self) -> str:
        return f"tuple[{self.item}, ...]" if self.frozen else f"list[{self.item}]"


@dataclass(frozen=True)
class TupleType(Type):
    """A tuple of a known length, perhaps with names."""

    items: tuple[Type, ...]
    fields: tuple[str, ...] = ()
    cls: Any = None  # of a NamedTuple

    def text(self) -> str:
        return f"tuple<{', '.join(item.text() for item in self.items)}>"

    def __str__(self) -> str:
        return self.cls.__name__ if self.cls else f"tuple[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True)
class DictType(Type):
    """A dict."""

    key: Type
    value: Type

    def text(self) -> str:
        return f"dict<{self.key.text()}, {self.value.text()}>"

    def __str__(self) -> str:
        return f"dict[{self.key}, {self.value}]"


@dataclass(frozen=True)
class OptionalType(Type):
    """A value or None."""

    item: Type

    def text(self) -> str:
        return f"optional<{self.item.text()}>"

    def __str__(self) -> str:
        return f"{self.item} | None"


@dataclass(frozen=True)
class ClassType(Type):
    """An instance of a class whose source is compiled: a list of its attributes."""

    cls: Any
    attributes: dict[str, Type] = field(hash=False, compare=False)

    def text(self) -> str:
        return "object"

    def __str__(self) -> str:
        return str(self.cls.__name__)


def of_constant(value: Any) -> Type | None:
    """The type of a constant, or None if the value is not one."""
    return _OF_CONSTANT.get(type(value))


def resolved(kind: Type) -> Type:
    """What unknown types turned out to be, in all parts."""
    while isinstance(kind, Unknown) and kind.bound is not None:
        kind = kind.bound
    match kind:
        case ListType(item=item):
            return kind if resolved(item) is item else ListType(resolved(item), kind.frozen)
        case OptionalType(item=item):
            return kind if resolved(item) is item else OptionalType(resolved(item))
        case DictType(key=key, value=value):
            known = resolved(key) is key and resolved(value) is value
            return kind if known else DictType(resolved(key), resolved(value))
        case TupleType(items=items):
            parts = tuple(map(resolved, items))
            known = all(a is b for a, b in zip(parts, items, strict=True))
            return kind if known else TupleType(parts, kind.fields, kind.cls)
    return kind


def is_scalar(kind: Type) -> bool:
    return resolved(kind) in SCALARS


def is_tensor(kind: Type) -> bool:
    return isinstance(resolved(kind), TensorType)


def optional(kind: Type) -> Type:
    """The type or None."""
    return kind if isinstance(kind, OptionalType) or kind == NONE else OptionalType(kind)


def without_none(kind: Type) -> Type:
    return kind.item if isinstance(kind, OptionalType) else kind


def join(a: Type, b: Type) -> Type | None:
    """The type of a value that is of one or of the other, or None if there is no such type."""
    a, b = resolved(a), resolved(b)
    if a == b or b == NEVER:
        return a
    if a == NEVER:
        return b
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return _bind(a, b)
    if is_tensor(a) and is_tensor(b):
        return TENSOR
    if a in SCALARS and b in SCALARS:
        return NUMBER
    if NONE in (a, b) or isinstance(a, OptionalType) or isinstance(b, OptionalType):
        inner = join(*(NEVER if kind == NONE else without_none(kind) for kind in (a, b)))
        return None if inner is None else optional(inner)
    return _join_parts(a, b)


def _bind(a: Type, b: Type) -> Type:
    if isinstance(a, Unknown):
        a.bound = b
        return b
    assert isinstance(b, Unknown)
    b.bound = a
    return a


def _join_parts(a: Type, b: Type) -> Type | None:
    if isinstance(a, ListType) and isinstance(b, ListType) and a.frozen == b.frozen:
        item = _same(a.item, b.item) if not a.frozen else join(a.item, b.item)
        return None if item is None else ListType(item, a.frozen)
    if isinstance(a, DictType) and isinstance(b, DictType):
        key, value = _same(a.key, b.key), _same(a.value, b.value)
        return None if key is None or value is None else DictType(key, value)
    if isinstance(a, TupleType) and isinstance(b, TupleType):
        return _join_tuples(a, b)
    return None


def _same(a: Type, b: Type) -> Type | None:
    """The items of two lists that may be one must be of one type."""
    a, b = resolved(a), resolved(b)
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return a if a is b else _bind(a, b)
    joined = join(a, b)
    return joined if joined in (a, b) or (is_tensor(a) and is_tensor(b)) else None


def _join_tuples(a: TupleType, b: TupleType) -> Type | None:
    if len(a.items) != len(b.items):
        items = [*a.items, *b.items]
        item: Type | None = NEVER
        for kind in items:
            item = None if item is None else join(item, kind)
        return None if item is None else ListType(item, frozen=True)
    joined = [join(x, y) for x, y in zip(a.items, b.items, strict=True)]
    if any(kind is None for kind in joined):
        return None
    same = a.cls is b.cls
    return TupleType(tuple(k for k in joined if k is not None), a.fields if same else (), a.cls if same else None)


def accepts(wanted: Type, given: Type) -> bool:
    """Whether a value of one type may stand where another is declared, as Python's own rules for numbers have it."""
    wanted, given = resolved(wanted), resolved(given)
    ladder = (BOOL, INT, FLOAT, COMPLEX)
    if wanted in ladder and given in ladder:
        return ladder.index(given) <= ladder.index(wanted)
    if given == NUMBER:
        return wanted in SCALARS or (isinstance(wanted, OptionalType) and wanted.item in SCALARS)
    if isinstance(wanted, OptionalType) and not isinstance(given, OptionalType):
        return given == NONE or accepts(wanted.item, given)
    if isinstance(wanted, ListType) and isinstance(given, TupleType):
        return wanted.frozen and all(accepts(wanted.item, item) for item in given.items)
    if isinstance(wanted, TupleType) and isinstance(given, TupleType):
        pairs = zip(wanted.items, given.items, strict=False)
        return len(wanted.items) == len(given.items) and all(accepts(w, g) for w, g in pairs)
    joined = join(wanted, given)
    return joined is not None and resolved(joined) == resolved(wanted)
