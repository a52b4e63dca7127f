"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tensorwright import Tensor, zeros_like

from ._elementwise import ElementwiseOptimizer, Members, advance
from ._library import update
from ._optimizer import Params, execution_options

_ADAM, _AMSGRAD = update("adam"), update("amsgrad")


def moments(options: Mapping[str, Any]) -> tuple[float, float, float, float, float]:
    """What of the old moments is kept and what of the new gradient is taken, and eps."""
    beta1, beta2 = options["betas"]
    return beta1, 1.0 - beta1, beta2, 1.0 - beta2, options["eps"]


def decay(options: Mapping[str, Any]) -> tuple[float, float]:
    """What is added to the gradient, and what the parameter is multiplied by."""
    weight_decay = options["weight_decay"]
    return (0.0, 1.0 - options["lr"] * weight_decay) if options["decoupled_weight_decay"] else (weight_decay, 1.0)


class Adam(ElementwiseOptimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015).

    Args:
        params: parameters, or groups of them.
        lr: step size.
        betas: decay of the first and second moment, each in [0, 1).
        eps: added to the denominator.
        weight_decay: factor of the parameter that is added to its gradient.
        amsgrad: divide by the largest second moment so far (Reddi et al. 2018).
        maximize: ascend.
        decoupled_weight_decay: shrink the parameter itself, as ``AdamW`` does.
        foreach, capturable, differentiable, fused: as of ``Optimizer``.

    Raises:
        ValueError: an option out of range.

    Example:
        >>> import tensorwright as tw
        >>> w = tw.tensor([1.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> Adam([w], lr=0.1).step()
        >>> round(w.item(), 4)
        0.9
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        options |= {"maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(
            params,
            options
            | execution_options(
                self, foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused
            ),
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        for position, beta in enumerate(options["betas"]):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"{type(self).__name__}: betas[{position}] must be in [0, 1), got {beta}")

    def _start(self, parameter: Tensor, options: dict[str, Any]) -> dict[str, Any]:
        state = {"step": 0, "exp_avg": zeros_like(parameter), "exp_avg_sq": zeros_like(parameter)}
        return {**state, "max_exp_avg_sq": zeros_like(parameter)} if options["amsgrad"] else state

    def _step_alike(self, members: Members, options: dict[str, Any]) -> None:
        step = advance(members)
        beta1, beta2 = options["betas"]
        scalars = (
            *moments(options),
            options["lr"] / (1.0 - beta1**step),  # step size with the first moment's bias removed
            1.0 / math.sqrt(1.0 - beta2**step),  # the same for the root of the second moment
            *decay(options),
            self._sign(options),
        )
        if options["amsgrad"]:
            self._call(_AMSGRAD, members, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"), scalars)
        else:
            self._call(_ADAM, members, ("exp_avg", "exp_avg_sq"), scalars)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): the parameter shrinks by lr * weight_decay.

    Arguments as ``Adam``; ``weight_decay`` is 0.01 by default.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
