"""Which constraints cannot refuse the commonest calls, so that the driver need not ask them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from ..facets import Op, Type
from ..rules import RefusedError, TensorMeta, check_arguments, parse_rule
from ..rules.tree import Attribute
from .operands import operands

_DTYPES = {
    "f32": "float32", "f64": "float64", "i32": "int32", "i64": "int64", "u64": "uint64", "c32": "complex64",
    "c64": "complex128",
}  # fmt: skip


def holds_for_uniform_operands(op: Op) -> bool:
    """Whether every constraint holds for tensors of any one shape and one of the dtypes that the op computes in as
    they are, together with numbers that leave that dtype as it is. Decided by trying all of them."""
    if op.shape or not _only_about_dtypes(op):
        return False
    try:
        for args in _uniform_calls(op):
            check_arguments(op, args)
    except (RefusedError, KeyError):
        return False
    return True


def _only_about_dtypes(op: Op) -> bool:
    terms = [term for constraint in op.where for term in parse_rule(constraint.rule, op.schema).walk()]
    return all(term.name == "dtype" for term in terms if isinstance(term, Attribute))


def _uniform_calls(op: Op) -> Iterator[dict[str, Any]]:
    args = operands(op)
    for compute in op.math.compute:
        dtype = _DTYPES.get(compute)
        if dtype is None:
            continue
        numbers: list[Any] = [True, 1] + ([0.5] if dtype.startswith(("float", "complex")) else [])
        tensor = TensorMeta((2,), dtype)
        choices = {Type.TENSOR: [tensor], Type.OPERAND: [tensor, *numbers]}
        for values in itertools.product(*(choices.get(arg.type, numbers[1:2]) for arg in args)):
            if any(value is tensor for value in values):
                yield {arg.name: value for arg, value in zip(args, values, strict=True)}
