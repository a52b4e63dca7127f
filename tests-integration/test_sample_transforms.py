"""Every op of the table under the transforms: vmap against a loop, forward mode against reverse mode."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from sample_calls import function_of, good_cases, leaves, named_dtypes, tensors_of, to_array
from samples import all_rows
from samples.table import Case, Row
from test_sample_gradients import checkable

ROWS = [row for row in all_rows() if not row.random and not row.name.endswith("_")]
SIZE = 3
# What vmap refuses, and why is said in docs/differences.md: steps that depend on values; places in the whole storage.
REFUSED: dict[str, type[Exception]] = {"lobpcg": RuntimeError, "as_strided_scatter": ValueError}


def batched(tensor: tw.Tensor) -> tw.Tensor:
    """Entries that differ only where they can without leaving the op's domain: the tensor, repeated."""
    return tw.stack([tensor] * SIZE)


def calls(row: Row, case: Case, only_first: bool) -> tuple[Callable[..., Any], list[tw.Tensor]] | None:
    """The op as a function of some of its tensors, and these; None if there are none."""
    args, kwargs = tensors_of(case)
    places = [i for i, value in enumerate(args) if isinstance(value, tw.Tensor)]
    places = places[:1] if only_first else places
    if not places:
        return None
    function, named = function_of(row), named_dtypes(kwargs)

    def run(*tensors: tw.Tensor) -> Any:
        given = list(args)
        for place, tensor in zip(places, tensors, strict=True):
            given[place] = tensor
        return function(*given, **named)

    return run, [args[place] for place in places]


def stacked(results: list[Any]) -> list[Any]:
    columns = zip(*(list(leaves(result)) for result in results), strict=True)
    return [np.stack([to_array(item) for item in column]) for column in columns]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("only_first", [False, True], ids=["all", "first"])
def test_vmap_gives_what_a_loop_gives(row: Row, only_first: bool) -> None:
    dtype = "float64" if "float64" in row.dtypes else row.dtypes[0]
    for case in good_cases(row, dtype):
        found = calls(row, case, only_first)
        if found is None:
            continue
        run, tensors = found
        expected = run(*tensors)
        if not all(isinstance(item, tw.Tensor) for item in leaves(expected)):
            continue
        if row.name in REFUSED:
            with pytest.raises(REFUSED[row.name]):
                tw.func.vmap(run)(*map(batched, tensors))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # ops without a rule say that they run entry by entry
            result = tw.func.vmap(run, randomness="different")(*map(batched, tensors))
        if row.check is not None:
            continue
        for one, wanted in zip(leaves(result), stacked([expected] * SIZE), strict=True):
            np.testing.assert_allclose(to_array(one), wanted, rtol=1e-9, atol=1e-9, err_msg=row.name)


GRAD_ROWS = [row for row in ROWS if row.grad and "float64" in row.dtypes]


@pytest.mark.parametrize("row", GRAD_ROWS, ids=lambda row: row.name)
def test_forward_mode_agrees_with_reverse_mode(row: Row) -> None:
    """The dot-product identity: <J t, g> = <t, J^T g> for every tangent t and cotangent g."""
    generator = np.random.default_rng(5)

    def like(tensor: tw.Tensor) -> tw.Tensor:
        values = generator.standard_normal(tensor.shape)
        if tensor.dtype.is_complex:
            values = values + 1j * generator.standard_normal(tensor.shape)
        return tw.tensor(values).to(tensor.dtype)

    def product(left: Sequence[tw.Tensor], right: Sequence[tw.Tensor]) -> float:
        pairs = zip(left, right, strict=True)
        return sum(float(np.vdot(to_array(a), to_array(b)).real) for a, b in pairs)

    for inputs, function in checkable(row, "float64"):
        leaves_ = [tensor.detach() for tensor in inputs]
        tangents = [like(tensor) for tensor in leaves_]
        outputs = function(*[leaf.clone().requires_grad_() for leaf in leaves_])
        count = len(outputs)

        def chosen(*given: tw.Tensor, function: Any = function, count: int = count) -> tuple[tw.Tensor, ...]:
            return tuple(item for item in leaves(function(*given, every=True)))[:count]

        found, pull = tw.func.vjp(chosen, *leaves_)
        cotangents = tuple(like(item) for item in found)
        _, pushed = tw.func.jvp(chosen, tuple(leaves_), tuple(tangents))
        assert product(pushed, cotangents) == pytest.approx(product(pull(cotangents), tangents), rel=1e-8, abs=1e-8)
