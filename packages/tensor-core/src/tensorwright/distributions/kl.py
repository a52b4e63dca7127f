"""Kullback-Leibler divergences KL(p || q) = E_p[log p - log q], in closed form, by the classes of p and q."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions.categorical import Categorical, OneHotCategorical
from tensorwright.distributions.continuous_bernoulli import ContinuousBernoulli
from tensorwright.distributions.derived import Gumbel, Pareto
from tensorwright.distributions.discrete import Bernoulli, Binomial, Geometric, Poisson
from tensorwright.distributions.distribution import Distribution, ExponentialFamily
from tensorwright.distributions.gamma_family import Beta, Dirichlet, Exponential, Gamma
from tensorwright.distributions.location_scale import Cauchy, HalfNormal, Laplace, Normal, Uniform
from tensorwright.distributions.multivariate import LowRankMultivariateNormal, MultivariateNormal
from tensorwright.distributions.transformed import Independent, TransformedDistribution
from tensorwright.distributions.utils import (
    broadcast_shapes,
    euler_constant,
    log_diagonal,
    squared_mahalanobis,
    sum_rightmost,
)

Divergence = Callable[[Any, Any], Tensor]
_TABLE: dict[tuple[type, type], Divergence] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[Divergence], Divergence]:
    """A decorator that enters the divergence of one class from another, also for subclasses that have none."""
    for kind in (type_p, type_q):
        if not isinstance(kind, type) or not issubclass(kind, Distribution):
            raise TypeError(f"register_kl: expected classes of distributions, got {kind!r}")

    def enter(function: Divergence) -> Divergence:
        _TABLE[type_p, type_q] = function
        return function

    return enter


def _divergence_of(type_p: type, type_q: type) -> Divergence | None:
    """The entry of the nearest ancestors: of p first, then of q."""
    for p in type_p.__mro__:
        for q in type_q.__mro__:
            if (p, q) in _TABLE:
                return _TABLE[p, q]
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q), one number for each distribution of the batch.

    Raises:
        NotImplementedError: if no divergence of these classes is registered.

    Example:
        >>> import tensorwright as tw
        >>> normal = tw.distributions.Normal
        >>> tw.distributions.kl_divergence(normal(1.0, 1.0), normal(0.0, 1.0)).item()
        0.5
    """
    function = _divergence_of(type(p), type(q))
    if function is None:
        raise NotImplementedError(f"no divergence of {type(p).__name__} from {type(q).__name__} is registered")
    return function(p, q)


def _softplus(x: Tensor) -> Tensor:
    return tw.ops.softplus(x, 1, math.inf)


def _infinite_where(condition: Tensor, value: Tensor) -> Tensor:
    return tw.where(condition, math.inf, value)


