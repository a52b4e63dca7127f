"""Rows of the special functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.special as scipy_special

from .table import FLOAT, INTEGER, LOW, Array, Case, Make, case, pointwise, refused, row

REAL_FLOAT = FLOAT + LOW


def own(reference: Callable[..., Any]) -> Callable[..., Array]:
    """SciPy's function in double precision, rounded to the operands' precision: some of its float32 loops are rough."""

    def function(*operands: Any) -> Array:
        wide = [np.asarray(x, np.float64) if isinstance(x, np.ndarray) else x for x in operands]
        kinds = [x.dtype for x in operands if isinstance(x, np.ndarray)]
        result = np.asarray(reference(*wide))
        return result.astype(np.result_type(*kinds)) if kinds and kinds[0].kind == "f" else result.astype(np.float32)

    return function


SMOOTH = {
    "special.entr": (scipy_special.entr, 0.1, 3.0),
    "special.erfcx": (scipy_special.erfcx, -2.0, 4.0),
    "special.ndtr": (scipy_special.ndtr, -3.0, 3.0),
    "special.log_ndtr": (scipy_special.log_ndtr, -6.0, 3.0),
    "special.ndtri": (scipy_special.ndtri, 0.05, 0.95),
    "special.expit": (scipy_special.expit, -3.0, 3.0),
    "special.i0": (scipy_special.i0, -9.0, 9.0),
    "special.i0e": (scipy_special.i0e, 0.2, 12.0),
    "special.i1": (scipy_special.i1, -9.0, 9.0),
    "special.i1e": (scipy_special.i1e, 0.2, 12.0),
    "special.bessel_j0": (scipy_special.j0, -12.0, 12.0),
    "special.bessel_j1": (scipy_special.j1, -12.0, 12.0),
    "special.bessel_y0": (scipy_special.y0, 0.3, 12.0),
    "special.bessel_y1": (scipy_special.y1, 0.3, 12.0),
    "special.modified_bessel_i0": (scipy_special.i0, -9.0, 9.0),
    "special.modified_bessel_i1": (scipy_special.i1, -9.0, 9.0),
    "special.modified_bessel_k0": (scipy_special.k0, 0.3, 8.0),
    "special.modified_bessel_k1": (scipy_special.k1, 0.3, 8.0),
    "special.scaled_modified_bessel_k0": (scipy_special.k0e, 0.3, 8.0),
    "special.scaled_modified_bessel_k1": (scipy_special.k1e, 0.3, 8.0),
    "special.spherical_bessel_j0": (lambda x: np.sinc(x / np.pi), -6.0, 6.0),
    "special.airy_ai": (lambda x: scipy_special.airy(x)[0], -8.0, 6.0),
    "special.sinc": (np.sinc, -3.0, 3.0),
    "sinc": (np.sinc, -3.0, 3.0),
    "i0": (scipy_special.i0, -9.0, 9.0),
    "digamma": (scipy_special.digamma, 0.2, 12.0),
    "special.digamma": (scipy_special.digamma, 0.2, 12.0),
    "special.psi": (scipy_special.digamma, 0.2, 12.0),
    "lgamma": (scipy_special.gammaln, 0.2, 12.0),
    "special.gammaln": (scipy_special.gammaln, 0.2, 12.0),
}
TORCH_NAMES = {"special.expit": "sigmoid"}
for name, (reference, low, high) in SMOOTH.items():
    pointwise(name, dtypes=REAL_FLOAT, low=low, high=high, reference=own(reference), torch=TORCH_NAMES.get(name))


@row("special.xlog1py", dtypes=REAL_FLOAT, reference=own(scipy_special.xlog1py))
def xlog1py(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4, low=-0.5))
    yield case(make(3, 1), make(4, low=-0.5))
    yield case(0.0, make(4, low=-0.5))
    yield case(make(4), 0.5)
    yield case(make(0), make(1, low=0.1))


def incomplete(make: Make) -> Iterator[Case]:
    for left, right in (((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2,)), ((0, 3), (1, 3))):
        yield case(make(*left, low=0.3, high=4.0), make(*right, low=0.2, high=5.0))
    yield refused(make(3, low=0.5), make(4, low=0.5), error=ValueError, match="broadcast")


row("igamma", dtypes=FLOAT, reference=own(scipy_special.gammainc), gradgrad=False)(incomplete)
row("igammac", dtypes=FLOAT, reference=own(scipy_special.gammaincc), gradgrad=False)(incomplete)
row("special.gammainc", dtypes=FLOAT, reference=own(scipy_special.gammainc), gradgrad=False)(incomplete)
row("special.gammaincc", dtypes=FLOAT, reference=own(scipy_special.gammaincc), gradgrad=False)(incomplete)


@row("special.zeta", dtypes=FLOAT, reference=own(scipy_special.zeta), grad=(1,))
def zeta(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=1.5, high=6.0), make(3, 4, low=0.5, high=3.0))
    yield case(make(3, 1, low=1.5, high=6.0), make(4, low=0.5, high=3.0))
    yield case(3.0, make(4, low=0.5, high=3.0))
    yield case(make(4, low=1.5, high=6.0), 1.0)
    yield case(make(0), make(0))


def orders(make: Make) -> Iterator[Case]:
    for n in range(4):
        yield case(n, make(2, 3, low=0.5, high=5.0))
    yield case(1, make(low=0.5, high=5.0))
    yield case(2, make(0))
    yield refused(-1, make(2), error=ValueError, match="order")


row("polygamma", dtypes=FLOAT, reference=own(scipy_special.polygamma))(orders)
row("special.polygamma", dtypes=FLOAT, reference=own(scipy_special.polygamma))(orders)


def multivariate(make: Make) -> Iterator[Case]:
    for p in (1, 2, 4):
        yield case(make(2, 3, low=2.0, high=6.0), p)
    yield case(make(low=2.0, high=6.0), 3)
    yield refused(make(2, low=2.0), 0, error=ValueError, match="dimension")


MULTIGAMMALN = own(np.vectorize(scipy_special.multigammaln, otypes=[float]))
row("mvlgamma", dtypes=FLOAT, reference=MULTIGAMMALN)(multivariate)
row("special.multigammaln", dtypes=FLOAT, reference=MULTIGAMMALN)(multivariate)


def chebyshev_v(x: Any, n: Any) -> Any:
    return scipy_special.eval_chebyu(n, x) - scipy_special.eval_chebyu(n - 1, x) * (n > 0)


def chebyshev_w(x: Any, n: Any) -> Any:
    return scipy_special.eval_chebyu(n, x) + scipy_special.eval_chebyu(n - 1, x) * (n > 0)


def shifted(reference: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, n: reference(2 * x - 1, n)


FAMILIES: dict[str, Callable[[Any, Any], Any]] = {
    "chebyshev_polynomial_t": lambda x, n: scipy_special.eval_chebyt(n, x),
    "chebyshev_polynomial_u": lambda x, n: scipy_special.eval_chebyu(n, x),
    "chebyshev_polynomial_v": chebyshev_v,
    "chebyshev_polynomial_w": chebyshev_w,
    "hermite_polynomial_h": lambda x, n: scipy_special.eval_hermite(n, x),
    "hermite_polynomial_he": lambda x, n: scipy_special.eval_hermitenorm(n, x),
    "laguerre_polynomial_l": lambda x, n: scipy_special.eval_laguerre(n, x),
    "legendre_polynomial_p": lambda x, n: scipy_special.eval_legendre(n, x),
}
SHIFTED = {f"shifted_{name}": shifted(FAMILIES[name]) for name in list(FAMILIES)[:4]}


def by_degree(reference: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Degrees as whole numbers, as SciPy's recurrences want them."""

    def function(x: Any, n: Any) -> Array:
        degrees = np.asarray(np.trunc(n), np.int64)
        values = np.where(degrees < 0, 0, reference(np.asarray(x, np.float64), np.maximum(degrees, 0)))
        kinds = [operand.dtype for operand in (x, n) if isinstance(operand, np.ndarray) and operand.dtype.kind == "f"]
        return values.astype(kinds[0] if kinds else np.float32)

    return function


