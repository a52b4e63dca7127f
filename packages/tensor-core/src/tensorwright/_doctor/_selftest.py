"""Twenty ops on values whose results are known: by arithmetic, from tables, or from the bits of a standard."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorwright as tw


class Check(NamedTuple):
    """An op, a call of it, and what that must give."""

    op: str
    call: Callable[[], Any]
    expected: Any
    tolerance: float = 0.0


def _grid(*shape: int) -> Any:
    return tw.arange(math.prod(shape), dtype=tw.float32).reshape(shape)


def _long_product() -> list[float]:
    """Rows of ones make sums of a column; long enough for every thread and the blocks of a matrix product."""
    product = tw.ones(64, 700) @ tw.arange(700, dtype=tw.float32).reshape(700, 1)
    return [product.min().item(), product.max().item()]


def _drawn() -> float:
    """Philox4x32-10 with key and counter 0 begins with 0x6627e8d5, by its authors' test vectors; 24 bits are used."""
    return float(tw.rand((), generator=tw.Generator().manual_seed(0)).item() * (1 << 24))


_E = math.e
CHECKS = (
    Check("add", lambda: (_grid(1000) + 1).sum().item(), 500500.0),
    Check("mul", lambda: (tw.tensor([3, -4]) * tw.tensor([5, 6])).tolist(), [15, -24]),
    Check("div", lambda: (tw.tensor([1.0, -7.0]) / tw.tensor([8.0, 2.0])).tolist(), [0.125, -3.5]),
    Check("exp", lambda: tw.tensor([0.0, 1.0, -1.0], dtype=tw.float64).exp().tolist(), [1.0, _E, 1 / _E], 1e-15),
    Check("erf", lambda: tw.erf(tw.tensor([0.5], dtype=tw.float64)).tolist(), [0.5204998778130465], 1e-15),
    Check("sum", lambda: tw.ones(1 << 20).sum().item(), float(1 << 20)),
    Check("cumsum", lambda: tw.cumsum(tw.tensor([1, 2, 3]), 0).tolist(), [1, 3, 6]),
    Check("sort", lambda: tw.sort(tw.tensor([3, 1, 2])).values.tolist(), [1, 2, 3]),
    Check("argmax", lambda: _grid(3, 4).neg().argmax(1).tolist(), [0, 0, 0]),
    Check("where", lambda: tw.where(tw.tensor([True, False]), tw.ones(2), tw.zeros(2)).tolist(), [1.0, 0.0]),
    Check("cat", lambda: tw.cat([tw.ones(1, 2), tw.zeros(1, 2)]).tolist(), [[1.0, 1.0], [0.0, 0.0]]),
    Check("gather", lambda: tw.gather(_grid(2, 2), 1, tw.tensor([[1], [0]])).tolist(), [[1.0], [2.0]]),
    Check("matmul", _long_product, [244650.0, 244650.0]),
    Check("conv2d", lambda: tw.conv2d(_grid(1, 1, 3, 3), tw.ones(1, 1, 2, 2)).flatten().tolist(),
          [8.0, 12.0, 20.0, 24.0]),
    Check("max_pool2d", lambda: tw.max_pool2d(_grid(1, 1, 4, 4), 2).flatten().tolist(), [5.0, 7.0, 13.0, 15.0]),
    Check("softmax", lambda: tw.softmax(tw.tensor([0.0, math.log(3.0)]), 0).tolist(), [0.25, 0.75], 1e-6),
    Check("linalg.solve", lambda: tw.linalg.solve(tw.tensor([[2.0, 0.0], [1.0, 4.0]]), tw.tensor([2.0, 9.0])).tolist(),
          [1.0, 2.0], 1e-6),
    Check("fft.fft", lambda: tw.fft.fft(tw.tensor([1.0, 0.0, 0.0, 0.0])).real.tolist(), [1.0] * 4, 1e-7),
    Check("to", lambda: tw.tensor([1.0 + 2**-8, 3.14159]).to(dtype=tw.bfloat16).tolist(), [1.0, 3.140625]),
    Check("rand", _drawn, float(0x6627E8D5 >> 8)),
)  # fmt: skip


def run() -> list[dict[str, Any]]:
    """Each check with its outcome: an error's text, or None, and milliseconds."""
    results = []
    for check in CHECKS:
        start = time.perf_counter()
        error = _error_of(check)
        results.append({"op": check.op, "error": error, "ms": round(1e3 * (time.perf_counter() - start), 3)})
    return results


def _error_of(check: Check) -> str | None:
    try:
        got = check.call()
    except Exception as error:  # whatever goes wrong is what the doctor is asked for
        return f"{type(error).__name__}: {error}"
    return None if _agree(got, check.expected, check.tolerance) else f"expected {check.expected}, got {got}"


def _agree(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, list):
        pairs = isinstance(got, list) and len(got) == len(expected)
        return pairs and all(_agree(a, b, tolerance) for a, b in zip(got, expected, strict=True))
    return got == expected or (tolerance > 0 and math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance))
