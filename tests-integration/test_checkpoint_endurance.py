"""A second of what `checkpoint_endurance.py` does at full length."""

from __future__ import annotations

import pytest
import tensorwright as tw
from checkpoint_endurance import SHARD, STEPS, Run, crashes, flips, kills, resumes
from tensorwright import nn
from tensorwright.checkpoint import Checkpoints, RunState


@pytest.mark.parametrize("shard", [None, SHARD])
def test_a_writer_that_is_killed_loses_nothing(shard: int | None) -> None:
    outcome = kills(8, shard, seed=3)
    assert outcome.count == 8
    assert outcome.lost == []


@pytest.mark.parametrize("shard", [None, 1000])
def test_a_flipped_bit_is_named(shard: int | None) -> None:
    outcome = flips(60, shard, seed=3)
    assert outcome.count == 60
    assert (outcome.unnoticed, outcome.misnamed) == ([], [])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_was_stopped_ends_with_the_same_bits(workers: int) -> None:
    assert resumes(3, workers, seed=3) == (3, [])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(workers: int) -> None:
    _, wrong = crashes(2, workers, seed=3)
    assert wrong == []


def test_runs_that_are_not_restored_end_elsewhere() -> None:
    """So the test above can fail."""
    first, second = Run(0), Run(0)
    tw.manual_seed(5)
    assert any((a != b).any() for a, b in zip(first.finish(), second.finish(), strict=True))
    assert first.state.step == STEPS


def test_gradients_that_are_being_accumulated_are_kept(tmp_path) -> None:
    def run() -> tuple[nn.Module, RunState]:
        tw.manual_seed(0)
        model = nn.Linear(3, 1)
        optimizer = tw.optim.SGD(model.parameters(), lr=0.1)
        return model, RunState(model=model, optimizer=optimizer, gradients=True)

    model, state = run()
    model(tw.ones(2, 3)).sum().backward()
    state.save(Checkpoints(tmp_path))
    other, restored = run()
    assert restored.resume(Checkpoints(tmp_path))
    assert other.weight.grad.equal(model.weight.grad)
    for network in (model, other):
        network(tw.ones(1, 3)).sum().backward()
    assert other.weight.grad.equal(model.weight.grad)
