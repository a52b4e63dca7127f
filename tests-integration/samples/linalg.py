"""Linear algebra: solvers, decompositions, norms, products. Results that are not unique are checked by what they are
to fulfil."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.linalg
import scipy.spatial.distance

from .table import COMPLEX, FLOAT, INTEGER, LOW, Array, Case, Make, case, refused, row

FIELDS = FLOAT + COMPLEX
LinAlgError = RuntimeError  # tw.linalg.LinAlgError is one
SHAPES = ((3, 3), (2, 3, 3), (1, 1), (0, 0), (2, 0, 0), (0, 3, 3))
RECTANGLES = ((4, 3), (3, 4), (3, 3), (2, 4, 2), (2, 2, 4), (0, 3), (3, 0), (2, 0, 3))


def adjoint(a: Array) -> Array:
    return np.conj(np.swapaxes(a, -1, -2))


def regular(make: Make, *shape: int) -> Array:
    """Square matrices far from singular, with distinct singular values."""
    n = shape[-1]
    return np.asarray(make(*shape) + np.diag(np.arange(4.0, 4.0 + n)), make.dtype)


def definite(make: Make, *shape: int) -> Array:
    a = make(*shape)
    return np.asarray(a @ adjoint(a) + np.diag(np.arange(2.0, 2.0 + shape[-1])), make.dtype)


def close(result: Any, expected: Any) -> None:
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.shape == expected.shape
    single = {np.dtype(np.float32), np.dtype(np.complex64)} & {result.dtype, expected.dtype}
    tolerance = 2e-4 if single else 1e-9
    np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


def arrays(result: Any) -> list[Array]:
    return [np.asarray(item.detach().numpy()) for item in result]


# ---- solvers ------------------------------------------------------------------------------------------------------


def square(name: str, reference: Callable[..., Any], **options: Any) -> None:
    """A row of a function of regular square matrices."""

    def samples(make: Make) -> Iterator[Case]:
        for shape in SHAPES:
            yield case(regular(make, *shape))
        yield refused(make(2, 3), error=ValueError, match="square")
        yield refused(make(3), error=ValueError, match="matri")

    row(name, dtypes=FIELDS, reference=reference, **options)(samples)


def inverse_and_info(a: Array) -> tuple[Array, Array]:
    return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)


def slogdet(a: Array) -> tuple[Array, Array]:
    sign, logabsdet = np.linalg.slogdet(a)
    return sign, logabsdet


square("linalg.inv", np.linalg.inv)
square("inverse", np.linalg.inv)
square("linalg.inv_ex", inverse_and_info)
square("linalg.det", np.linalg.det)
square("det", np.linalg.det)
square("linalg.slogdet", slogdet)
square("slogdet", slogdet)


def exponents(make: Make) -> Iterator[Case]:
    for shape in SHAPES:
        yield case(make(*shape, low=-1, high=1))
    yield case(make(9, 9))  # too large for finite differences; with scaling and squaring
    yield refused(make(2, 3), error=ValueError, match="square")


for name in ("linalg.matrix_exp", "matrix_exp"):
    row(name, dtypes=FIELDS, reference=scipy.linalg.expm, rtol=1e-4)(exponents)  # of large norms


@row("logdet", dtypes=FLOAT, reference=lambda a: np.log(np.linalg.det(a)))
def logdet(make: Make) -> Iterator[Case]:
    yield case(definite(make, 3, 3))
    yield case(definite(make, 2, 2, 2))
    yield case(make(0, 0))


def definite_row(name: str, reference: Callable[..., Any], **options: Any) -> None:
    def samples(make: Make) -> Iterator[Case]:
        for shape in SHAPES:
            yield case(definite(make, *shape))
        yield case(definite(make, 3, 3), upper=True)
        if name != "linalg.cholesky_ex":
            yield refused(-definite(make, 2, 2), error=LinAlgError, match="positive")
        yield refused(make(2, 3), error=ValueError, match="square")

    row(name, dtypes=FIELDS, reference=reference, hermitian=(0,), **options)(samples)


def cholesky(a: Array, upper: bool = False) -> Array:
    lower = np.linalg.cholesky(a)
    return adjoint(lower) if upper else lower


definite_row("linalg.cholesky", cholesky)
definite_row("cholesky", cholesky)
definite_row("linalg.cholesky_ex", lambda a, upper=False: (cholesky(a, upper), np.zeros(a.shape[:-2], np.int32)))


def triangular(make: Make, *shape: int, upper: bool = False) -> Array:
    """A Cholesky factor: its diagonal is real and positive."""
    a = regular(make, *shape)
    a = np.asarray(a - 1j * a.imag * np.eye(shape[-1]), make.dtype) if make.is_complex else a
    return np.triu(a) if upper else np.tril(a)


@row(
    "cholesky_inverse",
    dtypes=FIELDS,
    reference=lambda a, upper=False: np.linalg.inv(adjoint(a) @ a if upper else a @ adjoint(a)),
)
def cholesky_inverse(make: Make) -> Iterator[Case]:
    for shape in SHAPES:
        yield case(triangular(make, *shape))
    yield case(triangular(make, 3, 3, upper=True), upper=True)


@row(
    "cholesky_solve",
    dtypes=FIELDS,
    reference=lambda b, a, upper=False: np.linalg.solve(adjoint(a) @ a if upper else a @ adjoint(a), b),
)
def cholesky_solve(make: Make) -> Iterator[Case]:
    yield case(make(3, 2), triangular(make, 3, 3))
    yield case(make(2, 3, 1), triangular(make, 2, 3, 3))
    yield case(make(3, 2), triangular(make, 3, 3, upper=True), upper=True)


def solve(a: Array, b: Array, left: bool = True) -> Array:
    if b.ndim == 1 or b.shape == a.shape[:-1]:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b) if left else adjoint(np.linalg.solve(adjoint(a), adjoint(b)))


def solve_cases(make: Make) -> Iterator[Case]:
    yield case(regular(make, 3, 3), make(3, 2))
    yield case(regular(make, 3, 3), make(3))
    yield case(regular(make, 2, 3, 3), make(2, 3))
    yield case(regular(make, 2, 3, 3), make(3, 2))
    yield case(regular(make, 3, 3), make(2, 3, 1))
    yield case(regular(make, 3, 3), make(2, 3), left=False)
    yield case(make(0, 0), make(0, 2))
    yield case(regular(make, 2, 2), make(2, 0))
    yield refused(make(3, 2), make(3, 2), error=ValueError, match="square")
    yield refused(make(3, 3), make(2, 2), error=ValueError, match="sizes")


@row("linalg.solve", dtypes=FIELDS, reference=solve)
def linalg_solve(make: Make) -> Iterator[Case]:
    yield from solve_cases(make)
    yield refused(np.zeros((2, 2), make.dtype), make(2, 2), error=LinAlgError, match="singular")


@row(
    "linalg.solve_ex",
    dtypes=FIELDS,
    reference=lambda a, b, left=True: (solve(a, b, left), np.zeros(a.shape[:-2], np.int32)),
)
def linalg_solve_ex(make: Make) -> Iterator[Case]:
    yield from solve_cases(make)


def solve_triangular(a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Array:
    half = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        half = half - half * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return solve(half, b, left).astype(b.dtype)


@row("linalg.solve_triangular", dtypes=FIELDS, reference=solve_triangular)
def linalg_solve_triangular(make: Make) -> Iterator[Case]:
    yield case(regular(make, 3, 3), make(3, 2), upper=True)
    yield case(regular(make, 3, 3), make(2, 3), upper=False, left=False)
    yield case(regular(make, 2, 1, 3, 3), make(2, 3, 1), upper=False)
    yield case(regular(make, 3, 3), make(3, 2), upper=True, unitriangular=True)
    yield refused(make(3, 2), make(3, 2), upper=True, error=ValueError, match="square")


@row(
    "triangular_solve",
    dtypes=FIELDS,
    reference=lambda b, a, upper=True, transpose=False: (
        np.linalg.solve(np.swapaxes(np.triu(a) if upper else np.tril(a), -1, -2) if transpose
                        else np.triu(a) if upper else np.tril(a), b), a),
)  # fmt: skip
def triangular_solve(make: Make) -> Iterator[Case]:
    yield case(make(3, 2), regular(make, 3, 3))
    yield case(make(3, 2), regular(make, 3, 3), upper=False)
    yield case(make(2, 3, 2), regular(make, 2, 3, 3), transpose=True)


def lu_parts(a: Array) -> tuple[Array, Array, Array]:
    p, lower, upper = (
        np.stack(parts) for parts in zip(*(scipy.linalg.lu(m) for m in a.reshape(-1, *a.shape[-2:])), strict=True)
    )
    return tuple(x.reshape(*a.shape[:-2], *x.shape[-2:]).astype(a.dtype) for x in (p, lower, upper))  # type: ignore[return-value]


@row("linalg.lu", dtypes=FIELDS, reference=lu_parts)
def linalg_lu(make: Make) -> Iterator[Case]:
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 3)):
        yield case(make(*shape))
    yield refused(make(3), error=ValueError, match="matri")


def packed_lu(a: Array) -> tuple[Array, Array]:
    """As LAPACK has it: both factors in one matrix, row exchanges from 1."""
    parts = [scipy.linalg.lu_factor(m) for m in a.reshape(-1, *a.shape[-2:])]
    lu = np.stack([part[0] for part in parts]).reshape(a.shape)
    pivots = np.stack([part[1] + 1 for part in parts]).astype(np.int32)
    return lu, pivots.reshape(*a.shape[:-2], -1)


@row("linalg.lu_factor", dtypes=FIELDS, reference=packed_lu)
def linalg_lu_factor(make: Make) -> Iterator[Case]:
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 3)):
        yield case(make(*shape))
    yield refused(np.zeros((2, 2), make.dtype), error=LinAlgError, match="singular")


@row("linalg.lu_factor_ex", dtypes=FIELDS, reference=lambda a: (*packed_lu(a), np.zeros(a.shape[:-2], np.int32)))
def linalg_lu_factor_ex(make: Make) -> Iterator[Case]:
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 3)):
        yield case(make(*shape))


def from_packed(lu: Array, pivots: Array) -> Array:
    order = np.arange(lu.shape[-1])
    for i, p in enumerate(pivots - 1):
        order[[i, p]] = order[[p, i]]
    a = np.empty_like(lu)
    a[order] = (np.tril(lu, -1) + np.eye(len(lu))) @ np.triu(lu)
    return a


def lu_solve(lu: Array, pivots: Array, b: Array, left: bool = True, adjoint: bool = False) -> Array:
    a = from_packed(lu, pivots)
    return solve(np.conj(a.T) if adjoint else a, b, left)


@row("linalg.lu_solve", dtypes=FIELDS, reference=lu_solve, grad=(0, 2))
def linalg_lu_solve(make: Make) -> Iterator[Case]:
    lu, pivots = packed_lu(regular(make, 3, 3)[::-1])
    yield case(lu, pivots, make(3, 2))
    yield case(lu, pivots, make(3, 2), adjoint=True)
    yield case(lu, pivots, make(2, 3), left=False)
    yield case(lu, pivots, make(2, 3), left=False, adjoint=True)


@row("lu_solve", dtypes=FIELDS, reference=lambda b, lu, pivots: lu_solve(lu, pivots, b), grad=(0, 1))
def plain_lu_solve(make: Make) -> Iterator[Case]:
    lu, pivots = packed_lu(regular(make, 3, 3)[::-1])
    yield case(make(3, 2), lu, pivots)


@row("lu_unpack", dtypes=FIELDS, reference=lambda lu, pivots: lu_parts(from_packed(lu, pivots)), grad=(0,))
def lu_unpack(make: Make) -> Iterator[Case]:
    yield case(*packed_lu(regular(make, 3, 3)[::-1]))


def check_lu(result: Any, a: Array, pivot: bool = True, get_infos: bool = False) -> None:
    lu, pivots = packed_lu(a)
    close(arrays(result)[0], lu)
    close(arrays(result)[1], pivots)
    assert len(result) == (3 if get_infos else 2)


def ldl_checked(solve_from: int) -> Callable[..., None]:
    """LD and pivots in LAPACK's form."""

    def check(result: Any, a: Array, hermitian: bool = False) -> None:
        packed, pivots = arrays(result)[:2]
        assert packed.shape == a.shape
        assert pivots.shape == a.shape[:-1]
        if np.all(pivots == np.arange(1, a.shape[-1] + 1)) and solve_from:
            unit = np.tril(packed, -1) + np.eye(a.shape[-1])
            d = packed * np.eye(a.shape[-1])
            close(unit @ d @ (adjoint(unit) if hermitian else np.swapaxes(unit, -1, -2)), a)

    return check


