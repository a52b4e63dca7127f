"""Random functions of rows run fused with eager's bits, on each instruction set: lengths, layouts, masks."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
import tensorwright as tw
from test_fused_groups import bits, several, spoil, values

functional = tw.nn.functional
Function = Callable[[tw.Tensor, tw.Tensor, tw.Tensor, tw.Tensor], tuple[tw.Tensor, ...]]

UNARY: list[Callable[[tw.Tensor], tw.Tensor]] = [
    tw.exp, tw.relu, tw.sigmoid, tw.tanh, tw.neg, tw.abs, tw.sqrt, tw.reciprocal, functional.gelu, functional.silu,
    lambda a: a * 0.5,
]  # fmt: skip
BINARY: list[Callable[[tw.Tensor, tw.Tensor], tw.Tensor]] = [
    tw.add, tw.sub, tw.mul, tw.div, tw.maximum, lambda a, b: tw.where(a > b, a, b * 2),
]  # fmt: skip
REDUCTIONS: list[Callable[[tw.Tensor], tw.Tensor]] = [
    lambda a: a.sum(-1, keepdim=True),
    lambda a: a.mean(-1, keepdim=True),
    lambda a: a.amax(-1, keepdim=True),
    lambda a: a.amin(-1, keepdim=True),
]
OF_ROWS: list[Callable[[tw.Tensor], tw.Tensor]] = [
    lambda a: tw.softmax(a, -1),
    lambda a: tw.log_softmax(a, -1),
    lambda a: tw.layer_norm(a, a.shape[-1:]),
]


def random_function(seed: int) -> Function:
    def function(x: tw.Tensor, y: tw.Tensor, w: tw.Tensor, mask: tw.Tensor) -> tuple[tw.Tensor, ...]:
        r = random.Random(seed)
        full, rows = [x * w, x, y, w + x], list[tw.Tensor]()
        for _ in range(r.randrange(2, 9)):
            kind = r.random()
            if kind < 0.35:
                full.append(r.choice(UNARY)(r.choice(full)))
            elif kind < 0.6:
                full.append(r.choice(BINARY)(r.choice(full), r.choice(full)))
            elif kind < 0.75:
                rows.append(r.choice(REDUCTIONS)(r.choice(full)))
            elif kind < 0.82:
                full.append(r.choice(OF_ROWS)(r.choice(full)))
            elif kind < 0.88:
                full.append(r.choice(full).masked_fill(mask, -2.0))
            elif rows:
                full.append(r.choice(BINARY)(r.choice(full), r.choice(rows)))
        return (full[-1] * 1.5, r.choice(full) + 0.0, *rows[:1])

    return function


def random_inputs(seed: int) -> tuple[tw.Tensor, ...]:
    r = random.Random(seed)
    length = r.choice([r.randrange(1, 70), r.randrange(60, 300), r.randrange(900, 1100), r.randrange(1000, 4200)])
    rows, dtype = r.randrange(1, 7), r.choice([tw.float32] * 8 + [tw.float64, tw.bfloat16])
    x, y, w = (values(*shape, dtype=dtype, special=r.random() < 0.2, seed=seed + k)
               for k, shape in enumerate(((rows, length), (rows, length), (length,))))  # fmt: skip
    if r.random() < 0.2:
        x = values(rows, length + 5, dtype=dtype, seed=seed)[:, 2:-3]
    if r.random() < 0.2:
        y = y[:1].expand(rows, length)
    return x, y, w, values(rows, length, seed=seed + 3) > 1


def compare(seeds: Iterable[int]) -> None:
    for seed in seeds:
        function, args = random_function(seed), random_inputs(seed)
        captured = tw.jit.freeze(tw.jit.trace(function, args, check_trace=False))
        tw.jit.run_passes(captured.program, tw.jit.FUSION)
        spoil(captured(*args))
        for one, other in zip(several(captured(*args)), function(*args), strict=True):
            assert bits(one) == bits(other), (seed, captured.graph)


@pytest.mark.parametrize("part", range(8))
def test_random_functions_of_rows(part: int) -> None:
    before = tw.jit.fusion_runs().by_kernel
    compare(range(part * 50, part * 50 + 50))
    assert tw.jit.fusion_runs().by_kernel > before


@pytest.mark.parametrize("isa", ["avx512", "avx2", "baseline"])
def test_on_each_instruction_set(isa: str) -> None:
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"TENSORWRIGHT_ISA": isa, "PYTHONPATH": path}
    command = [sys.executable, "-c", "import test_fused_random as t; t.compare(range(1000, 1300))"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
