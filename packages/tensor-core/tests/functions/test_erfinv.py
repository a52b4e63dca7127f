"""The inverse of erf against mpmath's, from the smallest arguments to the last one below 1."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf
from scalar_references import run


@pytest.mark.parametrize(("kind", "dtype", "bound"), [("f32", np.float32, 1.0), ("f64", np.float64, 4.0)])
def test_error_in_ulp(kind, dtype, bound):
    rng = np.random.default_rng(0)
    tiny, last = 10.0 ** -rng.uniform(0, 30, 200), 1 - np.finfo(dtype).epsneg
    near_one = 1 - 10.0 ** -rng.uniform(0, 7 if kind == "f32" else 15, 200)
    y = np.concatenate([rng.uniform(-1, 1, 200), tiny, near_one, [last, -last]]).astype(dtype)
    y = y[abs(y) < 1]
    for argument, result in zip(y, run("erfinv", kind, y), strict=True):
        with mp.workdps(40):
            exact = mp.erfinv(mpf(float(argument)))
        ulp = mpf(float(np.spacing(abs(dtype(float(exact))))))
        assert abs(mpf(float(result)) - exact) <= bound * ulp, argument


@pytest.mark.parametrize(("kind", "dtype"), [("f32", np.float32), ("f64", np.float64)])
def test_special_values(kind, dtype):
    y = run("erfinv", kind, np.array([0.0, -0.0, 1.0, -1.0, 1.5, np.nan], dtype))
    np.testing.assert_array_equal(y, np.array([0.0, -0.0, np.inf, -np.inf, np.nan, np.nan], dtype))
    assert np.signbit(y[1])
