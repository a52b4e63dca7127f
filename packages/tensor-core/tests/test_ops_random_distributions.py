"""Draws by rejection and inversion: their distributions, their independence of threads, what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats as st
import tensorwright as tw

DRAWS = 20000
SMALLEST_P = 1e-4  # the draws are the same each time


def full(value: float, dtype: tw.dtype = tw.float64) -> tw.Tensor:
    return tw.full((DRAWS,), value, dtype=dtype)


@pytest.fixture(autouse=True)
def _seed() -> None:
    tw.manual_seed(17)


@pytest.mark.parametrize("a", [0.02, 0.6, 1.0, 4.0, 300.0])
def test_gamma(a: float) -> None:
    assert st.kstest(tw.ops.standard_gamma(full(a)).numpy(), st.gamma(a).cdf).pvalue > SMALLEST_P


def assert_counts(drawn: np.ndarray, twin: st.rv_discrete) -> None:
    values = np.arange(twin.ppf(1e-5), twin.ppf(1 - 1e-5) + 1)
    expected = twin.pmf(values) * len(drawn)
    found = np.array([np.sum(drawn == v) for v in values])
    kept = expected > 10
    statistic = ((found - expected)[kept] ** 2 / expected[kept]).sum()
    assert st.chi2(kept.sum()).sf(statistic) > SMALLEST_P


@pytest.mark.parametrize("rate", [0.0, 0.3, 9.9, 10.1, 80.0, 1000.0])
def test_poisson(rate: float) -> None:
    drawn = tw.poisson(full(rate)).numpy()
    if rate == 0:
        assert not drawn.any()
    else:
        assert_counts(drawn, st.poisson(rate))


@pytest.mark.parametrize("rate", [1e9, 1e12, 1e17])
def test_poisson_of_many_events(rate: float) -> None:
    drawn = (tw.poisson(full(rate)).numpy() - rate) / np.sqrt(rate)
    assert st.kstest(drawn, st.norm.cdf).pvalue > SMALLEST_P


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (7, 0.3), (100, 0.02), (100, 0.98), (100, 0.4), (1000, 0.7)])
def test_binomial(n: int, p: float) -> None:
    assert_counts(tw.binomial(full(n), full(p)).numpy(), st.binom(n, p))


@pytest.mark.parametrize(("n", "p"), [(1e13, 0.3), (1e14, 1e-13), (1e10, 0.5)])
def test_binomial_of_many_trials(n: float, p: float) -> None:
    drawn = tw.binomial(full(n), full(p)).numpy()
    assert abs(drawn.mean() - n * p) < 5 * np.sqrt(n * p / DRAWS)
    assert drawn.var() == pytest.approx(n * p * (1 - p), rel=0.1)


def test_edges_of_the_binomial() -> None:
    drawn = tw.binomial(tw.tensor([0.0, 5.0, 5.0, 5.7]), tw.tensor([0.5, 0.0, 1.0, 1.0]))
    assert drawn.tolist() == [0, 0, 5, 5]


FILLS: list[tuple[Callable[[tw.Tensor], tw.Tensor], st.rv_continuous]] = [
    (lambda x: x.cauchy_(1.0, 2.0), st.cauchy(1, 2)),
    (lambda x: x.log_normal_(0.3, 0.5), st.lognorm(0.5, scale=np.exp(0.3))),
    (lambda x: x.exponential_(2.0), st.expon(scale=0.5)),
]


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64], ids=str)
@pytest.mark.parametrize(("fill", "twin"), FILLS, ids=["cauchy", "log_normal", "exponential"])
def test_fills(fill: Callable[[tw.Tensor], tw.Tensor], twin: st.rv_continuous, dtype: tw.dtype) -> None:
    assert st.kstest(fill(full(0, dtype)).numpy().astype(np.float64), twin.cdf).pvalue > SMALLEST_P


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64, tw.int64], ids=str)
def test_geometric(dtype: tw.dtype) -> None:
    assert_counts(full(0, dtype).geometric_(0.3).numpy(), st.geom(0.3))


RANGES = [(tw.int8, 127), (tw.uint8, 255), (tw.bool, 1), (tw.float16, 2**11), (tw.bfloat16, 2**8), (tw.uint16, 65535)]


@pytest.mark.parametrize(("dtype", "largest"), RANGES, ids=str)
def test_random_reaches_the_largest(dtype: tw.dtype, largest: int) -> None:
    drawn = tw.zeros(200000, dtype=dtype).random_().to(tw.float64)
    assert drawn.min().item() == 0
    assert largest * 0.99 <= drawn.max().item() <= largest


def test_random_between_bounds() -> None:
    assert sorted(set(tw.zeros(1000).random_(4).tolist())) == [0, 1, 2, 3]
    assert sorted(set(tw.zeros(1000, dtype=tw.int64).random_(-2, 1).tolist())) == [-2, -1, 0]
    with pytest.raises(ValueError, match="less than"):
        tw.zeros(2).random_(3, 3)


SAMPLERS = {
    "gamma": lambda: tw.ops.standard_gamma(tw.full((1000,), 0.7)),
    "poisson": lambda: tw.poisson(tw.full((1000,), 20.0)),
    "binomial": lambda: tw.binomial(tw.full((1000,), 50.0), tw.full((1000,), 0.4)),
    "cauchy": lambda: tw.zeros(1000).cauchy_(),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_numbers_on_any_number_of_threads(name: str) -> None:
    threads, results = tw.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            tw.set_num_threads(count)
            tw.manual_seed(5)
            results.append(SAMPLERS[name]().tolist())
    finally:
        tw.set_num_threads(threads)
    assert results[0] == results[1] == results[2]


def test_a_generator_of_its_own() -> None:
    first = tw.poisson(tw.full((9,), 3.0), generator=tw.Generator().manual_seed(4))
    again = tw.poisson(tw.full((9,), 3.0), generator=tw.Generator().manual_seed(4))
    assert first.tolist() == again.tolist()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="rates must be finite and not negative, got -1"):
        tw.poisson(tw.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="count must be"):
        tw.binomial(tw.tensor([-1.0]), tw.tensor([0.5]))
    with pytest.raises(ValueError, match="prob must be"):
        tw.binomial(tw.tensor([1.0]), tw.tensor([1.5]))
    with pytest.raises(ValueError, match="p must be"):
        tw.zeros(2).geometric_(1.0)
    drawn = tw.ops.standard_gamma(tw.tensor([float("inf"), -1.0, float("nan")])).tolist()
    assert drawn[0] == float("inf")
    assert all(x != x for x in drawn[1:])
