"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from .._optimizer import Optimizer
from ._base import LRScheduler
from ._plateau import ReduceLROnPlateau


class _Combined(LRScheduler):
    _schedulers: list[LRScheduler]

    def _check(self, optimizer: Optimizer) -> None:
        name = type(self).__name__
        if not self._schedulers:
            raise ValueError(f"{name}: there are no schedulers")
        for number, scheduler in enumerate(self._schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name}: schedulers[{number}] has no optimizer: {type(scheduler).__name__}")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name}: schedulers[{number}] is ReduceLROnPlateau, whose step needs a metric")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"{name}: schedulers[{number}] belongs to another optimizer")

    def state_dict(self) -> dict[str, Any]:
        """The states of all schedules."""
        kept = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "_schedulers")}
        return {**kept, "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        self.__dict__.update({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Combined):
    """One schedule after the other, each beginning anew at its milestone.

    Args:
        optimizer: that of all schedules.
        schedulers: the schedules.
        milestones: epochs at which the second and further ones begin.
        last_epoch: of an earlier run.
    """

    optimizer: Optimizer
    last_epoch: int

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self._check(optimizer)
        if len(self._milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"SequentialLR: expected {len(self._schedulers) - 1} milestones between {len(self._schedulers)} "
                f"schedulers, got {len(self._milestones)}"
            )
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(scheduler: LRScheduler) -> None:
    """Take back the step that constructing a schedule made."""
    if isinstance(scheduler, _Combined):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1


class ChainedScheduler(_Combined):
    """Several schedules at once, each multiplying what the ones before have set.

    Args:
        schedulers: the schedules.
        optimizer: that of all schedules; found by itself.
    """

    optimizer: Optimizer

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError("ChainedScheduler: there are no schedulers")
        self.optimizer = optimizer or self._schedulers[0].optimizer
        self._check(self.optimizer)
        self._last_lr = self._current

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._current