@row("linalg.ldl_factor", dtypes=FIELDS, check=ldl_checked(1), grad=False)
def linalg_ldl_factor(make: Make) -> Iterator[Case]:
    yield case(definite(make, 3, 3), hermitian=True)
    a = regular(make, 2, 3, 3)
    yield case(a + np.swapaxes(a, -1, -2))
    yield refused(np.zeros((2, 2), make.dtype), error=LinAlgError, match="singular")


@row("linalg.ldl_factor_ex", dtypes=FIELDS, check=ldl_checked(1), grad=False)
def linalg_ldl_factor_ex(make: Make) -> Iterator[Case]:
    yield case(definite(make, 3, 3), hermitian=True)
    a = regular(make, 2, 3, 3)
    yield case(a + np.swapaxes(a, -1, -2))


def ldl_solve(packed: Array, pivots: Array, b: Array, hermitian: bool = False) -> Array:
    unit = np.tril(packed, -1) + np.eye(len(packed))
    return np.linalg.solve(unit @ (packed * np.eye(len(packed))) @ (adjoint(unit) if hermitian else unit.T), b)


@row("linalg.ldl_solve", dtypes=FIELDS, reference=ldl_solve, grad=(2,))
def linalg_ldl_solve(make: Make) -> Iterator[Case]:
    packed = np.tril(regular(make, 3, 3))
    packed = np.asarray(packed - 1j * packed.imag * np.eye(3), make.dtype) if make.is_complex else packed
    yield case(packed, np.arange(1, 4, dtype=np.int32), make(3, 2), hermitian=True)
    yield case(packed, np.arange(1, 4, dtype=np.int32), make(3, 2))
    yield refused(packed, np.asarray([1, 2, 4], np.int32), make(3, 2), error=ValueError, match="pivots must lie")


