"""Averaged gradient descent, and descent by signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, zeros_like

from ._elementwise import ElementwiseOptimizer, Members, advance, filled_like
from ._library import update
from ._optimizer import Params, execution_options

_ASGD, _RPROP = update("asgd"), update("rprop")


class ASGD(ElementwiseOptimizer):
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

    _counters = ("step", "eta", "mu")

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
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "eta": float(options["lr"]), "mu": 1.0, "ax": zeros_like(parameter)}

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        step, lr, lambd = advance(members), options["lr"], options["lambd"]
        eta, mu = members.states[0]["eta"], members.states[0]["mu"]
        scalars = (eta, 1.0 - lambd * eta, mu, options["weight_decay"], self._sign(options))
        self._call(_ASGD, members, ("ax",), scalars)
        following = {
            "eta": lr / (1.0 + lambd * lr * step) ** options["alpha"],
            "mu": 1.0 / max(1.0, step - options["t0"]),
        }
        for state in members.states:
            state.update(following)


class Rprop(ElementwiseOptimizer):
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
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if not 0.0 < options["etas"][0] < 1.0 < options["etas"][1]:
            raise ValueError(f"Rprop: etas must be below and above 1, got {options['etas']}")

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "prev": zeros_like(parameter), "step_size": filled_like(parameter, options["lr"])}

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        advance(members)
        scalars = (*options["etas"], *options["step_sizes"], self._sign(options))
        self._call(_RPROP, members, ("prev", "step_size"), scalars)
