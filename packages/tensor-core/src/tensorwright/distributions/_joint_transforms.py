"""Transforms of vectors and matrices, and of the parts of a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions._elementwise_transforms import TanhTransform
from tensorwright.distributions._transform import Transform
from tensorwright.distributions.utils import sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix


class SoftmaxTransform(Transform):
    """The softmax; it is not one to one, and its inverse gives the logarithms."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse_of(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """From n - 1 real numbers to the simplex of n: each takes a share of what those before it left."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    @staticmethod
    def _offset(x: Tensor) -> Tensor:
        """log(n - k): with x = 0 all shares are equal."""
        n = x.shape[-1]
        return tw.arange(n, 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x: Tensor) -> Tensor:
        share = (x - self._offset(x)).sigmoid().clamp_max(1 - tw.finfo(x.dtype).eps)
        left = (1 - share).cumprod(-1)
        one = x.new_ones((*x.shape[:-1], 1))
        return tw.cat([share, one], -1) * tw.cat([one, left], -1)

    def _inverse_of(self, y: Tensor) -> Tensor:
        shares = y[..., :-1]
        left = (1 - shares.cumsum(-1)).clamp_min(tw.finfo(y.dtype).tiny)
        return shares.log() - left.log() + self._offset(shares)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        logits = x - self._offset(x)
        return (tw.ops.log_sigmoid(logits) - logits + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tw.Size:
        return tw.Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Sequence[int]) -> tw.Size:
        return tw.Size((*shape[:-1], shape[-1] - 1))


class LowerCholeskyTransform(Transform):
    """A square matrix to a lower triangle with a positive diagonal, by exp of the diagonal."""

    domain: Any = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + tw.diag_embed(x.diagonal(0, -2, -1).exp())

    def _inverse_of(self, y: Tensor) -> Tensor:
        return y.tril(-1) + tw.diag_embed(y.diagonal(0, -2, -1).log())


class PositiveDefiniteTransform(Transform):
    """A square matrix to a positive definite one, by the product of a lower triangle with its transpose."""

    domain: Any = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse_of(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(tw.linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """From n (n - 1) / 2 real numbers to the Cholesky factor of a correlation matrix of size n.

    The numbers, through tanh, are partial correlations; each row's entries break the rest of its unit length
    (Lewandowski, Kurowicka and Joe 2009).
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CorrCholeskyTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        eps = tw.finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.tanh().clamp(-1 + eps, 1 - eps), -1)
        left = (1 - r.square()).sqrt().cumprod(-1)
        n = r.shape[-1]
        r = r + tw.eye(n, dtype=x.dtype, device=x.device)
        before = tw.cat([x.new_ones((*left.shape[:-1], 1)), left[..., :-1]], -1)
        return r * before

    def _inverse_of(self, y: Tensor) -> Tensor:
        left = (1 - y.square().cumsum(-1)).clamp_min(tw.finfo(y.dtype).tiny)
        before = tw.cat([y.new_ones((*y.shape[:-1], 1)), left[..., :-1]], -1).sqrt()
        return tril_matrix_to_vec(y / before, -1).atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        tanh = TanhTransform().log_abs_det_jacobian(x, x).sum(-1)
        if y.shape[-1] <= 2:
            return tanh
        left = (1 - y.square().cumsum(-1)).clamp_min(tw.finfo(y.dtype).tiny)
        return 0.5 * tril_matrix_to_vec(left, -2).log().sum(-1) + tanh

    def forward_shape(self, shape: Sequence[int]) -> tw.Size:
        n = round((1 + math.sqrt(1 + 8 * shape[-1])) / 2)
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError(f"{shape[-1]} numbers do not fill the lower triangle of a square matrix")
        return tw.Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Sequence[int]) -> tw.Size:
        n = shape[-1]
        if len(shape) < 2 or shape[-2] != n:
            raise ValueError(f"needs square matrices, got shape {list(shape)}")
        return tw.Size((*shape[:-2], n * (n - 1) // 2))


class CatTransform(Transform):
    """Transforms of the parts of a value along ``dim``, each of its length."""

    transforms: list[Transform]
    lengths: list[int]

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.lengths = list(lengths) if lengths is not None else [1] * len(self.transforms)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(f"{len(self.transforms)} transforms need as many lengths, got {len(self.lengths)}")
        self.dim = dim

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The size of the dimension."""
        return sum(self.lengths)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return (
            self
            if self._cache_size == cache_size
            else CatTransform(self.transforms, self.dim, self.lengths, cache_size)
        )

    def _parts(self, value: Tensor) -> list[Tensor]:
        if value.shape[self.dim] != self.length:
            raise ValueError(f"dimension {self.dim} must have size {self.length}, got shape {list(value.shape)}")
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        return [value.narrow(self.dim, start, n) for start, n in zip(starts, self.lengths, strict=True)]

    def _call(self, x: Tensor) -> Tensor:
        return tw.cat([t(part) for t, part in zip(self.transforms, self._parts(x), strict=True)], self.dim)

    def _inverse_of(self, y: Tensor) -> Tensor:
        return tw.cat([t.inv(part) for t, part in zip(self.transforms, self._parts(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        terms = []
        for t, before, after in zip(self.transforms, self._parts(x), self._parts(y), strict=True):
            term = t.log_abs_det_jacobian(before, after)
            terms.append(sum_rightmost(term, self.event_dim - t.event_dim))
        dim = self.dim if self.dim < 0 else self.dim - x.ndim
        dim += self.event_dim
        if dim < 0:
            return tw.cat(terms, dim)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


class StackTransform(Transform):
    """Transforms of the slices of a value along ``dim``."""

    transforms: list[Transform]

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _slices(self, value: Tensor) -> Sequence[Tensor]:
        if value.shape[self.dim] != len(self.transforms):
            raise ValueError(
                f"dimension {self.dim} must have size {len(self.transforms)}, got shape {list(value.shape)}"
            )
        return value.unbind(self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return tw.stack([t(part) for t, part in zip(self.transforms, self._slices(x), strict=True)], self.dim)

    def _inverse_of(self, y: Tensor) -> Tensor:
        return tw.stack([t.inv(part) for t, part in zip(self.transforms, self._slices(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return tw.stack([t.log_abs_det_jacobian(before, after) for t, before, after in parts], self.dim)
