"""Optimizers that divide by running sizes of the gradient: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, full_like, ops, zeros_like

from ._optimizer import Optimizer, Params, execution_options


class Adagrad(Optimizer):
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
        super().__init__(params, options | execution_options(self, foreach, False, differentiable, fused))

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "lr_decay", "initial_accumulator_value")

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, sum=full_like(parameter, options["initial_accumulator_value"]))
        state["step"] += 1
        lr = options["lr"] / (1 + (state["step"] - 1) * options["lr_decay"])
        scalars = (lr, options["eps"], options["weight_decay"], self._sign(options))
        ops.adagrad_step(parameter, gradient, state["sum"], *scalars, out=(parameter, state["sum"]))


class Adadelta(Optimizer):
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
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if not 0.0 <= options["rho"] <= 1.0:
            raise ValueError(f"Adadelta: rho must be in [0, 1], got {options['rho']}")

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, square_avg=zeros_like(parameter), acc_delta=zeros_like(parameter))
        state["step"] += 1
        square, delta = state["square_avg"], state["acc_delta"]
        scalars = (options["lr"], options["rho"], options["eps"], options["weight_decay"], self._sign(options))
        ops.adadelta_step(parameter, gradient, square, delta, *scalars, out=(parameter, square, delta))


class RMSprop(Optimizer):
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
        super().__init__(params, options | execution_options(self, foreach, capturable, differentiable))

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "momentum", "alpha")

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        momentum, centered = options["momentum"], options["centered"]
        if not state:
            state.update(step=0, square_avg=zeros_like(parameter))
            if momentum > 0:
                state["momentum_buffer"] = zeros_like(parameter)
            if centered:
                state["grad_avg"] = zeros_like(parameter)
        state["step"] += 1
        square = state["square_avg"]
        scalars = (options["lr"], options["alpha"], options["eps"], options["weight_decay"])
        if momentum <= 0 and not centered:
            ops.rmsprop_step(parameter, gradient, square, *scalars, self._sign(options), out=(parameter, square))
            return
        mean = state["grad_avg"] if centered else zeros_like(parameter)
        buffer = state["momentum_buffer"] if momentum > 0 else zeros_like(parameter)
        further = (momentum, float(centered), self._sign(options))
        ops.rmsprop_full_step(
            parameter, gradient, square, mean, buffer, *scalars, *further, out=(parameter, square, mean, buffer)
        )
