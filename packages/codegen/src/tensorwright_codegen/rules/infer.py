"""An op's rules applied to the metadata of arguments, in Python: accepted with these results, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ..facets import Kind, Op, Rule, Schema, Type
from .evaluate import RuleError, TensorMeta, broadcast, evaluate_rule, normalize_dims, reduced
from .parse import parse_rule
from .promotion import complex_dtype, float_dtype, is_floating, real_dtype, result_type
from .tree import Term

_COMPUTED_IN: dict[str, tuple[str, ...]] = {
    "bool": ("b8", "i32", "i64"),
    **dict.fromkeys(("uint8", "uint16", "int8", "int16", "int32"), ("i32", "i64")),
    **dict.fromkeys(("uint32", "int64"), ("i64",)),
    "uint64": ("u64",),
    **dict.fromkeys(("float16", "bfloat16", "float32"), ("f32",)),
    "float64": ("f64",),
    "complex64": ("c32",),
    "complex128": ("c64",),
}


class RefusedError(Exception):
    """Arguments that a constraint refuses; the text is the constraint's sentence, or the rule."""


@lru_cache(maxsize=4096)
def _parsed(rule: Rule, schema: Schema) -> Term:
    return parse_rule(rule, schema)


def check_arguments(op: Op, args: Mapping[str, Any]) -> None:
    """Raises RefusedError at the first constraint that does not hold."""
    for constraint in op.where:
        try:
            holds = evaluate_rule(_parsed(constraint.rule, op.schema), args)
        except RuleError as error:
            raise RefusedError(f"{op.display_name}: {error}") from None
        if not holds:
            raise RefusedError(f"{op.display_name}: {constraint.sentence or 'expected ' + constraint.rule.text}")


def infer(op: Op, args: Mapping[str, Any]) -> tuple[TensorMeta, ...]:
    """Shapes and dtypes of the results of a structured op; RefusedError if the arguments do not fit."""
    check_arguments(op, args)
    if not op.is_structured:
        raise ValueError(f"{op.name} of kind {op.kind.value} makes its own results")
    try:
        _check_computable(op, args)
        return tuple(TensorMeta(tuple(_shape(op, i, args)), _dtype(op, i, args)) for i in range(len(op.schema.rets)))
    except RuleError as error:
        raise RefusedError(f"{op.display_name}: {error}") from None


def computable(dtype: str, compute: tuple[str, ...]) -> bool:
    """Whether values of a dtype are computed in one of these types."""
    return any(kind in compute for kind in _COMPUTED_IN.get(dtype, ()))


def _check_computable(op: Op, args: Mapping[str, Any]) -> None:
    """What the drivers of pointwise and reduction ops refuse beside the constraints."""
    own_dtype = any(rule.text not in ("float", "same", "sum", "bool") for rule in op.dtype)
    if op.expression is None or own_dtype:
        return
    boolean = "bool" in op.expression.result_types
    floating = bool(op.dtype) and op.dtype[0].text == "float"
    promoted = float_dtype(_promoted(op, args)) if floating else _promoted(op, args)
    dtype = promoted if boolean or op.kind is Kind.POINTWISE else _dtype(op, 0, args)
    if not computable(dtype, op.expression.compute):
        raise RefusedError(f"{op.display_name}: {dtype} is not supported")
    if op.expression.combine in ("max", "min") and _folds_nothing(args):
        raise RefusedError(f"{op.display_name}: there is nothing to reduce")


def _folds_nothing(args: Mapping[str, Any]) -> bool:
    shape, dim = args["self"].shape, args.get("dim")
    dims: Iterable[int] = range(len(shape)) if dim is None or dim == () else normalize_dims(dim, len(shape))
    return bool(shape) and any(shape[i] == 0 for i in dims)


def _of_result(rules: tuple[Rule, ...], index: int) -> Rule | None:
    return rules[index if len(rules) > 1 else 0] if rules else None


def _tensors(op: Op, args: Mapping[str, Any]) -> list[TensorMeta]:
    return [value for arg in op.schema.args if isinstance(value := args[arg.name], TensorMeta)]


def _shape(op: Op, index: int, args: Mapping[str, Any]) -> list[int]:
    rule = _of_result(op.shape, index)
    if rule is not None:
        shape: list[int] = evaluate_rule(_parsed(rule, op.schema), args)
        if any(size < 0 for size in shape):
            raise RuleError(f"the result's shape {shape} has a negative size")
        return shape
    if op.kind is Kind.REDUCTION:
        return reduced(args["self"].shape, args.get("dim"), bool(args.get("keepdim", False)))
    return broadcast(*(tensor.shape for tensor in _tensors(op, args)))


def _dtype(op: Op, index: int, args: Mapping[str, Any]) -> str:
    if op.expression is not None and op.expression.result_types[index] == "bool":
        return "bool"
    rule = _of_result(op.dtype, index)
    if rule is not None and rule.text == "sum":
        given = args.get("dtype")
        return str(given) if given is not None else _sum_dtype(args["self"].dtype)
    if rule is not None and rule.text not in ("float", "same"):
        return str(evaluate_rule(_parsed(rule, op.schema), args))
    promoted = _promoted(op, args)
    dtype = float_dtype(promoted) if rule is not None and rule.text == "float" else promoted
    kind = op.expression.result_types[index] if op.expression is not None else "T"
    return real_dtype(dtype) if kind == "real" else complex_dtype(dtype) if kind == "complex" else dtype


def _promoted(op: Op, args: Mapping[str, Any]) -> str:
    masks = dict(op.expression.operand_types) if op.expression else {}
    operands = [
        args[arg.name] for arg in op.schema.args
        if arg.type in (Type.TENSOR, Type.OPERAND, Type.SCALAR) and masks.get(arg.name) != "bool"
        and args[arg.name] is not None
    ]  # fmt: skip
    dtypes = [operand.dtype for operand in operands if isinstance(operand, TensorMeta)]
    return result_type(dtypes, [operand for operand in operands if not isinstance(operand, TensorMeta)])


def _sum_dtype(dtype: str) -> str:
    return dtype if is_floating(dtype) or dtype.startswith("complex") else "int64"
