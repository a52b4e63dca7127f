"""First and second derivatives of every differentiable op of the table against finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorwright as tw
from sample_calls import function_of, good_cases, leaves, named_dtypes, tensors_of
from samples import all_rows
from samples.table import Case, Row

MOST_ELEMENTS = 60  # finite differences cost a call an element
ROWS = [(row, dtype) for row in all_rows() for dtype in ("float64", "complex128") if row.grad and dtype in row.dtypes]
BY_ROW = pytest.mark.parametrize(("row", "dtype"), ROWS, ids=lambda value: getattr(value, "name", value))


def is_differentiable(value: Any) -> bool:
    return isinstance(value, tw.Tensor) and value.dtype in (tw.float64, tw.complex128)


def inputs_and_function(row: Row, case: Case) -> tuple[list[tw.Tensor], Callable[..., Any]]:
    """The tensors to differentiate by, and the op as a function of them."""
    args, kwargs = tensors_of(case)
    flat: list[Any] = []

    def collect(value: Any, wanted: bool) -> Any:
        if wanted and is_differentiable(value):
            place = len(flat)
            flat.append(value.requires_grad_())
            return lambda inputs: inputs[place]
        if isinstance(value, (list, tuple)):
            parts = [collect(item, wanted) for item in value]
            return lambda inputs: type(value)(part(inputs) for part in parts)
        return lambda inputs: value

    def wanted(key: int | str) -> bool:
        return row.grad is True or (isinstance(row.grad, tuple) and key in row.grad)

    def part(position: int, value: Any) -> Callable[..., Any]:
        plain = collect(value, wanted(position))
        if position not in row.hermitian:
            return plain
        return lambda inputs: (plain(inputs) + plain(inputs).transpose(-2, -1).conj()) / 2

    positional = [part(position, value) for position, value in enumerate(args)]
    named = {name: collect(value, wanted(name)) for name, value in named_dtypes(kwargs).items()}
    function = function_of(row)

    def run(*inputs: tw.Tensor, every: bool = False) -> Any:
        """The results that have a gradient; all that could have one, with `every`."""
        outputs = function(*(p(inputs) for p in positional), **{name: part(inputs) for name, part in named.items()})
        return tuple(item for item in leaves(outputs) if is_differentiable(item) and (every or item.requires_grad))

    return flat, run


def checkable(row: Row, dtype: str) -> list[tuple[list[tw.Tensor], Callable[..., Any]]]:
    pairs = [inputs_and_function(row, case) for case in good_cases(row, dtype)]
    return [(i, f) for i, f in pairs if i and 0 < sum(x.numel() for x in i) <= MOST_ELEMENTS and f(*i)]


@BY_ROW
def test_gradient(row: Row, dtype: str) -> None:
    if row.random:
        return
    for inputs, function in checkable(row, dtype):
        assert tw.autograd.gradcheck(function, inputs)


@BY_ROW
def test_second_derivative(row: Row, dtype: str) -> None:
    if row.random or not row.gradgrad:
        return
    for inputs, function in checkable(row, dtype):
        assert tw.autograd.gradgradcheck(function, inputs)
