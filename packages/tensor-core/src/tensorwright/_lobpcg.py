"""Some eigenpairs of large symmetric matrices: LOBPCG (A. Knyazev 2001)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tensorwright as tw
from tensorwright import linalg
from tensorwright._arguments import check_optional, check_tensor

if TYPE_CHECKING:
    from tensorwright import Tensor

Tracker = Callable[["LOBPCG"], None]


@dataclass
class LOBPCG:
    """The state of an iteration, as trackers see it."""

    A: Tensor  # already reduced by the Cholesky factor of B
    X: Tensor  # orthonormal columns
    k: int
    largest: bool
    tol: float
    preconditioner: Tensor | None = None
    E: Tensor = field(init=False)
    columns: int = field(init=False)
    P: Tensor | None = None
    step: int = 0
    converged: int = 0

    def __post_init__(self) -> None:
        self.columns = self.X.shape[-1]
        self.E, self.X = self._ritz(linalg.qr(self.X).Q)

    def _ritz(self, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Eigenpairs of A in the span of an orthonormal basis, the wanted ones first."""
        small = basis.transpose(-2, -1) @ self.A @ basis
        values, vectors = linalg.eigh((small + small.transpose(-2, -1)) / 2)
        if self.largest:
            values, vectors = values.flip([-1]), vectors.flip([-1])
        return values, basis @ vectors

    def residual(self) -> Tensor:
        return self.A @ self.X - self.X * self.E.unsqueeze(-2)

    def advance(self) -> bool:
        """One step; false if the first k pairs have converged."""
        residual = self.residual()
        size = linalg.vector_norm(residual, dim=-2)
        scale = linalg.vector_norm(self.X, dim=-2) * (linalg.matrix_norm(self.A).unsqueeze(-1) + self.E.abs())
        good = (size / scale < self.tol)[..., : self.k]
        self.converged = int(good.to(tw.int64).cumprod(-1).sum(-1).min().item())
        if self.converged >= self.k:
            return False
        direction = residual if self.preconditioner is None else self.preconditioner @ residual
        parts = [self.X, direction] + ([self.P] if self.P is not None else [])
        old = self.X
        # Twice: directions of small norm lose their orthogonality in one go.
        basis = linalg.qr(linalg.qr(tw.cat([_normalized(part) for part in parts], -1)).Q).Q
        values, vectors = self._ritz(basis)
        self.E, self.X = values[..., : self.columns], vectors[..., : self.columns]
        self.step += 1
        self.P = self.X - old @ (old.transpose(-2, -1) @ self.X)
        return True


def _normalized(columns: Tensor) -> Tensor:
    size = linalg.vector_norm(columns, dim=-2, keepdim=True)
    return columns / tw.where(size > 0, size, tw.ones_like(size))


def _start(A: Tensor, X: Tensor | None, n: int) -> Tensor:
    return X if X is not None else tw.randn(*A.shape[:-1], n, dtype=A.dtype, device=A.device)


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Tracker | None = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) eigenvalues of a symmetric A, or of A x = lambda B x, and their eigenvectors.

    X is a first guess of n >= k columns, iK a preconditioner (about the inverse of A). The iteration ends when the
    residuals are below tol, or after niter steps. Both methods, "ortho" and "basic", are computed in an orthonormal
    basis; the ortho parameters have no effect. ValueError if A has fewer than 3 n rows.

        >>> E, X = tw.lobpcg(tw.eye(9), k=2)
        >>> E.shape, X.shape
        ((2,), (9, 2))
    """
    check_tensor("lobpcg", "A", A)
    check_optional("lobpcg", B=B, X=X, iK=iK)
    for name, count in (("k", k), ("n", n), ("niter", niter)):
        if count is not None and not isinstance(count, int):
            raise TypeError(f"lobpcg: {name} must be int, got {type(count).__name__}")
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"lobpcg: method must be 'basic' or 'ortho', got {method!r}")
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"lobpcg: A must be a square matrix or a batch of them, got {tuple(A.shape)}")
    if X is not None and X.shape[:-1] != A.shape[:-1]:
        raise ValueError(f"lobpcg: X must have the rows and the batch of A, got {tuple(X.shape)} and {tuple(A.shape)}")
    k = k if k is not None else (X.shape[-1] if X is not None else 1)
    n = n if n is not None else (X.shape[-1] if X is not None else k)
    if A.shape[-1] < 3 * n:
        raise ValueError(f"lobpcg: A must have at least 3 n = {3 * n} rows, got {A.shape[-1]}")
    if not 1 <= k <= n:
        raise ValueError(f"lobpcg: k must be between 1 and n = {n}, got {k}")
    if A.device.type == "meta":
        raise NotImplementedError("lobpcg: the number of steps depends on values, which meta tensors do not have")
    if B is not None and (A.requires_grad or B.requires_grad):
        raise NotImplementedError("lobpcg: with B there is no gradient")
    with tw.no_grad():
        factor = None if B is None else linalg.cholesky(B)
        reduced = A.detach() if factor is None else _reduced(A.detach(), factor)
        state = LOBPCG(
            A=reduced,
            X=_start(A, X, n) if factor is None or X is None else factor.transpose(-2, -1) @ X,
            k=k,
            largest=True if largest is None else largest,
            tol=tol if tol is not None else tw.finfo(A.dtype).eps ** 0.5,
            preconditioner=iK,
        )
        limit = niter if niter is not None else 1000
        while (limit < 0 or state.step < limit) and state.advance():
            if tracker is not None:
                tracker(state)
        values, vectors = state.E[..., :k], state.X[..., :k]
        if factor is not None:
            vectors = linalg.solve_triangular(factor.transpose(-2, -1), vectors, upper=True)
    return (values, vectors) if not A.requires_grad else _differentiable(A, values, vectors)


def _reduced(A: Tensor, factor: Tensor) -> Tensor:
    left = linalg.solve_triangular(factor, A, upper=False)
    return linalg.solve_triangular(factor.transpose(-2, -1), left, upper=True, left=False)


def _differentiable(A: Tensor, values: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The same pairs with their dependence on A to first order: d lambda = x^T dA x, dx = (lambda - A)^+ dA x."""
    found = []
    eye = tw.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    for i in range(values.shape[-1]):
        x = vectors[..., i : i + 1]
        outer = x @ x.transpose(-2, -1)
        shifted = A.detach() - values[..., i, None, None] * eye + outer
        step = linalg.solve(shifted, A @ x - x * values[..., i, None, None])
        found.append(x - (step - outer @ step))
    return (vectors * (A @ vectors)).sum(-2), tw.cat(found, -1)