# ---- the same class


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = p.probs * (_softplus(-q.logits) - _softplus(-p.logits))
    zeros = (1 - p.probs) * (_softplus(q.logits) - _softplus(p.logits))
    ones = tw.where(p.probs == 0, 0.0, _infinite_where(q.probs == 0, ones))
    return ones + tw.where(p.probs == 1, 0.0, _infinite_where(q.probs == 1, zeros))


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("the divergence of Binomials with fewer trials in p than in q is not implemented")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return _infinite_where(p.total_count > q.total_count, p.total_count * each)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    normalizers = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    normalizers = normalizers - p.concentration1.lgamma() - p.concentration0.lgamma() - total_q.lgamma()
    first = (p.concentration1 - q.concentration1) * p.concentration1.digamma()
    second = (p.concentration0 - q.concentration0) * p.concentration0.digamma()
    return normalizers + first + second + (total_q - total_p) * total_p.digamma()


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = tw.where(p.probs == 0, 0.0, _infinite_where(q.probs == 0, terms))
    return terms.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak and Nielsen (2019)."""
    distance = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return distance.log() - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    normalizers = p._log_norm() + (-p.probs).log1p() - q._log_norm() - (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + normalizers


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    moments = ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)
    return total.lgamma() - b.sum(-1).lgamma() + (b.lgamma() - a.lgamma()).sum(-1) + moments


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + (q.rate - p.rate) * (a / p.rate)
    return rates + b.lgamma() - a.lgamma() + (a - b) * a.digamma()


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return -ratio.log() + shift + ratio * euler_constant + ((1 + ratio).lgamma() - shift).exp() - (1 + euler_constant)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p._normal, q._normal)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    value = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _infinite_where(p.scale < q.scale, value)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return tw.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    value = ((q.high - q.low) / (p.high - p.low)).log()
    return _infinite_where((q.low > p.low) | (q.high < p.high), value)


def _gaussian(p: Any, q: Any) -> Tensor:
    """Of multivariate normal distributions of any parameters, by the factors of their covariances."""
    if p.event_shape != q.event_shape:
        raise ValueError(f"event shapes {list(p.event_shape)} and {list(q.event_shape)} differ")
    size: int = p.event_shape[0]
    shape = (*broadcast_shapes(p.batch_shape, q.batch_shape), size, size)
    factor_p: Tensor = p.scale_tril.expand(shape)
    factor_q: Tensor = q.scale_tril.expand(shape)
    trace = tw.linalg.solve_triangular(factor_q, factor_p, upper=False).square().sum((-2, -1))
    distance = squared_mahalanobis(factor_q, q.loc - p.loc)
    return log_diagonal(factor_q) - log_diagonal(factor_p) + 0.5 * (trace + distance - size)


register_kl(MultivariateNormal, MultivariateNormal)(_gaussian)
register_kl(MultivariateNormal, LowRankMultivariateNormal)(_gaussian)
register_kl(LowRankMultivariateNormal, MultivariateNormal)(_gaussian)
register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)(_gaussian)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the divergence of Independents of different dimensions is not implemented")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """A bijection changes no divergence."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("the divergence of distributions by different transforms is not implemented")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log normaliser."""
    if type(p) is not type(q):
        raise NotImplementedError(f"no divergence of {type(p).__name__} from {type(q).__name__} is registered")
    at_p = [x.detach().requires_grad_() for x in p._natural_params]
    normalizer = p._log_normalizer(*at_p)
    gradients = tw.autograd.grad(normalizer.sum(), at_p, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for x, y, gradient in zip(at_p, q._natural_params, gradients, strict=True):
        assert gradient is not None
        result = result - sum_rightmost((y - x) * gradient, len(q.event_shape))
    return result


# ---- different classes: the entropy of p, and the mean of log q by moments of p


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


def _to_normal(p: Distribution, q: Normal) -> Tensor:
    squares = p.variance + (p.mean - q.loc).square()
    return -p.entropy() + 0.5 * (2 * math.pi * q.scale.square()).log() + squares / (2 * q.scale.square())


def _to_exponential(p: Distribution, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


def _gamma_term(p: Distribution, q: Gamma, mean_log: Tensor) -> Tensor:
    """Of a p on positive numbers, with the mean of log x."""
    a = q.concentration
    return -p.entropy() + a.lgamma() - a * q.rate.log() - (a - 1) * mean_log + q.rate * p.mean


def _gumbel_term(p: Distribution, q: Gumbel, mean_exp: Tensor) -> Tensor:
    """With the mean of e^-(x - loc) / scale."""
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) / q.scale + mean_exp


def _continuous_bernoulli_term(p: Distribution, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_norm()


_p: type[Distribution]
for _p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform):
    register_kl(_p, Normal)(_to_normal)
for _p in (Beta, ContinuousBernoulli, Gamma, Pareto):
    register_kl(_p, Exponential)(_to_exponential)
register_kl(Beta, ContinuousBernoulli)(_continuous_bernoulli_term)


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    total = p.concentration1 + p.concentration0
    return _gamma_term(p, q, p.concentration1.digamma() - total.digamma())


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _unit_uniform(p: Distribution, q: Uniform) -> Tensor:
    return _infinite_where((q.high < 1) | (q.low > 0), -p.entropy() + (q.high - q.low).log())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _gamma_term(p, q, -p.rate.log() - euler_constant)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    product = p.rate * q.scale
    return _gumbel_term(p, q, (q.loc / q.scale).exp() * product / (product + 1))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    shrunk = -p.concentration * (p.rate * q.scale).reciprocal().log1p()
    return _gumbel_term(p, q, (q.loc / q.scale + shrunk).exp())


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    return _gumbel_term(p, q, ((q.loc - p.loc) / q.scale + 0.5 * (p.scale / q.scale).square()).exp())


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / (p.scale * math.sqrt(2))
    distance = p.scale * math.sqrt(2 / math.pi) * (-z.square()).exp() + (p.loc - q.loc) * z.erf()
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return _gamma_term(p, q, p.scale.log() + p.alpha.reciprocal())


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log x over [low, high]."""
    return (tw.xlogy(high, high) - tw.xlogy(low, low)) / (high - low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    normalizer = a.lgamma() + b.lgamma() - (a + b).lgamma()
    mean_log, mean_log_rest = _mean_log(p.low, p.high), _mean_log(1 - p.high, 1 - p.low)
    value = -p.entropy() + normalizer - (a - 1) * mean_log - (b - 1) * mean_log_rest
    return _infinite_where((p.high > 1) | (p.low < 0), value)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    return _infinite_where((p.high > 1) | (p.low < 0), _continuous_bernoulli_term(p, q))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return _infinite_where(p.low < 0, _to_exponential(p, q))


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return _infinite_where(p.low < 0, _gamma_term(p, q, _mean_log(p.low, p.high)))


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    ends = (-(p.low - q.loc) / q.scale).exp() - (-(p.high - q.loc) / q.scale).exp()
    return _gumbel_term(p, q, ends * q.scale / (p.high - p.low))


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    mean_log = _mean_log(p.low, p.high)
    value = -p.entropy() - q.alpha.log() - q.alpha * q.scale.log() + (q.alpha + 1) * mean_log
    return _infinite_where(p.low < q.scale, value)


# ---- p has values that q has not


def _infinite(p: Distribution, q: Distribution) -> Tensor:
    return tw.full(broadcast_shapes(p.batch_shape, q.batch_shape), math.inf, dtype=p.mean.dtype, device=p.mean.device)


_REAL: tuple[type[Distribution], ...] = (Gumbel, Laplace, Normal)
_HALF_LINE: tuple[type[Distribution], ...] = (Exponential, Gamma)
_INTERVAL: tuple[type[Distribution], ...] = (Beta, ContinuousBernoulli)
_WITHOUT: list[tuple[type[Distribution], tuple[type[Distribution], ...]]] = [
    *((p, (*_INTERVAL, *_HALF_LINE, Pareto, Uniform)) for p in _REAL),
    *((p, (*_INTERVAL, Pareto, Uniform)) for p in _HALF_LINE),
    *((p, (Pareto,)) for p in _INTERVAL),
    (Pareto, (*_INTERVAL, Uniform)),
    (Poisson, (Bernoulli, Binomial)),
]
for _p, _others in _WITHOUT:
    for _q in _others:
        register_kl(_p, _q)(_infinite)
