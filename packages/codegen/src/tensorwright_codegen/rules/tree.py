"""The typed tree that a rule is parsed into; the C++ emitter and the Python evaluator read this and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class RuleType(Enum):
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STR = "str"
    DTYPE = "dtype"
    DEVICE = "device"
    NONE = "None"
    INTS = "list of int"
    FLOATS = "list of float"
    STRS = "list of str"
    DTYPES = "list of dtype"
    SCALAR = "Scalar"
    TENSOR = "Tensor"
    OPERAND = "Tensor|Scalar"
    TENSORS = "list of Tensor"
    OBJECT = "Object"

    @property
    def is_number(self) -> bool:
        return self in (RuleType.INT, RuleType.FLOAT, RuleType.BOOL, RuleType.SCALAR)

    @property
    def is_list(self) -> bool:
        return self in _ELEMENTS

    @property
    def element(self) -> RuleType:
        return _ELEMENTS[self]

    @property
    def has_shape(self) -> bool:
        return self in (RuleType.TENSOR, RuleType.OPERAND)


_ELEMENTS = {
    RuleType.INTS: RuleType.INT,
    RuleType.FLOATS: RuleType.FLOAT,
    RuleType.STRS: RuleType.STR,
    RuleType.DTYPES: RuleType.DTYPE,
    RuleType.TENSORS: RuleType.TENSOR,
}
LIST_OF = {element: kind for kind, element in _ELEMENTS.items()}


@dataclass(frozen=True)
class Term:
    """A node; `text` is its source in normal form."""

    type: RuleType
    text: str

    def children(self) -> tuple[Term, ...]:
        return ()

    def walk(self) -> Iterator[Term]:
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True)
class Constant(Term):
    value: bool | int | float | str | None  # a dtype constant is its name


@dataclass(frozen=True)
class Name(Term):
    """An argument of the op, or (bound) the variable of a comprehension."""

    name: str
    optional: bool
    bound: bool


@dataclass(frozen=True)
class Attribute(Term):
    value: Term
    name: str

    def children(self) -> tuple[Term, ...]:
        return (self.value,)


@dataclass(frozen=True)
class Index(Term):
    value: Term
    index: Term

    def children(self) -> tuple[Term, ...]:
        return (self.value, self.index)


@dataclass(frozen=True)
class Slice(Term):
    value: Term
    start: Term | None
    stop: Term | None

    def children(self) -> tuple[Term, ...]:
        return tuple(term for term in (self.value, self.start, self.stop) if term is not None)


@dataclass(frozen=True)
class ListTerm(Term):
    items: tuple[Term, ...]

    def children(self) -> tuple[Term, ...]:
        return self.items


@dataclass(frozen=True)
class Call(Term):
    function: str
    args: tuple[Term, ...]
    starred: bool = False  # promote(*tensors)

    def children(self) -> tuple[Term, ...]:
        return self.args


@dataclass(frozen=True)
class Binary(Term):
    operator: str
    left: Term
    right: Term

    def children(self) -> tuple[Term, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Negate(Term):
    value: Term

    def children(self) -> tuple[Term, ...]:
        return (self.value,)


@dataclass(frozen=True)
class Not(Term):
    value: Term

    def children(self) -> tuple[Term, ...]:
        return (self.value,)


@dataclass(frozen=True)
class Logical(Term):
    """`and` or `or` of two or more."""

    operator: str
    items: tuple[Term, ...]

    def children(self) -> tuple[Term, ...]:
        return self.items


@dataclass(frozen=True)
class IsNone(Term):
    value: Name
    negated: bool

    def children(self) -> tuple[Term, ...]:
        return (self.value,)


@dataclass(frozen=True)
class Compare(Term):
    """left op right [op right ...], with Python's chaining; `in` and `not in` too."""

    left: Term
    operators: tuple[str, ...]
    rights: tuple[Term, ...]

    def children(self) -> tuple[Term, ...]:
        return (self.left, *self.rights)


@dataclass(frozen=True)
class Conditional(Term):
    condition: Term
    then: Term
    otherwise: Term

    def children(self) -> tuple[Term, ...]:
        return (self.condition, self.then, self.otherwise)


@dataclass(frozen=True)
class Comprehension(Term):
    """[element for variable in source if condition], alone or as the argument of all, any, sum, min, max, prod."""

    function: str  # "list", "all", "any", "sum", "min", "max", "prod"
    variable: str
    source: Term
    element: Term
    condition: Term | None

    def children(self) -> tuple[Term, ...]:
        return tuple(term for term in (self.source, self.element, self.condition) if term is not None)
