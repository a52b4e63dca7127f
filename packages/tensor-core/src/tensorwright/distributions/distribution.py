"""What all distributions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.distributions import constraints
from tensorwright.distributions.utils import broadcast_shapes, lazy_property


class Distribution:
    """A batch of distributions: ``batch_shape`` of them, each of events of shape ``event_shape``.

    Parameters and values are checked against ``arg_constraints`` and ``support`` unless ``validate_args`` is false.
    """

    has_rsample: ClassVar[bool] = False
    has_enumerate_support: ClassVar[bool] = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check parameters and values."""
        if value not in (True, False):
            raise ValueError(f"validate_args must be True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = tw.Size(batch_shape), tw.Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in self._constraints().items():
            if constraints.is_dependent(constraint) or (
                name not in vars(self) and isinstance(getattr(type(self), name, None), lazy_property)
            ):
                continue  # what was not given is not computed for the sake of a check
            value = getattr(self, name)
            if not bool(constraint.check(value).all()):
                raise ValueError(
                    f"{type(self).__name__}: parameter {name} of shape {list(value.shape)} must satisfy "
                    f"{constraint!r}, got {value}"
                )

    def _constraints(self) -> dict[str, constraints.Constraint]:
        return self.arg_constraints  # type: ignore[no-any-return]

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distributions repeated to a larger batch, without copying parameters."""
        new = type(self).__new__(type(self)) if _instance is None else _instance
        shape = tw.Size(batch_shape)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                event_dims = value.ndim - len(self._batch_shape)
                vars(new)[name] = value.expand((*shape, *value.shape[value.ndim - event_dims :]))
            elif isinstance(value, Distribution):
                vars(new)[name] = value.expand(shape)
            else:
                vars(new)[name] = value
        new._batch_shape = shape
        return new

    @property
    def batch_shape(self) -> tw.Size:
        """The shape over which parameters are batched."""
        return self._batch_shape

    @property
    def event_shape(self) -> tw.Size:
        """The shape of a single sample."""
        return self._event_shape

    @property
    def arg_constraints(self) -> Any:
        """The constraint of each parameter."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The constraint of values."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise NotImplementedError(f"{type(self).__name__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of shape ``sample_shape`` + ``batch_shape`` + ``event_shape``, without gradients."""
        with tw.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that are differentiable functions of the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no reparameterised sampler; use sample()")

    def sample_n(self, n: int) -> Tensor:
        """``n`` draws."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density or probability of ``value``."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to ``value``."""
        raise NotImplementedError(f"{type(self).__name__} does not implement cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of the distribution function."""
        raise NotImplementedError(f"{type(self).__name__} does not implement icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} does not implement enumerate_support")

    def entropy(self) -> Tensor:
        """The expected value of -log_prob."""
        raise NotImplementedError(f"{type(self).__name__} does not implement entropy")

    def perplexity(self) -> Tensor:
        """e to the power of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> tw.Size:
        return tw.Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        values = values.reshape((-1, *[1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def _validate_sample(self, value: Tensor) -> None:
        """ValueError if a value has the wrong shape or lies outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError(f"{type(self).__name__}: the value must be a tensor, got {type(value).__name__}")
        event_dims = len(self._event_shape)
        if value.ndim < event_dims or tuple(value.shape[value.ndim - event_dims :]) != tuple(self._event_shape):
            raise ValueError(
                f"{type(self).__name__}: the last dimensions of the value must be the event shape "
                f"{list(self._event_shape)}, got {list(value.shape)}"
            )
        broadcast_shapes(value.shape, self._batch_shape + self._event_shape)
        support = self.support
        if constraints.is_dependent(support) or bool(support.check(value).all()):
            return
        raise ValueError(f"{type(self).__name__}: the value must lie in the support {support!r}, got {value}")

    def _checked(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        names = [name for name in self._constraints() if isinstance(vars(self).get(name), Tensor)]
        parts = []
        for name in names:
            value = vars(self)[name]
            parts.append(f"{name}: {value if value.numel() == 1 else tuple(value.shape)}")
        return f"{type(self).__name__}({', '.join(parts)})"


class ExponentialFamily(Distribution):
    """Distributions with density exp(<t(x), theta> - F(theta) + k(x)) (Nielsen and Garcia 2009).

    A class of it gives the natural parameters theta, the log normaliser F and the mean of the carrier measure k;
    entropy and divergence follow from the gradient of F, which takes autograd.
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not implement entropy")

    def entropy(self) -> Tensor:
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*params)
        gradients = tw.autograd.grad(normalizer.sum(), params, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        for param, gradient in zip(params, gradients, strict=True):
            assert gradient is not None
            product = param * gradient
            result = result - product.reshape((*self._batch_shape, -1)).sum(-1)
        return result
