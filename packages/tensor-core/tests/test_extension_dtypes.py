"""bfloat16 and float8: conversions against ml_dtypes, and its NumPy arrays in and out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw

ml_dtypes = pytest.importorskip("ml_dtypes")
NAMES = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


@pytest.mark.parametrize("name", NAMES)
def test_every_value_converts_to_float_and_back(name: str) -> None:
    bits = 16 if name == "bfloat16" else 8
    every = np.arange(2**bits, dtype=f"u{bits // 8}").view(getattr(ml_dtypes, name))
    ours = tw.from_numpy(every)
    np.testing.assert_array_equal(ours.to(tw.float32).numpy(), every.astype(np.float32))
    there_and_back = ours.to(tw.float64).to(ours.dtype).to(tw.float32)
    np.testing.assert_array_equal(there_and_back.numpy(), every.astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["float32", "float64", "int32", "uint8"])
def test_conversions_round_to_even(name: str, source: str) -> None:
    random = np.random.default_rng(0)
    if source.startswith("float"):
        values = np.concatenate([random.standard_normal(4000) * 2.0 ** random.integers(-20, 17, 4000), [0.0, -0.0]])
        grid = np.arange(256, dtype="u1").view(ml_dtypes.float8_e4m3fn).astype(np.float64)
        halfway = (grid[1:127] + grid[:126]) / 2
        values = np.concatenate([values, halfway, -halfway, [np.inf, -np.inf, np.nan]]).astype(source)
    else:
        values = random.integers(0, 256, 500).astype(source)
    if name == "float8_e4m3fn" and source.startswith("float"):
        values = np.clip(values, -448, 448)  # ml_dtypes makes NaN of what is larger
    with np.errstate(over="ignore"):
        expected = values.astype(getattr(ml_dtypes, name))
    ours = tw.from_numpy(values).to(getattr(tw, name))
    if source == "float64":  # ml_dtypes rounds twice, by way of float32
        expected = values.astype(np.float32).astype(getattr(ml_dtypes, name))
        ours = tw.from_numpy(values.astype(np.float32)).to(tw.float64).to(getattr(tw, name))
    np.testing.assert_array_equal(ours.to(tw.float32).numpy(), expected.astype(np.float32))


def test_large_numbers_become_the_largest_of_a_dtype_without_infinity() -> None:
    x = tw.tensor([449.0, 1e9, -float("inf"), 464.0])
    assert x.to(tw.float8_e4m3fn).tolist() == [448, 448, -448, 448]
    assert tw.tensor(1e9, dtype=tw.float8_e4m3fn).item() == 448
    assert x.to(tw.float8_e5m2).tolist() == [448, float("inf"), -float("inf"), 448]


@pytest.mark.parametrize("name", NAMES)
def test_arrays_share_memory_both_ways(name: str) -> None:
    array = np.ones((2, 3), dtype=getattr(ml_dtypes, name))
    here = tw.asarray(array)
    assert here.dtype.name == name
    assert here.shape == (2, 3)
    array[0, 1] = 2
    assert here.tolist() == [[1, 2, 1], [1, 1, 1]]
    there = here.numpy()
    assert there.dtype == array.dtype
    assert there.ctypes.data == array.ctypes.data
    assert tw.tensor(array).tolist() == here.tolist()
    assert tw.tensor(array[0, 1]).dtype == here.dtype
    assert tw.from_numpy(array.T).stride() == (1, 3)
    assert np.asarray(here).dtype == array.dtype


def test_structures_are_still_refused() -> None:
    with pytest.raises(TypeError, match="have no dtype here"):
        tw.from_numpy(np.zeros(2, dtype=[("a", "f4")]))
    with pytest.raises(ValueError, match="cannot include dtype"):
        tw.from_numpy(np.zeros(2, dtype="M8[s]"))
