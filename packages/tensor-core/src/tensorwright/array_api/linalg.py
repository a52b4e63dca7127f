"""The extension ``linalg`` of the standard."""

from __future__ import annotations

from math import inf
from typing import Literal, NamedTuple

import tensorwright as tw
from tensorwright.array_api._products import matmul, matrix_transpose, tensordot, vecdot
from tensorwright.array_api._statistics import sum_dtype
from tensorwright.array_api._types import Dtype, Tensor

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """x = Q @ R"""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """det(x) = sign * exp(logabsdet)"""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """x = U @ diag(S) @ Vh"""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangle L of x = L @ L^H, or U of x = U^H @ U."""
    return tw.linalg.cholesky(x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross products of vectors of three elements."""
    if axis >= 0 and x1.ndim != x2.ndim:
        raise ValueError(f"cross: axis {axis} counts from the front, but x1 has {x1.ndim} axes and x2 {x2.ndim}")
    dtype = tw.result_type(x1, x2)
    a, b = tw.broadcast_tensors([x1.to(dtype), x2.to(dtype)])
    return tw.linalg.cross(a, b, dim=axis)


def det(x: Tensor, /) -> Tensor:
    """The determinants."""
    return tw.linalg.det(x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices."""
    return tw.diagonal(x, offset, -2, -1)


def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues and eigenvectors of symmetric or Hermitian matrices."""
    return EighResult(*tw.linalg.eigh(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of symmetric or Hermitian matrices."""
    return tw.linalg.eigvalsh(x)


def inv(x: Tensor, /) -> Tensor:
    """The inverses."""
    return tw.linalg.inv(x)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: float | Literal["fro", "nuc"] | None = "fro") -> Tensor:
    """Norms of matrices."""
    return tw.linalg.matrix_norm(x, "fro" if ord is None else ord, (-2, -1), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Integer powers of square matrices."""
    return tw.linalg.matrix_power(x, n)


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The number of singular values above ``rtol`` times the largest."""
    return tw.linalg.matrix_rank(x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of all pairs of elements of two vectors."""
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer: expected vectors, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return x1[:, None] * x2[None, :]


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The Moore-Penrose pseudo-inverses."""
    return tw.linalg.pinv(x, rtol=rtol)


def qr(x: Tensor, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """The QR decomposition."""
    return QRResult(*tw.linalg.qr(x, mode))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """Sign and logarithm of the magnitude of determinants."""
    return SlogdetResult(*tw.linalg.slogdet(x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """X of x1 @ X = x2; a vector if ``x2`` has one axis, otherwise ``x2`` is matrices."""
    dtype = tw.result_type(x1, x2)
    a, b = x1.to(dtype), x2.to(dtype)
    if b.ndim == 1:
        return tw.linalg.solve(a, b.broadcast_to((*a.shape[:-2], b.shape[0])).unsqueeze(-1)).squeeze(-1)
    batch = tw.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return tw.linalg.solve(a.broadcast_to((*batch, *a.shape[-2:])), b.broadcast_to((*batch, *b.shape[-2:])))


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition."""
    return SVDResult(*tw.linalg.svd(x, full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values."""
    return tw.linalg.svdvals(x)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Dtype | None = None) -> Tensor:
    """The sums of diagonals."""
    return tw.sum(diagonal(x, offset=offset), -1, dtype=sum_dtype(x, dtype))


def vector_norm(
    x: Tensor,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Tensor:
    """Norms of vectors, which several axes may span."""
    if x.ndim and axis == ():
        return tw.linalg.vector_norm(x.unsqueeze(-1), ord, x.ndim)
    if 0 in x.shape and abs(ord) == inf:
        raise ValueError(f"vector_norm: no elements have no norm of order {ord}; x has shape {tuple(x.shape)}")
    return tw.linalg.vector_norm(x, ord, axis, keepdims)
