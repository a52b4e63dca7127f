"""Averaged gradient descent, and descent by signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, full_like, ops, zeros_like

from ._optimizer import Optimizer, Params, execution_options


class ASGD(Optimizer):
    """Gradient descent that also keeps the mean of the parameters, in ``state[p]["ax"]`` (Polyak and Juditsky 1992).

    Args:
        params: parameters, or groups of them.
        lr: first step size.
        lambd: decay of parameters and step size.
        alpha: power of the step size's decay.
        t0: step at which averaging begins.
        weight_decay: factor of the parameter that is added to its gradient.
        maximize: ascend.
        foreach, differentiable, capturable: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        options = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        options |= {"maximize": maximize}
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        lr, lambd = options["lr"], options["lambd"]
        if not state:
            state.update(step=0, eta=lr, mu=1.0, ax=zeros_like(parameter))
        state["step"] += 1
        mean, eta = state["ax"], state["eta"]
        scalars = (eta, 1.0 - lambd * eta, state["mu"], options["weight_decay"], self._sign(options))
        ops.asgd_step(parameter, gradient, mean, *scalars, out=(parameter, mean))
        state["eta"] = lr / (1.0 + lambd * lr * state["step"]) ** options["alpha"]
        state["mu"] = 1.0 / max(1.0, state["step"] - options["t0"])


class Rprop(Optimizer):
    """Steps whose sizes grow while the gradient keeps its sign and shrink when it changes (Riedmiller and Braun 1993).

    Args:
        params: parameters, or groups of them.
        lr: first step size.
        etas: factors to shrink and to grow by.
        step_sizes: smallest and largest step size.
        maximize: ascend.
        capturable, foreach, differentiable: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        options = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if not 0.0 < options["etas"][0] < 1.0 < options["etas"][1]:
            raise ValueError(f"Rprop: etas must be below and above 1, got {options['etas']}")

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, prev=zeros_like(parameter), step_size=full_like(parameter, options["lr"]))
        state["step"] += 1
        previous, size = state["prev"], state["step_size"]
        scalars = (*options["etas"], *options["step_sizes"], self._sign(options))
        ops.rprop_step(parameter, gradient, previous, size, *scalars, out=(parameter, previous, size))
