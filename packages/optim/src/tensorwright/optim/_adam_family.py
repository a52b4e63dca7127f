"""Relatives of Adam: Adamax, NAdam, RAdam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, zeros_like

from ._adam import decay, moments
from ._elementwise import ElementwiseOptimizer, Members, advance
from ._library import update
from ._optimizer import Params, execution_options

_ADAMAX, _NADAM, _RADAM = update("adamax"), update("nadam"), update("radam")


class _Moments(ElementwiseOptimizer):
    """Options and state of two moments."""

    second = "exp_avg_sq"

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        for position, beta in enumerate(options["betas"]):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"{type(self).__name__}: betas[{position}] must be in [0, 1), got {beta}")

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "exp_avg": zeros_like(parameter), self.second: zeros_like(parameter)}


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
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        beta1, fresh1, beta2, _, eps = moments(options)
        step_size = options["lr"] / (1.0 - beta1 ** advance(members))
        scalars = (beta1, fresh1, beta2, eps, step_size, options["weight_decay"], self._sign(options))
        self._call(_ADAMAX, members, ("exp_avg", "exp_inf"), scalars)


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

    _counters = ("step", "mu_product")

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
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "momentum_decay")

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        return {"mu_product": 1.0, **super()._start(parameter, options)}

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        step, lr = advance(members), options["lr"]
        beta1, beta2 = options["betas"]

        def momentum(t: int) -> float:
            return float(beta1 * (1.0 - 0.5 * 0.96 ** (t * options["momentum_decay"])))

        now, following = momentum(step), momentum(step + 1)
        product = members.states[0]["mu_product"] * now
        for state in members.states:
            state["mu_product"] = product
        scales = (
            lr * (1.0 - now) / (1.0 - product),
            lr * following / (1.0 - product * following),
            1.0 / math.sqrt(1.0 - beta2**step),
        )
        scalars = (*moments(options), *scales, *decay(options), self._sign(options))
        self._call(_NADAM, members, ("exp_avg", "exp_avg_sq"), scalars)


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
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        step = advance(members)
        step_size = options["lr"] / (1.0 - options["betas"][0] ** step)
        scalars = (*moments(options), step_size, _rectification(options["betas"][1], step))
        self._call(_RADAM, members, ("exp_avg", "exp_avg_sq"), (*scalars, *decay(options), self._sign(options)))


def _rectification(beta2: float, step: int) -> float:
    """Of the variance of the second moment, times the root of its bias; 0 as long as the variance is infinite."""
    kept = 1.0 - beta2**step
    longest = 2.0 / (1.0 - beta2) - 1.0  # of the average that an exponential one stands for
    length = longest - 2.0 * step * beta2**step / kept
    if length <= 5.0:
        return 0.0
    variances = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return math.sqrt(variances) * math.sqrt(kept)
