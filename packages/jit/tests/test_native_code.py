"""Machine code of groups gives eager's bits on each instruction set: tables, rare branches, short last vectors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from math import erfc, sqrt

import numpy as np
import pytest
import tensorwright as tw

functional = tw.nn.functional
LENGTHS = (1, 15, 16, 17, 100, 256, 300, 1000, 1023, 1024, 1040, 2049)
ROWS = (1, 2, 5)
EDGES = (0.0, -0.0, 1e-45, -1e-45, 1.2e-38, 3e38, -3e38, np.inf, -np.inf, np.nan)
# Where one branch of gelu, of its table, or of exp ends and the next begins.
SEAMS = (5.4999995, 5.5, 5.500001, 0.34375, 0.6875, 14.5, 14.6, 88.7, 104.0)

CHAINS: dict[str, Callable[[tw.Tensor, tw.Tensor, tw.Tensor], tw.Tensor | tuple[tw.Tensor, ...]]] = {
    "gelu": lambda x, y, w: functional.gelu(x * w) * y,
    "gelu twice": lambda x, y, w: functional.gelu(functional.gelu(x + y) - w),
    "gelu of a sum beside the sum": lambda x, y, w: (x + y, functional.gelu(x + y) * 0.5),
    "gelu chosen": lambda x, y, w: tw.where(x > y, functional.gelu(x), y * w),
    "by one": lambda x, y, w: (x * 1.0 + 1.0 * y) * w,
    "by a mask in memory": lambda x, y, w: (x * w).masked_fill(tw.isin(x, y.round()), 0.5),
    "functions": lambda x, y, w: tw.tanh(x) * tw.sigmoid(y) + tw.log1p(x * x) / w,
    "softmax": lambda x, y, w: tw.softmax(x * 0.125 + y, -1),
    "softmax in smaller ops": lambda x, y, w: (x - x.amax(-1, True)).exp() / (x - x.amax(-1, True)).exp().sum(-1, True),
    "largest and smallest": lambda x, y, w: ((x * w).amax(-1), (x + y).amin(-1), x.amin(-1, True) * y.amax(-1, True)),
    "zeros": lambda x, y, w: ((x * 0).amax(-1), (x * 0).amin(-1), (w * -0.0 + x * 0).amax(-1)),
    "softmax alone": lambda x, y, w: tw.softmax(x, -1),
    "normalized": lambda x, y, w: functional.layer_norm(x, (x.shape[-1],), w, w),
    "sums of inputs": lambda x, y, w: (x.sum(-1) * y.sum(-1), (x * x).mean(-1, True) + y),
    "normalized sum": lambda x, y, w: functional.layer_norm(x + y, (x.shape[-1],), w, w),
    "gelu of a normalized sum": lambda x, y, w: functional.gelu(functional.layer_norm(x + y, (x.shape[-1],), w)),
}


def numbers(rows: int, length: int, seed: int, spread: float, edges: bool) -> tw.Tensor:
    random = np.random.default_rng(seed)
    array = (random.standard_normal(rows * length) * spread).astype(np.float32)
    if edges:
        for k, value in enumerate((*EDGES, *SEAMS, *(-seam for seam in SEAMS))):
            array[k * 7 % array.size] = value
    return tw.tensor(array.reshape(rows, length))


def inputs() -> Iterator[tuple[tw.Tensor, tw.Tensor, tw.Tensor]]:
    for length in LENGTHS:
        for rows in ROWS:
            for spread, edges in ((1.0, False), (4.0, True)):
                x, y = (numbers(rows, length, seed, spread, edges) for seed in (0, 1))
                yield x, y, numbers(1, length, 2, 1.0, False)[0]


def bits(result: tw.Tensor | tuple[tw.Tensor, ...]) -> list[bytes]:
    results = result if isinstance(result, tuple) else (result,)
    # Which NaN it is is no part of a result.
    return [np.where(np.isnan(r.numpy()), -1, r.contiguous().view(tw.int32).numpy()).tobytes() for r in results]


def compare() -> None:
    """Each function with the kernels of this process."""
    for name, function in CHAINS.items():
        for args in inputs():
            captured = tw.jit.optimize_for_inference(tw.jit.trace(function, args, check_trace=False))
            assert bits(captured(*args)) == bits(function(*args)), (name, args[0].shape)
    runs = tw.jit.fusion_runs()
    assert runs.by_kernel > runs.apart


@pytest.mark.parametrize("isa", ["avx512", "avx2", "sse2"])
def test_bits_are_eagers_on_each_instruction_set(isa: str) -> None:
    command = [sys.executable, "-c", "import test_native_code; test_native_code.compare()"]
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"TENSORWRIGHT_ISA": isa, "PYTHONPATH": path}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_gelu_in_a_group_is_accurate() -> None:
    """Also far in the tail."""
    x = np.linspace(-13.5, 9, 5000, dtype=np.float32)
    captured = tw.jit.optimize_for_inference(
        tw.jit.trace(lambda x: functional.gelu(x + 0.0) * 2, (tw.tensor(x),), check_trace=False)
    )
    before = tw.jit.fusion_runs().by_kernel
    got = captured(tw.tensor(x)).numpy()
    assert tw.jit.fusion_runs().by_kernel == before + 1
    wide = x.astype(np.float64)
    want = wide * np.array([erfc(-value / sqrt(2)) for value in wide])
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-40)
