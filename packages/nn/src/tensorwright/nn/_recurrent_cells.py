"""Single steps of recurrent networks."""

from __future__ import annotations

import math

import tensorwright as tw
from tensorwright import Tensor, ops

from . import init
from ._module import Module
from ._parameter import Parameter
from ._signatures import R


class RNNCellBase(Module[..., R]):
    """The base of the cells: weights [chunks * H, I] and [chunks * H, H], and their biases."""

    bias_ih: Parameter | None
    bias_hh: Parameter | None
    input_size: int
    hidden_size: int
    bias: bool

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size

        def learned(*shape: int, wanted: bool = True) -> Parameter | None:
            return Parameter(tw.empty(shape, device=device, dtype=dtype)) if wanted else None

        self.register_parameter("weight_ih", learned(rows, input_size))
        self.register_parameter("weight_hh", learned(rows, hidden_size))
        self.register_parameter("bias_ih", learned(rows, wanted=bias))
        self.register_parameter("bias_hh", learned(rows, wanted=bias))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights from U(-1/sqrt(H), 1/sqrt(H))."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _zeros(self, input: Tensor) -> Tensor:
        return tw.zeros(*input.shape[:-1], self.hidden_size, dtype=input.dtype, device=input.device)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase[Tensor]):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu.

    Example:
        >>> RNNCell(3, 4)(tw.randn(2, 3)).shape
        (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state [N, H] of an input [N, I] and a state, zeros by default."""
        op = ops.rnn_tanh_cell if self.nonlinearity == "tanh" else ops.rnn_relu_cell
        state = self._zeros(input) if hx is None else hx
        return op(input, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def extra_repr(self) -> str:
        """Constructor arguments."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase[tuple[Tensor, Tensor]]):
    """A step of long short-term memory.

    Example:
        >>> hidden, cell = LSTMCell(3, 4)(tw.randn(2, 3))
        >>> hidden.shape, cell.shape
        ((2, 4), (2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next hidden and cell state [N, H]."""
        state = [self._zeros(input), self._zeros(input)] if hx is None else list(hx)
        hidden, cell = ops.lstm_cell(input, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return hidden, cell


class GRUCell(RNNCellBase[Tensor]):
    """A step of a gated recurrent unit.

    Example:
        >>> GRUCell(3, 4)(tw.randn(2, 3)).shape
        (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state [N, H] of an input [N, I] and a state, zeros by default."""
        state = self._zeros(input) if hx is None else hx
        return ops.gru_cell(input, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
