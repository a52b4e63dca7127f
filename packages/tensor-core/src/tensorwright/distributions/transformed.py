"""Distributions made of others: reinterpreted dimensions, transformed values, mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.categorical import Categorical
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.transforms import ComposeTransform, Transform
from tensorwright.distributions.utils import sum_rightmost


class Independent(Distribution):
    """A distribution whose last ``reinterpreted_batch_ndims`` batch dimensions belong to the event."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                f"Independent: reinterpreted_batch_ndims is {reinterpreted_batch_ndims}, "
                f"but the batch shape is {list(batch)}"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        kept = len(batch) - reinterpreted_batch_ndims
        super().__init__(batch[:kept], batch[kept:] + base_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        base = self.base_dist.expand((*batch_shape, *self.event_shape[: self.reinterpreted_batch_ndims]))
        return type(self)(base, self.reinterpreted_batch_ndims, validate_args=self._validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        return self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        base = self.base_dist.support
        return constraints.independent(base, self.reinterpreted_batch_ndims) if self.reinterpreted_batch_ndims else base

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Independent: enumeration over several dimensions is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """The distribution of a transformed variable: x ~ base, y = f(x), log p(y) = log p(x) - log |df/dx|."""

    transforms: list[Transform]

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError(f"TransformedDistribution: expected transforms, got {self.transforms!r}")
        chain = ComposeTransform(self.transforms)
        base_event = len(base_distribution.event_shape)
        base_shape = base_distribution.batch_shape + base_distribution.event_shape
        needed = chain.domain.event_dim
        if len(base_shape) < needed:
            raise ValueError(
                f"TransformedDistribution: the base must have at least {needed} dimensions, got {list(base_shape)}"
            )
        shape = chain.forward_shape(base_shape)
        expanded = chain.inverse_shape(shape)
        if tuple(expanded) != tuple(base_shape):
            base_distribution = base_distribution.expand(expanded[: len(expanded) - base_event])
        if needed > base_event:
            base_distribution = Independent(base_distribution, needed - base_event)
        self.base_dist = base_distribution
        event_dim = chain.codomain.event_dim + max(base_event - needed, 0)
        if len(shape) < event_dim:
            raise ValueError(f"TransformedDistribution: values of shape {list(shape)} lack {event_dim} dimensions")
        cut = len(shape) - event_dim
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        new = type(self).__new__(type(self)) if _instance is None else _instance
        for name, value in vars(self).items():
            vars(new)[name] = value
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self.event_shape))
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new._batch_shape = tw.Size(batch_shape)
        return new

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self.event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        y = self._checked(value)
        dims = len(self.event_shape)
        correction: Tensor | float = 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            term = transform.log_abs_det_jacobian(x, y)
            correction = correction - sum_rightmost(term, dims - transform.domain.event_dim)
            y = x
        return correction + sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))

    def _direction(self) -> Any:
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign

    def cdf(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return _turned(self.base_dist.cdf(value), self._direction())

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(_turned(value, self._direction())))


def _turned(probability: Tensor, sign: Any) -> Tensor:
    """1 - p where a map falls."""
    if isinstance(sign, int) and sign == 1:
        return probability
    turned: Tensor = sign * (probability - 0.5) + 0.5
    return turned


class MixtureSameFamily(Distribution):
    """A mixture of the last batch dimension of ``component_distribution``, weighted by a Categorical."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                f"MixtureSameFamily: the weights must be a Categorical, got {type(mixture_distribution).__name__}"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError("MixtureSameFamily: the components must be a Distribution")
        batch = component_distribution.batch_shape
        if len(batch) < 1:
            raise ValueError("MixtureSameFamily: the components need a batch dimension")
        weights = mixture_distribution.batch_shape
        for one, other in zip(reversed(weights), reversed(batch[:-1]), strict=False):
            if one not in (1, other) and other != 1:
                raise ValueError(f"MixtureSameFamily: batch shapes {list(weights)} and {list(batch[:-1])} do not match")
        if mixture_distribution._num_events != batch[-1]:
            raise ValueError(
                f"MixtureSameFamily: {mixture_distribution._num_events} weights for {batch[-1]} components"
            )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        count = self._component_distribution.batch_shape[-1]
        components = self._component_distribution.expand((*batch_shape, count))
        return type(self)(self._mixture_distribution.expand(batch_shape), components, self._validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the component's number."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components, along the last batch dimension."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return probs.reshape((*probs.shape, *[1] * len(self.event_shape)))

    @property
    def _component_dim(self) -> int:
        return -1 - len(self.event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights * self.component_distribution.mean).sum(self._component_dim)

    @property
    def variance(self) -> Tensor:
        """The law of total variance."""
        components, dim = self.component_distribution, self._component_dim
        within = (self._weights * components.variance).sum(dim)
        between = (self._weights * (components.mean - self.mean.unsqueeze(dim)).square()).sum(dim)
        return within + between

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value).unsqueeze(self._component_dim)
        log_weights = self.mixture_distribution.logits.log_softmax(-1)
        return (self.component_distribution.log_prob(value) + log_weights).logsumexp(-1)

    def cdf(self, value: Tensor) -> Tensor:
        below = self.component_distribution.cdf(value.unsqueeze(self._component_dim))
        return (below * self.mixture_distribution.probs).sum(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            chosen = self.mixture_distribution.expand(self.batch_shape).sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            dims = len(self.event_shape)
            index = chosen.reshape((*chosen.shape, 1, *[1] * dims))
            index = index.expand((*chosen.shape, 1, *self.event_shape))
            return drawn.gather(self._component_dim, index).squeeze(self._component_dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self.mixture_distribution!r}, {self.component_distribution!r})"
