"""Rows of inverses, of solvers, and of the factorizations that solve: Cholesky, LU, LDL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.linalg
import scipy.spatial.distance

from .matrices import FIELDS, RECTANGLES, SHAPES, LinAlgError, adjoint, arrays, close, definite, regular
from .table import FLOAT, Array, Case, Make, case, refused, row


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
    yield case(regular(make, 2, 2), make(1, 2, 0))
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


@row("lu", dtypes=FIELDS, check=check_lu)
def lu(make: Make) -> Iterator[Case]:
    yield case(make(3, 3))
    yield case(make(2, 4, 2), get_infos=True)