@row("linalg.tensorinv", dtypes=FIELDS, reference=np.linalg.tensorinv)
def linalg_tensorinv(make: Make) -> Iterator[Case]:
    yield case(regular(make, 6, 6).reshape(2, 3, 6), ind=2)
    yield case(regular(make, 4, 4).reshape(4, 2, 2), ind=1)
    yield refused(make(2, 3, 4), ind=1, error=ValueError, match="product")


@row("linalg.tensorsolve", dtypes=FIELDS, reference=lambda a, b, dims=None: np.linalg.tensorsolve(a, b, axes=dims))
def linalg_tensorsolve(make: Make) -> Iterator[Case]:
    yield case(regular(make, 6, 6).reshape(2, 3, 6), make(2, 3))
    yield case(regular(make, 6, 6).reshape(2, 3, 3, 2), make(2, 3))
    yield case(np.moveaxis(regular(make, 6, 6).reshape(2, 3, 6), 2, 0).copy(), make(2, 3), dims=(0,))
    yield refused(make(2, 3, 4), make(2, 3), error=ValueError, match="square")


# ---- decompositions -----------------------------------------------------------------------------------------------


def check_qr(result: Any, a: Array, mode: str = "reduced") -> None:
    q, r = arrays(result)
    assert np.all(np.tril(r, -1) == 0)
    if mode == "r":
        return close(adjoint(r) @ r, adjoint(a) @ a)
    close(q @ r, a)
    return close(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*a.shape[:-2], q.shape[-1], q.shape[-1])))


