"""Transforms of many real lines at once: NumPy's values, and the same bits on every instruction set."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import tensorwright as tw
from same_bits import same_bits_everywhere


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("lines", [1, 8, 17, 40])  # fewer than a vector's lanes, as many, some left over
@pytest.mark.parametrize("length", [1, 2, 4, 6, 34, 62, 100, 194, 256, 1000, 1024, 16384])
def test_lines(length: int, lines: int, norm: Literal["backward", "ortho", "forward"]) -> None:
    random = np.random.default_rng(length)
    x = random.standard_normal((lines, length))
    z = random.standard_normal((lines, length // 2 + 1)) + 1j * random.standard_normal((lines, length // 2 + 1))
    for real, complex_, tolerance in ((np.float64, np.complex128, 1e-14), (np.float32, np.complex64, 4e-6)):
        there = tw.fft.rfft(tw.tensor(x.astype(real)), norm=norm)
        expected = np.fft.rfft(x.astype(real).astype(np.float64), norm=norm)
        assert np.abs(there.numpy() - expected).max() <= tolerance * np.abs(expected).max()
        back = tw.fft.irfft(tw.tensor(z.astype(complex_)), length, norm=norm)
        original = np.fft.irfft(z.astype(complex_).astype(np.complex128), length, norm=norm)
        assert np.abs(back.numpy() - original).max() <= tolerance * np.abs(original).max()


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_lines_along_any_dimension(dim: int) -> None:
    x = np.random.default_rng(3).standard_normal((12, 34, 20))
    for axes in ((0, 1, 2), (2, 0, 1)):
        expected = np.fft.rfft(x.transpose(axes), axis=dim)
        np.testing.assert_allclose(tw.fft.rfft(tw.tensor(x).permute(axes), dim=dim).numpy(), expected, 1e-10, 1e-13)
    z = np.fft.rfft(x, axis=dim)
    np.testing.assert_allclose(tw.fft.irfft(tw.tensor(z), dim=dim).numpy(), x, 1e-10, 1e-13)


PROGRAM = """
results = []
for dtype in ("float32", "float64"):
    for lines, length in ((40, 256), (19, 60), (9, 1000), (100, 2)):
        there = tw.fft.rfft(tw.tensor(random.standard_normal((lines, length)).astype(dtype)), norm="ortho")
        results += [there, tw.fft.irfft(there * 3)]
"""


def test_instruction_sets_and_threads_change_no_bit() -> None:
    same_bits_everywhere(PROGRAM)
