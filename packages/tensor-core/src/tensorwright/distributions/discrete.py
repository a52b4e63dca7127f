"""Distributions over counts: Bernoulli, Binomial, Geometric, NegativeBinomial, Poisson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.distribution import Distribution, ExponentialFamily
from tensorwright.distributions.gamma_family import standard_gamma
from tensorwright.distributions.location_scale import Parameter, _open_uniform
from tensorwright.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


def one_of(owner: str, probs: object, logits: object) -> bool:
    """Whether the probabilities are given; ValueError unless one of the two is."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{owner}: either probs or logits must be given, and not both")
    return probs is not None


def log_odds_term(count: Tensor, logits: Tensor) -> Tensor:
    """count * log(1 + e^logits), the normaliser of a binomial in its logits."""
    return count * tw.ops.softplus(logits, 1, float("inf"))


class _BinaryParameter:
    """Probabilities and log odds, of which one is given and the other follows."""

    @lazy_property
    def logits(self) -> Tensor:
        """Log odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> tw.Size:
        """The shape of what was given."""
        return (vars(self).get("probs") if "probs" in vars(self) else self.logits).shape  # type: ignore[union-attr]


class Bernoulli(_BinaryParameter, ExponentialFamily):
    """1 with probability ``probs`` (or log odds ``logits``), else 0."""

    probs: lazy_property[Tensor]
    logits: lazy_property[Tensor]

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support: Constraint = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0.0

    def __init__(
        self, probs: Parameter | None = None, logits: Parameter | None = None, validate_args: bool | None = None
    ) -> None:
        if one_of("Bernoulli", probs, logits):
            (self.probs,) = broadcast_all(probs)  # type: ignore[arg-type]
        else:
            (self.logits,) = broadcast_all(logits)  # type: ignore[arg-type]
        super().__init__(self.param_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return tw.where(self.probs == 0.5, float("nan"), mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            return tw.bernoulli(self.probs.expand(self._extended_shape(sample_shape)).contiguous())

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        return value * logits - tw.ops.softplus(logits, 1, float("inf"))

    def entropy(self) -> Tensor:
        return tw.ops.softplus(self.logits, 1, float("inf")) - self.logits * self.probs

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(tw.arange(2, dtype=self.mean.dtype, device=self.mean.device), expand)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return tw.ops.softplus(natural_params[0], 1, float("inf"))


class Geometric(_BinaryParameter, Distribution):
    """The number of failures before the first success: 0, 1, 2, ..."""

    probs: lazy_property[Tensor]
    logits: lazy_property[Tensor]

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support: Constraint = constraints.nonnegative_integer

    def __init__(
        self, probs: Parameter | None = None, logits: Parameter | None = None, validate_args: bool | None = None
    ) -> None:
        if one_of("Geometric", probs, logits):
            (self.probs,) = broadcast_all(probs)  # type: ignore[arg-type]
        else:
            (self.logits,) = broadcast_all(logits)  # type: ignore[arg-type]
        super().__init__(self.param_shape, validate_args=validate_args)
        if self._validate_args and "probs" in vars(self) and not bool((self.probs > 0).all()):
            raise ValueError("Geometric: probs must be positive")

    @property
    def mean(self) -> Tensor:
        return self.probs.reciprocal() - 1

    @property
    def mode(self) -> Tensor:
        return tw.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (self.probs.reciprocal() - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            u = _open_uniform(self.probs, self._extended_shape(sample_shape))
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        value, probs = broadcast_all(self._checked(value), self.probs)
        return tw.special.xlog1py(value, -probs) + self.probs.log()

    def cdf(self, value: Tensor) -> Tensor:
        below = -((self._checked(value).floor() + 1) * (-self.probs).log1p()).expm1()
        return tw.where(value < 0, 0.0, below)

    def entropy(self) -> Tensor:
        p = self.probs
        return (tw.special.entr(p) + tw.special.entr(1 - p)) / p


class Binomial(_BinaryParameter, Distribution):
    """The number of successes in ``total_count`` trials."""

    probs: lazy_property[Tensor]
    logits: lazy_property[Tensor]
    total_count: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Tensor | int = 1,
        probs: Parameter | None = None,
        logits: Parameter | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if one_of("Binomial", probs, logits):
            self.total_count, self.probs = broadcast_all(total_count, probs)  # type: ignore[arg-type]
        else:
            self.total_count, self.logits = broadcast_all(total_count, logits)  # type: ignore[arg-type]
        self.total_count = self.total_count.to(self.probs.dtype)
        super().__init__(self.param_shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return tw.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            shape = self._extended_shape(sample_shape)
            return tw.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        n = self.total_count
        choices = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return choices + value * self.logits - log_odds_term(n, self.logits)

    def entropy(self) -> Tensor:
        total = int(self.total_count.max())
        if not bool((self.total_count == total).all()):
            raise NotImplementedError("Binomial: the entropy of a batch with different total_count is not implemented")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        total = int(self.total_count.max())
        if not bool((self.total_count == total).all()):
            raise NotImplementedError("Binomial: a batch with different total_count cannot be enumerated")
        return self._enumerated(tw.arange(1 + total, dtype=self.probs.dtype, device=self.probs.device), expand)


class NegativeBinomial(_BinaryParameter, Distribution):
    """The number of successes of probability ``probs`` before ``total_count`` failures."""

    probs: lazy_property[Tensor]
    logits: lazy_property[Tensor]
    total_count: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support: Constraint = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Parameter,
        probs: Parameter | None = None,
        logits: Parameter | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if one_of("NegativeBinomial", probs, logits):
            self.total_count, self.probs = broadcast_all(total_count, probs)  # type: ignore[arg-type]
        else:
            self.total_count, self.logits = broadcast_all(total_count, logits)  # type: ignore[arg-type]
        self.total_count = self.total_count.to(self.probs.dtype)
        super().__init__(self.param_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp_min(0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A Poisson variable whose rate is gamma-distributed."""
        with tw.no_grad():
            shape = self._extended_shape(sample_shape)
            rate = standard_gamma(self.total_count.expand(shape)) * self.logits.exp()
            return tw.poisson(rate)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        n = self.total_count
        unnormalized = n * tw.ops.log_sigmoid(-self.logits) + value * tw.ops.log_sigmoid(self.logits)
        choices = (n + value).lgamma() - (1 + value).lgamma() - n.lgamma()
        return unnormalized + tw.where(n + value == 0, 0.0, choices)


class Poisson(ExponentialFamily):
    """The number of events that come at ``rate`` in a unit of time."""

    rate: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {"rate": constraints.nonnegative}
    support: Constraint = constraints.nonnegative_integer

    def __init__(self, rate: Parameter, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            return tw.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        rate, value = broadcast_all(self.rate, self._checked(value))
        return tw.xlogy(value, rate) - rate - (value + 1).lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        rate, value = broadcast_all(self.rate, self._checked(value))
        return tw.special.gammaincc(value.floor() + 1, rate)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return natural_params[0].exp()
