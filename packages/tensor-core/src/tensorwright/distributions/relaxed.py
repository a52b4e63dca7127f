"""Continuous relaxations of discrete distributions: draws near the corners, differentiable by the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.categorical import Categorical, OverCategories
from tensorwright.distributions.constraints import Constraint
from tensorwright.distributions.discrete import _BinaryParameter, one_of
from tensorwright.distributions.distribution import Distribution
from tensorwright.distributions.location_scale import Parameter, _open_uniform
from tensorwright.distributions.transformed import TransformedDistribution
from tensorwright.distributions.transforms import ExpTransform, SigmoidTransform
from tensorwright.distributions.utils import broadcast_all, broadcast_shapes, clamp_probs

PARAMETERS: dict[str, Constraint] = {"probs": constraints.unit_interval, "logits": constraints.real}
VECTORS: dict[str, Constraint] = {"probs": constraints.simplex, "logits": constraints.real_vector}


class _Softened(TransformedDistribution):
    """A relaxed variable, of the distribution of its logarithm or log odds."""

    base_dist: LogitRelaxedBernoulli | ExpRelaxedCategorical

    @property
    def temperature(self) -> Parameter:
        """How soft the draws are."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities; log odds of a single one."""
        return self.base_dist.logits


class LogitRelaxedBernoulli(_BinaryParameter, Distribution):
    """The log odds of a RelaxedBernoulli variable (Maddison, Mnih and Teh 2017)."""

    arg_constraints: ClassVar[dict[str, Constraint]] = PARAMETERS
    support: Constraint = constraints.real
    has_rsample = True

    def __init__(
        self,
        temperature: Parameter,
        probs: Parameter | None = None,
        logits: Parameter | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        if one_of("RelaxedBernoulli", probs, logits):
            (self.probs,) = broadcast_all(probs)  # type: ignore[arg-type]
        else:
            (self.logits,) = broadcast_all(logits)  # type: ignore[arg-type]
        super().__init__(self.param_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> LogitRelaxedBernoulli:
        name = "probs" if "probs" in vars(self) else "logits"
        value = getattr(self, name).expand(batch_shape)
        return LogitRelaxedBernoulli(self.temperature, **{name: value}, validate_args=self._validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(_open_uniform(probs, shape))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        difference = logits - value * self.temperature
        temperature = tw.as_tensor(self.temperature, dtype=difference.dtype)
        return temperature.log() + difference - 2 * tw.ops.softplus(difference, 1, float("inf"))


class RelaxedBernoulli(_Softened):
    """A variable in (0, 1) that nears a Bernoulli one as ``temperature`` nears 0."""

    arg_constraints: ClassVar[dict[str, Constraint]] = PARAMETERS
    support: Constraint = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        temperature: Parameter,
        probs: Parameter | None = None,
        logits: Parameter | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(OverCategories):
    """The logarithm of a RelaxedOneHotCategorical variable (Maddison, Mnih and Teh 2017)."""

    arg_constraints: ClassVar[dict[str, Constraint]] = VECTORS
    support: Constraint = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Parameter,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> ExpRelaxedCategorical:
        logits = self.logits.expand((*batch_shape, *self.event_shape))
        return ExpRelaxedCategorical(self.temperature, logits=logits, validate_args=self._validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = clamp_probs(_open_uniform(self.logits, self._extended_shape(sample_shape)))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores.log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        shape = broadcast_shapes(self.logits.shape, value.shape)
        k = self.event_shape[0]
        temperature = tw.as_tensor(self.temperature, dtype=value.dtype)
        scale = tw.full((), float(k), dtype=value.dtype).lgamma() + (k - 1) * temperature.log()
        score = (self.logits.expand(shape) - value * temperature).log_softmax(-1)
        return score.sum(-1) + scale


class RelaxedOneHotCategorical(_Softened):
    """A variable on the simplex that nears a one-hot one as ``temperature`` nears 0."""

    arg_constraints: ClassVar[dict[str, Constraint]] = VECTORS
    support: Constraint = constraints.simplex
    has_rsample = True

    def __init__(
        self,
        temperature: Parameter,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
