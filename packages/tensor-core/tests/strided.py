"""Random shapes, and tensors that hold given values in random layouts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorwright as tw

Array = npt.NDArray[np.generic]
SIZES = (0, 1, 2, 3, 5, 17, 70)


class Samples:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def shape(self, most: int = 4) -> tuple[int, ...]:
        ndim = int(self.random.integers(0, most + 1))
        while True:
            shape = tuple(int(n) for n in self.random.choice(SIZES, ndim))
            if np.prod(shape) <= 50000:
                return shape

    def broadcastable(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to `shape`."""
        kept = shape[int(self.random.integers(0, len(shape) + 1)) :]
        return tuple(1 if self.random.random() < 0.25 else n for n in kept)

    def array(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Small numbers, so that sums are exact in every integer dtype."""
        if np.dtype(dtype).kind == "f":
            return np.asarray(self.random.standard_normal(shape)).astype(dtype)
        low = 0 if dtype in ("bool", "uint8") else -4
        return np.asarray(self.random.integers(low, 2 if dtype == "bool" else 5, shape)).astype(dtype)

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
