"""Learning rates of every schedule against what its definition says."""

from __future__ import annotations

import math

import pytest
import tensorwright as tw
from tensorwright import optim
from tensorwright.optim import lr_scheduler as schedules


def optimizer(lr: float = 0.1, **options) -> optim.SGD:
    return optim.SGD([tw.zeros(1, requires_grad=True)], lr=lr, **options)


def rates(make, steps: int = 30, **options) -> list[float]:
    """Learning rates at the steps of training."""
    sgd = optimizer(**options)
    scheduler, seen = make(sgd), []
    for _ in range(steps):
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [sgd.param_groups[0]["lr"]]
    return seen


def cosine(t: float, end: float) -> float:
    return (1 + math.cos(math.pi * t / end)) / 2


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: schedules.LambdaLR(o, lambda t: 1 / (t + 1)), lambda t: 1 / (t + 1)),
        (lambda o: schedules.MultiplicativeLR(o, lambda t: 0.9), lambda t: 0.9**t),
        (lambda o: schedules.StepLR(o, 4, 0.5), lambda t: 0.5 ** (t // 4)),
        (lambda o: schedules.MultiStepLR(o, [3, 3, 9], 0.5), lambda t: 0.5 ** (2 * (t >= 3) + (t >= 9))),
        (lambda o: schedules.ConstantLR(o, 0.25, 6), lambda t: 0.25 if t < 6 else 1.0),
        (lambda o: schedules.LinearLR(o, 0.2, 0.8, 6), lambda t: 0.2 + 0.6 * min(t, 6) / 6),
        (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.9**t),
        (lambda o: schedules.PolynomialLR(o, 10, 2.0), lambda t: (1 - min(t, 10) / 10) ** 2),
        (lambda o: schedules.CosineAnnealingLR(o, 7), lambda t: cosine(t, 7)),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 5), lambda t: cosine(t % 5, 5)),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 4, 2),
            lambda t: (
                cosine(t, 4) if t < 4 else cosine(t - 4, 8) if t < 12 else cosine((t - 12) % 16, 16 if t < 28 else 32)
            ),
        ),
        (
            lambda o: schedules.CyclicLR(o, 0.0, 0.1, 4, cycle_momentum=False),
            lambda t: min(t % 8, 8 - t % 8) / 4,
        ),
        (
            lambda o: schedules.SequentialLR(
                o, [schedules.ConstantLR(o, 0.1, 100), schedules.ExponentialLR(o, 0.9)], [5]
            ),
            lambda t: 0.1 if t < 5 else 0.9 ** (t - 5),
        ),
        (
            lambda o: schedules.ChainedScheduler([schedules.ConstantLR(o, 0.5, 4), schedules.ExponentialLR(o, 0.9)]),
            lambda t: (0.5 if t < 4 else 1.0) * 0.9**t,
        ),
    ],
)
def test_schedule(make, expected):
    assert rates(make) == pytest.approx([0.1 * expected(t) for t in range(30)], rel=1e-10, abs=1e-16)


def test_one_cycle_of_rate_and_momentum():
    sgd = optimizer(momentum=0.9)
    scheduler, seen = schedules.OneCycleLR(sgd, 1.0, total_steps=21, pct_start=0.5, anneal_strategy="linear"), []
    for _ in range(20):
        seen.append((sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]))
        sgd.step()
        scheduler.step()
    assert seen[0] == (1 / 25, 0.95)
    top = max(range(20), key=lambda t: seen[t][0])
    assert top in (9, 10)
    assert min(momentum for _, momentum in seen) == pytest.approx(seen[top][1])
    assert sgd.param_groups[0]["lr"] == pytest.approx(1 / 25 / 1e4)
    sgd.step()
    scheduler.step()
    with pytest.raises(ValueError, match="beyond the cycle"):
        scheduler.step()


def test_cyclic_momentum_is_the_first_of_betas():
    adam = optim.Adam([tw.zeros(1, requires_grad=True)])
    scheduler = schedules.CyclicLR(adam, 0.01, 0.1, 2)
    for expected in (0.85, 0.8, 0.85, 0.9):
        adam.step()
        scheduler.step()
        assert adam.param_groups[0]["betas"] == (pytest.approx(expected), 0.999)


def test_plateau_reduces_after_its_patience_and_then_rests():
    sgd = optimizer(1.0)
    scheduler = schedules.ReduceLROnPlateau(sgd, factor=0.5, patience=2, cooldown=2, min_lr=0.2)
    seen = []
    for metric in [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, *[0.5] * 10]:
        scheduler.step(metric)
        seen.append(sgd.param_groups[0]["lr"])
    assert seen[:10] == [1.0] * 4 + [0.5] * 5 + [0.25]
    assert seen[-1] == 0.2


def test_a_restored_schedule_goes_on():
    sgd = optimizer()
    scheduler = schedules.CosineAnnealingLR(sgd, 10)
    for _ in range(4):
        sgd.step()
        scheduler.step()
    other = optimizer()
    restored = schedules.CosineAnnealingLR(other, 10)
    other.load_state_dict(sgd.state_dict())
    restored.load_state_dict(scheduler.state_dict())
    for each, s in ((sgd, scheduler), (other, restored)):
        each.step()
        s.step()
    assert sgd.param_groups[0]["lr"] == other.param_groups[0]["lr"]


def test_a_schedule_that_steps_first_warns():
    scheduler = schedules.StepLR(optimizer(), 2)
    with pytest.warns(UserWarning, match=r"before optimizer\.step"):
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda o: schedules.LambdaLR(o, [abs, abs]), ValueError, "list of 1"),
        (lambda o: schedules.ConstantLR(o, 2.0), ValueError, "factor must be in"),
        (
            lambda o: schedules.CyclicLR(optim.Adagrad(o.param_groups[0]["params"]), 0.1, 1.0),
            ValueError,
            "cycle_momentum",
        ),
        (lambda o: schedules.OneCycleLR(o, 0.1), ValueError, "total_steps"),
        (lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1, 2]), ValueError, "milestones"),
        (lambda o: schedules.StepLR(3, 1), TypeError, "expected an Optimizer"),
        (lambda o: schedules.StepLR(o, 1, last_epoch=3), KeyError, "initial_lr"),
    ],
)
def test_refusals(make, error, words):
    with pytest.raises(error, match=words):
        make(optimizer())