@row("linalg.qr", dtypes=FIELDS, check=check_qr, grad=False)
def linalg_qr(make: Make) -> Iterator[Case]:
    for shape in RECTANGLES:
        yield case(make(*shape))
        yield case(make(*shape), mode="complete")
        yield case(make(*shape), mode="r")
    yield refused(make(2, 2), mode="raw", error=ValueError, match="mode")


@row("qr", dtypes=FIELDS, check=lambda result, a, some=True: check_qr(result, a))
def qr(make: Make) -> Iterator[Case]:
    yield case(make(4, 3))
    yield case(make(3, 4))
    yield case(make(3, 3), some=False)


def householder(a: Array, tau: Array) -> Array:
    q = np.eye(a.shape[-2], dtype=a.dtype)
    for i, t in enumerate(tau):
        v = np.concatenate([np.zeros(i), [1], a[i + 1 :, i]])
        q = q @ (np.eye(len(v)) - t * np.outer(v, np.conj(v)))
    return q.astype(a.dtype)


def check_geqrf(result: Any, a: Array) -> None:
    packed, tau = arrays(result)
    if a.ndim == 2:
        close(householder(packed, tau) @ np.triu(packed), a)


@row("geqrf", dtypes=FIELDS, check=check_geqrf, grad=False)
def geqrf(make: Make) -> Iterator[Case]:
    for shape in RECTANGLES:
        yield case(make(*shape))


def householder_cases(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(3))
    yield case(make(4, 3), make(2))
    yield case(make(3, 3), make(3))
    yield refused(make(2, 3), make(2), error=ValueError, match="rows")


for name in ("linalg.householder_product", "orgqr"):
    row(name, dtypes=FIELDS, reference=lambda a, tau: householder(a, tau)[:, : a.shape[1]])(householder_cases)


def ormqr_reference(a: Array, tau: Array, x: Array, left: bool = True, transpose: bool = False) -> Array:
    q = householder(a, tau)
    q = adjoint(q) if transpose else q
    return q @ x if left else x @ q


@row("ormqr", dtypes=FIELDS, reference=ormqr_reference)
def ormqr(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(3), make(4, 2))
    yield case(make(4, 3), make(3), make(4, 2), transpose=True)
    yield case(make(4, 3), make(3), make(2, 4), left=False)


def check_eigh(result: Any, a: Array, UPLO: str = "L") -> None:
    values, vectors = arrays(result)
    close(values, np.linalg.eigvalsh(a, UPLO))
    close(vectors * values[..., None, :], (np.tril(a) + adjoint(np.tril(a, -1))) @ vectors)


@row("linalg.eigh", dtypes=FIELDS, check=check_eigh, grad=False)
def linalg_eigh(make: Make) -> Iterator[Case]:
    for shape in SHAPES:
        yield case(definite(make, *shape))
    yield case(definite(make, 3, 3), UPLO="U")
    yield refused(make(2, 2), UPLO="X", error=ValueError, match="UPLO")
    yield refused(np.full((2, 2), np.nan, make.dtype), error=LinAlgError, match="infinite or NaN")


@row("linalg.eigvalsh", dtypes=FIELDS, reference=np.linalg.eigvalsh, hermitian=(0,))
def linalg_eigvalsh(make: Make) -> Iterator[Case]:
    for shape in SHAPES:
        yield case(definite(make, *shape))
    yield case(definite(make, 3, 3), UPLO="U")


def check_eig(result: Any, a: Array) -> None:
    values, vectors = arrays(result)
    assert values.dtype.kind == vectors.dtype.kind == "c"
    close(a @ vectors, vectors * values[..., None, :])
    close(np.linalg.norm(vectors, axis=-2), np.ones(a.shape[:-1]))


def check_eigvals(result: Any, a: Array) -> None:
    found, expected = np.asarray(result.detach().numpy()), np.linalg.eigvals(a)
    close(np.sort_complex(found), np.sort_complex(expected).astype(found.dtype))


