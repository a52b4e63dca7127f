"""Every op of the table against its reference, for every dtype, and what it must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sample_calls import call, function_of, good_cases, instances, leaves, to_array, tolerances
from samples import all_rows
from samples.table import FLOAT, LOW, Case, Row

ROWS = all_rows()
NAMES = [row.name for row in ROWS]


def compare(row: Row, dtype: str, result: Any, expected: Any, case: Case) -> None:
    results, wanted = list(leaves(result)), list(leaves(expected))
    assert len(results) == len(wanted), f"{row.name}{case.args}: {len(results)} results, expected {len(wanted)}"
    relative, absolute = tolerances(row, dtype)
    for one, other in zip(results, wanted, strict=True):
        array, target = to_array(one), to_array(other)
        assert array.shape == target.shape
        kinds = {array.dtype.kind, target.dtype.kind}
        assert len(kinds) == 1 or kinds <= set("iu") or (dtype not in FLOAT + LOW and kinds <= set("iuf")), (
            f"{row.name}: the result is {array.dtype}, expected {target.dtype}"
        )
        np.testing.assert_allclose(array, target, rtol=relative, atol=absolute, err_msg=f"{row.name}, {dtype}")


@pytest.mark.parametrize(("row", "dtype"), instances(), ids=lambda value: getattr(value, "name", value))
def test_values(row: Row, dtype: str) -> None:
    for case in good_cases(row, dtype):
        result = call(row, case)
        arguments = [np.asarray(arg) if isinstance(arg, np.ndarray) else arg for arg in case.args]
        if row.check is not None:
            row.check(result, *case.args, **case.kwargs)
        elif row.reference is not None and not row.random:
            with np.errstate(all="ignore"):
                compare(row, dtype, result, row.reference(*arguments, **case.kwargs), case)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_refusals(row: Row) -> None:
    for case in row.cases(row.dtypes[0]):
        if case.error is not None:
            with pytest.raises(case.error, match=case.match):
                call(row, case)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_has_a_docstring(row: Row) -> None:
    assert (function_of(row).__doc__ or "").strip()
