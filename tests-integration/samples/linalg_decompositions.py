"""Rows of decompositions: QR, of eigenvalues, of singular values. Results that are not unique are checked by what they
are to fulfil."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.linalg
import scipy.spatial.distance

from .matrices import FIELDS, RECTANGLES, SHAPES, LinAlgError, adjoint, arrays, close, definite, low_rank
from .table import FLOAT, Array, Case, Make, case, refused, row


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
