"""A row or more for each optimizer and each schedule of learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class OptimizerRow:
    """`lr` of the second group, which has options of its own, is a third of the first's."""

    name: str
    options: dict[str, Any]
    steps: int = 100
    closure: bool = False


@dataclass(frozen=True)
class ScheduleRow:
    """`make(module, optimizer)` makes the schedule from lr_scheduler (or swa_utils) of either library."""

    name: str
    make: Callable[[Any, Any], Any]
    metric: bool = False  # step takes a number
    optimizer: str = "SGD"
    options: dict[str, Any] = field(default_factory=lambda: {"lr": 0.1, "momentum": 0.9})


def optimizer(name: str, steps: int = 100, closure: bool = False, **options: Any) -> OptimizerRow:
    return OptimizerRow(name, options, steps, closure)


OPTIMIZERS = [
    optimizer("SGD", lr=0.01), optimizer("SGD", lr=1e-5, weight_decay=0.1, maximize=True),
    optimizer("SGD", lr=0.01, momentum=0.9), optimizer("SGD", lr=0.01, momentum=0.9, dampening=0.3, weight_decay=0.1),
    optimizer("SGD", lr=0.01, momentum=0.9, nesterov=True),
    optimizer("Adam", lr=0.05), optimizer("Adam", lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    optimizer("Adam", lr=0.05, amsgrad=True), optimizer("Adam", lr=0.05, decoupled_weight_decay=True, weight_decay=0.1),
    optimizer("AdamW", lr=0.05), optimizer("AdamW", lr=0.05, amsgrad=True, maximize=True, weight_decay=0.1),
    optimizer("Adamax", lr=0.05), optimizer("Adamax", lr=0.05, weight_decay=0.1, betas=(0.8, 0.9)),
    optimizer("NAdam", lr=0.05), optimizer("NAdam", lr=0.05, weight_decay=0.1),
    optimizer("NAdam", lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, momentum_decay=0.1),
    optimizer("RAdam", lr=0.05), optimizer("RAdam", lr=0.05, weight_decay=0.1, betas=(0.9, 0.99)),
    optimizer("RAdam", lr=0.05, weight_decay=0.1, decoupled_weight_decay=True),
    optimizer("Adagrad", lr=0.1),
    optimizer("Adagrad", lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3),
    optimizer("Adadelta", lr=1.0), optimizer("Adadelta", lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.1),
    optimizer("RMSprop", lr=0.01), optimizer("RMSprop", lr=0.01, momentum=0.9),
    optimizer("RMSprop", lr=0.01, centered=True),
    optimizer("RMSprop", lr=0.01, centered=True, momentum=0.9, weight_decay=0.1),
    optimizer("Rprop", lr=0.01), optimizer("Rprop", lr=0.01, etas=(0.4, 1.3), step_sizes=(1e-3, 0.1)),
    optimizer("ASGD", lr=0.01), optimizer("ASGD", lr=0.01, t0=10, lambd=1e-2, weight_decay=0.1),
    optimizer("Adafactor", lr=0.05), optimizer("Adafactor", lr=0.05, weight_decay=0.1, eps=(1e-5, 1e-2), d=1.5),
    optimizer("Muon", steps=20, lr=0.02),
    optimizer("Muon", steps=20, lr=0.02, nesterov=False, adjust_lr_fn="match_rms_adamw"),
    optimizer("LBFGS", steps=3, closure=True, lr=0.5),
    optimizer("LBFGS", steps=3, closure=True, line_search_fn="strong_wolfe"),
    optimizer("LBFGS", steps=3, closure=True, max_iter=5, history_size=3, line_search_fn="strong_wolfe", lr=0.3),
]  # fmt: skip

ADAM: dict[str, Any] = {"optimizer": "Adam", "options": {}}
SCHEDULES = [
    ScheduleRow("LambdaLR", lambda m, o: m.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)])),
    ScheduleRow("MultiplicativeLR", lambda m, o: m.MultiplicativeLR(o, lambda e: 0.95)),
    ScheduleRow("StepLR", lambda m, o: m.StepLR(o, 7, 0.5)),
    ScheduleRow("MultiStepLR", lambda m, o: m.MultiStepLR(o, [3, 3, 20], 0.3)),
    ScheduleRow("ConstantLR", lambda m, o: m.ConstantLR(o, 0.25, 6)),
    ScheduleRow("LinearLR", lambda m, o: m.LinearLR(o, 0.1, 0.8, 13)),
    ScheduleRow("ExponentialLR", lambda m, o: m.ExponentialLR(o, 0.9)),
    ScheduleRow("PolynomialLR", lambda m, o: m.PolynomialLR(o, 20, 1.7)),
    ScheduleRow("CosineAnnealingLR", lambda m, o: m.CosineAnnealingLR(o, 9, 0.001)),
    ScheduleRow("CosineAnnealingWarmRestarts", lambda m, o: m.CosineAnnealingWarmRestarts(o, 5, 2, 0.001)),
    ScheduleRow("CosineAnnealingWarmRestarts", lambda m, o: m.CosineAnnealingWarmRestarts(o, 5)),
    ScheduleRow(
        "ReduceLROnPlateau",
        lambda m, o: m.ReduceLROnPlateau(o, "min", 0.5, 2, cooldown=2, min_lr=[0.01, 0.001]),
        metric=True,
    ),
    ScheduleRow(
        "ReduceLROnPlateau",
        lambda m, o: m.ReduceLROnPlateau(o, "max", 0.5, 2, threshold_mode="abs", threshold=0.01),
        metric=True,
    ),
    ScheduleRow(
        "SequentialLR",
        lambda m, o: m.SequentialLR(
            o, [m.ConstantLR(o, 0.1, 5), m.LinearLR(o, 0.2, 1, 8), m.ExponentialLR(o, 0.9)], [6, 20]
        ),
    ),
    ScheduleRow(
        "SequentialLR", lambda m, o: m.SequentialLR(o, [m.LinearLR(o, 0.1, 1, 5), m.CosineAnnealingLR(o, 10)], [5])
    ),
    ScheduleRow(
        "ChainedScheduler", lambda m, o: m.ChainedScheduler([m.ConstantLR(o, 0.1, 5), m.ExponentialLR(o, 0.9)])
    ),
    *(
        ScheduleRow("CyclicLR", lambda m, o, mode=mode: m.CyclicLR(o, 0.01, [0.1, 0.2], 5, 9, mode, gamma=0.97))  # type: ignore[misc]
        for mode in ("triangular", "triangular2", "exp_range")
    ),
    ScheduleRow("CyclicLR", lambda m, o: m.CyclicLR(o, 0.01, 0.1, 5), **ADAM),
    ScheduleRow("CyclicLR", lambda m, o: m.CyclicLR(o, 0.01, 0.1, 5, scale_fn=lambda x: 1 / x, scale_mode="cycle")),
    *(
        ScheduleRow("OneCycleLR", lambda m, o, further=further: m.OneCycleLR(o, [0.3, 0.2], 40, **further), **which)  # type: ignore[misc]
        for further in ({}, {"three_phase": True}, {"anneal_strategy": "linear", "pct_start": 0.4})
        for which in ({}, ADAM)
    ),
    *(
        ScheduleRow("SWALR", lambda m, o, how=how: m.SWALR(o, 0.05, 10, how))  # type: ignore[misc]
        for how in ("cos", "linear")
    ),
    ScheduleRow("SWALR", lambda m, o: m.SWALR(o, [0.05, 0.01], 0)),
]


def metric(step: int) -> float:
    """What a schedule may look at."""
    return abs(math.sin(step / 3))
