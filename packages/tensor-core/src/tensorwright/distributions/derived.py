"""Univariate distributions that are transformed ones, or whose sampler inverts the distribution function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.gamma_family import Exponential, Gamma
from tensorwright.distributions.location_scale import Normal, Parameter, _open_uniform, _uniform
from tensorwright.distributions.transformed import TransformedDistribution
from tensorwright.distributions.transforms import AffineTransform, ExpTransform, PowerTransform
from tensorwright.distributions.utils import broadcast_all, euler_constant


class LogNormal(TransformedDistribution):
    """e to the power of a normal variable of mean ``loc`` and standard deviation ``scale``."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {"loc": constraints.real, "scale": constraints.positive}
    support: Constraint = constraints.positive
    has_rsample = True
    base_dist: Normal

    def __init__(self, loc: Parameter, scale: Parameter, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """Mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + 0.5 * self.scale.square()).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class InverseGamma(TransformedDistribution):
    """The reciprocal of a gamma variable of shape ``concentration`` and ``rate``."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support: Constraint = constraints.positive
    has_rsample = True
    base_dist: Gamma

    def __init__(self, concentration: Parameter, rate: Parameter, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(base.rate.new_full((), -1.0)), validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """The shape of the gamma variable."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """The rate of the gamma variable, which is this one's scale."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        a = self.concentration
        return tw.where(a > 1, self.rate / tw.where(a > 1, a - 1, 1.0), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = tw.where(self.concentration > 2, self.concentration, 3.0)
        variance = self.rate.square() / ((a - 1).square() * (a - 2))
        return tw.where(self.concentration > 2, variance, math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class Pareto(TransformedDistribution):
    """The Pareto distribution of type 1, of density proportional to x^-(alpha + 1) from ``scale`` on."""

    scale: Tensor
    alpha: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Parameter, alpha: Parameter, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        transforms = [ExpTransform(), AffineTransform(0.0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Pareto:
        return Pareto(self.scale.expand(batch_shape), self.alpha.expand(batch_shape), self._validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = tw.where(self.alpha > 1, self.alpha, 2.0)
        return tw.where(self.alpha > 1, a * self.scale / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = tw.where(self.alpha > 2, self.alpha, 3.0)
        return tw.where(self.alpha > 2, self.scale.square() * a / ((a - 1).square() * (a - 2)), math.inf)

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + self.alpha.reciprocal()


class Gumbel(Distribution):
    """The Gumbel distribution, of distribution function e^(-e^(-(x - loc) / scale))."""

    loc: Tensor
    scale: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {"loc": constraints.real, "scale": constraints.positive}
    support: Constraint = constraints.real
    has_rsample = True

    def __init__(self, loc: Parameter, scale: Parameter, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = tw.zeros(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc - self.scale * noise.exponential_().clamp_min(tw.finfo(self.loc.dtype).tiny).log()

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        return -z - (-z).exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return (-(-(self._checked(value) - self.loc) / self.scale).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)


class Weibull(Distribution):
    """The Weibull distribution of shape ``concentration``: survival e^-((x / scale)^concentration)."""

    scale: Tensor
    concentration: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support: Constraint = constraints.positive
    has_rsample = True

    def __init__(self, scale: Parameter, concentration: Parameter, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        super().__init__(self.scale.shape, validate_args=validate_args)

    @property
    def concentration_reciprocal(self) -> Tensor:
        """1 / concentration."""
        return self.concentration.reciprocal()

    @property
    def mean(self) -> Tensor:
        return self.scale * (1 + self.concentration_reciprocal).lgamma().exp()

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1).clamp_min(0) / k).pow(k.reciprocal())

    @property
    def variance(self) -> Tensor:
        inverse = self.concentration_reciprocal
        moments = (1 + 2 * inverse).lgamma().exp() - (2 * (1 + inverse).lgamma()).exp()
        return self.scale.square() * moments

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = tw.zeros(self._extended_shape(sample_shape), dtype=self.scale.dtype, device=self.scale.device)
        positive = noise.exponential_().clamp_min(tw.finfo(self.scale.dtype).tiny)
        return self.scale * positive.pow(self.concentration_reciprocal)

    def log_prob(self, value: Tensor) -> Tensor:
        ratio = self._checked(value) / self.scale
        k = self.concentration
        return k.log() - self.scale.log() + (k - 1) * ratio.log() - ratio.pow(k)

    def cdf(self, value: Tensor) -> Tensor:
        return -(-(self._checked(value) / self.scale).pow(self.concentration)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-(-value).log1p()).pow(self.concentration_reciprocal)

    def entropy(self) -> Tensor:
        inverse = self.concentration_reciprocal
        return euler_constant * (1 - inverse) + (self.scale * inverse).log() + 1


class Kumaraswamy(Distribution):
    """The Kumaraswamy distribution on (0, 1), of distribution function 1 - (1 - x^a)^b."""

    concentration1: Tensor
    concentration0: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support: Constraint = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Parameter, concentration0: Parameter, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    def _moment(self, n: int) -> Tensor:
        """b B(1 + n / a, b)."""
        a, b = self.concentration1, self.concentration0
        first = 1 + n / a
        return (b.log() + first.lgamma() + b.lgamma() - (first + b).lgamma()).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        inside = (a >= 1) & (b >= 1) & ~((a == 1) & (b == 1))
        ratio = tw.where(inside, (a - 1) / (a * b - 1), 0.5)
        return tw.where(inside, ratio.pow(a.reciprocal()), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1).square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = _open_uniform(self.concentration1, self._extended_shape(sample_shape))
        eps = tw.finfo(u.dtype)
        return self.icdf(u).clamp(eps.tiny, 1 - eps.eps)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        a, b = self.concentration1, self.concentration0
        return a.log() + b.log() + tw.xlogy(a - 1, value) + tw.special.xlog1py(b - 1, -value.pow(a))

    def cdf(self, value: Tensor) -> Tensor:
        power = self._checked(value).pow(self.concentration1)
        return -(self.concentration0 * (-power).log1p()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        rest = ((-value).log1p() / self.concentration0).expm1()
        return (-rest).pow(self.concentration1.reciprocal())

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()


class GeneralizedPareto(Distribution):
    """The generalised Pareto distribution: survival (1 + xi z)^(-1 / xi), xi = ``concentration``; e^-z if that is 0."""

    loc: Tensor
    scale: Tensor
    concentration: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Parameter, scale: Parameter, concentration: Parameter, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        negative = self.concentration < 0
        end = self.loc - self.scale / tw.where(negative, self.concentration, -1.0)
        return constraints.interval(self.loc, tw.where(negative, end, math.inf))

    @property
    def mean(self) -> Tensor:
        xi = self.concentration
        return tw.where(xi < 1, self.loc + self.scale / tw.where(xi < 1, 1 - xi, 1.0), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        xi = tw.where(self.concentration < 0.5, self.concentration, 0.0)
        variance = self.scale.square() / ((1 - xi).square() * (1 - 2 * xi))
        return tw.where(self.concentration < 0.5, variance, math.inf)

    def _log_survival(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        xi = self.concentration
        exponential = xi == 0
        safe = tw.where(exponential, 1.0, xi)
        return tw.where(exponential, -z, -(safe * z).log1p() / safe)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(_uniform(self.loc, self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        return (1 + self.concentration) * self._log_survival(self._checked(value)) - self.scale.log()

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values above ``value``."""
        return self._log_survival(self._checked(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of the distribution function."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return -self._log_survival(self._checked(value)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        rest = (-value).log1p()
        exponential = self.concentration == 0
        xi = tw.where(exponential, 1.0, self.concentration)
        return self.loc + self.scale * tw.where(exponential, -rest, (-xi * rest).expm1() / xi)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
