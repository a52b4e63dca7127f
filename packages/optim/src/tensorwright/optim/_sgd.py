"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, zeros_like

from ._elementwise import ElementwiseOptimizer, Members
from ._library import update
from ._optimizer import Params, execution_options

_SGD, _SGD_MOMENTUM = update("sgd"), update("sgd_momentum")


class SGD(ElementwiseOptimizer):
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
        super().__init__(
            params, options | execution_options(self, foreach=foreach, differentiable=differentiable, fused=fused)
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if not options["momentum"] >= 0.0:
            raise ValueError(f"SGD: momentum must not be negative, got {options['momentum']}")
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov=True needs momentum > 0 and dampening = 0, got "
                f"momentum={options['momentum']}, dampening={options['dampening']}"
            )

    def _states(self, parameters: list[Tensor], options: dict[str, Any]) -> list[dict[str, Any]]:
        return [self.state[parameter] for parameter in parameters] if options["momentum"] else []

    def _progress(self, states: list[dict[str, Any]]) -> list[Any]:
        return [state.get("momentum_buffer") is not None for state in states]

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        sign, momentum, fresh = self._sign(options), float(options["momentum"]), 1.0 - options["dampening"]
        if momentum == 0.0:
            self._call(_SGD, members, (), (options["lr"], options["weight_decay"], sign))
            return
        if not self._progress(members.states[:1])[0]:
            fresh = 1.0  # the first buffer is the gradient itself
            for parameter, state in zip(members.parameters, members.states, strict=True):
                state["momentum_buffer"] = zeros_like(parameter)
        scalars = (options["lr"], momentum, fresh, float(options["nesterov"]), options["weight_decay"], sign)
        self._call(_SGD_MOMENTUM, members, ("momentum_buffer",), scalars)