for name, check in (("linalg.eig", check_eig), ("linalg.eigvals", check_eigvals)):

    @row(name, dtypes=FIELDS, check=check, grad=False)
    def general_eigen(make: Make) -> Iterator[Case]:
        for shape in SHAPES:
            yield case(make(*shape))
        yield refused(make(2, 3), error=ValueError, match="square")


def check_svd(result: Any, a: Array, full_matrices: bool = True, some: bool | None = None) -> None:
    u, s, vh = arrays(result)
    k = min(a.shape[-2:])
    if some is not None:
        vh = adjoint(vh)
    close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a)
    close(s, np.linalg.svd(a, compute_uv=False) if a.size else np.zeros(s.shape))
    for basis in (adjoint(u) @ u, vh @ adjoint(vh)):
        close(basis, np.broadcast_to(np.eye(basis.shape[-1]), basis.shape))


@row("linalg.svd", dtypes=FIELDS, check=check_svd, grad=False)
def linalg_svd(make: Make) -> Iterator[Case]:
    for shape in RECTANGLES:
        yield case(make(*shape))
        yield case(make(*shape), full_matrices=False)
    yield refused(make(3), error=ValueError, match="matri")
    yield refused(np.full((2, 2), np.nan, make.dtype), error=LinAlgError, match="infinite or NaN")


@row("svd", dtypes=FIELDS, check=lambda result, a, some=True: check_svd(result, a, some=some), grad=False)
def svd(make: Make) -> Iterator[Case]:
    yield case(make(4, 3))
    yield case(make(2, 3, 4), some=False)


@row("linalg.svdvals", dtypes=FIELDS, reference=lambda a: np.linalg.svd(a, compute_uv=False))
def linalg_svdvals(make: Make) -> Iterator[Case]:
    for shape in RECTANGLES[:5]:
        yield case(make(*shape))


def check_lowrank(result: Any, a: Array, q: int = 6, niter: int = 2, M: Array | None = None) -> None:
    u, s, v = arrays(result)
    close((u * s[..., None, :]) @ adjoint(v), a if M is None else a - M)


def low_rank(make: Make, *shape: int) -> Array:
    """Of rank 2."""
    return np.asarray(make(*shape[:-1], 2) @ make(*shape[:-2], 2, shape[-1]), make.dtype)


@row("svd_lowrank", dtypes=FIELDS, check=check_lowrank, grad=False)
def svd_lowrank(make: Make) -> Iterator[Case]:
    yield case(low_rank(make, 8, 6), q=3)
    yield case(low_rank(make, 2, 6, 8), q=3, niter=1)
    yield case(low_rank(make, 8, 6) + 1, q=3, M=np.ones((8, 6), make.dtype))
    yield case(low_rank(make, 5, 3))
    yield case(low_rank(make, 3, 3), q=4)
    yield refused(make(3, 3), q=-1, error=ValueError, match="q")


def check_pca(result: Any, a: Array, q: int | None = None, center: bool = True, niter: int = 2) -> None:
    check_lowrank(result, a - a.mean(-2, keepdims=True) if center else a)


@row("pca_lowrank", dtypes=FLOAT, check=check_pca, grad=False)
def pca_lowrank(make: Make) -> Iterator[Case]:
    yield case(low_rank(make, 8, 6), q=4)
    yield case(low_rank(make, 8, 6), q=3, center=False)
    yield case(low_rank(make, 8, 6))


@row("linalg.pinv", dtypes=FIELDS, reference=lambda a, **options: np.linalg.pinv(a, **options))
def linalg_pinv(make: Make) -> Iterator[Case]:
    for shape in RECTANGLES[:5]:
        yield case(make(*shape))
    yield case(make(3, 4), rtol=1e-3)
    yield case(definite(make, 3, 3), hermitian=True)
    yield refused(make(3), error=ValueError, match="matri")


@row("pinverse", dtypes=FIELDS, reference=np.linalg.pinv)
def pinverse(make: Make) -> Iterator[Case]:
    yield case(make(4, 3))
    yield case(make(2, 3, 4))


def check_lstsq(result: Any, a: Array, b: Array, rcond: float | None = None, driver: str | None = None) -> None:
    x = np.asarray(result[0].detach().numpy())
    right = b[..., None] if b.ndim < a.ndim else b
    best = np.linalg.pinv(a) @ right
    close(x, best[..., 0] if b.ndim < a.ndim else best)
    if driver in ("gels", "gelsd") and a.shape[-2] > a.shape[-1]:
        left = (np.abs(right - a @ best) ** 2).sum(-2)
        close(np.asarray(result[1].detach().numpy()), left[..., 0] if b.ndim < a.ndim else left)


