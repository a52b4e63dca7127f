"""Activation functions as layers."""

from __future__ import annotations

import tensorwright as tw
from tensorwright import Tensor

from . import functional as F
from ._module import Module
from ._parameter import Parameter
from .init import constant_


class _Activation(Module[[Tensor], Tensor]):
    """Shows the attributes named in ``shown``; ``inplace`` only where it is set."""

    shown: tuple[str, ...] = ()
    inplace: bool

    def extra_repr(self) -> str:
        """Constructor arguments."""
        parts = [f"{name}={getattr(self, name)!r}" for name in self.shown]
        return ", ".join([*parts, "inplace=True"] if self.__dict__.get("inplace") else parts)


class _InPlaceActivation(_Activation):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlaceActivation):
    """max(x, 0).

    Example:
        >>> import tensorwright as tw
        >>> ReLU()(tw.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.relu(input, self.inplace)


class ReLU6(_InPlaceActivation):
    """x limited to [0, 6]."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.relu6(input, self.inplace)


class SELU(_InPlaceActivation):
    """Self-normalising ELU (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.selu(input, self.inplace)


class SiLU(_InPlaceActivation):
    """x sigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.silu(input, self.inplace)


class Mish(_InPlaceActivation):
    """x tanh(softplus(x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.mish(input, self.inplace)


class Hardswish(_InPlaceActivation):
    """x relu6(x + 3) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.hardswish(input, self.inplace)


class Hardsigmoid(_InPlaceActivation):
    """relu6(x + 3) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.hardsigmoid(input, self.inplace)


class LeakyReLU(_Activation):
    """x where positive, else ``negative_slope`` x."""

    negative_slope: float
    inplace: bool

    shown: tuple[str, ...] = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class ELU(_Activation):
    """x where positive, else ``alpha`` (exp(x) - 1)."""

    alpha: float
    inplace: bool

    shown: tuple[str, ...] = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Activation):
    """x where positive, else ``alpha`` (exp(x / alpha) - 1)."""

    alpha: float
    inplace: bool

    shown: tuple[str, ...] = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.celu(input, self.alpha, self.inplace)


class Hardtanh(_Activation):
    """x limited to [min_val, max_val]."""

    min_val: float
    max_val: float
    inplace: bool

    shown: tuple[str, ...] = ("min_val", "max_val")

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,  # older names of the first two
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        min_val = min_val if min_value is None else min_value
        max_val = max_val if max_value is None else max_value
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val must be below max_val, got {min_val} and {max_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class GELU(_Activation):
    """x Phi(x); ``approximate="tanh"`` for the tanh form."""

    shown: tuple[str, ...] = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.gelu(input, self.approximate)


class Softplus(_Activation):
    """log(1 + exp(``beta`` x)) / ``beta``."""

    beta: float
    threshold: float

    shown: tuple[str, ...] = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.softplus(input, self.beta, self.threshold)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.sigmoid(input)


class Tanh(_Activation):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.tanh(input)


class Softmax(_Activation):
    """exp(x) over its sum along ``dim``."""

    shown: tuple[str, ...] = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.softmax(input, self.dim, 5)


class LogSoftmax(Softmax):
    """Logarithm of the softmax along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.log_softmax(input, self.dim, 5)


class Softmin(Softmax):
    """Softmax of -x along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.softmin(input, self.dim, 5)


class Softmax2d(Module[[Tensor], Tensor]):
    """Softmax over the channels of images [N, C, H, W] or [C, H, W]."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected [N, C, H, W] or [C, H, W], got shape {list(input.shape)}")
        return F.softmax(input, -3)


class LogSigmoid(_Activation):
    """log(sigmoid(x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.logsigmoid(input)


class Softsign(_Activation):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.softsign(input)


class Tanhshrink(_Activation):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.tanhshrink(input)


class Hardshrink(Module[[Tensor], Tensor]):
    """x where |x| exceeds ``lambd``, else 0."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return str(self.lambd)


class Softshrink(Hardshrink):
    """x moved towards 0 by ``lambd``, or 0 where |x| is smaller."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.softshrink(input, self.lambd)


class Threshold(_Activation):
    """x where it exceeds ``threshold``, else ``value``."""

    threshold: float
    value: float
    inplace: bool

    shown: tuple[str, ...] = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.threshold(input, self.threshold, self.value, self.inplace)


class GLU(_Activation):
    """The first half along ``dim`` times the sigmoid of the second (Dauphin et al. 2017)."""

    shown: tuple[str, ...] = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """The input's shape, halved along ``dim``."""
        return F.glu(input, self.dim)


class RReLU(_Activation):
    """x where positive, else x times a slope: random in training (Xu et al. 2015)."""

    lower: float
    upper: float
    inplace: bool

    shown: tuple[str, ...] = ("lower", "upper")

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class PReLU(_Activation):
    """x where positive, else a learned multiple of x (He et al. 2015).

    Args:
        num_parameters: 1, or the number of channels (dimension 1).
        init: where the slopes start.
    """

    num_parameters: int
    init: float
    weight: Parameter

    shown: tuple[str, ...] = ("num_parameters",)

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(tw.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Slopes back to where they start."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Same shape as the input."""
        return F.prelu(input, self.weight)
