"""Ops that take uint8 take wider unsigned integers: of the same values the results are the same, modulo 2^8."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from sample_calls import call, good_cases, has_function, leaves, to_array, to_tensor
from samples import all_rows
from samples.table import Array, Case, Row

WIDER = ("uint16", "uint32", "uint64")
OF_BYTES = ("_int_mm",)  # alone
ROWS = [
    row
    for row in all_rows()
    if "uint8" in row.dtypes and not row.random and has_function(row) and row.name not in OF_BYTES
]


def last_byte(values: Array) -> Array:
    return values.astype(np.uint8) if values.dtype.kind in "iu" else values


def result(row: Row, case: Case, dtype: str) -> list[Array]:
    def convert(array: Array) -> tw.Tensor:
        return to_tensor(array.astype(dtype) if array.dtype == np.uint8 else array)

    return [to_array(leaf) for leaf in leaves(call(row, case, convert))]


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_unsigned(row: Row, dtype: str) -> None:
    for case in good_cases(row, "uint8"):
        ours, expected = result(row, case, dtype), result(row, case, "uint8")
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected, strict=True):
            assert one.shape == other.shape
            if other.dtype.kind in "fc":
                np.testing.assert_allclose(one.astype(np.complex128), other.astype(np.complex128), rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(last_byte(one), last_byte(other))
