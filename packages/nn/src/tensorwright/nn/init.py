"""Initial values of parameters, written in place; each function returns its argument."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.extend import check_tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Factor by which to widen a layer's initial weights in front of ``nonlinearity``.

    Example:
        >>> calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else float(param)
        return math.sqrt(2.0 / (1 + slope**2))
    gains = dict.fromkeys(("sigmoid", "linear", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3))), 1.0)
    gains |= {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 0.75}
    if nonlinearity not in gains:
        known = ", ".join(sorted([*gains, "leaky_relu"]))
        raise ValueError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known: {known}")
    return gains[nonlinearity]


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Connections into and out of one unit of a weight [out, in, *kernel].

    Raises:
        ValueError: fewer than two dimensions.
    """
    check_tensor("init", "tensor", tensor)
    if tensor.ndim < 2:
        raise ValueError(f"init: fan-in and fan-out need at least 2 dimensions, got shape {list(tensor.shape)}")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


_calculate_fan_in_and_fan_out = fan_in_and_fan_out  # the name that code written for PyTorch imports


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: tw.Generator | None = None) -> Tensor:
    """Draw from U(a, b)."""
    check_tensor("uniform_", "tensor", tensor)
    with tw.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: tw.Generator | None = None) -> Tensor:
    """Draw from N(mean, std^2)."""
    check_tensor("normal_", "tensor", tensor)
    with tw.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: tw.Generator | None = None,
) -> Tensor:
    """Draw from N(mean, std^2) limited to [a, b], by inverting the distribution function."""
    check_tensor("trunc_normal_", "tensor", tensor)

    def distribution(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    low, high = distribution((a - mean) / std), distribution((b - mean) / std)
    with tw.no_grad():
        tensor.uniform_(2 * low - 1, 2 * high - 1, generator=generator)
        tensor.erfinv_()
        tensor.mul_(std * math.sqrt(2.0)).add_(mean)
        return tensor.clamp_(min=a, max=b)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    check_tensor("constant_", "tensor", tensor)
    with tw.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity, for a matrix."""
    check_tensor("eye_", "tensor", tensor)
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected 2 dimensions, got shape {list(tensor.shape)}")
    with tw.no_grad():
        return tensor.copy_(tw.eye(tensor.shape[0], tensor.shape[1], dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel [out, in, *window] of a convolution that passes its input channels on."""
    check_tensor("dirac_", "tensor", tensor)
    if not 3 <= tensor.ndim <= 5:
        raise ValueError(f"dirac_: expected 3 to 5 dimensions, got shape {list(tensor.shape)}")
    if tensor.shape[0] % groups:
        raise ValueError(f"dirac_: groups={groups} does not divide {tensor.shape[0]} output channels")
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with tw.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.shape[1])):
                tensor[(group * per_group + channel, channel, *centre)] = 1.0
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: tw.Generator | None = None) -> Tensor:
    """U(-k, k), k = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6.0 / sum(fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: tw.Generator | None = None) -> Tensor:
    """N(0, gain^2 2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fan_in_and_fan_out(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: tw.Generator | None = None,
) -> Tensor:
    """U(-k, k), k = gain sqrt(3 / fan) (He et al. 2015)."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: tw.Generator | None = None,
) -> Tensor:
    """N(0, gain^2 / fan) (He et al. 2015)."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: tw.Generator | None = None) -> Tensor:
    """A matrix with orthogonal rows or columns, the further dimensions flattened (Saxe et al. 2014)."""
    check_tensor("orthogonal_", "tensor", tensor)
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: expected at least 2 dimensions, got shape {list(tensor.shape)}")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with tw.no_grad():
        drawn = tw.empty(max(rows, columns), min(rows, columns), dtype=tensor.dtype).normal_(generator=generator)
        q, r = tw.linalg.qr(drawn)
        q = q * r.diagonal().sign()  # makes the distribution uniform over orthogonal matrices
        return tensor.copy_((q.T if rows < columns else q).reshape(tensor.shape)).mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: tw.Generator | None = None) -> Tensor:
    """N(0, std^2) in a matrix, with a share ``sparsity`` of each column set to 0 (Martens 2010)."""
    check_tensor("sparse_", "tensor", tensor)
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: expected 2 dimensions, got shape {list(tensor.shape)}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0.0, std, generator)
    with tw.no_grad():
        for column in range(columns):
            tensor[tw.randperm(rows, generator=generator)[:zeros], column] = 0.0
    return tensor


# ---- older names -----------------------------------------------------------------------------------------

Initializer = Callable[..., Tensor]


def _older_name(function: Initializer) -> Initializer:
    new = function.__name__

    @functools.wraps(function)
    def deprecated(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"nn.init.{new[:-1]} is deprecated; use nn.init.{new}", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    deprecated.__name__ = new[:-1]
    return deprecated


uniform: Initializer = _older_name(uniform_)
normal: Initializer = _older_name(normal_)
constant: Initializer = _older_name(constant_)
eye: Initializer = _older_name(eye_)
dirac: Initializer = _older_name(dirac_)
xavier_uniform: Initializer = _older_name(xavier_uniform_)
xavier_normal: Initializer = _older_name(xavier_normal_)
kaiming_uniform: Initializer = _older_name(kaiming_uniform_)
kaiming_normal: Initializer = _older_name(kaiming_normal_)
orthogonal: Initializer = _older_name(orthogonal_)
sparse: Initializer = _older_name(sparse_)
