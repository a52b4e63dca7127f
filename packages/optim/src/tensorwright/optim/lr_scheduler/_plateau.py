"""A schedule that looks at a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, SupportsFloat

from .._optimizer import Optimizer
from ._base import LRScheduler, per_group


class ReduceLROnPlateau(LRScheduler):
    """``factor`` times less when a metric has not improved for more than ``patience`` epochs.

    Args:
        optimizer: whose groups' ``lr`` is set.
        mode: ``"min"`` if smaller metrics are better, else ``"max"``.
        factor: below 1.
        patience: epochs without improvement that are put up with.
        threshold: by how much a metric must improve to count.
        threshold_mode: ``"rel"``, a share of the best metric, or ``"abs"``.
        cooldown: epochs after a reduction during which nothing counts.
        min_lr: smallest learning rate, of each group.
        eps: reductions by less are not made.
    """

    optimizer: Optimizer
    factor: float
    threshold: float
    patience: int
    cooldown: int
    eps: float
    last_epoch: int
    best: float
    cooldown_counter: int
    num_bad_epochs: int
    min_lrs: list[float]

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"ReduceLROnPlateau: expected an Optimizer, got {type(optimizer).__name__}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', got "
                f"{mode!r} and {threshold_mode!r}"
            )
        self.optimizer, self.factor, self.mode = optimizer, factor, mode
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.min_lrs = per_group("ReduceLROnPlateau", optimizer, min_lr)
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = self._current

    @property
    def in_cooldown(self) -> bool:
        """Whether nothing counts at the moment."""
        return self.cooldown_counter > 0

    def _is_better(self, metric: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        if self.threshold_mode == "rel":
            limit = self.best * (1.0 - sign * self.threshold)
        else:
            limit = self.best - sign * self.threshold
        return metric < limit if self.mode == "min" else metric > limit

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of an epoch's metric."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current

    def _reduce(self) -> None:
        if len(self.min_lrs) < len(self.optimizer.param_groups):  # groups that were added later
            self.min_lrs += [self.min_lrs[-1]] * (len(self.optimizer.param_groups) - len(self.min_lrs))
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            reduced = max(group["lr"] * self.factor, least)
            if group["lr"] - reduced > self.eps:
                group["lr"] = reduced

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        self.__dict__.update(state_dict)
