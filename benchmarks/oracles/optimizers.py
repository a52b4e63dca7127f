"""Optimizers and schedules beside torch's: trajectories in float64, states handed over in the middle, learning rates.

Run by `nox -s oracle`; the exit status is 1 if rows disagree or a class has none.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorwright as tw
import torch
from optimizer_rows import OPTIMIZERS, SCHEDULES, OptimizerRow, ScheduleRow, metric

Library = Any
TOLERANCE = 1e-12
SCHEDULE_STEPS = 60
MATRIX = np.random.default_rng(0).standard_normal((6, 4))
START = (np.random.default_rng(1).standard_normal((4, 3)), np.random.default_rng(2).standard_normal(3))
# What has no counterpart, and what docs/differences.md says of it.
ABSENT = {"SparseAdam"}
SCRATCH = {"al"}  # of LBFGS: room for numbers within a step
NO_SCHEDULES = {"LRScheduler", "_LRScheduler"}


class Training:
    """Two parameters, of which the second has options of its own, and a loss whose gradients change their signs."""

    def __init__(self, lib: Library, row: OptimizerRow) -> None:
        self.lib, self.row, self.count = lib, row, 0
        self.parameters = [lib.from_numpy(value.copy()).requires_grad_() for value in START]
        self.matrix = lib.from_numpy(MATRIX)
        self.optimizer = self.make()

    def make(self) -> Any:
        kind = getattr(self.lib.optim, self.row.name)
        if self.row.name == "Muon":
            return kind(self.parameters[:1], **self.row.options)
        if self.row.name == "LBFGS":
            return kind(self.parameters, **self.row.options)
        groups = [
            {"params": self.parameters[:1]},
            {"params": self.parameters[1:], "lr": self.row.options["lr"] / 3},
        ]
        return kind(groups, **self.row.options)

    def loss(self) -> Any:
        self.optimizer.zero_grad()
        w, b = self.parameters
        self.count += not self.row.closure
        push = 3 * math.sin(1.7 * self.count)
        result = ((self.matrix @ w + b - 1) ** 2).sum() / 2 + w.cos().sum() + (b**4).sum() + push * (w.sum() - b.sum())
        result.backward()
        return result

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.row.closure:
                self.optimizer.step(self.loss)
            else:
                self.loss()
                self.optimizer.step()

    def distance(self, other: Training) -> float:
        pairs = zip(self.parameters, other.parameters, strict=True)
        return max(float(np.abs(a.detach().numpy() - b.detach().numpy()).max()) for a, b in pairs)


def converted(state: Any, lib: Library) -> Any:
    """A state_dict of the one library as the other's."""
    if isinstance(state, (torch.Tensor, tw.Tensor)):
        return lib.from_numpy(np.array(state.detach().numpy()))
    if isinstance(state, dict):
        return {key: converted(value, lib) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(converted(value, lib) for value in state)
    return state


def hand_over(giver: Training, taker: Training) -> None:
    """The taker goes on where the giver is."""
    with taker.lib.no_grad():
        for mine, theirs in zip(taker.parameters, giver.parameters, strict=True):
            mine.copy_(taker.lib.from_numpy(theirs.detach().numpy().copy()))
    taker.optimizer, taker.count = taker.make(), giver.count
    taker.optimizer.load_state_dict(converted(copy.deepcopy(giver.optimizer.state_dict()), taker.lib))


def layout(state: dict[str, Any]) -> Any:
    """What a state_dict is made of, without numbers."""
    kept = {number: sorted(set(entries) - SCRATCH) for number, entries in state["state"].items()}
    return kept, [sorted(group) for group in state["param_groups"]]


def judge_optimizer(row: OptimizerRow) -> list[str]:
    """The same trajectory, the same layout; then our state goes on there, and theirs here."""
    ours, theirs = Training(tw, row), Training(torch, row)
    for training in (ours, theirs):
        training.run(row.steps)
    tolerance = 1e-2 if row.name == "Muon" else TOLERANCE  # its iteration is in bfloat16
    found = []
    if not ours.distance(theirs) <= tolerance:
        found.append(f"{ours.distance(theirs):.2g} apart after {row.steps} steps")
    if layout(ours.optimizer.state_dict()) != layout(theirs.optimizer.state_dict()):
        found.append(f"layout {layout(ours.optimizer.state_dict())}, theirs {layout(theirs.optimizer.state_dict())}")
        return found
    middle = max(1, row.steps // 2)
    for giver_lib, taker_lib in ((tw, torch), (torch, tw)):
        giver, taker = Training(giver_lib, row), Training(taker_lib, row)
        giver.run(middle)
        hand_over(giver, taker)
        giver.run(row.steps - middle)
        taker.run(row.steps - middle)
        if not taker.distance(giver) <= tolerance:
            found.append(f"{taker.distance(giver):.2g} apart after a state of {giver_lib.__name__} was taken over")
    return found


def rates(lib: Library, row: ScheduleRow) -> Any:
    """Learning rates and momenta of both groups at each step; the schedule is saved and loaded half way."""
    first, second = lib.zeros(2, requires_grad=True), lib.zeros(2, requires_grad=True)
    place = f"{lib.__name__}.optim." + ("swa_utils" if row.name == "SWALR" else "lr_scheduler")
    module = importlib.import_module(place)
    optimizer = getattr(lib.optim, row.optimizer)(
        [{"params": [first]}, {"params": [second], "lr": 0.03}], **row.options
    )
    schedule = row.make(module, optimizer)
    seen = []
    for step in range(SCHEDULE_STEPS if row.name != "OneCycleLR" else 40):
        optimizer.step()
        if step == 17:
            state = schedule.state_dict()
            schedule.load_state_dict(copy.deepcopy(state))
        seen.append([group["lr"] for group in optimizer.param_groups] + [momentum(g) for g in optimizer.param_groups])
        if step < 39 or row.name != "OneCycleLR":
            schedule.step(metric(step)) if row.metric else schedule.step()
    return np.array(seen)


def momentum(group: dict[str, Any]) -> float:
    return float(group["betas"][0] if "betas" in group else group["momentum"])


def judge_schedule(row: ScheduleRow) -> list[str]:
    """The same numbers at every step."""
    distance = float(np.abs(rates(tw, row) - rates(torch, row)).max())
    return [] if distance <= TOLERANCE else [f"rates are {distance:.2g} apart"]


def judged(judge: Callable[[Any], list[str]], row: Any) -> list[str]:
    try:
        return judge(row)
    except Exception as error:  # whatever either raises is a difference
        return [f"{type(error).__name__}: {error}"]


def report(what: str, rows: list[Any], judge: Callable[[Any], list[str]], expected: set[str]) -> int:
    """Judge the rows; print complaints and counts, and give their number."""
    bad = []
    for row in rows:
        complaints = judged(judge, row)
        if complaints:
            bad.append(row.name)
            print(f"{row.name}: {'; '.join(text[:300] for text in complaints)}")
    names, missing = {row.name for row in rows}, sorted(expected - {row.name for row in rows})
    print(
        f"{len(names - set(bad))} of {len(names)} {what} agree in {len(rows)} rows; without a row: "
        f"{', '.join(missing) or 'none'}"
    )
    return len(bad) + len(missing)


def subclasses(module: Any, base: type) -> set[str]:
    """The names of a module's subclasses of `base`, without it."""
    found = {name: getattr(module, name) for name in dir(module)}
    return {
        n for n, value in found.items() if isinstance(value, type) and issubclass(value, base) and value is not base
    }


def main(select: Callable[[str], bool] = lambda name: True) -> int:
    """Compare the rows whose names are selected; the number of complaints."""
    warnings.simplefilter("ignore")
    for lib in (tw, torch):
        lib.set_default_dtype(lib.float64)
    schedules = torch.optim.lr_scheduler
    expected = subclasses(torch.optim, torch.optim.Optimizer) - ABSENT
    expected_schedules = subclasses(schedules, schedules.LRScheduler) - NO_SCHEDULES
    chosen = [row for row in OPTIMIZERS if select(row.name)]
    chosen_schedules = [row for row in SCHEDULES if select(row.name)]
    everything = len(chosen) == len(OPTIMIZERS)
    bad = report("optimizers", chosen, judge_optimizer, expected if everything else set())
    return bad + report("schedules", chosen_schedules, judge_schedule, expected_schedules if everything else set())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a part of a name")
    word = parser.parse_known_args()[0].only.lower()  # the others are oracle.py's
    sys.exit(1 if main(lambda name: word in name.lower()) else 0)
