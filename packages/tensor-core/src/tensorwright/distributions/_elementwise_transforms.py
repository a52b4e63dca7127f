"""Transforms of each element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions._transform import Transform
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.utils import broadcast_shapes, sum_rightmost


class ExpTransform(Transform):
    """y = e^x."""

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExpTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse_of(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(Transform):
    """y = x^exponent, of positive numbers."""

    exponent: Tensor

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Tensor | float, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent if isinstance(exponent, Tensor) else tw.tensor(float(exponent))

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse_of(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> tw.Size:
        return broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape


class SigmoidTransform(Transform):
    """y = 1 / (1 + e^-x)."""

    domain = constraints.real
    codomain = constraints.unit_interval
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SigmoidTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        limits = tw.finfo(x.dtype)
        return x.sigmoid().clamp(limits.tiny, 1 - limits.eps)

    def _inverse_of(self, y: Tensor) -> Tensor:
        limits = tw.finfo(y.dtype)
        inside = y.clamp(limits.tiny, 1 - limits.eps)
        return inside.log() - (-inside).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return tw.ops.log_sigmoid(x) + tw.ops.log_sigmoid(-x)


class SoftplusTransform(Transform):
    """y = log(1 + e^x)."""

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftplusTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return tw.ops.softplus(x)

    def _inverse_of(self, y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return tw.ops.log_sigmoid(x)


class TanhTransform(Transform):
    """y = tanh(x)."""

    domain = constraints.real
    codomain: Any = constraints.interval(-1.0, 1.0)
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TanhTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse_of(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log(1 - tanh(x)^2) without cancellation: 2 (log 2 - x - log(1 + e^(-2 x)))."""
        return 2 * (math.log(2) - x - tw.ops.softplus(-2 * x, 1, float("inf")))


class AbsTransform(Transform):
    """y = |x|; the inverse gives the positive one."""

    domain = constraints.real
    codomain = constraints.positive

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbsTransform)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse_of(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """y = loc + scale * x."""

    loc: Tensor | float
    scale: Tensor | float

    bijective = True

    def __init__(self, loc: Tensor | float, scale: Tensor | float, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    codomain = domain

    @property
    def sign(self) -> Any:
        return self.scale.sign() if isinstance(self.scale, Tensor) else (self.scale > 0) - (self.scale < 0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        same_loc = bool(tw.as_tensor(self.loc == other.loc).all())
        return same_loc and bool(tw.as_tensor(self.scale == other.scale).all())

    def __hash__(self) -> int:
        return object.__hash__(self)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse_of(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(self.scale, Tensor):
            size = self.scale.abs().log().expand(broadcast_shapes(x.shape, self.scale.shape))
        else:
            size = tw.full_like(x, math.log(abs(self.scale)))
        return sum_rightmost(size, self._event_dim)

    def forward_shape(self, shape: Sequence[int]) -> tw.Size:
        return broadcast_shapes(shape, getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ()))

    inverse_shape = forward_shape


class CumulativeDistributionTransform(Transform):
    """The distribution function of a univariate distribution; the inverse is its quantile function."""

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @constraints.dependent_property
    def domain(self) -> Any:
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse_of(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size)
