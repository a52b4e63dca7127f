"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, ops, zeros_like

from ._optimizer import Optimizer, Params, execution_options


class SGD(Optimizer):
    """Gradient descent with momentum (Sutskever et al. 2013).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        momentum: share of the last update that is kept.
        dampening: share of the gradient that momentum leaves out.
        weight_decay: factor of the parameter that is added to its gradient.
        nesterov: look ahead; needs a momentum and no dampening.
        maximize: ascend.
        foreach, differentiable, fused: as of ``Optimizer``.

    Raises:
        ValueError: an option out of range.

    Example:
        >>> import tensorwright as tw
        >>> w = tw.tensor([1.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> SGD([w], lr=0.1).step()
        >>> round(w.item(), 6)
        0.8
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        options |= {"nesterov": nesterov, "maximize": maximize}
        super().__init__(params, options | execution_options(self, foreach, False, differentiable, fused))

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if not options["momentum"] >= 0.0:
            raise ValueError(f"SGD: momentum must not be negative, got {options['momentum']}")
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov=True needs momentum > 0 and dampening = 0, got "
                f"momentum={options['momentum']}, dampening={options['dampening']}"
            )

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        sign = -1.0 if options["maximize"] else 1.0
        momentum, dampening = options["momentum"], options["dampening"]
        if momentum == 0.0:
            ops.sgd_step_(parameter, gradient, options["lr"], options["weight_decay"], sign)
            return
        if state.get("momentum_buffer") is None:
            state["momentum_buffer"] = zeros_like(parameter)
            dampening = 0.0  # the first buffer is the gradient itself
        buffer = state["momentum_buffer"]
        ops.sgd_momentum_step(
            parameter,
            gradient,
            buffer,
            options["lr"],
            momentum,
            dampening,
            options["weight_decay"],
            float(options["nesterov"]),
            sign,
            out=(parameter, buffer),
        )
