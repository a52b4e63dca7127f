"""Every op of the table in its other forms: other layouts, method, in place, out=, meta device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from sample_calls import call, function_of, good_cases, leaves, method_of, named_dtypes, tensors_of, to_array, to_tensor
from samples import all_rows
from samples.table import Array, Case, Row

ROWS = [row for row in all_rows() if not row.random]
BY_NAME = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def preferred_dtype(row: Row) -> str:
    return "float64" if "float64" in row.dtypes else row.dtypes[0]


def cases(row: Row) -> list[Case]:
    return list(good_cases(row, preferred_dtype(row)))


def strided(array: Array) -> tw.Tensor:
    """The same values at every second place of larger dimensions, not at the start of the storage."""
    place = to_tensor(np.zeros([2 * size + 1 for size in array.shape], array.dtype)).to(to_tensor(array).dtype)
    view = place[tuple(slice(1, None, 2) for _ in array.shape)] if array.ndim else place
    view.copy_(to_tensor(array))
    return view


def reversed_strides(array: Array) -> tw.Tensor:
    """The same values with the dimensions in the opposite order in memory."""
    order = tuple(reversed(range(array.ndim)))
    return to_tensor(array.transpose(order)).contiguous().permute(order)


def assert_same(result: Any, expected: Any) -> None:
    results, wanted = list(leaves(result)), list(leaves(expected))
    assert len(results) == len(wanted)
    for one, other in zip(results, wanted, strict=True):
        if isinstance(other, tw.Tensor):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
        np.testing.assert_allclose(to_array(one), to_array(other), rtol=1e-9, atol=1e-9)


@BY_NAME
@pytest.mark.parametrize("layout", [strided, reversed_strides])
def test_layouts(row: Row, layout: Any) -> None:
    if row.check is not None:
        return  # results that are not unique may differ by layout
    for case in cases(row):
        assert_same(call(row, case, layout), call(row, case))


@BY_NAME
def test_expanded_operands(row: Row) -> None:
    """The first tensor expanded from one element gives what its copy gives."""
    for case in cases(row):
        args, kwargs = tensors_of(case)
        if not args or not isinstance(args[0], tw.Tensor) or args[0].numel() < 2 or row.check is not None:
            continue
        one = args[0].flatten()[:1].reshape([1] * args[0].ndim)
        function = function_of(row)
        try:
            expected = function(one.expand(args[0].shape).clone(), *args[1:], **named_dtypes(kwargs))
        except (RuntimeError, ValueError):
            continue  # equal elements are no input for this op: a singular matrix
        if row.name.endswith("_"):
            continue  # writes into overlapping memory are refused
        assert_same(function(one.expand(args[0].shape), *args[1:], **named_dtypes(kwargs)), expected)


@BY_NAME
def test_method(row: Row) -> None:
    name = method_of(row)
    if name is None or row.name.startswith("Tensor.") or name == "where":
        return  # `where` begins with the condition, the method with what is chosen from
    for case in cases(row):
        args, kwargs = tensors_of(case)
        if args and isinstance(args[0], tw.Tensor):
            assert_same(getattr(args[0], name)(*args[1:], **named_dtypes(kwargs)), call(row, case))


@BY_NAME
def test_in_place(row: Row) -> None:
    name = method_of(row, "_")
    if name is None or row.name.startswith("Tensor."):
        return
    for case in cases(row):
        args, kwargs = tensors_of(case)
        expected = call(row, case)
        if not args or not isinstance(args[0], tw.Tensor) or not isinstance(expected, tw.Tensor):
            continue
        if expected.shape != args[0].shape or expected.dtype != args[0].dtype:
            continue
        target = args[0].clone()
        assert getattr(target, name)(*args[1:], **named_dtypes(kwargs)) is target
        assert_same(target, expected)


@BY_NAME
def test_out(row: Row) -> None:
    function = function_of(row)
    if "out=" not in (getattr(function, "__text_signature__", None) or ""):
        return
    for case in cases(row):
        expected = call(row, case)
        wanted = list(leaves(expected))
        if not all(isinstance(item, tw.Tensor) for item in wanted):
            continue
        args, kwargs = tensors_of(case)
        targets = tuple(tw.empty(item.shape, dtype=item.dtype) for item in wanted)
        function(*args, **named_dtypes(kwargs), out=targets if len(targets) > 1 else targets[0])
        if row.check is None:
            assert_same(targets, expected)


@BY_NAME
def test_meta(row: Row) -> None:
    for case in cases(row):
        expected = list(leaves(call(row, case)))
        if not all(isinstance(item, tw.Tensor) for item in expected):
            continue
        try:
            with tw.device("meta"):  # for ops that make tensors out of nothing
                result = list(leaves(call(row, case, to_tensor)))
        except NotImplementedError as error:
            if "depends on values" not in str(error):
                raise
            continue
        assert [item.shape for item in result] == [item.shape for item in expected]
        assert [item.dtype for item in result] == [item.dtype for item in expected]
        assert all(item.device.type == "meta" for item in result)
