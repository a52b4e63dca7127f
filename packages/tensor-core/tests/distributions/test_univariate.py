"""Univariate distributions against SciPy: densities, distribution functions, moments, entropies, draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import scipy.stats as st
import tensorwright as tw

D = tw.distributions
SAMPLES = 20000
SMALLEST_P = 1e-4  # of a test of the draws, which are the same each time


def tensor(value: float) -> tw.Tensor:
    return tw.tensor(value, dtype=tw.float64)


@dataclass(frozen=True)
class Twin:
    """One of ours and SciPy's of the same parameters; `moments` that SciPy lacks or defines otherwise are left out."""

    ours: Any
    theirs: Any
    left_out: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return type(self.ours).__name__


def make(name: str, *parameters: float, **named: float) -> Any:
    return getattr(D, name)(*map(tensor, parameters), **{k: tensor(v) for k, v in named.items()})


CONTINUOUS = [
    Twin(make("Normal", 0.5, 2.0), st.norm(0.5, 2.0)),
    Twin(make("LogNormal", 0.2, 0.6), st.lognorm(0.6, scale=np.exp(0.2))),
    Twin(make("Laplace", -0.5, 1.5), st.laplace(-0.5, 1.5)),
    Twin(make("Cauchy", 0.5, 2.0), st.cauchy(0.5, 2.0), ("mean", "variance")),
    Twin(make("HalfNormal", 1.5), st.halfnorm(scale=1.5)),
    Twin(make("HalfCauchy", 1.5), st.halfcauchy(scale=1.5)),
    Twin(make("Uniform", -1.0, 2.5), st.uniform(-1.0, 3.5)),
    Twin(make("Exponential", 2.5), st.expon(scale=0.4)),
    Twin(make("Gamma", 0.4, 2.0), st.gamma(0.4, scale=0.5)),
    Twin(make("Gamma", 3.5, 0.5), st.gamma(3.5, scale=2.0)),
    Twin(make("Chi2", 3.0), st.chi2(3.0)),
    Twin(make("InverseGamma", 3.5, 2.0), st.invgamma(3.5, scale=2.0), ("cdf",)),
    Twin(make("Beta", 0.7, 2.5), st.beta(0.7, 2.5), ("cdf",)),
    Twin(make("Beta", 3.0, 2.0), st.beta(3.0, 2.0), ("cdf",)),
    Twin(make("StudentT", 5.0, 0.5, 2.0), st.t(5.0, 0.5, 2.0), ("cdf",)),
    Twin(make("FisherSnedecor", 4.0, 7.0), st.f(4.0, 7.0), ("cdf", "entropy")),
    Twin(make("Gumbel", 0.5, 2.0), st.gumbel_r(0.5, 2.0)),
    Twin(make("Weibull", 1.5, 2.5), st.weibull_min(2.5, scale=1.5)),
    Twin(make("Pareto", 1.5, 3.5), st.pareto(3.5, scale=1.5)),
    Twin(make("GeneralizedPareto", 0.5, 1.5, 0.2), st.genpareto(0.2, 0.5, 1.5)),
    Twin(make("GeneralizedPareto", 0.5, 1.5, 0.0), st.genpareto(0.0, 0.5, 1.5)),
    Twin(make("GeneralizedPareto", 0.5, 1.5, -0.4), st.genpareto(-0.4, 0.5, 1.5)),
    Twin(make("VonMises", 0.5, 2.0), st.vonmises(2.0, 0.5), ("cdf", "variance")),
]
DISCRETE = [
    Twin(make("Bernoulli", 0.3), st.bernoulli(0.3), ("cdf",)),
    Twin(make("Geometric", 0.3), st.geom(0.3, -1)),
    Twin(make("Binomial", 7, 0.3), st.binom(7, 0.3), ("cdf",)),
    Twin(make("NegativeBinomial", 3.5, 0.4), st.nbinom(3.5, 0.6), ("cdf", "entropy")),
    Twin(make("Poisson", 3.5), st.poisson(3.5), ("entropy",)),
    Twin(make("Poisson", 30.0), st.poisson(30.0), ("entropy",)),
]
EVERY = [*CONTINUOUS, *DISCRETE]
BY_NAME = pytest.mark.parametrize("twin", EVERY, ids=str)


def points(twin: Twin) -> np.ndarray:
    return np.asarray(np.unique(twin.theirs.ppf(np.linspace(0.01, 0.99, 25))), np.float64)


@BY_NAME
def test_log_prob(twin: Twin) -> None:
    x = points(twin)
    expected = twin.theirs.logpmf(x) if twin in DISCRETE else twin.theirs.logpdf(x)
    np.testing.assert_allclose(twin.ours.log_prob(tw.tensor(x)).numpy(), expected, rtol=1e-9, atol=1e-9)


@BY_NAME
def test_cdf_and_its_inverse(twin: Twin) -> None:
    if "cdf" in twin.left_out:
        return
    x = points(twin)
    below = twin.ours.cdf(tw.tensor(x))
    np.testing.assert_allclose(below.numpy(), twin.theirs.cdf(x), rtol=1e-9, atol=1e-12)
    try:
        back = twin.ours.icdf(below)
    except NotImplementedError:
        return
    np.testing.assert_allclose(back.numpy(), x, rtol=1e-7)


@BY_NAME
def test_moments_and_entropy(twin: Twin) -> None:
    mean, variance = twin.theirs.stats("mv")
    expected = {"mean": mean, "variance": variance, "stddev": np.sqrt(variance)}
    for name, value in expected.items():
        if name not in twin.left_out and not (name == "stddev" and "variance" in twin.left_out):
            np.testing.assert_allclose(getattr(twin.ours, name).item(), value, rtol=1e-9, err_msg=name)
    if "entropy" not in twin.left_out:
        try:
            entropy = twin.ours.entropy().item()
        except (NotImplementedError, ModuleNotFoundError):
            return
        np.testing.assert_allclose(entropy, twin.theirs.entropy(), rtol=1e-6)


