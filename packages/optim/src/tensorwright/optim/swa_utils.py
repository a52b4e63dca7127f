"""Averages of a model's parameters over training, and the learning rate for it. Needs ``tensorwright-nn``."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.nn import Module

from ._optimizer import Optimizer
from .lr_scheduler._base import LRScheduler, per_group

Average = Callable[[Tensor, Tensor, Tensor], Tensor]
AverageAll = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An exponential moving average of one parameter."""
    _check_decay(decay)

    def average(averaged: Tensor, current: Tensor, count: Tensor) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_avg_fn() -> Average:
    """The mean of one parameter so far (Izmailov et al. 2018)."""

    def average(averaged: Tensor, current: Tensor, count: Tensor) -> Tensor:
        return averaged + (current - averaged) / (count + 1)

    return average


def _for_all(average: Average) -> AverageAll:
    def average_all(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
        with tw.no_grad():
            for mean, new in zip(averaged, current, strict=True):
                mean.copy_(average(mean, new, count))

    return average_all


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageAll:
    """An exponential moving average of lists of parameters, in place."""
    return _for_all(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> AverageAll:
    """The mean of lists of parameters so far, in place."""
    return _for_all(get_swa_avg_fn())


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"decay must be in [0, 1], got {decay}")


class AveragedModel(Module):
    """A copy of a model whose parameters are averages; ``update_parameters(model)`` takes in the present ones.

    Args:
        model: what is copied.
        device: where the copy lives.
        avg_fn: the new average from the old one, the parameter and the number of averaged models.
        multi_avg_fn: the same for lists of parameters, in place.
        use_buffers: average buffers too; otherwise they are copied.

    Example:
        >>> model = tw.nn.Linear(2, 2)
        >>> averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        >>> averaged.update_parameters(model)
        >>> averaged(tw.ones(1, 2)).shape
        (1, 2)
    """

    n_averaged: Tensor
    module: Module[..., Any]
    avg_fn: Average | None
    multi_avg_fn: AverageAll | None
    use_buffers: bool

    def __init__(
        self,
        model: Module,
        device: tw.device | str | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: AverageAll | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tw.tensor(0, dtype=tw.int64))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model returns."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of ``model`` into the averages."""
        averaged = list(self.module.parameters())
        current: list[Tensor] = [p.detach() for p in model.parameters()]
        means: list[Tensor] = [p.detach() for p in averaged]
        if self.use_buffers:
            means += list(self.module.buffers())
            current += [b.detach() for b in model.buffers()]
        with tw.no_grad():
            if int(self.n_averaged.item()) == 0:
                for mean, new in zip(means, current, strict=True):
                    mean.copy_(new)
            else:
                update = self.multi_avg_fn or _for_all(self.avg_fn or get_swa_avg_fn())
                floating = [(m, c) for m, c in zip(means, current, strict=True) if m.is_floating_point()]
                update([m for m, _ in floating], [c for _, c in floating], self.n_averaged)
            if not self.use_buffers:
                for mean, new in zip(self.module.buffers(), model.buffers(), strict=True):
                    mean.copy_(new)
            self.n_averaged.add_(1)


def update_bn(loader: Iterable[Any], model: Module, device: tw.device | str | None = None) -> None:
    """Compute the running statistics of batch normalisation anew, from one pass over ``loader``."""
    layers: list[Any] = [m for m in model.modules() if hasattr(m, "reset_running_stats")]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over batches
    with tw.no_grad():
        for item in loader:
            batch = item[0] if isinstance(item, (list, tuple)) else item
            model(batch if device is None else batch.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present learning rates to ``swa_lr`` in ``anneal_epochs`` epochs, and then no change.

    Args:
        optimizer: whose groups' ``lr`` is set.
        swa_lr: the last learning rate, of each group.
        anneal_epochs: how long it takes.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: of an earlier run.
    """

    anneal_epochs: int

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs must be an integer of at least 0, got {anneal_epochs}")
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        for lr, group in zip(per_group("SWALR: swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = lr
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float]:
        """The next learning rate of each group."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates
