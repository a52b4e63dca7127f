"""Recurrent layers over sequences, whole or packed."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import tensorwright as tw
from tensorwright import Tensor, ops

from . import init
from ._module import Module
from ._parameter import Parameter
from ._signatures import SequenceT, State
from .utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module[..., tuple[Any, State]]):
    """The base of RNN, LSTM and GRU: weights of all layers and directions, and what they are called with.

    Args:
        mode: ``"LSTM"``, ``"GRU"``, ``"RNN_TANH"`` or ``"RNN_RELU"``.
        input_size: features of the input.
        hidden_size: H, features of the state.
        num_layers: layers, each reading the one below.
        bias: learn biases.
        batch_first: inputs and outputs are [N, T, features] instead of [T, N, features].
        dropout: probability of dropping an output of a layer but the last, in training.
        bidirectional: read the sequence in both directions; outputs are joined.
        proj_size: size that the hidden state of an LSTM is projected to, if not 0 (Sak et al. 2014).
    """

    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__()
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._check_options()
        self._weight_names: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_weights(layer, f"_l{layer}{suffix}", device, dtype)
        self.reset_parameters()

    def _check_options(self) -> None:
        name = type(self).__name__
        if self.mode not in _GATES:
            raise ValueError(f"{name}: mode must be one of {', '.join(_GATES)}, got {self.mode!r}")
        if isinstance(self.dropout, bool) or not 0.0 <= self.dropout <= 1.0:
            raise ValueError(f"{name}: dropout must be in [0, 1], got {self.dropout}")
        if self.hidden_size <= 0 or self.num_layers <= 0:
            raise ValueError(
                f"{name}: hidden_size and num_layers must be positive, got {self.hidden_size} and {self.num_layers}"
            )
        if self.proj_size and (self.mode != "LSTM" or not 0 < self.proj_size < self.hidden_size):
            raise ValueError(
                f"{name}: proj_size is for LSTM and must be below hidden_size={self.hidden_size}, got {self.proj_size}"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout is between layers, and there is only one layer: dropout={self.dropout} does nothing",
                stacklevel=4,
            )

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _add_weights(self, layer: int, suffix: str, device: tw.device | str | None, dtype: tw.dtype | None) -> None:
        rows = _GATES[self.mode] * self.hidden_size
        inputs = self.input_size if layer == 0 else self._output_size * self._directions
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self._output_size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            self.register_parameter(name + suffix, Parameter(tw.empty(shape, device=device, dtype=dtype)))
        self._weight_names.append([name + suffix for name in shapes])

    def reset_parameters(self) -> None:
        """Draw new weights from U(-1/sqrt(H), 1/sqrt(H))."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: weights need no particular place in memory here."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """Weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._weight_names]

    # ---- calling -----------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        def __call__(self, input: SequenceT, hx: State | None = None) -> tuple[SequenceT, State]: ...

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Outputs of the last layer, and the last state of every layer and direction."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: expected an input of 2 or 3 dimensions, the last {self.input_size}, "
                f"got {list(input.shape)}"
            )
        if input.ndim == 2:  # one sequence [T, features]
            hx = None if hx is None else self._map_state(hx, lambda t: t.unsqueeze(1))
            batch = input.unsqueeze(0 if self.batch_first else 1)
            output, state = self._call(batch, None, self._initial(hx, 1, input))
            return output.squeeze(0 if self.batch_first else 1), self._map_state(state, lambda t: t.squeeze(1))
        samples = input.shape[0 if self.batch_first else 1]
        return self._call(input, None, self._initial(hx, samples, input))

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> Any:
        if hx is not None and packed.sorted_indices is not None:
            hx = self.permute_hidden(hx, packed.sorted_indices)
        samples = int(packed.batch_sizes[0].item())
        output, state = self._call(packed.data, packed.batch_sizes, self._initial(hx, samples, packed.data))
        state = state if packed.unsorted_indices is None else self.permute_hidden(state, packed.unsorted_indices)
        return PackedSequence(output, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices), state

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """A state with its samples in another order."""
        return hx if permutation is None else self._map_state(hx, lambda t: t.index_select(1, permutation))

    def _map_state(self, state: Any, function: Any) -> Any:
        return tuple(function(t) for t in state) if isinstance(state, (tuple, list)) else function(state)

    def _initial(self, hx: Any, samples: int, like: Tensor) -> Any:
        cells = self.num_layers * self._directions
        if hx is not None:
            return hx
        zeros = [
            tw.zeros(cells, samples, size, dtype=like.dtype, device=like.device)
            for size in (self._output_size, self.hidden_size)
        ]
        return tuple(zeros) if self.mode == "LSTM" else zeros[0]

    def _call(self, data: Tensor, batch_sizes: Tensor | None, hx: Any) -> tuple[Tensor, Any]:
        weights = [getattr(self, name) for names in self._weight_names for name in names]
        op = getattr(ops, self.mode.lower())
        state = list(hx) if self.mode == "LSTM" else hx
        shared = (weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            output, *last = op(data, state, *shared, self.batch_first)
        else:
            output, *last = op(data, batch_sizes, state, *shared)
        return output, tuple(last) if self.mode == "LSTM" else last[0]

    def extra_repr(self) -> str:
        """Constructor arguments that are not the defaults."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False
        }  # fmt: skip
        parts += [f"{name}={getattr(self, name)}" for name, value in defaults.items() if getattr(self, name) != value]
        return ", ".join(parts)


class RNN(RNNBase[Tensor]):
    """Layers of h' = tanh(W_ih x + b_ih + W_hh h + b_hh) over sequences (Elman 1990).

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias, batch_first, dropout, bidirectional: as of ``RNNBase``.

    Example:
        >>> output, state = RNN(3, 4)(tw.randn(5, 2, 3))
        >>> output.shape, state.shape
        ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )


class LSTM(RNNBase[tuple[Tensor, Tensor]]):
    """Layers of long short-term memory over sequences (Hochreiter and Schmidhuber 1997); arguments as of ``RNNBase``.

    Example:
        >>> output, (hidden, cell) = LSTM(3, 4, num_layers=2)(tw.randn(5, 2, 3))
        >>> output.shape, hidden.shape, cell.shape
        ((5, 2, 4), (2, 2, 4), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )


class GRU(RNNBase[Tensor]):
    """Layers of gated recurrent units over sequences (Cho et al. 2014); arguments as of ``RNNBase``.

    Example:
        >>> output, state = GRU(3, 4, bidirectional=True)(tw.randn(5, 2, 3))
        >>> output.shape, state.shape
        ((5, 2, 8), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: tw.device | str | None = None,
        dtype: tw.dtype | None = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
