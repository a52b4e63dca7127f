"""Products of float16 and bfloat16, against float64: whatever instructions multiply them, they are added up in float32.

A result may be off by its own rounding and by what the sum of magnitudes loses in `depth` additions of float32
(Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorwright as tw
from layouts import Samples
from numpy.typing import NDArray
from same_bits import same_bits_everywhere

Array = NDArray[np.float64]
DTYPES = [tw.float16, tw.bfloat16]
ROUNDING = {tw.float16: 2.0**-11, tw.bfloat16: 2.0**-8}
SMALLEST = {tw.float16: 2.0**-24, tw.bfloat16: 2.0**-126}
SIZES = [(1, 1, 1), (1, 700, 130), (130, 700, 1), (1, 33, 5), (2, 3, 4), (14, 31, 33), (29, 513, 32), (130, 1030, 300),
         (3, 512, 17), (150, 1, 70),
         (7, 700, 50), (14, 300, 133), (5, 257, 9), (2, 4096, 3), (0, 3, 2), (3, 0, 2), (3, 2, 0)]  # fmt: skip


def half(samples: Samples, shape: tuple[int, ...], dtype: tw.dtype) -> tuple[tw.Tensor, Array]:
    """Numbers of that dtype, in some layout, and what they are."""
    rounded = tw.tensor(samples.array(shape, "float32")).to(dtype)
    values = rounded.double().numpy()
    return samples.tensor(rounded.float().numpy()).to(dtype), values


def close(result: tw.Tensor, expected: Array, magnitudes: Array, depth: int, dtype: tw.dtype) -> None:
    assert result.dtype == dtype
    bound = ROUNDING[dtype] * np.abs(expected) + (depth + 2) * 2.0**-24 * magnitudes + SMALLEST[dtype]
    assert (np.abs(result.double().numpy() - expected) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "depth", "cols"), SIZES)
def test_mm_takes_any_layout(dtype: tw.dtype, rows: int, depth: int, cols: int) -> None:
    samples = Samples(rows + depth + cols)
    for _ in range(4):
        (a, left), (b, right) = half(samples, (rows, depth), dtype), half(samples, (depth, cols), dtype)
        close(a @ b, left @ right, np.abs(left) @ np.abs(right), depth, dtype)
        turned = b.t().contiguous().t()
        close(a.t().contiguous().t() @ turned, left @ right, np.abs(left) @ np.abs(right), depth, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("batch", "rows", "depth", "cols"), [(5, 13, 45, 70), (40, 1, 9, 33), (3, 60, 600, 35)])
def test_bmm(dtype: tw.dtype, batch: int, rows: int, depth: int, cols: int) -> None:
    samples = Samples(batch)
    (a, left), (b, right) = half(samples, (batch, rows, depth), dtype), half(samples, (batch, depth, cols), dtype)
    close(tw.bmm(a, b), left @ right, np.abs(left) @ np.abs(right), depth, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 2, 40])
@pytest.mark.parametrize("depth", [3, 64, 1025])
def test_sums_and_biases_are_added_before_rounding(dtype: tw.dtype, rows: int, depth: int) -> None:
    samples = Samples(rows)
    (a, left), (b, right) = half(samples, (rows, depth), dtype), half(samples, (depth, 50), dtype)
    (c, added), (bias, biases) = half(samples, (rows, 50), dtype), half(samples, (50,), dtype)
    magnitudes = np.abs(left) @ np.abs(right)
    result = tw.addmm(c, a, b, beta=0.5, alpha=-2)
    close(result, 0.5 * added - 2 * left @ right, np.abs(added) + 2 * magnitudes, depth, dtype)
    close(tw.ops.linear(a, b.t(), bias), left @ right + biases, np.abs(biases) + magnitudes, depth, dtype)
    close(tw.addmm(c, a, b, beta=0), left @ right, magnitudes, depth, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 20])
def test_infinity_and_nan(dtype: tw.dtype, rows: int) -> None:
    a, b = tw.ones(rows, 37).to(dtype), tw.ones(37, 19).to(dtype)
    a[0, 36], b[36, 3], b[0, 5] = float("inf"), 0.0, float("nan")
    result = (a @ b)[0].float().numpy()
    assert np.isnan(result[[3, 5]]).all()
    assert np.isinf(np.delete(result, [3, 5])).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_and_threads_change_no_bit(dtype: tw.dtype) -> None:
    samples = Samples(2)
    (a, _), (b, _) = half(samples, (150, 1100), dtype), half(samples, (1100, 300), dtype)
    expected = (a @ b).float().numpy()
    threads = tw.get_num_threads()
    try:
        for count in (1, 2, 5):
            tw.set_num_threads(count)
            for left in (a.contiguous(), a.t().contiguous().t()):
                for right in (b.contiguous(), b.t().contiguous().t()):
                    np.testing.assert_array_equal((left @ right).float().numpy(), expected)
    finally:
        tw.set_num_threads(threads)


def test_float16_has_the_same_bits_everywhere() -> None:
    same_bits_everywhere("""
results = []
for rows, depth, cols in [(1, 700, 130), (130, 700, 1), (13, 300, 37), (150, 520, 170)]:
    a, b = (tw.tensor(random.standard_normal(shape).astype("float16")) for shape in ((rows, depth), (depth, cols)))
    results += [a @ b, a @ b.t().contiguous().t(), tw.ops.linear(a, b.t(), b[0])]
""")


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_other_instruction_sets(isa: str) -> None:
    """Only some multiply bfloat16 themselves."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "layout or sums"]
    run = subprocess.run(command, env=os.environ | {"TENSORWRIGHT_ISA": isa}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