@row("linalg.lstsq", dtypes=FIELDS, check=check_lstsq)
def linalg_lstsq(make: Make) -> Iterator[Case]:
    yield case(make(4, 2), make(4, 3))
    yield case(make(2, 4), make(2, 1))
    yield case(make(4, 2), make(4))
    yield case(make(2, 4, 2), make(2, 4, 1))
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        yield case(make(4, 2), make(4, 1), driver=driver)
    yield refused(make(4, 2), make(3, 1), error=ValueError, match="rows")
    yield refused(make(4, 2), make(4, 1), driver="qr", error=ValueError, match="driver")


# ---- norms --------------------------------------------------------------------------------------------------------

ORDERS = (2, 1, 0, 3, 0.5, -1, -2, np.inf, -np.inf)
MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def vector_norm(a: Array, ord: float = 2, dim: Any = None, keepdim: bool = False) -> Array:
    axes = tuple(range(a.ndim)) if dim is None else (dim,) if isinstance(dim, int) else dim
    rest = tuple(d for d in range(a.ndim) if d not in {x % a.ndim for x in axes})
    flat = a.transpose(*rest, *axes).reshape([a.shape[d] for d in rest] + [-1])
    result = np.linalg.norm(flat, ord, -1)
    return np.expand_dims(result, sorted(x % a.ndim for x in axes)) if keepdim else result


@row("linalg.vector_norm", dtypes=FIELDS + LOW, reference=vector_norm)
def linalg_vector_norm(make: Make) -> Iterator[Case]:
    for order in ORDERS:
        yield case(make(5), order)
    yield case(make(2, 3, 4))
    yield case(make(2, 3, 4), 1, 1)
    yield case(make(2, 3, 4), 2, (0, -1), True)
    yield case(make(2, 3, 4), np.inf, -1, True)


@row(
    "linalg.matrix_norm",
    dtypes=FIELDS,
    reference=lambda a, order="fro", dim=(-2, -1), keepdim=False: np.linalg.norm(a, order, dim, keepdim),
)
def linalg_matrix_norm(make: Make) -> Iterator[Case]:
    for order in MATRIX_ORDERS:
        yield case(make(3, 4), order)
        yield case(make(2, 3, 4), order, (2, 0), True)
    yield case(make(2, 3, 4))
    yield refused(make(3, 4), 3, error=ValueError, match="ord")
    yield refused(make(3), error=ValueError, match="matri")
    yield refused(make(3, 4), "fro", (0, 0), error=ValueError, match="twice|different")


@row(
    "linalg.norm",
    dtypes=FIELDS,
    reference=lambda a, order=None, dim=None, keepdim=False: np.linalg.norm(a, order, dim, keepdim),
)
def linalg_norm(make: Make) -> Iterator[Case]:
    yield case(make(2, 3, 4))
    for order in MATRIX_ORDERS:
        yield case(make(3, 4), order)
    for order in ORDERS:
        yield case(make(5), order)
    yield case(make(2, 3, 4), 2, 1)
    yield case(make(2, 3, 4), "nuc", (0, 2), True)
    yield refused(make(2, 3, 4), 2, error=ValueError, match="vector or a matrix")


@row("norm", dtypes=FIELDS + LOW, reference=lambda a, p=2, dim=None, keepdim=False:
     np.linalg.norm(a, p, (0, 1)) if p == "nuc" else vector_norm(a, 2 if p == "fro" else p, dim, keepdim))  # fmt: skip
def norm(make: Make) -> Iterator[Case]:
    for order in ("fro", 1, 2, 0, np.inf, 3):
        yield case(make(3, 4), order)
    if make.dtype not in LOW:
        yield case(make(3, 4), "nuc")
    yield case(make(3, 4), 2, 1)
    yield case(make(3, 4), "fro", (0, 1), True)


@row(
    "frobenius_norm",
    dtypes=FIELDS + LOW,
    reference=lambda a, dim, keepdim=False: vector_norm(a, 2, tuple(dim), keepdim),
)
def frobenius_norm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), (0, 1))
    yield case(make(2, 3, 4), (1,), keepdim=True)


@row(
    "nuclear_norm", dtypes=FIELDS, reference=lambda a, dim=(0, 1), keepdim=False: np.linalg.norm(a, "nuc", dim, keepdim)
)
def nuclear_norm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 3, 4), (0, 2), keepdim=True)


@row("linalg.cond", dtypes=FIELDS, reference=np.linalg.cond)
def linalg_cond(make: Make) -> Iterator[Case]:
    for order in (None, *MATRIX_ORDERS):
        yield case(regular(make, 3, 3), order)
    yield case(make(4, 3))
    yield case(regular(make, 2, 3, 3), 1)
    yield refused(make(4, 3), 1, error=ValueError, match="square")