@BY_NAME
def test_draws(twin: Twin) -> None:
    tw.manual_seed(11)
    drawn = twin.ours.sample((SAMPLES,)).numpy()
    assert drawn.shape == (SAMPLES,)
    if twin in DISCRETE:
        values = np.arange(drawn.max() + 1)
        expected = twin.theirs.pmf(values) * SAMPLES
        kept = expected > 10
        found = np.array([np.sum(drawn == v) for v in values])
        statistic = ((found - expected)[kept] ** 2 / expected[kept]).sum()
        assert st.chi2(kept.sum()).sf(statistic) > SMALLEST_P
    else:
        assert st.kstest(drawn, twin.theirs.cdf).pvalue > SMALLEST_P


@BY_NAME
def test_the_mode_is_most_probable(twin: Twin) -> None:
    mode = twin.ours.mode
    if not bool(mode.isfinite()):
        return
    highest = twin.ours.log_prob(mode).item()
    others = twin.ours.log_prob(tw.tensor(points(twin))).max().item()
    assert highest >= others - 1e-9 or not np.isfinite(highest)


@BY_NAME
def test_expanded(twin: Twin) -> None:
    wide = twin.ours.expand((2, 3))
    assert wide.batch_shape == (2, 3)
    assert wide.sample((4,)).shape == (4, 2, 3)
    x = tw.tensor(points(twin)[-1])
    np.testing.assert_allclose(wide.log_prob(x).numpy(), np.full((2, 3), twin.ours.log_prob(x).item()))


def numerical_moments(distribution: Any, low: float, high: float) -> tuple[float, float, float, float]:
    """Total, mean, variance, entropy by the midpoint rule."""
    edges = np.linspace(low, high, 200001)
    x = (edges[1:] + edges[:-1]) / 2
    log_p = distribution.log_prob(tw.tensor(x)).numpy()
    p = np.exp(log_p) * (edges[1] - edges[0])
    mean = (p * x).sum()
    return p.sum(), mean, (p * (x - mean) ** 2).sum(), -(p * log_p).sum()


@pytest.mark.parametrize(
    "distribution",
    [
        make("Kumaraswamy", 2.5, 3.0),
        make("ContinuousBernoulli", 0.2),
        make("ContinuousBernoulli", 0.4999),
        make("ContinuousBernoulli", 0.9),
    ],
    ids=repr,
)
def test_those_that_scipy_lacks(distribution: Any) -> None:
    total, mean, variance, entropy = numerical_moments(distribution, 0.0, 1.0)
    np.testing.assert_allclose(total, 1, rtol=1e-6)
    np.testing.assert_allclose(distribution.mean.item(), mean, rtol=1e-6)
    np.testing.assert_allclose(distribution.variance.item(), variance, rtol=1e-5)
    np.testing.assert_allclose(distribution.entropy().item(), entropy, rtol=1e-5, atol=1e-7)
    tw.manual_seed(3)
    drawn = distribution.sample((SAMPLES,)).numpy()
    cdf = lambda x: distribution.cdf(tw.tensor(x)).numpy()  # noqa: E731
    assert st.kstest(drawn, cdf).pvalue > SMALLEST_P
    p = tw.linspace(0.05, 0.95, 10, dtype=tw.float64)
    np.testing.assert_allclose(distribution.cdf(distribution.icdf(p)).numpy(), p.numpy(), rtol=1e-7)


def test_numbers_as_parameters() -> None:
    normal = D.Normal(0, 2)
    assert normal.batch_shape == ()
    assert normal.loc.dtype == tw.float32
    assert normal.sample((2, 3)).shape == (2, 3)
    assert repr(D.Normal(tw.zeros(3), 1.0)) == "Normal(loc: (3,), scale: (3,))"


def test_parameters_and_values_are_checked() -> None:
    with pytest.raises(ValueError, match="Normal: parameter scale"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="Exponential: the value must lie in the support"):
        D.Exponential(1.0).log_prob(tw.tensor(-1.0))
    assert D.Exponential(-1.0, validate_args=False).rate.item() == -1
    assert np.isfinite(D.Exponential(1.0, validate_args=False).log_prob(tw.tensor(-1.0)).item())
    with pytest.raises(ValueError, match="either probs or logits"):
        D.Bernoulli(0.5, logits=0.1)
    with pytest.raises(ValueError, match="low must be less"):
        D.Uniform(1.0, 0.0)
    with pytest.raises(NotImplementedError, match="reparameterised"):
        D.Poisson(1.0).rsample()


@pytest.mark.parametrize(
    ("distribution", "count"),
    [
        (D.Bernoulli(tw.tensor([0.2, 0.7])), 2),
        (D.Binomial(3, tw.tensor([0.2, 0.7])), 4),
        (D.Categorical(tw.ones(2, 5)), 5),
    ],
    ids=["bernoulli", "binomial", "categorical"],
)
def test_enumerated_probabilities_add_up(distribution: Any, count: int) -> None:
    values = distribution.enumerate_support()
    assert values.shape == (count, 2)
    np.testing.assert_allclose(distribution.log_prob(values).exp().sum(0).numpy(), 1, rtol=1e-5)
    assert distribution.enumerate_support(expand=False).shape == (count, 1)


def test_the_same_seed_gives_the_same_draws() -> None:
    tw.manual_seed(1)
    first = D.Gamma(2.0, 1.0).sample((10,)).tolist()
    tw.manual_seed(1)
    assert D.Gamma(2.0, 1.0).sample((10,)).tolist() == first
