"""Runs keep intermediate values in one planned block of memory, which nobody sees."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import tensorwright as tw
from tensorwright import nn


def network() -> Any:
    tw.manual_seed(0)
    layers = [nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16), nn.LayerNorm(16), nn.Linear(16, 8)]
    return nn.Sequential(*layers).eval()


def frozen(model: Any, x: tw.Tensor) -> Any:
    return tw.jit.optimize_for_inference(tw.jit.trace(model, x, check_trace=False))


def inputs(seed: int, rows: int = 5) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).standard_normal((rows, 16)).astype(np.float32))


def test_runs_after_the_first_make_no_block() -> None:
    model = network()
    captured = frozen(model, inputs(0))
    before = tw.jit.planned_runs()
    with tw.no_grad():
        results = [captured(inputs(seed)) for seed in range(6)]
        after = tw.jit.planned_runs()
        assert (after.runs - before.runs, after.blocks - before.blocks) == (6, 1)
        for seed, result in enumerate(results):  # each result has memory of its own
            assert bool(tw.allclose(result, model(inputs(seed)), atol=1e-5))
            assert result.tolist() == captured(inputs(seed)).tolist()


def test_views_of_values_are_given_away_whole() -> None:
    captured = frozen(lambda x: ((x * 2).exp().t(), (x + 1).abs().sum(-1)), inputs(0))
    first, sums = captured(inputs(0))
    kept = first.tolist(), sums.tolist()
    for seed in range(1, 4):
        captured(inputs(seed))
    assert (first.tolist(), sums.tolist()) == kept


def test_other_sizes_and_gradients_run_as_ever() -> None:
    model = network()
    captured = frozen(model, inputs(0))
    before = tw.jit.planned_runs().runs
    with tw.no_grad():
        assert bool(tw.allclose(captured(inputs(1, rows=9)), model(inputs(1, rows=9)), atol=1e-5))
        turned = tw.tensor(inputs(2).t().tolist()).t()
        assert captured(turned).tolist() == captured(inputs(2)).tolist()
    x = inputs(3).requires_grad_()
    captured(x).sum().backward()
    assert x.grad is not None
    assert tw.jit.planned_runs().runs == before + 1


def test_threads_have_blocks_of_their_own() -> None:
    captured = frozen(network(), inputs(0))
    with tw.no_grad():
        expected = [captured(inputs(seed)).tolist() for seed in range(4)]
    wrong: list[int] = []

    def work(seed: int) -> None:
        with tw.no_grad():
            wrong.extend(seed for _ in range(100) if captured(inputs(seed)).tolist() != expected[seed])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
