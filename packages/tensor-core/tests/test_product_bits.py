"""Products give the same bits for any layout of their operands, any number of threads and on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from same_bits import same_bits_everywhere

PROGRAM = """
results = []
for dtype in ("float32", "float64"):
    def tensor(*shape):
        return tw.tensor(random.standard_normal(shape).astype(dtype))
    for rows, depth, cols in [(1, 700, 130), (130, 700, 1), (13, 300, 37), (150, 520, 170), (300, 20, 290)]:
        a, b, c = tensor(rows, depth), tensor(depth, cols), tensor(rows, cols)
        results += [a @ b, a @ b.t().contiguous().t(), a.t().contiguous().t() @ b]
        results += [tw.addmm(c, a, b, beta=0.3, alpha=-1.7), tw.ops.linear(a, b.t().contiguous(), c[0])]
    results += [tensor(40, 9, 33) @ tensor(40, 33, 21)]
    q, k, v = tensor(2, 3, 70, 16), tensor(2, 3, 150, 16), tensor(2, 3, 150, 20)
    out, sums = tw.ops.attention(q, k, v, None, True, 0.25)
    results += [out, sums, *tw.ops.attention_backward(out, q, k, v, out, sums, None, True, 0.25)]
"""


def test_instruction_sets_and_threads_change_no_bit() -> None:
    same_bits_everywhere(PROGRAM)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "depth", "cols"), [(2, 700, 45), (31, 300, 64), (150, 520, 170)])
def test_layouts_change_no_bit(dtype: str, rows: int, depth: int, cols: int) -> None:
    random = np.random.default_rng(rows)
    a = tw.tensor(random.standard_normal((rows, depth)).astype(dtype))
    b = tw.tensor(random.standard_normal((depth, cols)).astype(dtype))
    expected = (a @ b).numpy()
    for left in (a, a.t().contiguous().t()):
        for right in (b, b.t().contiguous().t()):
            np.testing.assert_array_equal((left @ right).numpy(), expected)
    np.testing.assert_array_equal((b.t() @ a.t()).numpy(), expected.T)
    np.testing.assert_array_equal((a[1:] @ b[:, 3:]).numpy(), expected[1:, 3:])
