"""The von Mises distribution on the circle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.location_scale import Parameter
from tensorwright.distributions.utils import broadcast_all


class VonMises(Distribution):
    """Angles of density e^(concentration cos(x - loc)) / (2 pi I0(concentration))."""

    loc: Tensor
    concentration: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {"loc": constraints.real, "concentration": constraints.positive}
    support: Constraint = constraints.real
    has_rsample = False

    def __init__(self, loc: Parameter, concentration: Parameter, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance, 1 - I1 / I0."""
        return 1 - tw.special.i1e(self.concentration) / tw.special.i0e(self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        turned = (self._checked(value) - self.loc).cos() - 1
        return self.concentration * turned - math.log(2 * math.pi) - tw.special.i0e(self.concentration).log()

    def entropy(self) -> Tensor:
        k = self.concentration
        ratio = tw.special.i1e(k) / tw.special.i0e(k)
        return math.log(2 * math.pi) + tw.special.i0e(k).log() + k * (1 - ratio)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Best and Fisher's rejection from a wrapped Cauchy distribution (1979), in float64."""
        with tw.no_grad():
            shape = self._extended_shape(sample_shape)
            k = self.concentration.to(tw.float64).expand(shape)
            tau = 1 + (1 + 4 * k.square()).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            # For small k the quotient cancels; 1 / k + k is its expansion.
            r = tw.where(k < 1e-5, k.reciprocal() + k, (1 + rho.square()) / (2 * rho))
            angle = tw.zeros(shape, dtype=tw.float64, device=k.device)
            waiting = tw.ones(shape, dtype=tw.bool, device=k.device)
            while bool(waiting.any()):
                u = tw.rand((3, *shape), dtype=tw.float64, device=k.device)
                z = (math.pi * u[0]).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accepted = (c * (2 - c) - u[1] > 0) | ((c / u[1]).log() + 1 - c >= 0)
                drawn = tw.where(u[2] < 0.5, -1.0, 1.0) * f.clamp(-1, 1).acos()
                angle = tw.where(waiting & accepted, drawn, angle)
                waiting = waiting & ~accepted
            return ((angle + math.pi + self.loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)
