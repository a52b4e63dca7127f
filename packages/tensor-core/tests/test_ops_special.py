"""Special functions that iterate, against mpmath over wide ranges, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorwright as tw
from mpmath import mp, mpf

INF, NAN = math.inf, math.nan


def tensor(values: object) -> tw.Tensor:
    return tw.tensor(np.asarray(values, np.float64))


def spread(low: float, high: float, count: int, seed: int = 0) -> np.ndarray:
    """Numbers whose logarithms are uniform."""
    return np.exp(np.random.default_rng(seed).uniform(math.log(low), math.log(high), count))


@pytest.mark.parametrize("near", [True, False])
def test_incomplete_gamma(near: bool) -> None:
    a = spread(1e-3, 3e3, 60)
    x = a * np.exp(np.random.default_rng(1).normal(0, 0.1, 60)) if near else spread(1e-3, 3e3, 60, 2)
    lower, upper = tw.igamma(tensor(a), tensor(x)).tolist(), tw.igammac(tensor(a), tensor(x)).tolist()
    slopes = tw.ops.igamma_grad_self(tensor(a), tensor(x)).tolist()
    with mp.workdps(40):
        for i in range(60):
            p = mp.gammainc(a[i], 0, x[i], regularized=True)
            q = mp.gammainc(a[i], x[i], mp.inf, regularized=True)
            slope = mp.diff(lambda t, i=i: mp.gammainc(t, 0, x[i], regularized=True), a[i])
            for value, exact in ((lower[i], p), (upper[i], q), (slopes[i], slope)):
                if abs(exact) > mpf(10) ** -290:  # results of e**-t lose what t has of digits before the point
                    assert abs(value / exact - 1) < 1e-15 * (10 + abs(mp.log(abs(exact)))), (a[i], x[i])


def test_incomplete_gamma_at_the_edges() -> None:
    a = tensor([0, 0, 1, 1, -1, INF, 1, INF, NAN, 1])
    x = tensor([0, 1, 0, INF, 1, 1, -1, INF, 1, NAN])
    lower = [NAN, 1, 0, 1, NAN, 0, NAN, NAN, NAN, NAN]
    np.testing.assert_array_equal(tw.igamma(a, x).numpy(), lower)
    np.testing.assert_array_equal(tw.igammac(a, x).numpy(), 1 - np.array(lower))


def test_zeta() -> None:
    s, q = np.concatenate([1 + spread(1e-3, 20, 60), spread(20, 300, 20)]), spread(0.01, 50, 80, 3)
    found = tw.special.zeta(tensor(s), tensor(q)).tolist()
    with mp.workdps(40):
        for i in range(80):
            exact = mp.zeta(mpf(float(s[i])), mpf(float(q[i])))
            assert found[i] == INF if exact > 1e308 else abs(found[i] / exact - 1) < 2e-15, (s[i], q[i])


def test_zeta_at_the_edges() -> None:
    s = [1, 0.5, 2, 2, 2, 2.5, 2, INF, INF, 1e300, NAN]
    q = [2, 2, 0, -3, INF, -0.5, NAN, 1, 2, 1e10, 1]
    expected = [INF, NAN, INF, INF, 0, NAN, NAN, 1, 0, 0, NAN]
    np.testing.assert_array_equal(tw.special.zeta(tensor(s), tensor(q)).numpy(), expected)
    exact = sum((k - 2.3) ** -3.0 for k in range(3)) + float(mp.zeta(3, mpf("0.7")))
    assert tw.special.zeta(tensor(3.0), tensor(-2.3)).item() == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 120])
def test_polygamma(n: int) -> None:
    x = np.concatenate([spread(0.1, 60, 30), -spread(0.1, 5, 10)])
    found = tw.polygamma(n, tensor(x)).tolist()
    with mp.workdps(60):
        for i, value in enumerate(found):
            exact = mp.polygamma(n, mpf(float(x[i])))
            close = abs(value / exact - 1) < (1e-13 if x[i] < 0 or n > 100 else 2e-15)
            assert abs(value) == INF if abs(exact) > 1e308 else close, x[i]


def test_polygamma_of_order_0_and_of_integers() -> None:
    assert tw.polygamma(0, tensor(2.0)).item() == tw.digamma(tensor(2.0)).item()
    assert tw.polygamma(1, tw.tensor([1])).dtype == tw.float32
    with pytest.raises(ValueError, match="order"):
        tw.polygamma(-1, tensor(2.0))


FAMILIES = {
    "chebyshev_polynomial_t": lambda n, x: mp.chebyt(n, x),
    "chebyshev_polynomial_u": lambda n, x: mp.chebyu(n, x),
    "hermite_polynomial_h": lambda n, x: mp.hermite(n, x),
    "laguerre_polynomial_l": lambda n, x: mp.fsum(
        mp.binomial(n, k) * (-x) ** k / mp.factorial(k) for k in range(n + 1)
    ),
    "legendre_polynomial_p": lambda n, x: mp.legendre(n, x),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_polynomials(name: str) -> None:
    degrees = [0, 1, 2, 7, 40]
    for x in (-1.3, -1.0, -0.4, 0.0, 0.7, 1.0, 1.5):
        found = getattr(tw.special, name)(tensor(x), tensor(degrees)).tolist()
        with mp.workdps(40):
            exact = [float(FAMILIES[name](n, mpf(x))) for n in degrees]
        scale = [max(1.0, abs(e)) for e in exact]
        if name.startswith("hermite"):  # the error is relative to the largest values nearby
            scale = [
                max(s, math.sqrt(math.factorial(n) * 2.0**n) * math.exp(x * x / 2))
                for n, s in zip(degrees, scale, strict=True)
            ]
        np.testing.assert_array_less(abs(np.array(found) - exact) / scale, 2e-13)


def test_chebyshev_polynomials_of_high_degree() -> None:
    n, x = 5000, np.array([-1.0, -0.99, 0.3, 1.0, 1.0001])
    with mp.workdps(40):
        t, u = ([float(f(n, mpf(v))) for v in x] for f in (mp.chebyt, mp.chebyu))
    np.testing.assert_allclose(tw.special.chebyshev_polynomial_t(tensor(x), n).numpy(), t, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(tw.special.chebyshev_polynomial_u(tensor(x), n).numpy(), u, rtol=1e-10, atol=1e-9)
    v = tw.special.chebyshev_polynomial_v(tensor(x), n).numpy()
    np.testing.assert_allclose(v[3:4], [1.0], rtol=1e-10)
    np.testing.assert_allclose(v[0], 2 * n + 1, rtol=1e-10)


def test_degrees_are_truncated_and_bounded() -> None:
    p = tw.special.legendre_polynomial_p
    assert p(tensor([0.3]), 2.9).tolist() == p(tensor([0.3]), 2).tolist()
    assert p(tensor([0.3, 0.3]), tensor([-1, -0.5])).tolist() == [0.0, 1.0]
    assert math.isnan(p(tensor([0.3]), tensor([INF])).item())
    with pytest.raises(ValueError, match="at most 1048576"):
        p(tensor([0.3]), 2.0**30)
    with pytest.raises(TypeError, match="two numbers"):
        p(0.3, 2)


def test_nextafter_of_half_precision() -> None:
    one, two = tw.tensor([1.0, -1.0, 0.0, 2.0, INF]), tw.tensor([2.0, -2.0, -1.0, 2.0, 0.0])
    found = tw.nextafter(one.to(tw.bfloat16), two.to(tw.bfloat16)).to(tw.float32)
    np.testing.assert_array_equal(found.numpy()[:2], [1 + 2.0**-7, -1 - 2.0**-7])
    assert found[3].item() == 2
    assert found[2].item() < 0
    half = tw.nextafter(one.to(tw.float16), two.to(tw.float16)).to(tw.float64)
    np.testing.assert_array_equal(half.numpy(), [1 + 2.0**-10, -1 - 2.0**-10, -(2.0**-24), 2, 65504])


def test_divisors_of_the_widest_integers() -> None:
    top = 2**63 - 1
    assert tw.gcd(tw.tensor([-(2**63), top]), tw.tensor([0, 7])).tolist() == [-(2**63), 7]
    wide = tw.tensor([2**64 - 1], dtype=tw.uint64)
    assert tw.gcd(wide, tw.tensor([15], dtype=tw.uint64)).tolist() == [15]
    with pytest.raises(TypeError, match="integer"):
        tw.lcm(tw.tensor([1.0]), tw.tensor([2]))
