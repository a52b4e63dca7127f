"""Relatives of Adam: Adamax, NAdam, RAdam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, ops, zeros_like

from ._optimizer import Optimizer, Params, execution_options


class _Moments(Optimizer):
    """Options and state of two moments."""

    second = "exp_avg_sq"

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        for position, beta in enumerate(options["betas"]):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"{type(self).__name__}: betas[{position}] must be in [0, 1), got {beta}")

    def _start(self, parameter: Tensor, state: dict[str, Any], **further: Any) -> None:
        if not state:
            state.update({"step": 0, **further, "exp_avg": zeros_like(parameter), self.second: zeros_like(parameter)})
        state["step"] += 1

    @staticmethod
    def _decay(options: Mapping[str, Any]) -> tuple[float, float]:
        """What is added to the gradient, and what the parameter is multiplied by."""
        decay = options["weight_decay"]
        return (0.0, 1.0 - options["lr"] * decay) if options["decoupled_weight_decay"] else (decay, 1.0)


class Adamax(_Moments):
    """Adam with the largest gradient in place of the second moment (Kingma and Ba 2015).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        betas: decay of the mean and of the largest gradient, each in [0, 1).
        eps: added to the gradient's size.
        weight_decay: factor of the parameter that is added to its gradient.
        maximize: ascend.
        foreach, differentiable, capturable: as of ``Optimizer``.
    """

    second = "exp_inf"

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        self._start(parameter, state)
        beta1, beta2 = options["betas"]
        step_size = options["lr"] / (1.0 - beta1 ** state["step"])
        mean, largest = state["exp_avg"], state["exp_inf"]
        scalars = (beta1, beta2, options["eps"], step_size, options["weight_decay"], self._sign(options))
        ops.adamax_step(parameter, gradient, mean, largest, *scalars, out=(parameter, mean, largest))


class NAdam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2016).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        betas: decay of the first and second moment, each in [0, 1).
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        momentum_decay: how fast the momentum reaches its final value.
        decoupled_weight_decay: shrink the parameter instead of adding to the gradient.
        maximize: ascend.
        foreach, capturable, differentiable: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        options |= {"momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        options |= {"maximize": maximize}
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "momentum_decay")

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        self._start(parameter, state, mu_product=1.0)
        beta1, beta2 = options["betas"]
        step, lr = state["step"], options["lr"]

        def momentum(t: int) -> float:
            return float(beta1 * (1.0 - 0.5 * 0.96 ** (t * options["momentum_decay"])))

        now, following = momentum(step), momentum(step + 1)
        state["mu_product"] *= now
        product = state["mu_product"]
        scales = (
            lr * (1.0 - now) / (1.0 - product),
            lr * following / (1.0 - product * following),
            1.0 / math.sqrt(1.0 - beta2**step),
        )
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        scalars = (beta1, beta2, options["eps"], *scales, *self._decay(options), self._sign(options))
        ops.nadam_step(parameter, gradient, mean, square, *scalars, out=(parameter, mean, square))


class RAdam(_Moments):
    """Adam that waits with the second moment until it is known well enough (Liu et al. 2020).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        betas: decay of the first and second moment, each in [0, 1).
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        decoupled_weight_decay: shrink the parameter instead of adding to the gradient.
        maximize: ascend.
        foreach, capturable, differentiable: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        options |= {"maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        self._start(parameter, state)
        beta1, beta2 = options["betas"]
        step = state["step"]
        kept = 1.0 - beta2**step
        longest = 2.0 / (1.0 - beta2) - 1.0  # of the average that an exponential one stands for
        length = longest - 2.0 * step * beta2**step / kept
        rectification = 0.0
        if length > 5.0:
            variances = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            rectification = math.sqrt(variances) * math.sqrt(kept)
        step_size = options["lr"] / (1.0 - beta1**step)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        decay = self._decay(options)
        scalars = (beta1, beta2, options["eps"], step_size, rectification, *decay, self._sign(options))
        ops.radam_step(parameter, gradient, mean, square, *scalars, out=(parameter, mean, square))
