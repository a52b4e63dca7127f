"""Divergences against numerical integration, sums, or draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorwright as tw

D = tw.distributions


def make(name: str, *parameters: float) -> Any:
    return getattr(D, name)(*(tw.tensor(p, dtype=tw.float64) for p in parameters))


REAL = [make("Normal", 0.3, 0.8), make("Laplace", -0.2, 0.6), make("Gumbel", 0.1, 0.9), make("Cauchy", 0.2, 0.7)]
HALF_LINE = [make("Exponential", 1.7), make("Gamma", 2.5, 1.3), make("HalfNormal", 0.8)]
INTERVAL = [make("Beta", 2.5, 1.5), make("ContinuousBernoulli", 0.3), make("Uniform", 0.1, 0.8)]
TAIL = [make("Pareto", 0.7, 3.5)]
OTHERS = [
    make("Normal", -0.4, 1.1), make("Laplace", 0.4, 1.2), make("Gumbel", -0.3, 1.1), make("Cauchy", -0.3, 1.0),
    make("Exponential", 0.8), make("Gamma", 1.5, 0.7), make("HalfNormal", 1.2), make("Beta", 1.5, 2.0),
    make("ContinuousBernoulli", 0.6), make("Uniform", 0.0, 1.0), make("Uniform", 0.05, 0.9), make("Pareto", 0.05, 1.5),
]  # fmt: skip
BOUNDS = {"Normal": (-9, 9), "Laplace": (-22, 22), "Gumbel": (-5, 30), "Cauchy": (-4e5, 4e5), "Exponential": (0, 25),
          "Gamma": (0, 40), "HalfNormal": (0, 9), "Beta": (0, 1), "ContinuousBernoulli": (0, 1), "Uniform": (0.1, 0.8),
          "Pareto": (0.7, 3000)}  # fmt: skip


def grid(p: Any) -> tuple[np.ndarray, np.ndarray]:
    """Midpoints over the support and their widths; finer near the middle for heavy tails."""
    low, high = BOUNDS[type(p).__name__]
    t = np.linspace(-1, 1, 400001)
    edges = (low + high) / 2 + (high - low) / 2 * t
    if type(p).__name__ == "Cauchy":
        edges = 4e5 * t**7
    if type(p).__name__ == "Pareto":
        edges = low * np.exp((t + 1) / 2 * np.log(high / low))
    return (edges[1:] + edges[:-1]) / 2, np.diff(edges)


def integrated(p: Any, q: Any) -> float:
    """By the midpoint rule."""
    x, width = grid(p)
    values = tw.tensor(x)
    log_p, log_q = p.log_prob(values).numpy(), q.log_prob(values).numpy()
    return float((np.exp(log_p) * (log_p - log_q) * width).sum())


PAIRS = [(p, q) for p in (*REAL, *HALF_LINE, *INTERVAL, *TAIL) for q in OTHERS]


def known(p: Any, q: Any) -> bool:
    try:
        D.kl_divergence(p, q)
    except (NotImplementedError, ModuleNotFoundError):
        return False
    return True


KNOWN = [pair for pair in PAIRS if known(*pair)]


def test_the_table_is_as_large_as_expected() -> None:
    assert len(KNOWN) >= 75


@pytest.mark.parametrize(("p", "q"), KNOWN, ids=lambda d: type(d).__name__)
def test_divergence(p: Any, q: Any) -> None:
    found = D.kl_divergence(p, q).item()
    if np.isinf(found):  # q has no density where p has some
        assert not bool(q.support.check(tw.tensor(grid(p)[0])).all())
    else:
        np.testing.assert_allclose(found, integrated(p, q), rtol=2e-4, atol=2e-5)


COUNTS = [
    (make("Bernoulli", 0.3), make("Bernoulli", 0.6)), (make("Bernoulli", 0.3), make("Poisson", 0.8)),
    (make("Binomial", 6, 0.3), make("Binomial", 6, 0.7)), (make("Geometric", 0.3), make("Geometric", 0.6)),
    (make("Poisson", 3.0), make("Poisson", 1.5)),
]  # fmt: skip


@pytest.mark.parametrize(("p", "q"), COUNTS, ids=lambda d: type(d).__name__)
def test_divergence_of_counts(p: Any, q: Any) -> None:
    last = {"Bernoulli": 1, "Binomial": 6}.get(type(p).__name__, 120)
    k = tw.arange(last + 1, dtype=tw.float64)
    log_p, log_q = p.log_prob(k).numpy(), q.log_prob(k).numpy()
    np.testing.assert_allclose(D.kl_divergence(p, q).item(), (np.exp(log_p) * (log_p - log_q)).sum(), rtol=1e-9)


def test_divergence_of_categories() -> None:
    p, q = np.array([0.2, 0.5, 0.3, 0.0]), np.array([0.4, 0.25, 0.35, 0.0])
    kept = p > 0
    expected = (p[kept] * np.log(p[kept] / q[kept])).sum()
    for kind in (D.Categorical, D.OneHotCategorical):
        found = D.kl_divergence(kind(tw.tensor(p)), kind(tw.tensor(q)))
        np.testing.assert_allclose(found.item(), expected, rtol=1e-9)
    assert D.kl_divergence(D.Categorical(tw.tensor([0.5, 0.5])), D.Categorical(tw.tensor([0.0, 1.0]))).item() == np.inf


def vectors() -> list[tuple[Any, Any]]:
    f64 = tw.float64
    loc, other = tw.tensor([0.5, -1.0], dtype=f64), tw.tensor([0.0, 0.3], dtype=f64)
    factor, tril = tw.tensor([[0.6], [0.3]], dtype=f64), tw.tensor([[1.2, 0.0], [0.4, 0.7]], dtype=f64)
    low = D.LowRankMultivariateNormal(loc, factor, tw.tensor([0.5, 0.8], dtype=f64))
    full = D.MultivariateNormal(other, scale_tril=tril)
    dirichlets = (
        D.Dirichlet(tw.tensor([1.5, 2.0, 3.0], dtype=f64)),
        D.Dirichlet(tw.tensor([2.5, 1.0, 2.0], dtype=f64)),
    )
    independent = D.Independent(D.Normal(loc, 1.0), 1)
    return [
        (low, full), (full, low), (low, low.expand(())), (full, D.MultivariateNormal(loc, scale_tril=tril)),
        dirichlets, (independent, D.Independent(D.Normal(other, 2.0), 1)),
        (D.LogNormal(loc, 1.0), D.LogNormal(other, 2.0)),
    ]  # fmt: skip


@pytest.mark.parametrize(("p", "q"), vectors(), ids=lambda d: type(d).__name__)
def test_divergence_by_draws(p: Any, q: Any) -> None:
    tw.manual_seed(9)
    x = p.sample((60000,))
    ratio = (p.log_prob(x) - q.log_prob(x)).numpy()
    found = D.kl_divergence(p, q).numpy()
    assert np.all(abs(ratio.mean(0) - found) <= 5 * ratio.std(0) / np.sqrt(len(ratio)) + 1e-9)


def test_registered_for_subclasses_unless_they_have_their_own() -> None:
    class Shifted(D.Normal):
        pass

    assert D.kl_divergence(Shifted(0.0, 1.0), D.Normal(1.0, 1.0)).item() == 0.5

    @D.register_kl(Shifted, D.Normal)
    def _own(p: Any, q: Any) -> tw.Tensor:
        return tw.tensor(7.0)

    assert D.kl_divergence(Shifted(0.0, 1.0), D.Normal(1.0, 1.0)).item() == 7
    with pytest.raises(NotImplementedError, match="VonMises"):
        D.kl_divergence(D.VonMises(0.0, 1.0), D.Normal(0.0, 1.0))
    with pytest.raises(TypeError, match="classes"):
        D.register_kl(int, D.Normal)
