"""Distributions with autograd: gradients of draws and densities, Jacobians, entropies of exponential families."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw

D = tw.distributions
st = pytest.importorskip("scipy.stats")
RNG = np.random.default_rng(6)


def leaf(values: Any) -> tw.Tensor:
    return tw.tensor(np.asarray(values, np.float64)).requires_grad_()


Maker = Callable[..., Any]
# What inverts a distribution function or scales a draw has the derivative of its sampler.
PATHWISE: list[tuple[Maker, tuple[float, ...]]] = [
    (D.Normal, (0.3, 0.8)),
    (D.LogNormal, (0.3, 0.8)),
    (D.Laplace, (0.3, 0.8)),
    (D.Cauchy, (0.3, 0.8)),
    (D.HalfNormal, (0.8,)),
    (D.HalfCauchy, (0.8,)),
    (D.Uniform, (0.3, 0.8)),
    (D.Exponential, (0.8,)),
    (D.Gumbel, (0.3, 0.8)),
    (D.Weibull, (0.7, 1.8)),
    (D.Pareto, (0.7, 1.8)),
    (D.Kumaraswamy, (0.7, 1.8)),
    (D.GeneralizedPareto, (0.3, 0.8, 0.4)),
    (D.ContinuousBernoulli, (0.3,)),
    (D.RelaxedBernoulli, (0.7, 0.3)),
    (D.LogisticNormal, (0.3, 0.8)),
]


@pytest.mark.parametrize(("kind", "parameters"), PATHWISE, ids=lambda v: getattr(v, "__name__", ""))
def test_draws_have_the_derivative_of_the_sampler(kind: Maker, parameters: tuple[float, ...]) -> None:
    def draw(*values: tw.Tensor) -> tw.Tensor:
        tw.manual_seed(7)
        return kind(*values).rsample((3,))

    assert tw.autograd.gradcheck(draw, [leaf(p) for p in parameters])


@pytest.mark.parametrize("a", [0.1, 0.7, 1.5, 8.0, 60.0, 1000.0])
def test_implicit_derivative_of_gamma_draws(a: float) -> None:
    """At a fixed quantile: the derivative of the quantile function by the concentration."""
    tw.manual_seed(3)
    concentration = leaf([a] * 5)
    drawn = D.Gamma(concentration, leaf(1.0)).rsample()
    (gradient,) = tw.autograd.grad(drawn.sum(), [concentration])
    quantile, step = st.gamma(a).cdf(drawn.detach().numpy()), 1e-4 * a
    expected = (st.gamma(a + step).ppf(quantile) - st.gamma(a - step).ppf(quantile)) / (2 * step)
    kept = (quantile > 1e-6) & (quantile < 0.999)
    np.testing.assert_allclose(gradient.numpy()[kept], expected[kept], rtol=1e-4)


def mean_gradient(draw: Callable[[tw.Tensor], tw.Tensor], parameter: Any) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a mean over draws by the parameter, and its standard error, from 40 groups."""
    gradients = []
    for seed in range(40):
        tw.manual_seed(seed)
        value = leaf(parameter)
        (gradient,) = tw.autograd.grad(draw(value).mean(), [value])
        gradients.append(gradient.numpy())
    stacked = np.stack(gradients)
    return stacked.mean(0), stacked.std(0) / np.sqrt(len(gradients))


MEANS: list[tuple[str, Callable[[tw.Tensor], tw.Tensor], Any, Any]] = [
    ("gamma mean", lambda a: D.Gamma(a, 2.0).rsample((2000,)), 1.7, 0.5),
    ("chi2 mean", lambda a: D.Chi2(a).rsample((2000,)), 3.0, 1.0),
    ("beta mean", lambda a: D.Beta(a, 2.0).rsample((2000,)), 1.5, 2.0 / 3.5**2),
    ("dirichlet mean", lambda a: D.Dirichlet(a).rsample((2000,))[:, 0], [1.5, 2.0], [2.0 / 3.5**2, -1.5 / 3.5**2]),
    ("inverse gamma mean", lambda a: D.InverseGamma(a, 2.0).rsample((2000,)), 5.0, -2.0 / 16),
    ("t second moment", lambda a: D.StudentT(a).rsample((4000,)).square(), 9.0, -2.0 / 49),
    ("straight through", lambda a: D.OneHotCategoricalStraightThrough(a.softmax(-1)).rsample((50,))[:, 0], [0.0, 0.0],
     [0.25, -0.25]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "draw", "parameter", "expected"), MEANS, ids=[m[0] for m in MEANS])
def test_gradients_of_means(name: str, draw: Callable[[tw.Tensor], tw.Tensor], parameter: Any, expected: Any) -> None:
    found, error = mean_gradient(draw, parameter)
    assert np.all(abs(found - np.asarray(expected)) <= 5 * error + 1e-9)


DENSITIES: list[tuple[Maker, tuple[float, ...], float]] = [
    *((kind, parameters, 0.5) for kind, parameters in PATHWISE[:13] if kind not in (D.Uniform, D.Pareto)),
    (D.Gamma, (1.5, 0.8), 0.5), (D.Beta, (1.5, 0.8), 0.5), (D.StudentT, (3.5, 0.2, 0.8), 0.5),
    (D.FisherSnedecor, (3.5, 4.5), 0.5), (D.InverseGamma, (1.5, 0.8), 0.5), (D.VonMises, (0.3, 1.2), 0.5),
    (D.Poisson, (1.5,), 2.0), (D.Bernoulli, (0.3,), 1.0), (D.Geometric, (0.3,), 2.0),
    (D.ContinuousBernoulli, (0.3,), 0.4),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "parameters", "value"), DENSITIES, ids=lambda v: getattr(v, "__name__", ""))
