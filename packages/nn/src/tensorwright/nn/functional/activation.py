"""Pointwise nonlinearities and the softmaxes."""

from __future__ import annotations

from tensorwright import Tensor, ops


def _place(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return input.copy_(result) if inplace else result


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return input.relu_() if inplace else ops.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else ``negative_slope`` x."""
    return _place(input, ops.leaky_relu(input, negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else ``alpha`` (exp(x) - 1)."""
    return _place(input, ops.elu(input, alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalising ELU (Klambauer et al. 2017)."""
    return _place(input, ops.selu(input), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else ``alpha`` (exp(x / alpha) - 1)."""
    return _place(input, ops.celu(input, alpha), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x); ``approximate="tanh"`` for the tanh form."""
    return ops.gelu(input, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x)."""
    return _place(input, ops.silu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x))."""
    return _place(input, ops.mish(input), inplace)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return ops.tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(``beta`` x)) / ``beta``, and x itself where ``beta`` x exceeds ``threshold``."""
    return ops.softplus(input, beta, threshold)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]."""
    return _place(input, ops.hardtanh(input, min_val, max_val), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]."""
    return _place(input, ops.relu6(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x relu6(x + 3) / 6."""
    return _place(input, ops.hardswish(input), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return _place(input, ops.hardsigmoid(input), inplace)


def softmax(input: Tensor, dim: int) -> Tensor:
    """exp(x) over its sum along ``dim``."""
    return ops.softmax(input, dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """Logarithm of the softmax along ``dim``, computed without overflow."""
    return ops.log_softmax(input, dim)


def softmin(input: Tensor, dim: int) -> Tensor:
    """exp(-x) over its sum along ``dim``."""
    return ops.softmax(-input, dim)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), computed without overflow."""
    return ops.log_sigmoid(input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return ops.softsign(input)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return ops.tanhshrink(input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Zero within [-``lambd``, ``lambd``], x outside."""
    return ops.hardshrink(input, lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Zero within [-``lambd``, ``lambd``], x moved towards zero by ``lambd`` outside."""
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    return ops.softshrink(input, lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where above ``threshold``, else ``value``."""
    return _place(input, ops.threshold(input, threshold, value), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else ``weight`` x, with one weight or one for each channel."""
    return ops.prelu(input, weight)


def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where positive, else a slope times x, drawn from [``lower``, ``upper``] in training, else their mean."""
    return _place(input, ops.rrelu(input, lower, upper, training), inplace)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of ``dim`` times the sigmoid of the second half."""
    return ops.glu(input, dim)


def relu_(input: Tensor) -> Tensor:
    """``relu`` in place."""
    return input.relu_()


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """``leaky_relu`` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``elu`` in place."""
    return elu(input, alpha, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``celu`` in place."""
    return celu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """``selu`` in place."""
    return selu(input, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``hardtanh`` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """``threshold`` in place."""
    return _place(input, ops.threshold(input, threshold, value), True)


def rrelu_(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """``rrelu`` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, dim: int = -1) -> Tensor:
    """A differentiable draw of a category: the softmax of (``logits`` + Gumbel noise) / ``tau`` (Jang et al. 2017).

    With ``hard`` the result is one-hot, and its gradient that of the softmax.
    """
    noise = -ops.empty_like(logits.detach()).exponential_().log()
    soft = ops.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    one_hot = ops.zeros_like(logits.detach()).scatter(dim, index, 1.0)
    return one_hot - soft.detach() + soft
