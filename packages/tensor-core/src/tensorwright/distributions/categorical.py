"""Distributions over categories: Categorical, one-hot forms, Multinomial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.discrete import one_of
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.utils import broadcast_shapes, clamp_probs, lazy_property


class Categorical(Distribution):
    """Category i with probability proportional to ``probs[..., i]``, or to e^``logits[..., i]``."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        given = probs if one_of("Categorical", probs, logits) else logits
        assert given is not None
        if given.ndim < 1:
            raise ValueError("Categorical: the parameter must have at least one dimension")
        if probs is not None:
            self.probs = probs / probs.sum(-1, True)
        else:
            self.logits = given - given.logsumexp(-1, True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return clamp_probs(self.probs).log()

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.softmax(-1)

    @property
    def _param(self) -> Tensor:
        return self.probs if "probs" in vars(self) else self.logits

    @property
    def param_shape(self) -> tw.Size:
        """The shape of the parameter, categories last."""
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return tw.full(self.batch_shape, float("nan"), dtype=self.probs.dtype, device=self.probs.device)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self.mean

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            count = tw.Size(sample_shape).numel()
            rows = self.probs.reshape((-1, self._num_events))
            if count == 0 or rows.shape[0] == 0:
                return tw.zeros(self._extended_shape(sample_shape), dtype=tw.int64)
            drawn = tw.multinomial(rows, count, True)
            return drawn.t().reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        index = self._checked(value).to(tw.int64).unsqueeze(-1)
        shape = broadcast_shapes(index.shape[:-1], self.batch_shape)
        logits = self.logits.expand((*shape, self._num_events))
        return logits.gather(-1, index.expand((*shape, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp_min(tw.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(tw.arange(self._num_events, device=self._param.device), expand)


class OverCategories(Distribution):
    """What is made of draws of the distribution ``_categorical``."""

    _categorical: Categorical

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> tw.Size:
        """The shape of the parameter, categories last."""
        return self._categorical.param_shape


class OneHotCategorical(OverCategories):
    """A categorical distribution whose values are vectors with a single 1."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    support: Constraint = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _one_hot(self, index: Tensor) -> Tensor:
        size = self._event_shape[-1]
        zeros = tw.zeros((*index.shape, size), dtype=self.probs.dtype, device=self.probs.device)
        return zeros.scatter(-1, index.unsqueeze(-1), 1.0)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        values = tw.eye(n, dtype=self.probs.dtype, device=self.probs.device)
        values = values.reshape((n, *[1] * len(self.batch_shape), n))
        return values.expand((n, *self.batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot draws whose gradient is that of the probabilities (Bengio et al. 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        probs = self.probs
        return self.sample(sample_shape) + (probs - probs.detach())


class Multinomial(OverCategories):
    """How often each category comes in ``total_count`` draws."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("Multinomial: total_count must be an int, the same for the whole batch")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with tw.no_grad():
            shape = self._extended_shape(sample_shape)
            drawn = self._categorical.sample((*sample_shape, self.total_count)).movedim(len(tuple(sample_shape)), -1)
            counts = tw.zeros(shape, dtype=self.probs.dtype, device=self.probs.device)
            return counts.scatter_add(-1, drawn, tw.ones(drawn.shape, dtype=counts.dtype, device=counts.device))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        logits = self.logits.expand(broadcast_shapes(self.logits.shape, value.shape))
        powers = tw.where((value == 0) & (logits == -float("inf")), 0.0, logits) * value
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + powers.sum(-1)

    def entropy(self) -> Tensor:
        """-E[log p] over the binomial counts of each category."""
        n, p = self.total_count, self.probs
        k = tw.arange(1, n + 1, dtype=p.dtype, device=p.device).reshape((-1, *[1] * p.ndim))
        choices = tw.tensor(n + 1.0, dtype=p.dtype).lgamma() - (k + 1).lgamma() - (n - k + 1).lgamma()
        weights = (choices + tw.xlogy(k, p) + tw.special.xlog1py(n - k, -p)).exp()
        expected = (weights * (k + 1).lgamma()).sum((0, -1))
        return n * self._categorical.entropy() - tw.tensor(n + 1.0, dtype=p.dtype).lgamma() + expected
