"""Schedules that rise and fall, of momentum too."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from .._optimizer import Optimizer
from ._base import LRScheduler, per_group


def _momentum_key(name: str, optimizer: Optimizer) -> str:
    for key in ("betas", "momentum"):
        if key in optimizer.defaults:
            return key
    raise ValueError(f"{name}: the optimizer has no momentum to cycle; pass cycle_momentum=False")


def _set_momentum(group: dict[str, Any], key: str, value: float) -> None:
    group[key] = (value, *group["betas"][1:]) if key == "betas" else value


class CyclicLR(LRScheduler):
    """Learning rates between two bounds, up and down, while momentum goes down and up (Smith 2017).

    Args:
        optimizer: whose groups are set.
        base_lr: lower bound, of each group.
        max_lr: upper bound, of each group.
        step_size_up: steps of the rise.
        step_size_down: steps of the fall, as many by default.
        mode: ``"triangular"``, ``"triangular2"`` (half as high each cycle) or ``"exp_range"`` (gamma ** step).
        gamma: of ``"exp_range"``.
        scale_fn: a function of the cycle or the step in place of mode.
        scale_mode: ``"cycle"`` or ``"iterations"``: what scale_fn gets.
        cycle_momentum: cycle momentum, or the first of betas, too.
        base_momentum: lower bound.
        max_momentum: upper bound.
        last_epoch: of an earlier run.
    """

    max_lrs: list[float]
    total_size: float
    step_ratio: float
    mode: str
    gamma: float
    scale_mode: str
    base_momentums: list[float]
    max_momentums: list[float]

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', got {mode!r}")
        lower = per_group("CyclicLR: base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(lower, optimizer.param_groups, strict=True):
                group["lr"] = lr
        self.max_lrs = per_group("CyclicLR: max_lr", optimizer, max_lr)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self._scale_fn = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._momentum_key = _momentum_key("CyclicLR", optimizer)
            self.base_momentums = per_group("CyclicLR: base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("CyclicLR: max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                for most, least, group in zip(
                    self.max_momentums, self.base_momentums, optimizer.param_groups, strict=True
                ):
                    _set_momentum(group, self._momentum_key, most)
                    group["max_momentum"], group["base_momentum"] = most, least
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lower

    def scale_fn(self, x: float) -> float:
        """The height of cycle (or step) x."""
        if self._scale_fn is not None:
            return self._scale_fn(x)
        if self.mode == "triangular":
            return 1.0
        return float(1.0 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[float]:
        """The next learning rate of each group; sets momentum."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, least, most in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                _set_momentum(group, self._momentum_key, most - (most - least) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]


class OneCycleLR(LRScheduler):
    """One rise to ``max_lr`` and a long fall far below the start, momentum doing the opposite (Smith and Topin 2018).

    Args:
        optimizer: whose groups are set.
        max_lr: top of the cycle, of each group.
        total_steps: steps of the cycle; or epochs * steps_per_epoch.
        epochs: in place of total_steps.
        steps_per_epoch: in place of total_steps.
        pct_start: share of the rise.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: cycle momentum, or the first of betas, too.
        base_momentum: lower bound.
        max_momentum: upper bound.
        div_factor: max_lr over the first learning rate.
        final_div_factor: the first learning rate over the last.
        three_phase: fall to the first learning rate in as many steps as the rise, then to the last.
        last_epoch: of an earlier run.
    """

    total_steps: int
    cycle_momentum: bool

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        rise = pct_start * self.total_steps
        self._phases = [(rise - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            self._phases.append((2 * rise - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
            self._phases.append((self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
        else:
            self._phases.append((self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        if last_epoch == -1:
            for group, top in zip(
                optimizer.param_groups, per_group("OneCycleLR: max_lr", optimizer, max_lr), strict=True
            ):
                group["initial_lr"], group["max_lr"] = top / div_factor, top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._momentum_key = _momentum_key("OneCycleLR", optimizer)
            least = per_group("OneCycleLR: base_momentum", optimizer, base_momentum)
            most = per_group("OneCycleLR: max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                for low, high, group in zip(least, most, optimizer.param_groups, strict=True):
                    _set_momentum(group, self._momentum_key, high)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (1 + math.cos(math.pi * share))

    def get_lr(self) -> list[float]:
        """The next learning rate of each group; sets momentum."""
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch} is beyond the cycle's {self.total_steps} steps")
        ends = [phase[0] for phase in self._phases]
        index = min(bisect_left(ends, self.last_epoch), len(ends) - 1)
        begin = ends[index - 1] if index > 0 else 0.0
        end, first_lr, last_lr, first_momentum, last_momentum = self._phases[index]
        share = (self.last_epoch - begin) / (end - begin)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[first_lr], group[last_lr], share))
            if self.cycle_momentum:
                momentum = self._between(group[first_momentum], group[last_momentum], share)
                _set_momentum(group, self._momentum_key, momentum)
        return rates


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
    total = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
    if total <= 0:
        raise ValueError(f"OneCycleLR: the number of steps must be positive, got {total}")
    return total


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half waves of the cosine down to ``eta_min``, one after the other (Loshchilov and Hutter 2017).

    Args:
        optimizer: whose groups' ``lr`` is set.
        T_0: epochs of the first half wave.
        T_mult: how many times longer each further one is.
        eta_min: smallest learning rate.
        last_epoch: of an earlier run.
    """

    T_mult: int
    eta_min: float
    T_i: int
    last_epoch: int

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0 or not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(
                f"CosineAnnealingWarmRestarts: T_0 and T_mult must be positive integers, got {T_0} and {T_mult}"
            )
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rate of each group at ``T_cur`` of the present half wave."""
        wave = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * wave for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to ``epoch``, which may be a fraction."""
        self._step_count += 1
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            if epoch < 0:
                raise ValueError(f"CosineAnnealingWarmRestarts: epoch must not be negative, got {epoch}")
            self.T_cur, self.T_i = epoch, self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())
