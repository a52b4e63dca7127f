"""An op as its facet declares it: frozen, comparable, and written back as the same facet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from .errors import UNKNOWN, Location
from .schema import Schema


class Kind(Enum):
    POINTWISE = "pointwise"
    REDUCTION = "reduction"
    KERNEL = "kernel"
    VIEW = "view"
    COMPOSITE = "composite"


VARIANTS = ("function", "method", "inplace", "function_inplace", "out")
COMPUTE_TYPES = ("f32", "f64", "i32", "i64", "b8", "u64", "c32", "c64")
COMBINES = ("sum", "prod", "max", "min", "any", "all")
DYNAMIC = "dynamic"
UNARY_OPERATORS = {"neg": "nb_negative", "abs": "nb_absolute", "~": "nb_invert", "pos": "nb_positive"}
BINARY_OPERATORS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "true_divide", "//": "floor_divide", "%": "remainder",
    "**": "power", "@": "matrix_multiply", "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
OPERATORS = (*UNARY_OPERATORS, *BINARY_OPERATORS, *COMPARISONS)


@dataclass(frozen=True)
class Rule:
    """A text in the rule language and where it stands."""

    text: str
    location: Location = field(default=UNKNOWN, compare=False)


@dataclass(frozen=True)
class Constraint:
    """What the arguments must satisfy, and the sentence that says so."""

    rule: Rule
    sentence: str | None = None


@dataclass(frozen=True)
class Expression:
    """The mathematics of a pointwise or reduction op: one text per result; for reductions, the map and combine."""

    results: tuple[Rule, ...]
    combine: str | None = None
    compute: tuple[str, ...] = ("f32", "f64")
    operand_types: tuple[tuple[str, str], ...] = ()
    result_types: tuple[str, ...] = ()  # for each result "T", "bool", "real" (the part of a complex T) or "complex"


@dataclass(frozen=True)
class Sample:
    """Arguments of one call, as Python expressions, for generated tests."""

    args: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Op:
    name: str
    schema: Schema
    kind: Kind
    doc: str
    variants: tuple[str, ...] = ()
    operator: str | None = None
    where: tuple[Constraint, ...] = ()
    shape: tuple[Rule, ...] = ()  # one for all results, or one for each; empty: the kind's default
    dtype: tuple[Rule, ...] = ()
    expression: Expression | None = None
    formula: str | None = None
    example: str | None = None
    varargs: str | None = None
    aliases: tuple[str, ...] = ()  # other Python names; `linalg.solve` is tensorwright.linalg.solve
    tags: tuple[str, ...] = ()
    revision: int = 0
    samples: tuple[Sample, ...] = ()
    file: str = field(default="", compare=False)  # stem of the facet file: units of generated code are named after it
    location: Location = field(default=UNKNOWN, compare=False)

    @property
    def base_name(self) -> str:
        """The Python name, shared by the overloads: max of max.dim."""
        return self.name.partition(".")[0]

    @property
    def display_name(self) -> str:
        """The name users know the op by, in messages and pages: that in its module if it has no other."""
        dotted = [alias for alias in self.aliases if "." in alias]
        return dotted[0] if dotted and not {"function", "method"} & set(self.variants) else self.base_name

    @property
    def symbol(self) -> str:
        """The C++ name: max_dim of max.dim."""
        return self.name.replace(".", "_")

    @property
    def qualified_name(self) -> str:
        return f"tw::{self.name}"

    @property
    def is_dynamic(self) -> bool:
        """The result's shape depends on data, so the op allocates it."""
        return len(self.shape) == 1 and self.shape[0].text == DYNAMIC

    @property
    def is_structured(self) -> bool:
        """Shape and dtype are inferred from the arguments' metadata; the core allocates the results."""
        return self.kind in (Kind.POINTWISE, Kind.REDUCTION) or (self.kind is Kind.KERNEL and not self.is_dynamic)

    @property
    def math(self) -> Expression:
        """The expression of a pointwise or reduction op; ValueError for other kinds."""
        if self.expression is None:
            raise ValueError(f"op {self.name} of kind {self.kind.value} has no expression")
        return self.expression

    @property
    def combine(self) -> str:
        """How a reduction folds; ValueError for other kinds."""
        if self.math.combine is None:
            raise ValueError(f"op {self.name} of kind {self.kind.value} combines nothing")
        return self.math.combine

    @property
    def summary(self) -> str:
        return self.doc.strip().splitlines()[0]

    def has(self, variant: str) -> bool:
        return variant in self.variants


@dataclass(frozen=True)
class OpSet:
    """All ops, in the order of their ids."""

    ops: tuple[Op, ...]

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __len__(self) -> int:
        return len(self.ops)

    def find(self, name: str) -> Op | None:
        return next((op for op in self.ops if op.name == name), None)

    def __getitem__(self, name: str) -> Op:
        found = self.find(name)
        if found is None:
            raise KeyError(f"no op {name!r}")
        return found

    def id(self, op: Op) -> int:
        return self.ops.index(op)

    def files(self) -> dict[str, tuple[Op, ...]]:
        """Ops by facet file, in order."""
        result: dict[str, tuple[Op, ...]] = {}
        for op in self.ops:
            result[op.file] = (*result.get(op.file, ()), op)
        return result

    def overloads(self) -> dict[str, tuple[Op, ...]]:
        """Ops by Python name, in order."""
        result: dict[str, tuple[Op, ...]] = {}
        for op in self.ops:
            result[op.base_name] = (*result.get(op.base_name, ()), op)
        return result