def matrix_rank(a: Array, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Array:
    s = np.linalg.svd(a, compute_uv=False)
    if tol is not None:
        atol, rtol = tol, 0.0
    if rtol is None:
        rtol = 0.0 if atol is not None else max(a.shape[-2:]) * np.finfo(a.dtype).eps
    limit = np.maximum(0 if atol is None else atol, rtol * s.max(-1))
    return np.asarray((s > limit[..., None]).sum(-1))


@row("linalg.matrix_rank", dtypes=FIELDS, reference=matrix_rank, grad=False)
def linalg_matrix_rank(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(low_rank(make, 2, 5, 4))
    yield case(definite(make, 3, 3), hermitian=True)
    yield case(make(3, 4), 1.0)
    yield case(make(3, 4), atol=0.5, rtol=0.1)
    yield case(make(2, 3, 4), atol=make.floats(2, low=0.5, high=1.0))


# ---- functions and products ---------------------------------------------------------------------------------------


def matrix_power_cases(make: Make) -> Iterator[Case]:
    for n in (0, 1, 2, 3, 5, -1, -2):
        yield case(regular(make, 3, 3), n)
    yield case(regular(make, 2, 2, 2), 3)
    yield refused(make(2, 3), 2, error=ValueError, match="square")


for name in ("linalg.matrix_power", "matrix_power"):
    row(name, dtypes=FIELDS, reference=np.linalg.matrix_power, rtol=2e-4)(matrix_power_cases)  # inverses and powers


@row("linalg.multi_dot", dtypes=FIELDS, reference=lambda parts: np.linalg.multi_dot(parts))
def linalg_multi_dot(make: Make) -> Iterator[Case]:
    yield case([make(2, 3), make(3, 4)])
    yield case([make(2, 3), make(3, 4), make(4, 2)])
    yield case([make(3), make(3, 4), make(4, 2), make(2)])
    yield refused([make(2, 3)], error=ValueError, match="two")


@row(
    "linalg.vander",
    dtypes=FIELDS + ("int64",),
    reference=lambda x, N=None: x[..., None] ** np.arange(x.shape[-1] if N is None else N),
)
def linalg_vander(make: Make) -> Iterator[Case]:
    yield case(make(4))
    yield case(make(2, 3), N=5)
    yield refused(make(3), N=1, error=ValueError, match="N")


@row("linalg.vecdot", dtypes=FIELDS, reference=lambda x, y, dim=-1: (np.conj(x) * y).sum(dim))
def linalg_vecdot(make: Make) -> Iterator[Case]:
    yield case(make(5), make(5))
    yield case(make(2, 3), make(3))
    yield case(make(2, 3), make(2, 3), dim=0)


@row("linalg.cross", dtypes=FIELDS + INTEGER + LOW, reference=lambda a, b, dim=-1: np.cross(a, b, axis=dim))
def linalg_cross(make: Make) -> Iterator[Case]:
    yield case(make(4, 3), make(4, 3))
    yield case(make(3, 2), make(3, 2), dim=0)
    yield case(make(2, 1, 3), make(1, 4, 3))
    yield refused(make(2), make(2), error=ValueError, match="3")


@row("cross", dtypes=FIELDS + INTEGER + LOW, reference=lambda a, b, dim=0: np.cross(a, b, axis=dim))
def cross(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), make(3, 4))
    yield case(make(4, 3), make(4, 3), dim=1)
    yield refused(make(2), make(2), error=ValueError, match="size 3")


@row(
    "linalg.diagonal",
    dtypes=FIELDS + INTEGER + LOW,
    reference=lambda a, offset=0, dim1=-2, dim2=-1: np.diagonal(a, offset, dim1, dim2),
)
def linalg_diagonal(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(2, 3, 4), offset=1)
    yield case(make(2, 3, 4), dim1=0, dim2=1, offset=-1)


@row("linalg.matmul", dtypes=FIELDS + INTEGER + LOW, reference=np.matmul)
def linalg_matmul(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 4))
    yield case(make(3), make(3))
    yield case(make(5, 2, 3), make(3, 4))
    yield refused(make(2, 3), make(2, 3), error=ValueError, match="inner")


@row(
    "trace",
    dtypes=FIELDS + INTEGER + LOW,
    reference=lambda a: np.trace(a, dtype=np.int64 if a.dtype.kind in "iu" else None),
)
def trace(make: Make) -> Iterator[Case]:
    yield case(make(3, 4))
    yield case(make(0, 0))
    yield refused(make(3), error=ValueError, match="matrix")


@row("kron", dtypes=FIELDS + INTEGER + LOW, reference=np.kron)
def kron(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 2))
    yield case(make(2), make(2, 2))
    yield case(make(2, 1, 2), make(3))


@row("addbmm", dtypes=FIELDS + LOW, reference=lambda c, a, b, beta=1, alpha=1: beta * c + alpha * (a @ b).sum(0))
def addbmm(make: Make) -> Iterator[Case]:
    yield case(make(2, 4), make(3, 2, 3), make(3, 3, 4))
    yield case(make(4), make(3, 2, 3), make(3, 3, 4), beta=0.5, alpha=2.0)
    yield case(make(2, 4), make(0, 2, 3), make(0, 3, 4))
    yield refused(make(2, 4), make(3, 2, 3), make(2, 3, 4), error=ValueError, match="batch")


@row("addmv", dtypes=FIELDS + LOW, reference=lambda y, a, x, beta=1, alpha=1: beta * y + alpha * (a @ x))
def addmv(make: Make) -> Iterator[Case]:
    yield case(make(2), make(2, 3), make(3))
    yield case(make(1), make(2, 3), make(3), beta=0.5, alpha=2.0)
    yield refused(make(2), make(2, 3), make(2), error=ValueError, match="inner")


