"""Complex arithmetic: against NumPy, against mpmath, and where numbers become infinite."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import tensorwright as tw

DTYPES = [np.complex64, np.complex128]
BY_DTYPE = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
INF, NAN = np.inf, np.nan


def numbers(*shape: int, dtype: Any = np.complex128, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


def assert_near(actual: tw.Tensor, expected: Any) -> None:
    found = actual.numpy()
    assert found.dtype == expected.dtype
    tolerance = 2e-5 if expected.dtype in (np.complex64, np.float32) else 1e-12
    scale = np.abs(expected).max(initial=1)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


# -- drivers


@BY_DTYPE
@pytest.mark.parametrize("n", [0, 1, 3, 16, 17, 33, 1000, 70000])
def test_arithmetic(dtype: Any, n: int) -> None:
    a, b = numbers(n, dtype=dtype), numbers(n, dtype=dtype, seed=1)
    x, y = tw.tensor(a), tw.tensor(b)
    for actual, expected in [
        (x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (-x, -a), (x.conj(), a.conj()),
        (x.abs(), abs(a)),
        (x + 2.5j, a + dtype(2.5j)), (3 - x, dtype(3) - a), (x * tw.tensor(a.real), a * a.real),
        (x[::2] * y[::2], a[::2] * b[::2]), (x.flip(0) + y, a[::-1] + b), (x.square(), a * a), (x.sum(), a.sum()),
        (tw.where(x.abs() > 1, x, y), np.where(abs(a) > 1, a, b)),
    ]:  # fmt: skip
        assert_near(actual, np.asarray(expected))
    assert (x == y).tolist() == (a == b).tolist()
    assert (x != x).tolist() == [False] * n


@BY_DTYPE
@pytest.mark.parametrize("dim", [0, 1, 2, (0, 2), (0, 1), None])
def test_reductions(dtype: Any, dim: Any) -> None:
    values = numbers(13, 40, 9, dtype=dtype)
    x = tw.tensor(values)
    moved = x.permute(2, 0, 1)
    assert_near(x.sum(dim) if dim is not None else x.sum(), np.asarray(values.sum(dim)))
    assert_near(moved.sum(dim) if dim is not None else moved.sum(), np.asarray(values.transpose(2, 0, 1).sum(dim)))
    assert_near(x.mean(dim) if dim is not None else x.mean(), np.asarray(values.mean(dim)))
    if isinstance(dim, int):
        assert_near(tw.prod(x / 2, dim), np.prod(values / 2, dim))
        assert_near(tw.cumsum(x, dim), np.cumsum(values, dim))
        assert_near(tw.cumprod(x / 2, dim), np.cumprod(values / 2, dim))
        assert_near(tw.var(x, dim), np.var(values, dim, ddof=1))
        assert_near(tw.norm(x, dim=dim), np.linalg.norm(values, axis=dim))


def test_a_factor_of_one_changes_nothing() -> None:
    for n in range(1, 40):
        for place in range(n):
            values = np.ones(n, np.complex64)
            values[place] = complex(INF, 2)
            assert tw.prod(tw.tensor(values)).item() == complex(INF, 2)


def test_promotion_and_what_does_not_fit() -> None:
    assert (tw.ones(2) + 1j).dtype == tw.complex64
    assert (tw.ones(2, dtype=tw.float64) * 1j).dtype == tw.complex128
    assert (tw.ones(2, dtype=tw.int32) * 1j).dtype == tw.complex64
    assert tw.ones(2, dtype=tw.complex64).abs().dtype == tw.float32
    with pytest.raises(TypeError, match="cannot hold the result, which is complex64"):
        tw.ones(2).add_(1j)
    with pytest.raises(TypeError, match="lt: complex64 is not supported"):
        _ = tw.tensor([1j]) < 1
    with pytest.raises(TypeError, match="erf: complex64 is not supported"):
        tw.erf(tw.tensor([1j]))


def test_real_multiples_keep_infinite_parts() -> None:
    z = tw.tensor([complex(INF, 1), complex(1, -INF)])
    assert tw.add(z, 0).tolist() == z.tolist()
    assert tw.add(z, z, alpha=2).tolist() == [complex(INF, 3), complex(3, -INF)]
    assert tw.addcmul(tw.zeros(1), tw.tensor([complex(INF, 1)]), 2.0).real.item() == INF


# -- functions

ROOTS = ("sqrt", "rsqrt", "log", "log2", "log10", "log1p", "asin", "acos", "atan", "asinh", "acosh", "atanh")
WAVES = ("exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh")
REFERENCES: dict[str, Any] = {
    "rsqrt": lambda z: 1 / mpmath.sqrt(z),
    "log2": lambda z: mpmath.log(z) / mpmath.log(2),
    "log1p": lambda z: mpmath.log(1 + z),
}


def hard_numbers(dtype: Any, large: float) -> Any:
    """Ordinary numbers, ones around the unit circle and the points where functions have roots, and of all sizes."""
    rng = np.random.default_rng(3)
    sizes = 10.0 ** rng.uniform(-large, large, (2, 40)) * rng.choice([-1, 1], (2, 40))
    near = rng.choice([1, -1, 1j, -1j], 40) + 10.0 ** rng.uniform(-9, -1, 40) * np.exp(1j * rng.uniform(-3, 3, 40))
    circle = np.exp(1j * rng.uniform(-np.pi, np.pi, 40))
    return np.concatenate([numbers(60), near, circle, sizes[0] + 1j * sizes[1]]).astype(dtype)


@BY_DTYPE
@pytest.mark.parametrize("name", [*ROOTS, *WAVES])
def test_accuracy(name: str, dtype: Any) -> None:
    epsilon = float(np.finfo(dtype).eps)
    values = hard_numbers(dtype, 4 if name in WAVES else 30)
    if name in WAVES:
        values = values[(np.abs(values.real) < 80) & (np.abs(values.imag) < 80)]
    with mpmath.workprec(400):
        for z, found in zip(values, getattr(tw, name)(tw.tensor(values)).numpy(), strict=True):
            exact = REFERENCES.get(name, getattr(mpmath, name, None))(mpmath.mpc(complex(z)))
            assert abs(mpmath.mpc(complex(found)) - exact) <= 2 * epsilon * abs(exact), f"{name}({z}) = {found}"


SPECIAL = [0.0, -0.0, 0.5, -1.0, 1.0, 2.0, -2.0, INF, -INF, NAN, 1e300, 710.0, -710.0]
# NumPy takes these from C99, whose Annex G lists them. It leaves the sign of some zeros open.
LIBRARY = [
    "exp",
    "log",
    "log10",
    "sqrt",
    *(hyperbolic + tail for hyperbolic in ("sin", "cos", "tan") for tail in ("", "h")),
]
LIBRARY += [f"a{name}" for name in LIBRARY[4:]]


def same_parts(a: Any, b: Any, *, signs: bool) -> Any:
    close = np.isclose(a, b, rtol=1e-12, atol=0) | (a == b)
    return (np.isnan(a) & np.isnan(b)) | (close & ((np.signbit(a) == np.signbit(b)) | ~signs))


@pytest.mark.parametrize("name", LIBRARY)
def test_special_values(name: str) -> None:
    z = np.array([complex(a, b) for a in SPECIAL for b in SPECIAL])
    with np.errstate(all="ignore"):
        expected = getattr(np, name.replace("a", "arc", 1) if name[0] == "a" else name)(z)
    found = getattr(tw, name)(tw.tensor(z)).numpy()
    settled = np.isfinite(z.real) & np.isfinite(z.imag) & np.isfinite(expected.real) & np.isfinite(expected.imag)
    # So does it that of an infinity beside NaN.
    beside = np.isnan(expected.real) | np.isnan(expected.imag)
    parts = [(found.real, expected.real), (found.imag, expected.imag)]
    pairs = [(np.where(beside, np.abs(a), a), np.where(beside, np.abs(b), b)) for a, b in parts]
    good = same_parts(*pairs[0], signs=settled) & same_parts(*pairs[1], signs=settled)
    assert good.all(), list(zip(z[~good], found[~good], expected[~good], strict=True))


@pytest.mark.parametrize("name", ROOTS)
def test_branch_cuts_follow_the_sign_of_zero(name: str) -> None:
    x = np.array([0.25, 0.5, 3.0, -0.25, -0.5, -3.0])
    for cut in (x + 0j, 1j * x):
        along_real = np.all(cut.imag == 0)
        for sign in (1.0, -1.0):
            zero, tiny = np.copysign(0.0, sign) * np.ones(6), sign * 1e-13 * np.ones(6)
            place = np.empty(6, np.complex128)
            place.real, place.imag = (x, zero) if along_real else (zero, x)
            side = place.copy()
            side.real, side.imag = (x, tiny) if along_real else (tiny, x)
            function = getattr(tw, name)
            np.testing.assert_allclose(function(tw.tensor(place)).numpy(), function(tw.tensor(side)).numpy(), atol=1e-6)


def test_quotients() -> None:
    values = [0.0, -0.0, 0.5, -3.0, INF, -INF, NAN, 1e300, -1e-308]
    z = np.array([complex(a, b) for a in values for b in values])
    a, b = np.repeat(z, len(z)), np.tile(z, len(z))
    found = (tw.tensor(a) / tw.tensor(b)).numpy()
    with np.errstate(all="ignore"):
        expected = a / b
    known = ~(np.isnan(expected.real) | np.isnan(expected.imag))  # Annex G knows some more
    with np.errstate(all="ignore"):
        near = np.abs(found - expected) <= 1e-15 * np.abs(expected)
        parts = [
            np.isclose(getattr(found, part), getattr(expected, part), rtol=1e-14, atol=0) for part in ("real", "imag")
        ]
        good = parts[0] & parts[1] | near | ~known
    assert good.all(), list(zip(a[~good], b[~good], found[~good], expected[~good], strict=True))
    infinite = tw.tensor([complex(INF, NAN)]) / tw.tensor([2 + 1j])
    assert infinite.abs().item() == INF
    assert (tw.tensor([1 + 1j]) / tw.tensor([complex(INF, INF)])).tolist() == [0j]


@BY_DTYPE
def test_lengths_and_directions_do_not_overflow(dtype: Any) -> None:
    large, small = float(np.finfo(dtype).max) / 2, float(np.finfo(dtype).tiny)
    z = tw.tensor(np.array([complex(large, large), complex(small, -small), complex(0, 0)], dtype))
    np.testing.assert_allclose(z.abs().numpy(), [large * 2**0.5, small * 2**0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(z.sgn().numpy(), [(1 + 1j) / 2**0.5, (1 - 1j) / 2**0.5, 0], rtol=1e-6)
    np.testing.assert_allclose((z / z)[:2].numpy(), [1, 1])
    assert tw.isfinite(z).all()


@pytest.mark.parametrize("exponent", [0.5, -0.5, -1, -2, 2, 3, 1.5, 1j, 0])
def test_powers(exponent: Any) -> None:
    values = numbers(50)
    np.testing.assert_allclose((tw.tensor(values) ** exponent).numpy(), values**exponent, rtol=1e-13)
    assert (tw.tensor([0j]) ** 2.5).item() == 0
    assert (tw.tensor([0j]) ** 0).item() == 1
    np.testing.assert_allclose((2 ** tw.tensor(values)).numpy(), 2**values, rtol=1e-13)


@BY_DTYPE
def test_sinc(dtype: Any) -> None:
    values = np.concatenate([numbers(50, dtype=dtype), np.zeros(1, dtype)])
    assert_near(tw.sinc(tw.tensor(values)), np.sinc(values))


# -- views and storage


def test_parts_are_views() -> None:
    z = tw.tensor([[1 + 2j, 3 + 4j]])
    z.real.mul_(10)
    z.imag = 5
    assert z.tolist() == [[10 + 5j, 30 + 5j]]
    z.real = tw.tensor([1.0, 2.0])
    assert z.tolist() == [[1 + 5j, 2 + 5j]]
    x = tw.ones(2)
    assert x.real is x
    assert tw.real(z).shares_storage(z)
    assert z.mT.imag.tolist() == [[5.0], [5.0]]
    assert z.H.tolist() == z.mH.tolist() == tw.adjoint(z).tolist() == [[1 - 5j], [2 - 5j]]
    assert tw.matrix_transpose(z).tolist() == [[1 + 5j], [2 + 5j]]


def test_moves_and_choices() -> None:
    a = numbers(4, 3)
    z, mask = tw.tensor(a), tw.tensor(a.real > 0)
    assert z[mask].tolist() == a[a.real > 0].tolist()
    assert z.masked_fill(mask, 1j).tolist() == np.where(a.real > 0, 1j, a).tolist()
    assert tw.nonzero(tw.tensor([0j, 1j, 2])).tolist() == [[1], [2]]
    rows = tw.tensor([2, 0])
    assert z[rows].tolist() == tw.index_select(z, 0, rows).tolist() == a[[2, 0]].tolist()
    assert tw.gather(z, 0, tw.tensor([[1, 1, 1]])).tolist() == a[1:2].tolist()
    added = a.copy()
    np.add.at(added, [0, 0], a[:2])
    np.testing.assert_allclose(z.index_add(0, tw.tensor([0, 0]), z[:2]).numpy(), added)
    np.testing.assert_allclose(tw.scatter_add(z, 0, tw.tensor([[0, 0, 0]]), z[1:2])[0].numpy(), a[0] + a[1])
    assert tw.cat([z, tw.ones(1, 3)]).dtype == tw.complex128
    assert tw.allclose(z, z + 1e-12)
    assert not tw.equal(z, z + 1j)
    assert tw.isclose(tw.tensor([complex(INF, 0)]), tw.tensor([complex(INF, 0)])).item()
    assert bool(tw.tensor(1j))


@BY_DTYPE
def test_products_of_matrices(dtype: Any) -> None:
    a, b, c = numbers(4, 3, dtype=dtype), numbers(3, 5, dtype=dtype, seed=1), numbers(4, 5, dtype=dtype, seed=2)
    x, y, z = tw.tensor(a), tw.tensor(b), tw.tensor(c)
    assert_near(x @ y, a @ b)
    assert_near(x.mT.conj().mT @ y, a.conj() @ b)
    assert_near(tw.addmm(z, x, y, beta=1j, alpha=2 - 1j), dtype(1j) * c + dtype(2 - 1j) * (a @ b))
    assert_near(tw.einsum("ij,jk->ki", x, y), (a @ b).T)
    assert_near(tw.vdot(x[0], x[1]), np.asarray(np.vdot(a[0], a[1])))
    assert_near(tw.dot(x[0], x[1]), np.asarray(a[0] @ a[1]))
    assert_near(tw.bmm(x[None], y[None]), (a @ b)[None])
    large, other = numbers(130, 70, dtype=dtype), numbers(70, 90, dtype=dtype)
    assert_near(tw.tensor(large) @ tw.tensor(other), large @ other)


@BY_DTYPE
def test_random_numbers(dtype: Any) -> None:
    tw.manual_seed(3)
    z = tw.randn(20000, dtype=getattr(tw, dtype.__name__))
    assert abs(z.abs().square().mean().item() - 1) < 0.05
    assert abs((z.real * z.imag).mean().item()) < 0.02
    u = tw.rand(1000, dtype=z.dtype)
    assert bool(((u.real >= 0) & (u.real < 1) & (u.imag >= 0) & (u.imag < 1)).all())
    assert tw.randn_like(z).dtype == z.dtype