def test_gradients_of_densities(kind: Maker, parameters: tuple[float, ...], value: float) -> None:
    x = tw.tensor(value, dtype=tw.float64)
    assert tw.autograd.gradcheck(lambda *values: kind(*values).log_prob(x), [leaf(p) for p in parameters])


def jacobian(function: Callable[[tw.Tensor], tw.Tensor], x: tw.Tensor) -> np.ndarray:
    y = function(x).flatten()
    rows = [tw.autograd.grad(y[i], [x], retain_graph=True)[0].flatten().numpy() for i in range(y.numel())]
    return np.stack(rows)


ELEMENTWISE = [
    D.ExpTransform(), D.PowerTransform(tw.tensor(2.5, dtype=tw.float64)), D.SigmoidTransform(), D.SoftplusTransform(),
    D.TanhTransform(), D.AffineTransform(0.5, -2.0), D.ExpTransform().inv, D.SoftplusTransform().inv,
    D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.SigmoidTransform()]),
    D.CumulativeDistributionTransform(D.Laplace(tw.tensor(0.2, dtype=tw.float64), 1.0)),
    D.CatTransform([D.ExpTransform(), D.AffineTransform(0.0, 3.0)], 0, [1, 3]),
    D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.SigmoidTransform(), D.ExpTransform()], 0),
]  # fmt: skip


@pytest.mark.parametrize("transform", ELEMENTWISE, ids=repr)
def test_jacobians_of_elementwise_transforms(transform: Any) -> None:
    x = leaf(RNG.uniform(0.2, 1.5, 4))
    y = transform(x)
    expected = np.log(abs(np.diag(jacobian(transform, x))))
    np.testing.assert_allclose(transform.log_abs_det_jacobian(x, y).detach().numpy(), expected, rtol=1e-8)


def test_jacobian_of_stick_breaking() -> None:
    transform, x = D.StickBreakingTransform(), leaf(RNG.standard_normal(4))
    matrix = jacobian(transform, x)[:-1]
    found = transform.log_abs_det_jacobian(x, transform(x)).item()
    np.testing.assert_allclose(found, np.linalg.slogdet(matrix)[1], rtol=1e-8)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_jacobian_of_correlation_factors(size: int) -> None:
    transform, x = D.CorrCholeskyTransform(), leaf(RNG.standard_normal(size * (size - 1) // 2))
    below = np.flatnonzero(np.tril(np.ones((size, size)), -1))
    matrix = jacobian(transform, x)[below]
    found = transform.log_abs_det_jacobian(x, transform(x)).item()
    np.testing.assert_allclose(found, np.linalg.slogdet(matrix)[1], rtol=1e-8)


FAMILIES = [
    (D.Normal(leaf(0.3), leaf(0.8)), D.Normal(leaf(-0.2), leaf(1.3))),
    (D.Gamma(leaf(1.5), leaf(0.8)), D.Gamma(leaf(2.5), leaf(1.8))),
    (D.Exponential(leaf(1.5)), D.Exponential(leaf(0.5))),
    (D.Bernoulli(leaf(0.3)), D.Bernoulli(leaf(0.6))),
    (D.Beta(leaf(1.5), leaf(0.8)), D.Beta(leaf(0.5), leaf(1.8))),
    (D.Dirichlet(leaf([1.5, 0.8])), D.Dirichlet(leaf([0.5, 1.8]))),
    (D.Poisson(leaf(1.5)), D.Poisson(leaf(2.5))),
    (D.ContinuousBernoulli(leaf(0.3)), D.ContinuousBernoulli(leaf(0.6))),
]


@pytest.mark.parametrize(("p", "q"), FAMILIES, ids=lambda v: type(v).__name__)
def test_divergences_of_exponential_families_agree(p: Any, q: Any) -> None:
    from tensorwright.distributions.kl import _exponential_family

    np.testing.assert_allclose(_exponential_family(p, q).item(), D.kl_divergence(p, q).item(), rtol=1e-9)


WITH_ENTROPY = [p for p, _ in FAMILIES if type(p).__name__ in ("Normal", "Gamma", "Exponential", "Bernoulli")]


@pytest.mark.parametrize("p", WITH_ENTROPY, ids=lambda v: type(v).__name__)
def test_entropies_of_exponential_families_agree(p: Any) -> None:
    found = D.distribution.ExponentialFamily.entropy(p).item()
    np.testing.assert_allclose(found, p.entropy().item(), rtol=1e-9)


def test_score_function_gradient() -> None:
    """The gradient of log p at draws has mean 0."""
    rate = leaf(2.5)
    drawn = D.Poisson(rate.detach()).sample((20000,))
    (gradient,) = tw.autograd.grad(D.Poisson(rate).log_prob(drawn).mean(), [rate])
    assert abs(gradient.item()) < 5 * np.sqrt(1 / 2.5 / 20000)
