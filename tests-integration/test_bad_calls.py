"""A short run of the generated bad calls; `nox -s fuzz` makes the long one."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import tensorwright as tw
from fuzz_calls import EXPECTED, run
from sample_calls import converted, function_of, has_function, named_dtypes, to_tensor
from samples import all_rows
from samples.table import Case, Row

CALLS = 20_000
NO_TENSORS: tuple[Any, ...] = (3, 1.5, None, "x", [1, 2], [], [None], {}, b"", object(), tw.float32)


def test_bad_calls_raise_and_nothing_dies() -> None:
    outcome = run(seed=1, calls=CALLS, memory=3 << 30)  # the long run has 8 GB, which take long to fill
    assert not outcome.deaths, outcome.deaths[0]
    assert not outcome.hangs, outcome.hangs
    assert not outcome.wrong, "\n".join(outcome.wrong[:20])
    assert outcome.calls == CALLS
    assert outcome.results >= 0.2 * CALLS


def with_each_replaced(case: Case) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """The call with each argument in turn replaced by what is no tensor."""
    args = converted(case.args, to_tensor)
    kwargs = named_dtypes({name: converted(value, to_tensor) for name, value in case.kwargs.items()})
    for other in NO_TENSORS:
        for i in range(len(args)):
            yield [*args[:i], other, *args[i + 1 :]], kwargs
        for name in kwargs:
            yield list(args), {**kwargs, name: other}


@pytest.mark.parametrize("row", [row for row in all_rows() if has_function(row)], ids=lambda row: row.name)
def test_what_is_no_tensor_is_refused_as_such(row: Row) -> None:
    """Not by the AttributeError of a function that asks it for its shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in islice(row.cases(row.dtypes[0]), 3):
            for args, kwargs in with_each_replaced(case):
                with contextlib.suppress(*EXPECTED):
                    function_of(row)(*args, **kwargs)


LARGE = 2**62


@pytest.mark.parametrize(
    "call",
    [
        lambda: tw.nn.functional.conv1d(tw.ones(1, 1, 4), tw.ones(1, 1, 3), padding="same", dilation=LARGE),
        lambda: tw.nn.functional.conv_transpose1d(tw.ones(1, 1, 4), tw.ones(1, 1, 3), stride=LARGE),
        lambda: tw.nn.functional.conv_transpose1d(tw.ones(1, 1, 4), tw.ones(1, 1, 3), padding=LARGE),
        lambda: tw.nn.functional.fold(tw.ones(1, 1, 1), (1, 1), (1, 1), padding=LARGE),
        lambda: tw.istft(tw.ones(3, 4, dtype=tw.complex64), 4, length=2**63 - 1),
        lambda: tw.histogram(tw.ones(3), 2**63 - 1),
        lambda: tw.segment_reduce(tw.ones(2), "sum", offsets=tw.tensor([-(2**63), 2**63 - 1])),
    ],
)
def test_sizes_that_leave_64_bits_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"overflows|does not lie"):
        call()


@pytest.mark.parametrize("offset", [-(2**63), 2**63 - 1])
def test_a_diagonal_beyond_all_numbers_is_empty(offset: int) -> None:
    assert tw.diagonal(tw.ones(2, 3), offset).shape == (0,)
