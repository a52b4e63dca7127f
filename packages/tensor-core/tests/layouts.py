"""Random values, and tensors that hold given values in random layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorwright as tw

Array = npt.NDArray[Any]

# Of NumPy and here alike.
INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
REAL = ("bool", *INTEGERS, "float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")


class Samples:
    """Values and layouts from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def array(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Normal numbers; small ones in integer dtypes, so that sums are exact."""
        kind = np.dtype(dtype).kind
        if kind in "fc":
            imaginary = 1j * self.random.standard_normal(shape) if kind == "c" else 0
            return np.asarray(self.random.standard_normal(shape) + imaginary).astype(dtype)
        low = 0 if kind in "bu" else -4
        return np.asarray(self.random.integers(low, 2 if kind == "b" else 5, shape)).astype(dtype)

    def tensor(self, values: Array) -> tw.Tensor:
        """The values as a tensor whose dimensions are permuted and have gaps."""
        if values.ndim == 0:
            return tw.tensor(values)
        order = self.random.permutation(values.ndim)
        permuted = values.transpose(order)
        gaps = self.random.choice([1, 1, 2], values.ndim)
        memory = np.zeros([n * gap for n, gap in zip(permuted.shape, gaps, strict=True)], values.dtype)
        every = tuple(slice(None, None, int(gap)) for gap in gaps)
        memory[every] = permuted
        return tw.tensor(memory)[every].permute(*np.argsort(order).tolist())
