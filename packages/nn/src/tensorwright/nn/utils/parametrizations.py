"""Weights with a norm of their own, with singular values up to 1, or orthogonal."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from .. import functional as F
from .._module import Module
from .parametrize import register_parametrization


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, magnitude: Tensor, direction: Tensor) -> Tensor:
        """The direction's rows scaled to the magnitudes."""
        return direction * (magnitude / tw.norm_except_dim(direction, 2, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and direction of a weight."""
        return tw.norm_except_dim(weight, 2, self.dim), weight.detach().clone()


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train magnitude and direction of a weight apart (Salimans and Kingma 2016).

    Args:
        module: whose weight it is.
        name: of the weight.
        dim: the dimension along which each slice has a magnitude; None for one magnitude.

    Example:
        >>> list(weight_norm(tw.nn.Linear(2, 3, bias=False)).state_dict())
        ['parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if n_power_iterations <= 0:
            raise ValueError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
        self.n_power_iterations, self.eps = n_power_iterations, eps
        self.dim = dim if dim >= 0 else dim + weight.ndim
        if weight.ndim > 1:
            matrix = self._as_matrix(weight.detach())
            u, v = matrix.new_empty(matrix.shape[0]).normal_(), matrix.new_empty(matrix.shape[1]).normal_()
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _as_matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with tw.no_grad():
            for _ in range(times):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.T.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._as_matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next iteration writes into them
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: weights that are divided later."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, found by power iterations in training (Miyato et al. 2018).

    Args:
        module: whose weight it is.
        name: of the weight.
        n_power_iterations: in each call.
        eps: what norms count as at least.
        dim: the dimension of outputs: 1 for transposed convolutions, else 0.
    """
    weight = _weight_of("spectral_norm", module, name)
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def _weight_of(function: str, module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"{function}: {type(module).__name__} has no tensor {name!r}")
    return weight


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.orthogonal_map, self.use_trivialization = orthogonal_map, use_trivialization

    def forward(self, x: Tensor) -> Tensor:
        """An orthogonal matrix: of orthonormal columns, or rows if it is wider than high."""
        wide = x.shape[-2] < x.shape[-1]
        tall = x.transpose(-2, -1) if wide else x
        q = self._reflections(tall) if self.orthogonal_map == "householder" else self._rotation(tall)
        if "base" in self._buffers:  # there once a value was assigned, as registering does
            q = self.base @ q
        return q.transpose(-2, -1) if wide else q

    def _rotation(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        lower = x.tril()
        if n != k:
            lower = tw.cat([lower, lower.new_zeros(*x.shape[:-2], n, n - k)], -1)
        skew = lower - lower.transpose(-2, -1)
        if self.orthogonal_map == "matrix_exp":
            q = tw.linalg.matrix_exp(skew)
        else:
            one = tw.eye(n, dtype=x.dtype)
            q = tw.linalg.solve(one - skew * 0.5, one + skew * 0.5)
        return q[..., :k] if n != k else q

    @staticmethod
    def _reflections(x: Tensor) -> Tensor:
        below = x.tril(-1)
        factors = 2.0 / (1.0 + (below * below).sum(-2))
        q = tw.linalg.householder_product(below, factors)
        return q * x.detach().diagonal(0, -2, -1).sign().unsqueeze(-2)

    def right_inverse(self, value: Tensor) -> Tensor:
        """What is trained such that the matrix becomes ``value`` (its nearest orthogonal one)."""
        wide = value.shape[-2] < value.shape[-1]
        tall = value.transpose(-2, -1) if wide else value
        if not self.use_trivialization and self.orthogonal_map != "householder":
            raise NotImplementedError(
                f"orthogonal: a tensor with {self.orthogonal_map} can be assigned to only with use_trivialization"
            )
        if not self.use_trivialization:
            start = self._reflections_of(tall)
        else:
            self.register_buffer("base", None)
            self.base = self._nearest(tall)
            start = tw.zeros_like(tall)
            start.diagonal(0, -2, -1).fill_(-1.0)  # makes all maps give the identity
        return start.transpose(-2, -1) if wide else start

    @staticmethod
    def _reflections_of(q: Tensor) -> Tensor:
        """Vectors of the reflections that make up a matrix, and on the diagonal the signs of its columns."""
        compact, factors = tw.geqrf(q)
        signs = compact.diagonal(0, -2, -1).sign()
        signs = tw.where(factors == 0, -signs, signs)  # a reflection that is left out changes no sign
        x = compact.tril(-1)
        x.diagonal(0, -2, -1).copy_(signs)
        return x

    def _nearest(self, tall: Tensor) -> Tensor:
        n, k = tall.shape[-2:]
        complete = tall
        if n != k:
            complete = tw.cat([tall, tall.new_empty(*tall.shape[:-2], n, n - k).normal_()], -1)
        q, r = tw.linalg.qr(complete)
        return q * r.diagonal(0, -2, -1).sign().unsqueeze(-2)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix orthogonal, whatever is trained (Lezcano-Casado 2019).

    Args:
        module: whose matrix it is.
        name: of the matrix; further dimensions in front are a batch.
        orthogonal_map: ``"matrix_exp"``, ``"cayley"`` or ``"householder"``; by default the first for square matrices
            and the last for others.
        use_trivialization: train relative to a fixed matrix, which lets the matrix be assigned to.
    """
    weight = _weight_of("orthogonal", module, name)
    if weight.ndim < 2:
        raise ValueError(f"orthogonal: expected a matrix, got shape {list(weight.shape)}")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(f"orthogonal: unknown orthogonal_map {orthogonal_map!r}")
    return register_parametrization(module, name, _Orthogonal(orthogonal_map, use_trivialization), unsafe=True)
