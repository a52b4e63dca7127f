"""The base of all schedules."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .._optimizer import Optimizer


class LRScheduler:
    """Subclasses define ``get_lr()``: the next learning rates, mostly from those that the groups have now.

    So several schedules may act on one optimizer: each multiplies what it finds. A subclass may also define
    ``_get_closed_form_lr()``, the rates of ``last_epoch`` whatever went before.

    Args:
        optimizer: whose groups' ``lr`` is set.
        last_epoch: steps made in an earlier run, minus 1; groups must have ``initial_lr`` unless it is -1.
    """

    base_lrs: list[float]
    _last_lr: list[float]
    last_epoch: int

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: expected an Optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"{type(self).__name__}: group {number} has no initial_lr to go on from")
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    @property
    def _current(self) -> list[float]:
        """The groups' learning rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """The next learning rate of each group."""
        raise NotImplementedError(f"{type(self).__name__} defines no get_lr()")

    def get_last_lr(self) -> list[float]:
        """The learning rates that the last step set."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or to ``epoch``, which is deprecated."""
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first learning rate is skipped",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn("step(epoch) is deprecated; call step()", DeprecationWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            values = self.get_lr()
        else:
            self.last_epoch = epoch
            closed: Any = getattr(self, "_get_closed_form_lr", self.get_lr)
            values = closed()
        self._set(values)

    def _set(self, values: Sequence[float]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            group["lr"] = value
        self._last_lr = self._current

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer and functions."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer" and not callable(v)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` of the same kind of schedule returned."""
        self.__dict__.update(state_dict)


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[float]:
    """A number for each group: given once, or as a list."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name}: expected a number or a list of {groups} for the groups, got {len(value)}")
    return list(value)