def degrees(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.1, high=0.9), make.integers(3, 4, low=0, high=9))
    yield case(make(3, 1, low=0.1, high=0.9), make.integers(4, low=0, high=5))
    yield case(make(3, low=0.1, high=0.9), 3)
    yield case(make(low=0.1, high=0.9), make.integers(3))
    yield case(make(0), make.integers(0))


# Values of Hermite's polynomials reach thousands and cancel: the error is relative to the largest.
for name, reference in {**FAMILIES, **SHIFTED}.items():
    row(f"special.{name}", dtypes=FLOAT, reference=by_degree(reference), grad=(0,), rtol=1e-4, atol=1e-4)(degrees)


@row("gcd", dtypes=INTEGER, reference=np.gcd, grad=False)
def gcd(make: Make) -> Iterator[Case]:
    yield from integer_pairs(make)


@row("lcm", dtypes=INTEGER, reference=np.lcm, grad=False)
def lcm(make: Make) -> Iterator[Case]:
    yield from integer_pairs(make)


def integer_pairs(make: Make) -> Iterator[Case]:
    for left, right in (((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2,)), ((0, 3), (1, 3))):
        yield case(make(*left), make(*right))
    yield refused(make(3), make.floats(3), error=TypeError, match="integer")


@row("frexp", dtypes=REAL_FLOAT, reference=np.frexp)
def frexp(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.3, high=9.0))
    yield case(make(low=0.3))
    yield case(make(0))
    yield refused(make.integers(3), error=TypeError, match="floating")


