"""The rules of facets mean the same in C++ and in Python: random arguments on the meta device are accepted or refused
alike, and the results have the shapes and dtypes that the Python evaluation says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import tensorwright as tw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_calls import OPS, called, default_of, has_tensor
from tensorwright_codegen.facets import Arg, Op, Type
from tensorwright_codegen.rules import RefusedError, TensorMeta, check_arguments, infer

STRUCTURED = [op for op in OPS if op.is_structured and "random" not in op.tags]
CONSTRAINED = [op for op in OPS if not op.is_structured and op.where and "random" not in op.tags]
DTYPES = ("float32", "float32", "float32", "float64", "int64", "bool", "int8", "bfloat16")

sizes = st.sampled_from([1, 2, 3, 3, 4, 0])
small = st.integers(-2, 3)
shapes = st.lists(sizes, max_size=4).map(tuple)
metas = st.builds(TensorMeta, shapes, st.sampled_from(DTYPES))
numbers = st.one_of(st.booleans(), small, st.sampled_from([0.0, 0.5, 1.0, -1.5]))


def lists_for(arg: Arg) -> st.SearchStrategy[Any]:
    length = arg.list_length if arg.list_length > 1 else None
    return st.lists(small, min_size=length or 0, max_size=length or 4).map(tuple)


def values_for(arg: Arg) -> st.SearchStrategy[Any]:
    kinds: dict[Type, st.SearchStrategy[Any]] = {
        Type.TENSOR: metas,
        Type.OPERAND: st.one_of(metas, numbers),
        Type.SCALAR: numbers,
        Type.INT: small,
        Type.FLOAT: st.sampled_from([0.0, 0.5, 1.0, -1.5]),
        Type.BOOL: st.booleans(),
        Type.STR: st.sampled_from(["mean", "sum", "none", "linear"]),
        Type.DTYPE: st.sampled_from(DTYPES),
        Type.INTS: lists_for(arg),
        Type.FLOATS: st.lists(st.sampled_from([0.5, 1.0, -1.5]), max_size=4),
        Type.TENSORS: st.lists(metas, max_size=3),
    }
    strategy = kinds.get(arg.type, st.none())
    if arg.default is not None:
        strategy = st.one_of(st.just(default_of(arg)), strategy)
    return st.one_of(st.none(), strategy) if arg.optional else strategy


def related(draw: st.DrawFn, args: dict[str, Any]) -> dict[str, Any]:
    """Often gives all tensors one dtype, or one shape: independent ones rarely fit together."""
    tensors = [name for name, value in args.items() if isinstance(value, TensorMeta)]
    same_dtype, same_shape = draw(st.booleans()), draw(st.booleans())
    for name in tensors[1:]:
        first, meta = args[tensors[0]], args[name]
        args[name] = TensorMeta(first.shape if same_shape else meta.shape, first.dtype if same_dtype else meta.dtype)
    return args


@st.composite
def arguments(draw: st.DrawFn, op: Op) -> dict[str, Any]:
    return related(draw, {arg.name: draw(values_for(arg)) for arg in op.schema.args})


def refused_alike(op: Op, args: dict[str, Any], refusal: RefusedError, device: str = "meta") -> None:
    """The core refuses too, with the sentence of the same constraint."""
    sentences = [f"{op.display_name}: {constraint.sentence}" for constraint in op.where]
    text = str(refusal) if str(refusal) in sentences else f"{op.display_name}: "
    with pytest.raises((ValueError, TypeError, IndexError), match="^" + re.escape(text)):
        called(op, args, device)


RANDOM = settings(max_examples=40, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


@pytest.mark.parametrize("op", STRUCTURED, ids=lambda op: op.name)
def test_rules_mean_the_same_in_both_languages(op: Op) -> None:
    @RANDOM
    @given(arguments(op).filter(has_tensor))
    def compare(args: dict[str, Any]) -> None:
        try:
            expected = infer(op, args)
        except RefusedError as refusal:
            refused_alike(op, args, refusal)
            return
        results = called(op, args)
        for result, meta in zip(results if isinstance(results, tuple) else (results,), expected, strict=True):
            assert (tuple(result.shape), result.dtype) == (meta.shape, getattr(tw, meta.dtype)), args

    compare()


@pytest.mark.parametrize("op", CONSTRAINED, ids=lambda op: op.name)
def test_ops_that_make_their_own_results_refuse_alike(op: Op) -> None:
    @RANDOM
    @given(arguments(op))
    def compare(args: dict[str, Any]) -> None:
        try:
            check_arguments(op, args)
        except RefusedError as refusal:
            refused_alike(op, args, refusal, "cpu")

    compare()
