"""Distributions of vectors, matrices and categories, and those made of others, against SciPy and draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special as special
import scipy.stats as st
import tensorwright as tw

D = tw.distributions
RNG = np.random.default_rng(4)
SAMPLES = 40000

LOC = np.array([0.5, -1.0, 2.0])
FACTOR = np.array([[1.5, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.3, 0.2, 1.1]])
COVARIANCE = FACTOR @ FACTOR.T
LOW_RANK = np.array([[0.6, -0.2], [0.1, 0.9], [0.5, 0.4]])
DIAGONAL = np.array([0.5, 1.5, 0.8])


def tensor(values: Any) -> tw.Tensor:
    return tw.tensor(np.asarray(values, np.float64))


def same(actual: tw.Tensor, expected: Any, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=rtol, atol=1e-9)


def assert_moments(distribution: Any) -> None:
    """Mean and variance of draws are within five standard errors of those stated."""
    tw.manual_seed(2)
    drawn = distribution.sample((SAMPLES,)).numpy()
    mean, variance = distribution.mean.numpy(), distribution.variance.numpy()
    assert np.all(abs(drawn.mean(0) - mean) <= 5 * np.sqrt(drawn.var(0) / SAMPLES) + 1e-12)
    fourth = ((drawn - drawn.mean(0)) ** 4).mean(0)
    assert np.all(abs(drawn.var(0) - variance) <= 5 * np.sqrt(fourth / SAMPLES) + 1e-12)


NORMALS = [
    D.MultivariateNormal(tensor(LOC), covariance_matrix=tensor(COVARIANCE)),
    D.MultivariateNormal(tensor(LOC), precision_matrix=tensor(np.linalg.inv(COVARIANCE))),
    D.MultivariateNormal(tensor(LOC), scale_tril=tensor(FACTOR)),
]


@pytest.mark.parametrize("normal", NORMALS, ids=["covariance", "precision", "factor"])
def test_multivariate_normal(normal: Any) -> None:
    twin, x = st.multivariate_normal(LOC, COVARIANCE), RNG.standard_normal((5, 3))
    same(normal.log_prob(tensor(x)), twin.logpdf(x))
    same(normal.entropy(), twin.entropy())
    same(normal.covariance_matrix, COVARIANCE)
    same(normal.precision_matrix, np.linalg.inv(COVARIANCE))
    same(normal.scale_tril, FACTOR)
    assert_moments(normal)
    wide = normal.expand((2, 4))
    assert wide.log_prob(tensor(x[0])).shape == (2, 4)
    assert wide.sample((3,)).shape == (3, 2, 4, 3)


def test_normal_of_low_rank() -> None:
    normal = D.LowRankMultivariateNormal(tensor(LOC), tensor(LOW_RANK), tensor(DIAGONAL))
    covariance = LOW_RANK @ LOW_RANK.T + np.diag(DIAGONAL)
    twin, x = st.multivariate_normal(LOC, covariance), RNG.standard_normal((5, 3))
    same(normal.log_prob(tensor(x)), twin.logpdf(x))
    same(normal.entropy(), twin.entropy())
    same(normal.covariance_matrix, covariance)
    same(normal.precision_matrix, np.linalg.inv(covariance))
    assert_moments(normal)
    assert normal.expand((2,)).sample().shape == (2, 3)


@pytest.mark.parametrize("a", [[0.4, 1.5, 3.0], [2.0, 2.0], [1.0, 5.0, 2.5, 0.1]])
def test_dirichlet(a: list[float]) -> None:
    ours, twin = D.Dirichlet(tensor(a)), st.dirichlet(a)
    x = twin.rvs(4, random_state=1)
    same(ours.log_prob(tensor(x)), [twin.logpdf(v / v.sum()) for v in x], 1e-6)
    same(ours.mean, twin.mean())
    same(ours.variance, twin.var())
    same(ours.entropy(), twin.entropy())
    assert_moments(ours)


def test_tiny_concentrations_give_finite_draws() -> None:
    drawn = D.Dirichlet(tw.full((3,), 1e-3)).sample((100,))
    assert bool(drawn.isfinite().all())
    np.testing.assert_allclose(drawn.sum(-1).numpy(), 1, rtol=1e-5)


def test_wishart() -> None:
    ours, twin = D.Wishart(tensor(4.5), covariance_matrix=tensor(COVARIANCE)), st.wishart(4.5, COVARIANCE)
    x = twin.rvs(3, random_state=1)
    same(ours.log_prob(tensor(x)), [twin.logpdf(v) for v in x])
    same(ours.mean, twin.mean())
    same(ours.variance, twin.var())
    same(ours.entropy(), twin.entropy())
    assert_moments(ours)
    with pytest.raises(ValueError, match="greater than 2"):
        D.Wishart(tensor(1.5), covariance_matrix=tensor(COVARIANCE))


@pytest.mark.parametrize("concentration", [0.5, 1.0, 4.0])
def test_lkj_correlations_are_beta_distributed(concentration: float) -> None:
    """Each correlation, moved to [0, 1], has the Beta distribution of concentration + (dim - 2) / 2 twice."""
    tw.manual_seed(5)
    lkj = D.LKJCholesky(3, tensor(concentration))
    factor = lkj.sample((8000,)).numpy()
    correlation = factor @ factor.transpose(0, 2, 1)
    shape = concentration + 0.5
    for row, column in ((1, 0), (2, 0), (2, 1)):
        assert st.kstest((correlation[:, row, column] + 1) / 2, st.beta(shape, shape).cdf).pvalue > 1e-4
    assert np.all(D.constraints.corr_cholesky.check(lkj.sample((50,))).numpy())


def test_lkj_density_of_a_single_correlation() -> None:
    """In two dimensions log p(L) is that of r = L[1, 0], up to dr = dL."""
    r, concentration = 0.3, 2.5
    factor = [[1.0, 0.0], [r, np.sqrt(1 - r * r)]]
    expected = st.beta(concentration, concentration).logpdf((r + 1) / 2) - np.log(2)
    same(D.LKJCholesky(2, tensor(concentration)).log_prob(tensor(factor)), expected)


PROBS = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])


@pytest.mark.parametrize("named", [{"probs": tensor(3 * PROBS)}, {"logits": tensor(np.log(PROBS) + 2)}], ids=["p", "l"])
def test_categorical(named: dict[str, tw.Tensor]) -> None:
    ours = D.Categorical(**named)
    same(ours.probs, PROBS)
    same(ours.logits, np.log(PROBS))
    same(ours.entropy(), -(PROBS * np.log(PROBS)).sum(-1))
    same(ours.log_prob(tw.tensor([[0, 1], [2, 2]])), np.log([[0.2, 0.1], [0.3, 0.3]]))
    tw.manual_seed(1)
    drawn = ours.sample((SAMPLES,)).numpy()
    assert drawn.shape == (SAMPLES, 2)
    assert drawn.dtype == np.int64
    for row in range(2):
        np.testing.assert_allclose(np.bincount(drawn[:, row]) / SAMPLES, PROBS[row], atol=0.015)
    with pytest.raises(ValueError, match="support"):
        ours.log_prob(tw.tensor(3))
    assert ours.mode.tolist() == [1, 0]


def test_one_hot() -> None:
    ours = D.OneHotCategorical(tensor(PROBS))
    assert ours.event_shape == (3,)
    same(ours.log_prob(tensor([0.0, 1.0, 0.0])), np.log([0.5, 0.1]))
    assert ours.enumerate_support().shape == (3, 2, 3)
    assert_moments(ours)
    assert np.all(ours.sample((7,)).sum(-1).numpy() == 1)


def test_multinomial() -> None:
    ours, twin = D.Multinomial(6, tensor(PROBS[0])), st.multinomial(6, PROBS[0])
    x = np.array([[1, 2, 3], [0, 6, 0]], float)
    same(ours.log_prob(tensor(x)), twin.logpmf(x))
    same(ours.entropy(), twin.entropy())
    assert_moments(ours)
    assert np.all(ours.sample((5,)).sum(-1).numpy() == 6)


def test_independent() -> None:
    ours = D.Independent(D.Normal(tensor(LOC), tensor([1.0, 2.0, 3.0])), 1)
    twin = st.multivariate_normal(LOC, np.diag([1.0, 4.0, 9.0]))
    x = RNG.standard_normal((4, 3))
    assert (ours.batch_shape, ours.event_shape) == ((), (3,))
    same(ours.log_prob(tensor(x)), twin.logpdf(x))
    same(ours.entropy(), twin.entropy())
    with pytest.raises(ValueError, match="reinterpreted_batch_ndims is 2"):
        D.Independent(D.Normal(tensor(LOC), 1.0), 2)


def test_mixture() -> None:
    weights, centers, scales = np.array([0.3, 0.7]), np.array([-1.0, 2.0]), np.array([0.5, 1.5])
    ours = D.MixtureSameFamily(D.Categorical(tensor(weights)), D.Normal(tensor(centers), tensor(scales)))
    x = np.linspace(-3, 5, 9)
    density = (weights * st.norm(centers, scales).pdf(x[:, None])).sum(-1)
    below = (weights * st.norm(centers, scales).cdf(x[:, None])).sum(-1)
    same(ours.log_prob(tensor(x)), np.log(density))
    same(ours.cdf(tensor(x)), below)
    assert_moments(ours)
    tw.manual_seed(8)
    drawn = ours.sample((5000,)).numpy()
    assert st.kstest(drawn, lambda v: ours.cdf(tensor(v)).numpy()).pvalue > 1e-4


def test_mixture_of_vectors() -> None:
    components = D.MultivariateNormal(tensor([[0.0, 0.0], [3.0, -2.0]]), tensor(np.eye(2)))
    ours = D.MixtureSameFamily(D.Categorical(tensor([0.25, 0.75])), components)
    assert (ours.batch_shape, ours.event_shape) == ((), (2,))
    same(ours.mean, [2.25, -1.5])
    assert ours.log_prob(tensor(np.zeros((5, 2)))).shape == (5,)
    assert_moments(ours)
    with pytest.raises(ValueError, match="weights for"):
        D.MixtureSameFamily(D.Categorical(tensor([1.0, 1.0, 1.0])), components)


def test_logistic_normal() -> None:
    """By the density of the normal vector it comes from."""
    ours = D.LogisticNormal(tensor([0.3, -0.2]), tensor([1.0, 0.5]))
    assert (ours.batch_shape, ours.event_shape) == ((), (3,))
    drawn = ours.sample((100,))
    np.testing.assert_allclose(drawn.sum(-1).numpy(), 1, rtol=1e-12)
    grid = np.linspace(-8, 8, 400)
    x = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    y = D.StickBreakingTransform()(tensor(x))
    log_volume = D.StickBreakingTransform().log_abs_det_jacobian(tensor(x), y)
    total = (ours.log_prob(y) + log_volume).exp().sum().item() * (grid[1] - grid[0]) ** 2
    np.testing.assert_allclose(total, 1, rtol=1e-3)


def test_relaxed_bernoulli_integrates_to_one() -> None:
    x = np.linspace(0, 1, 20001)[1:-1]
    ours = D.RelaxedBernoulli(tensor(0.7), probs=tensor(0.3))
    np.testing.assert_allclose(ours.log_prob(tensor(x)).exp().numpy().mean(), 1, rtol=1e-2)
    tw.manual_seed(3)
    drawn = ours.sample((SAMPLES,)).numpy()
    np.testing.assert_allclose((drawn > 0.5).mean(), 0.3, atol=0.015)


def test_relaxed_one_hot() -> None:
    ours = D.RelaxedOneHotCategorical(tensor(0.5), probs=tensor([0.2, 0.5, 0.3]))
    tw.manual_seed(3)
    drawn = ours.sample((SAMPLES,))
    np.testing.assert_allclose(drawn.sum(-1).numpy(), 1, rtol=1e-9)
    np.testing.assert_allclose(np.bincount(drawn.argmax(-1).numpy()) / SAMPLES, [0.2, 0.5, 0.3], atol=0.015)
    # The density at a point, by the formula of Maddison, Mnih and Teh.
    x, p, t = np.array([0.2, 0.5, 0.3]), np.array([0.2, 0.5, 0.3]), 0.5
    terms = p * x ** (-t)
    log_density = special.gammaln(3) + 2 * np.log(t) + np.log(p * x ** (-t - 1)).sum() - 3 * np.log(terms.sum())
    same(ours.log_prob(tensor(x)), log_density)


def test_transformed_of_two_affine_maps() -> None:
    base = D.Normal(tensor(0.0), tensor(1.0))
    ours = D.TransformedDistribution(base, [D.AffineTransform(1.0, 2.0), D.AffineTransform(-3.0, -0.5)])
    twin, x = st.norm(-3.5, 1.0), np.linspace(-5, -1, 7)
    same(ours.log_prob(tensor(x)), twin.logpdf(x))
    same(ours.cdf(tensor(x)), twin.cdf(x))
    same(ours.icdf(tensor(twin.cdf(x))), x)
    assert ours.expand((2, 3)).sample((4,)).shape == (4, 2, 3)


def test_transform_that_mixes_makes_an_event() -> None:
    base = D.Normal(tw.zeros(5, 3), 1.0)
    ours = D.TransformedDistribution(base, D.StickBreakingTransform())
    assert (ours.batch_shape, ours.event_shape) == ((5,), (4,))
    assert ours.log_prob(ours.sample()).shape == (5,)