@row("ldexp", dtypes=FLOAT, reference=lambda x, n: x * np.exp2(np.asarray(n)).astype(x.dtype), grad=(0,))
def ldexp(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make.integers(3, 4, low=-3, high=4))
    yield case(make(3, 1), make.integers(4))
    yield case(make(), make.integers(2))


@row("nextafter", dtypes=FLOAT, reference=np.nextafter, grad=False)
def nextafter(make: Make) -> Iterator[Case]:
    for left, right in (((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2,)), ((0, 3), (1, 3))):
        yield case(make(*left), make(*right))


@row("float_power", dtypes=FLOAT + INTEGER, reference=np.float_power)
def float_power(make: Make) -> Iterator[Case]:
    yield case(make(3, 4, low=0.3), make(3, 4))
    yield case(make(3, 1, low=0.3), make(4))
    yield case(make(3, low=0.3), 2)
    yield case(2.0, make(3))


pointwise("positive", dtypes=REAL_FLOAT + INTEGER)


def hashed(x: Array, dim: Any = (), keepdim: bool = False) -> Array:
    wide = x.astype(np.float64).view(np.uint64) if x.dtype.kind == "f" else x.astype(np.int64).view(np.uint64)
    axes = tuple(range(x.ndim)) if dim == () else dim
    return np.asarray(np.bitwise_xor.reduce(wide, axis=axes, keepdims=keepdim))


@row("hash_tensor", dtypes=FLOAT + INTEGER, reference=hashed, grad=False)
def hash_tensor(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make())
    yield case(make(3, 4), dim=1)
    yield case(make(2, 3, 4), dim=(0, 2), keepdim=True)
    yield case(make(0, 3), dim=1)
    yield refused(make(0), error=ValueError, match="dimension")
    yield refused(make(0, 3), dim=0, error=ValueError, match="something to reduce")


ALIASES = {
    "special.erf": (scipy_special.erf, -3.0, 3.0),
    "special.erfc": (scipy_special.erfc, -3.0, 3.0),
    "special.erfinv": (scipy_special.erfinv, -0.9, 0.9),
    "special.exp2": (np.exp2, -3.0, 3.0),
    "special.expm1": (np.expm1, -3.0, 3.0),
    "special.log1p": (np.log1p, -0.5, 3.0),
    "special.logit": (scipy_special.logit, 0.1, 0.9),
}
for name, (reference, low, high) in ALIASES.items():
    pointwise(name, dtypes=REAL_FLOAT, low=low, high=high, reference=own(reference))


@row("special.xlogy", dtypes=REAL_FLOAT, reference=own(scipy_special.xlogy))
def xlogy(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4, low=0.5))
    yield case(make(3, 1), make(4, low=0.5))
    yield case(0.0, make(4, low=0.5))
    yield case(make(4), 0.5)


@row("special.round", dtypes=FLOAT, reference=lambda x, decimals=0: np.round(x, decimals))
def rounded(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(5), decimals=1)
    yield case(make(5, low=-200, high=200), decimals=-1)


def log_sum_exp(x: Array, dim: Any, keepdim: bool = False) -> Array:
    return np.asarray(scipy_special.logsumexp(x, axis=dim, keepdims=keepdim))


@row("special.logsumexp", dtypes=FLOAT, reference=log_sum_exp)
def logsumexp(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), 1)
    yield case(make(2, 3, 4), (0, 2), keepdim=True)
    yield case(make(2, 3), -2)
