"""Optimizers that look at gradients of matrices as matrices: Adafactor and Muon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorwright as tw
from tensorwright import Tensor, zeros_like

from ._optimizer import Optimizer, Params


class Adafactor(Optimizer):
    """Adam without a mean, whose second moment is kept as its row and column means (Shazeer and Stern 2018).

    Args:
        params: parameters, or groups of them.
        lr: largest step relative to the parameter's size.
        beta2_decay: power of t by which the second moment's newest part shrinks.
        eps: what the second moment's root (the dtype's rounding step by default) and the parameter's size count as at
            least.
        d: largest root mean square of an update.
        weight_decay: by how much the parameter shrinks, times lr.
        maximize: ascend.
        foreach: as of ``Optimizer``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        options |= {"maximize": maximize, "foreach": foreach}
        super().__init__(params, options)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        self._check_not_negative(options, "lr", "weight_decay")
        first, second = options["eps"]
        if options["beta2_decay"] > 0 or options["d"] < 1 or second < 0 or (first is not None and first < 0):
            raise ValueError(
                "Adafactor: expected beta2_decay of at most 0, d of at least 1 and eps not below 0, got "
                f"{options['beta2_decay']}, {options['d']} and {options['eps']}"
            )

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        g = -gradient if options["maximize"] else gradient
        if not state:
            state["step"] = 0
            if g.ndim > 1:
                state["row_var"] = tw.zeros(*g.shape[:-1], 1, dtype=g.dtype)
                state["col_var"] = tw.zeros(*g.shape[:-2], 1, g.shape[-1], dtype=g.dtype)
            else:
                state["variance"] = zeros_like(g)
        state["step"] += 1
        lr, (floor, smallest) = options["lr"], options["eps"]
        floor = float(tw.finfo(parameter.dtype).eps) if floor is None else floor
        newest = state["step"] ** options["beta2_decay"]
        size = float(parameter.norm().item()) / math.sqrt(parameter.numel())
        step_size = max(smallest, size) * min(lr, 1.0 / math.sqrt(state["step"]))
        if options["weight_decay"] != 0:
            parameter.mul_(1.0 - lr * options["weight_decay"])
        update = self._second_moment(g, state, newest, floor).clamp_(min=floor * floor).rsqrt_().mul_(g)
        excess = max(1.0, float(update.norm().item()) / (math.sqrt(update.numel()) * options["d"]))
        parameter.sub_(update * (step_size / excess))

    @staticmethod
    def _second_moment(g: Tensor, state: dict[str, Any], newest: float, floor: float) -> Tensor:
        squares = g * g
        if g.ndim == 1 or g.ndim == 0:
            state["variance"].add_((squares - state["variance"]) * newest)
            return state["variance"].clone()  # type: ignore[no-any-return]
        rows, columns = state["row_var"], state["col_var"]
        rows.add_((squares.mean(-1, True) - rows) * newest)
        columns.add_((squares.mean(-2, True) - columns) * newest)
        return rows @ columns / rows.mean(-2, True).clamp_(min=floor)  # type: ignore[no-any-return]


class Muon(Optimizer):
    """Momentum whose matrix is replaced by the nearest orthogonal one (Jordan et al. 2024); for matrices only.

    Args:
        params: matrices, or groups of them.
        lr: step size.
        weight_decay: by how much the parameter shrinks, times lr.
        momentum: share of the running gradient that is kept.
        nesterov: look ahead.
        ns_coefficients: of the polynomial that pushes singular values towards 1.
        eps: what the gradient's norm counts as at least.
        ns_steps: how often the polynomial is applied; in bfloat16.
        adjust_lr_fn: ``"original"`` multiplies lr by sqrt(max(1, rows / columns)), ``"match_rms_adamw"`` by
            0.2 sqrt(max(rows, columns)).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        options: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        options |= {"ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, options)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        self._check_not_negative(options, "momentum")
        if options["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Muon: adjust_lr_fn must be 'original' or 'match_rms_adamw', got {options['adjust_lr_fn']!r}"
            )
        if not 0 <= options["ns_steps"] < 100 or len(options["ns_coefficients"]) != 3:
            raise ValueError(
                "Muon: expected ns_steps below 100 and three ns_coefficients, got "
                f"{options['ns_steps']} and {options['ns_coefficients']}"
            )
        for p in options["params"]:
            if p.ndim != 2:
                raise ValueError(f"Muon: parameters must be matrices, got shape {list(p.shape)}")

    def _update(self, parameter: Tensor, gradient: Tensor, options: Mapping[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state["momentum_buffer"] = zeros_like(parameter)
        buffer, momentum = state["momentum_buffer"], options["momentum"]
        buffer.add_((gradient - buffer) * (1.0 - momentum))
        update = gradient + (buffer - gradient) * momentum if options["nesterov"] else buffer
        orthogonal = _orthogonalized(update, options["ns_coefficients"], options["ns_steps"], options["eps"])
        rows, columns = parameter.shape
        ratio = math.sqrt(max(1.0, rows / columns))
        if options["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        parameter.mul_(1.0 - options["lr"] * options["weight_decay"])
        parameter.sub_(orthogonal.to(parameter.dtype) * (options["lr"] * ratio))


def _orthogonalized(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Newton and Schulz's iteration, which leaves singular vectors alone and drives singular values towards 1."""
    a, b, c = coefficients
    x = matrix.to(tw.bfloat16)
    tall = matrix.shape[0] > matrix.shape[1]
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = tw.addmm(x, tw.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
