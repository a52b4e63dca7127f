"""Optimizers that divide by running sizes of the gradient: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, zeros_like

from ._elementwise import ElementwiseOptimizer, Members, advance, filled_like
from ._library import update
from ._optimizer import Params, execution_options

_ADAGRAD, _ADADELTA = update("adagrad"), update("adadelta")
_RMSPROP = {  # by what is kept beside the mean of the squares
    (): update("rmsprop"),
    ("momentum_buffer",): update("rmsprop_momentum"),
    ("grad_avg",): update("rmsprop_centered"),
    ("grad_avg", "momentum_buffer"): update("rmsprop_centered_momentum"),
}


class Adagrad(ElementwiseOptimizer):
    """Steps divided by the root of the sum of squared gradients (Duchi et al. 2011).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        lr_decay: the step size is divided by 1 + (t - 1) lr_decay.
        weight_decay: factor of the parameter that is added to its gradient.
        initial_accumulator_value: where the sums start.
        eps: added to the denominator.
        maximize: ascend.
        foreach, differentiable, fused: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        options |= {"initial_accumulator_value": initial_accumulator_value, "maximize": maximize}
        super().__init__(
            params, options | execution_options(self, foreach=foreach, differentiable=differentiable, fused=fused)
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "lr_decay", "initial_accumulator_value")

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": filled_like(parameter, options["initial_accumulator_value"])}

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        lr = options["lr"] / (1 + (advance(members) - 1) * options["lr_decay"])
        scalars = (lr, options["eps"], options["weight_decay"], self._sign(options))
        self._call(_ADAGRAD, members, ("sum",), scalars)


class Adadelta(ElementwiseOptimizer):
    """Steps whose size follows that of earlier steps (Zeiler 2012).

    Args:
        params: parameters, or groups of them.
        lr: factor of the steps.
        rho: decay of the running squares.
        eps: added under the roots.
        weight_decay: factor of the parameter that is added to its gradient.
        maximize: ascend.
        foreach, capturable, differentiable: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if not 0.0 <= options["rho"] <= 1.0:
            raise ValueError(f"Adadelta: rho must be in [0, 1], got {options['rho']}")

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "square_avg": zeros_like(parameter), "acc_delta": zeros_like(parameter)}

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        advance(members)
        rho = options["rho"]
        scalars = (options["lr"], rho, 1.0 - rho, options["eps"], options["weight_decay"], self._sign(options))
        self._call(_ADADELTA, members, ("square_avg", "acc_delta"), scalars)


class RMSprop(ElementwiseOptimizer):
    """Steps divided by the root of the running mean of squared gradients (Tieleman and Hinton 2012).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        alpha: decay of the running means.
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        momentum: share of the last update that is kept.
        centered: divide by the standard deviation instead (Graves 2013).
        maximize: ascend.
        capturable, foreach, differentiable: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        options = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered}
        options |= {"weight_decay": weight_decay, "maximize": maximize}
        super().__init__(
            params,
            options | execution_options(self, foreach=foreach, capturable=capturable, differentiable=differentiable),
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "momentum", "alpha")

    @staticmethod
    def _further(options: Mapping[str, Any]) -> tuple[str, ...]:
        """What is kept beside the mean of the squares."""
        centered = ("grad_avg",) if options["centered"] else ()
        return (*centered, "momentum_buffer") if options["momentum"] > 0 else centered

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        kept = {name: zeros_like(parameter) for name in self._further(options)}
        return {"step": 0, "square_avg": zeros_like(parameter), **kept}

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        advance(members)
        further, alpha = self._further(options), options["alpha"]
        scalars: tuple[float, ...] = (
            options["lr"],
            alpha,
            1.0 - alpha,
            options["eps"],
            options["weight_decay"],
            self._sign(options),
        )
        if "momentum_buffer" in further:
            scalars += (options["momentum"],)
        self._call(_RMSPROP[further], members, ("square_avg", *further), scalars)
