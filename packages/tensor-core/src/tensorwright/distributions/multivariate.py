"""The multivariate normal distribution, plain and with a covariance of low rank, and the logistic normal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.location_scale import Normal, Parameter
from tensorwright.distributions.transformed import Independent, TransformedDistribution
from tensorwright.distributions.transforms import StickBreakingTransform
from tensorwright.distributions.utils import (
    broadcast_shapes,
    eye_like,
    lazy_property,
    log_diagonal,
    matrix_vector,
    squared_mahalanobis,
)


def factor_of_inverse(matrix: Tensor) -> Tensor:
    """The lower Cholesky factor of a positive definite matrix's inverse.

    With the rows and columns reversed, the factor of the matrix is an upper one, whose inverse, transposed, is lower.
    """
    reversed_factor = tw.linalg.cholesky(matrix.flip((-2, -1)))
    upper = reversed_factor.flip((-2, -1))
    identity = eye_like(matrix).expand(matrix.shape)
    return tw.linalg.solve_triangular(upper.mT, identity, upper=False)


class CovarianceForms(Distribution):
    """A distribution with a covariance, given itself, by its inverse, or by its lower factor; the others follow."""

    _unbroadcasted_scale_tril: Tensor

    def _factorize(self, name: str, matrix: Tensor) -> None:
        """Sets the factor from the form that was given, which the base class has checked."""
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = tw.linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = factor_of_inverse(matrix)

    def _expanded(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*self.batch_shape, *matrix.shape[-2:]))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        return self._expanded(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._expanded(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        factor = self._unbroadcasted_scale_tril
        inverse = tw.linalg.solve_triangular(factor, eye_like(factor).expand(factor.shape), upper=False)
        return self._expanded(inverse.mT @ inverse)


def given_form(owner: str, **forms: Tensor | None) -> tuple[str, Tensor]:
    """The one form of the covariance that is not None, and its name."""
    given = [(name, matrix) for name, matrix in forms.items() if matrix is not None]
    if len(given) != 1:
        raise ValueError(f"{owner}: exactly one of covariance_matrix, precision_matrix and scale_tril must be given")
    return given[0]


class MultivariateNormal(CovarianceForms):
    """The multivariate normal distribution, given its covariance, its precision, or the covariance's lower factor."""

    loc: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support: Constraint = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = given_form(
            "MultivariateNormal",
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        if loc.ndim < 1 or matrix.ndim < 2:
            raise ValueError("MultivariateNormal: loc must have at least one dimension, the matrix at least two")
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand((*batch, loc.shape[-1]))
        setattr(self, name, matrix.expand((*batch, *matrix.shape[-2:])))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._factorize(name, matrix)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> MultivariateNormal:
        size = self.event_shape[0]
        new = type(self).__new__(type(self)) if _instance is None else _instance
        for name, value in vars(self).items():
            vars(new)[name] = value
        new.loc = self.loc.expand((*batch_shape, size))
        for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
            if name in vars(self):
                vars(new)[name] = vars(self)[name].expand((*batch_shape, size, size))
        new._batch_shape = tw.Size(batch_shape)
        return new

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        variance = self._unbroadcasted_scale_tril.square().sum(-1)
        return variance.expand((*self.batch_shape, *self.event_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = tw.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + matrix_vector(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        distance = squared_mahalanobis(self._unbroadcasted_scale_tril, self._checked(value) - self.loc)
        half_log_det = log_diagonal(self._unbroadcasted_scale_tril)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det

    def entropy(self) -> Tensor:
        half_log_det = log_diagonal(self._unbroadcasted_scale_tril)
        return (0.5 * self.event_shape[0] * (1 + math.log(2 * math.pi)) + half_log_det).expand(self.batch_shape)


class LowRankMultivariateNormal(Distribution):
    """The multivariate normal distribution of covariance W W^T + diag(d), of W = ``cov_factor`` and d = ``cov_diag``.

    By the identities of Woodbury and Sylvester nothing larger than the rank is factored.
    """

    loc: Tensor
    cov_factor: Tensor
    cov_diag: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support: Constraint = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.ndim < 1 or cov_factor.ndim < 2 or cov_diag.ndim < 1:
            raise ValueError("LowRankMultivariateNormal: loc and cov_diag must be vectors, cov_factor a matrix")
        size, rank = loc.shape[-1], cov_factor.shape[-1]
        if cov_factor.shape[-2] != size or cov_diag.shape[-1] != size:
            raise ValueError(
                f"LowRankMultivariateNormal: loc has {size} elements, but cov_factor is {list(cov_factor.shape)} and "
                f"cov_diag {list(cov_diag.shape)}"
            )
        batch = broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc = loc.expand((*batch, size))
        self.cov_factor = cov_factor.expand((*batch, size, rank))
        self.cov_diag = cov_diag.expand((*batch, size))
        super().__init__(batch, (size,), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> LowRankMultivariateNormal:
        size, rank = self.cov_factor.shape[-2:]
        factor = self.cov_factor.expand((*batch_shape, size, rank))
        loc, diag = self.loc.expand((*batch_shape, size)), self.cov_diag.expand((*batch_shape, size))
        return LowRankMultivariateNormal(loc, factor, diag, self._validate_args)

    @property
    def _capacitance_tril(self) -> Tensor:
        """The Cholesky factor of I + W^T D^-1 W."""
        weighted = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        product = weighted @ self.cov_factor
        return tw.linalg.cholesky(product + eye_like(product))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.cov_factor.square().sum(-1) + self.cov_diag

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self.cov_factor @ self.cov_factor.mT + tw.diag_embed(self.cov_diag)

    @property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        return tw.linalg.cholesky(self.covariance_matrix)

    @property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        weighted = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        solved = tw.linalg.solve_triangular(self._capacitance_tril, weighted, upper=False)
        return tw.diag_embed(self.cov_diag.reciprocal()) - solved.mT @ solved

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        dtype, device = self.loc.dtype, self.loc.device
        low = tw.randn((*shape[:-1], self.cov_factor.shape[-1]), dtype=dtype, device=device)
        noise = self.cov_diag.sqrt() * tw.randn(shape, dtype=dtype, device=device)
        return self.loc + matrix_vector(self.cov_factor, low) + noise

    def _half_log_det(self) -> Tensor:
        return log_diagonal(self._capacitance_tril) + 0.5 * self.cov_diag.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        difference = self._checked(value) - self.loc
        projected = matrix_vector(self.cov_factor.mT, difference / self.cov_diag)
        distance = (difference.square() / self.cov_diag).sum(-1)
        distance = distance - squared_mahalanobis(self._capacitance_tril, projected)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        return 0.5 * self.event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det()


class LogisticNormal(TransformedDistribution):
    """A normal vector taken to the simplex, of one more element, by stick breaking."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {"loc": constraints.real, "scale": constraints.positive}
    support: Constraint = constraints.simplex
    has_rsample = True
    base_dist: Independent

    def __init__(self, loc: Parameter, scale: Parameter, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """Mean of the normal vector."""
        return self.base_dist.base_dist.loc  # type: ignore[attr-defined, no-any-return]

    @property
    def scale(self) -> Tensor:
        """Standard deviations of the normal vector."""
        return self.base_dist.base_dist.scale  # type: ignore[attr-defined, no-any-return]
