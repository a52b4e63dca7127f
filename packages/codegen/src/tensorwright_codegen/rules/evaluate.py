"""The meaning of rules in Python, on metadata alone: what the fuzzer's generators and the tests ask."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..facets import Dtype
from . import promotion
from .tree import (
    Attribute,
    Binary,
    Call,
    Compare,
    Comprehension,
    Conditional,
    Constant,
    Index,
    IsNone,
    ListTerm,
    Logical,
    Name,
    Negate,
    Not,
    RuleType,
    Slice,
    Term,
)


class RuleError(Exception):
    """A rule that has no value for these arguments: shapes that do not broadcast, an index out of range."""


@dataclass(frozen=True)
class TensorMeta:
    """What rules know of a tensor."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    device: str = "cpu"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


def evaluate_rule(term: Term, args: Mapping[str, Any]) -> Any:
    """Tensors are TensorMeta, dtypes their names, everything else plain Python values."""
    return _Evaluator(args).value(term)


def broadcast(*shapes: Sequence[int]) -> list[int]:
    ndim = max((len(shape) for shape in shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        for i, size in enumerate(shape, ndim - len(shape)):
            if size != 1 and result[i] not in (1, size):
                raise RuleError(f"shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast")
            result[i] = size if size != 1 else result[i]
    return result


def broadcasts(shape: Sequence[int], target: Sequence[int]) -> bool:
    try:
        return broadcast(shape, target) == list(target)
    except RuleError:
        return False


def normalize_dim(dim: int, ndim: int) -> int:
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise RuleError(f"dim {dim} is out of range for a tensor of {ndim} dimensions")
    return dim + max(ndim, 1) if dim < 0 else dim


def normalize_dims(dims: int | Sequence[int], ndim: int) -> list[int]:
    result = [normalize_dim(dim, ndim) for dim in ([dims] if isinstance(dims, int) else dims)]
    if len(set(result)) != len(result):
        raise RuleError("a dim is given twice")
    return result


def reduced(shape: Sequence[int], dims: int | Sequence[int] | None, keepdim: bool) -> list[int]:
    whole = dims is None or (not isinstance(dims, int) and not dims)
    chosen = set(range(len(shape))) if whole else set(normalize_dims(dims, len(shape)))  # type: ignore[arg-type]
    return [1 if i in chosen else size for i, size in enumerate(shape) if keepdim or i not in chosen]


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Windows along one dimension; with ceil_mode the last may hang over, if it starts inside the padded input."""
    if stride < 1:
        raise RuleError("stride must be positive")
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = -(-span // stride) + 1 if ceil_mode else span // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def _without(items: Sequence[int], index: int) -> list[int]:
    index = _checked_index(items, index)
    return [*items[:index], *items[index + 1 :]]


def _inserted(items: Sequence[int], index: int, value: int) -> list[int]:
    if not 0 <= index <= len(items):
        raise RuleError(f"index {index} is out of range")
    return [*items[:index], value, *items[index:]]


def _replaced(items: Sequence[int], index: int, value: int) -> list[int]:
    index = _checked_index(items, index)
    return [*items[:index], value, *items[index + 1 :]]


def _checked_index(items: Sequence[Any], index: int) -> int:
    if not -len(items) <= index < len(items):
        raise RuleError(f"index {index} is out of range for a list of {len(items)}")
    return index % len(items)


def _promote(*operands: Any) -> str:
    flat = [item for operand in operands for item in (operand if isinstance(operand, (list, tuple)) else [operand])]
    dtypes = [item.dtype if isinstance(item, TensorMeta) else item for item in flat if item is not None]
    tensors = [d for d in dtypes if isinstance(d, str)]
    return promotion.result_type(tensors, [d for d in dtypes if not isinstance(d, str)])


def _joint_shape(tensors: Sequence[TensorMeta]) -> list[int]:
    shapes = [list(tensor.shape) for tensor in tensors]
    return next((shape for shape in shapes if shape != [0]), shapes[0])


FUNCTION_VALUES: dict[str, Callable[..., Any]] = {
    "len": len,
    "abs": abs,
    "range": lambda *bounds: list(range(*bounds)),
    "sum": sum,
    "prod": math.prod,
    "min": min,
    "max": max,
    "all": all,
    "any": any,
    "distinct": lambda items: len(set(items)) == len(items),
    "joint_shape": _joint_shape,
    "broadcast": broadcast,
    "broadcasts": broadcasts,
    "reduced": reduced,
    "normalize_dim": normalize_dim,
    "normalize_dims": normalize_dims,
    "without": _without,
    "inserted": _inserted,
    "replaced": _replaced,
    "pooled_size": pooled_size,
    "promote": _promote,
    "float_dtype": promotion.float_dtype,
    "real_dtype": promotion.real_dtype,
    "complex_dtype": promotion.complex_dtype,
    "statistics_dtype": promotion.statistics_dtype,
    "default_dtype": lambda: promotion.DEFAULT_FLOAT,
    "is_floating": promotion.is_floating,
    "is_integral": promotion.is_integral,
    "is_complex": promotion.is_complex,
    "itemsize": promotion.itemsize,
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "/": operator.truediv, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip


class _Evaluator:
    def __init__(self, args: Mapping[str, Any]) -> None:
        self.args = dict(args)

    def value(self, term: Term) -> Any:
        return getattr(self, f"_{type(term).__name__.lower()}")(term)

    def _constant(self, term: Constant) -> Any:
        return term.value

    def _name(self, term: Name) -> Any:
        value = self.args[term.name]
        if isinstance(value, Dtype):
            return value.name
        return list(value) if isinstance(value, tuple) else value

    def _attribute(self, term: Attribute) -> Any:
        value = self.value(term.value)
        if isinstance(value, TensorMeta):
            found = getattr(value, term.name)
            return list(found) if term.name == "shape" else found
        if term.name == "dtype":
            return promotion.result_type([], [value])
        return {"ndim": 0, "shape": [], "numel": 1, "device": "cpu"}[term.name]

    def _index(self, term: Index) -> Any:
        items = self.value(term.value)
        return items[_checked_index(items, self.value(term.index))]

    def _slice(self, term: Slice) -> Any:
        start = None if term.start is None else self.value(term.start)
        stop = None if term.stop is None else self.value(term.stop)
        return self.value(term.value)[start:stop]

    def _listterm(self, term: ListTerm) -> Any:
        return [self.value(item) for item in term.items]

    def _call(self, term: Call) -> Any:
        args = [self.value(arg) for arg in term.args]
        try:
            return FUNCTION_VALUES[term.function](*args)
        except ValueError as error:
            raise RuleError(f"{term.text}: {error}") from None

    def _binary(self, term: Binary) -> Any:
        try:
            return _OPERATORS[term.operator](self.value(term.left), self.value(term.right))
        except ZeroDivisionError:
            raise RuleError(f"{term.text}: division by zero") from None

    def _negate(self, term: Negate) -> Any:
        return -self.value(term.value)

    def _not(self, term: Not) -> bool:
        return not self.value(term.value)

    def _logical(self, term: Logical) -> bool:
        values = (self.value(item) for item in term.items)
        return all(values) if term.operator == "and" else any(values)

    def _isnone(self, term: IsNone) -> bool:
        return (self.args[term.value.name] is None) != term.negated

    def _compare(self, term: Compare) -> bool:
        left = self.value(term.left)
        for symbol, right_term in zip(term.operators, term.rights, strict=True):
            right = self.value(right_term)
            if not _OPERATORS[symbol](left, right):
                return False
            left = right
        return True

    def _conditional(self, term: Conditional) -> Any:
        return self.value(term.then if self.value(term.condition) else term.otherwise)

    def _comprehension(self, term: Comprehension) -> Any:
        values = []
        for item in self.value(term.source):
            inner = _Evaluator({**self.args, term.variable: item})
            if term.condition is None or inner.value(term.condition):
                values.append(inner.value(term.element))
        if term.type is RuleType.INTS:
            return values
        try:
            return FUNCTION_VALUES[term.function](values)
        except ValueError:
            raise RuleError(f"{term.text}: no elements") from None
