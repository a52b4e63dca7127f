"""The continuous Bernoulli distribution of Loaiza-Ganem and Cunningham (2019)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.discrete import _BinaryParameter, one_of
from tensorwright.distributions.distribution import ExponentialFamily
from tensorwright.distributions.location_scale import Parameter, _uniform
from tensorwright.distributions.utils import broadcast_all, clamp_probs


class ContinuousBernoulli(_BinaryParameter, ExponentialFamily):
    """On [0, 1], of density proportional to probs^x (1 - probs)^(1 - x).

    Where probs is within ``lims``, the functions of it that are quotients of vanishing terms are their Taylor series.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support: Constraint = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0.0

    def __init__(
        self,
        probs: Parameter | None = None,
        logits: Parameter | None = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        if one_of("ContinuousBernoulli", probs, logits):
            (self.probs,) = broadcast_all(probs)  # type: ignore[arg-type]
            self.probs = clamp_probs(self.probs)
        else:
            (self.logits,) = broadcast_all(logits)  # type: ignore[arg-type]
        self._lims = lims
        super().__init__(self.param_shape, validate_args=validate_args)

    def _near_half(self) -> Tensor:
        return (self.probs > self._lims[0]) & (self.probs <= self._lims[1])

    def _cut_probs(self) -> Tensor:
        """probs where quotients are safe, elsewhere a bound of the interval."""
        return tw.where(self._near_half(), self._lims[0], self.probs)

    def _log_norm(self) -> Tensor:
        """log(2 atanh(1 - 2 p) / (1 - 2 p)), around 1/2 log 2 + 4/3 d^2 + 104/45 d^4 with d = p - 1/2."""
        p = self._cut_probs()
        quotient = (((-p).log1p() - p.log()).abs()).log() - (1 - 2 * p).abs().log()
        square = (self.probs - 0.5).square()
        return tw.where(self._near_half(), math.log(2) + (4 / 3 + 104 / 45 * square) * square, quotient)

    @property
    def mean(self) -> Tensor:
        p = self._cut_probs()
        quotient = p / (2 * p - 1) + ((-p).log1p() - p.log()).reciprocal()
        d = self.probs - 0.5
        return tw.where(self._near_half(), 0.5 + (1 / 3 + 16 / 45 * d.square()) * d, quotient)

    @property
    def variance(self) -> Tensor:
        p = self._cut_probs()
        quotient = p * (p - 1) / (1 - 2 * p).square() + ((-p).log1p() - p.log()).square().reciprocal()
        square = (self.probs - 0.5).square()
        return tw.where(self._near_half(), 1 / 12 - (1 / 15 - 128 / 945 * square) * square, quotient)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(_uniform(self.probs, self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        return value * logits - tw.ops.softplus(logits, 1, float("inf")) + self._log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        p = self._cut_probs()
        powers = p.pow(value) * (1 - p).pow(1 - value) + p - 1
        below = tw.where(self._near_half(), value, powers / (2 * p - 1))
        return below.clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        p = self._cut_probs()
        q = (-p + value * (2 * p - 1)).log1p() - (-p).log1p()
        return tw.where(self._near_half(), value, q / (p.log() - (-p).log1p()))

    def entropy(self) -> Tensor:
        p = self.probs
        return self.mean * ((-p).log1p() - p.log()) - self._log_norm() - (-p).log1p()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        """log((e^x - 1) / x), around 0 x / 2 + x^2 / 24 - x^4 / 2880."""
        (x,) = natural_params
        near = x.abs() < 4e-3
        cut = tw.where(near, 1.0, x)
        square = x.square()
        return tw.where(near, x / 2 + square / 24 - square.square() / 2880, cut.expm1().abs().log() - cut.abs().log())