@row("addr", dtypes=FIELDS + LOW, reference=lambda m, x, y, beta=1, alpha=1: beta * m + alpha * np.outer(x, y))
def addr(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(2), make(3))
    yield case(make(3), make(2), make(3), beta=0.5, alpha=2.0)
    yield case(make(2, 3), make(2), make(3), beta=0)
    yield refused(make(2, 3), make(2, 1), make(3), error=ValueError, match="vectors")


def renorm_reference(a: Array, p: float, dim: int, maxnorm: float) -> Array:
    axes = tuple(d for d in range(a.ndim) if d != dim % a.ndim)
    size = vector_norm(a, p, axes, True)
    return np.where(size > maxnorm, a * (maxnorm / (size + 1e-7)), a).astype(a.dtype)


@row("renorm", dtypes=FIELDS, reference=renorm_reference, rtol=1e-6)
def renorm(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), 2, 0, 1.5)
    yield case(make(2, 3, 4), 1, -1, 4.0)
    yield refused(make(3), 2, 0, 1.0, error=ValueError, match="two dimensions")


@row("dist", dtypes=FIELDS + LOW, reference=lambda a, b, p=2: vector_norm(np.asarray(a - b), p))
def dist(make: Make) -> Iterator[Case]:
    for p in (2, 1, 0, 3, np.inf):
        yield case(make(3, 4), make(3, 4), p)
    yield case(make(3, 4), make(4))


def cdist_reference(a: Array, b: Array, p: float = 2.0, compute_mode: str = "") -> Array:
    differences = a[..., :, None, :] - b[..., None, :, :]
    return vector_norm(differences, p, -1) if differences.size else np.zeros(differences.shape[:-1], a.dtype)


@row("cdist", dtypes=FLOAT, reference=cdist_reference, rtol=1e-4)
def cdist(make: Make) -> Iterator[Case]:
    for p in (2.0, 1.0, 0.0, 3.0, np.inf):
        yield case(make(4, 3), make(2, 3), p)
    yield case(make(2, 1, 4, 3), make(3, 2, 3))
    yield case(make(30, 3), make(4, 3))
    yield case(make(4, 3), make(2, 3), compute_mode="use_mm_for_euclid_dist")
    yield case(make(0, 3), make(2, 3))
    yield refused(make(4, 3), make(2, 2), error=ValueError, match="columns")


@row("pdist", dtypes=FLOAT, reference=lambda a, p=2.0: cdist_reference(a, a, p)[np.triu_indices(len(a), 1)])
def pdist(make: Make) -> Iterator[Case]:
    for p in (2.0, 1.0, 3.0, np.inf):
        yield case(make(4, 3), p)
    yield case(make(1, 3))
    yield refused(make(3), error=ValueError, match="matrix")


@row("lu", dtypes=FIELDS, check=check_lu)
def lu(make: Make) -> Iterator[Case]:
    yield case(make(3, 3))
    yield case(make(2, 4, 2), get_infos=True)


def check_lobpcg(
    result: Any, a: Array, k: int = 1, largest: bool = True, B: Array | None = None, **options: Any
) -> None:
    values, vectors = arrays(result)
    expected = scipy.linalg.eigh(a, B, eigvals_only=True)
    np.testing.assert_allclose(values, expected[::-1][:k] if largest else expected[:k], rtol=1e-3)
    right = vectors if B is None else B @ vectors
    np.testing.assert_allclose(a @ vectors, right * values, atol=0.1)  # to the root of the precision


@row("lobpcg", dtypes=FLOAT, check=check_lobpcg, hermitian=(0,), grad=False)
def lobpcg(make: Make) -> Iterator[Case]:
    yield case(definite(make, 12, 12), k=2, X=make(12, 3))
    yield case(definite(make, 12, 12), k=1, largest=False, X=make(12, 2))
    yield case(definite(make, 9, 9), k=2, B=definite(make, 9, 9), X=make(9, 2))
    yield refused(make(5, 5), k=2, error=ValueError, match="rows")


@row("chain_matmul", dtypes=FIELDS, reference=lambda *parts: np.linalg.multi_dot(parts))
def chain_matmul(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), make(3, 4), make(4, 2))
    yield refused(make(3), make(3, 2), error=ValueError, match="matrix")


@row("addmv_", reference=lambda y, a, x, beta=1, alpha=1: beta * y + alpha * (a @ x), grad=False)
def addmv_in_place(make: Make) -> Iterator[Case]:
    yield case(make(2), make(2, 3), make(3))
    yield case(make(2), make(2, 3), make(3), beta=0.5, alpha=2.0)


for name in ("eig", "lstsq", "matrix_rank", "solve", "symeig"):

    @row(name, grad=False)
    def removed(make: Make) -> Iterator[Case]:
        yield refused(make(2, 2), make(2, 2), error=RuntimeError, match="linalg")
