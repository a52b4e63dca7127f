"""Distributions of matrices: Wishart, and Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.distribution import Distribution, ExponentialFamily
from tensorwright.distributions.gamma_family import Beta, standard_gamma
from tensorwright.distributions.location_scale import Parameter
from tensorwright.distributions.multivariate import CovarianceForms, given_form
from tensorwright.distributions.utils import broadcast_shapes, log_diagonal


def _multidigamma(x: Tensor, p: int) -> Tensor:
    """The derivative of mvlgamma."""
    steps = tw.arange(p, dtype=x.dtype, device=x.device) / 2
    return (x.unsqueeze(-1) - steps).digamma().sum(-1)


class Wishart(CovarianceForms, ExponentialFamily):
    """The distribution of sums of ``df`` outer products of normal vectors of a covariance."""

    df: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }
    support: Constraint = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0.0

    def __init__(
        self,
        df: Parameter,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = given_form(
            "Wishart", covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril
        )
        if matrix.ndim < 2:
            raise ValueError("Wishart: the matrix must have at least two dimensions")
        degrees = df if isinstance(df, Tensor) else tw.full((), float(df), dtype=matrix.dtype, device=matrix.device)
        batch, event = broadcast_shapes(degrees.shape, matrix.shape[:-2]), matrix.shape[-2:]
        self.df = degrees.expand(batch)
        if bool((degrees <= event[-1] - 1).any()):
            raise ValueError(f"Wishart: df must be greater than {event[-1] - 1}, got {degrees}")
        setattr(self, name, matrix.expand((*batch, *event)))
        super().__init__(batch, event, validate_args=validate_args)
        self._factorize(name, matrix)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Wishart:
        factor = self._unbroadcasted_scale_tril.expand((*batch_shape, *self.event_shape))
        return Wishart(self.df.expand(batch_shape), scale_tril=factor, validate_args=self._validate_args)

    @property
    def _degrees(self) -> Tensor:
        return self.df.reshape((*self.batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._degrees * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self._degrees - self.event_shape[-1] - 1
        return tw.where(factor > 0, factor, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(0, -2, -1)
        return self._degrees * (covariance.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Sequence[int] = (), max_try_correction: int | None = None) -> Tensor:
        """Bartlett's decomposition (1933): a lower triangle of normal numbers with chi variables on the diagonal."""
        p = self.event_shape[-1]
        shape = self._extended_shape(sample_shape)
        steps = tw.arange(p, dtype=self.df.dtype, device=self.df.device)
        halves = ((self.df.unsqueeze(-1) - steps) / 2).expand(shape[:-1])
        chi = (2 * standard_gamma(halves)).sqrt()
        normal = tw.randn(shape, dtype=self.df.dtype, device=self.df.device).tril(-1)
        factor = self._unbroadcasted_scale_tril @ (normal + tw.diag_embed(chi))
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        p, df, factor = self.event_shape[-1], self.df, self._unbroadcasted_scale_tril
        value_factor = tw.linalg.cholesky(value)
        shape = broadcast_shapes(factor.shape, value_factor.shape)
        solved = tw.linalg.solve_triangular(factor.expand(shape), value_factor.expand(shape), upper=False)
        return (
            -df * (p * math.log(2) / 2 + log_diagonal(factor))
            - tw.mvlgamma(df / 2, p)
            + (df - p - 1) * log_diagonal(value_factor)
            - solved.square().sum((-2, -1)) / 2
        )

    def entropy(self) -> Tensor:
        p, df = self.event_shape[-1], self.df
        return (
            (p + 1) * (p * math.log(2) / 2 + log_diagonal(self._unbroadcasted_scale_tril))
            + tw.mvlgamma(df / 2, p)
            - (df - p - 1) / 2 * _multidigamma(df / 2, p)
            + df * p / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self.event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        matrix, exponent = natural_params
        p = self.event_shape[-1]
        half = exponent + (p + 1) / 2
        return -half * 2 * log_diagonal(tw.linalg.cholesky(-2 * matrix)) + math.log(2) * p * half + tw.mvlgamma(half, p)


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices R of density proportional to det(R)^(concentration - 1).

    Drawn by the onion method of Lewandowski, Kurowicka and Joe (2009).
    """

    concentration: Tensor

    arg_constraints: ClassVar[dict[str, Constraint]] = {"concentration": constraints.positive}
    support: Constraint = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Parameter = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"LKJCholesky: dim must be at least 2, got {dim}")
        self.dim = dim
        self.concentration = concentration if isinstance(concentration, Tensor) else tw.full((), float(concentration))
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)
        # The squared length of row k before the diagonal is Beta(k / 2, concentration + (dim - 1 - k) / 2).
        rows = tw.arange(dim, dtype=self.concentration.dtype, device=self.concentration.device).clamp_min(1)
        first = 0.5 * rows
        second = self.concentration.unsqueeze(-1) + 0.5 * (dim - 1 - rows)
        self._beta = Beta(first, second)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> LKJCholesky:
        return LKJCholesky(self.dim, self.concentration.expand(batch_shape), self._validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            squares = self._beta.expand((*self.batch_shape, self.dim)).sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            normal = tw.randn(shape, dtype=squares.dtype, device=squares.device).tril(-1)
            lengths = normal.square().sum(-1, True).sqrt()
            sphere = normal / tw.where(lengths == 0, 1.0, lengths)
            rows = tw.ones((self.dim, 1), dtype=squares.dtype, device=squares.device)
            rows[0, 0] = 0.0  # the first row has nothing before the diagonal
            w = squares.sqrt() * sphere * rows
            tiny = tw.finfo(w.dtype).tiny
            diagonal = (1 - w.square().sum(-1)).clamp_min(tiny).sqrt()
            return w + tw.diag_embed(diagonal)

    def log_prob(self, value: Tensor) -> Tensor:
        """The product of diagonal entries to powers, over the normaliser of page 1999, theorem 5."""
        diagonal = self._checked(value).diagonal(0, -2, -1)[..., 1:]
        n = self.dim - 1
        steps = tw.arange(2, self.dim + 1, dtype=self.concentration.dtype, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - steps
        unnormalized = (order * diagonal.log()).sum(-1)
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + tw.mvlgamma(alpha - 0.5, n) - alpha.lgamma() * n
        return unnormalized - normalizer
