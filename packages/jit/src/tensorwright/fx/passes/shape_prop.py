"""Shapes and dtypes of a graph's values, by running it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorwright as tw
from tensorwright import Tensor
from tensorwright.fx.interpreter import Interpreter
from tensorwright.fx.node import Node, map_aggregate


class TensorMetadata(NamedTuple):
    """What a value of the graph was when it ran."""

    shape: tw.Size
    dtype: tw.dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any = None
    is_quantized: bool = False
    qparams: Mapping[str, Any] = {}


def _described(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        return None
    needs = bool(getattr(leaf, "requires_grad", False))
    return TensorMetadata(leaf.shape, leaf.dtype, needs, tuple(leaf.stride()))


def _type_text(tensor: Tensor) -> str:
    dtype = repr(tensor.dtype).rpartition(".")[2]
    device = "" if tensor.device.type == "cpu" else f", {tensor.device.type}"
    return f"tensor<{dtype}, [{', '.join(map(str, tensor.shape))}]{device}>"


class ShapeProp(Interpreter):
    """Runs a graph and writes into each node's ``meta`` what its value was: ``tensor_meta`` and ``type``.

    The graph's own types are set as well. Tensors of the device ``meta`` do without any computing.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright import fx
        >>> module = fx.symbolic_trace(lambda x: x @ x.t())
        >>> ShapeProp(module).propagate(tw.empty(2, 3, device="meta")).shape
        (2, 2)
        >>> [tuple(node.meta["tensor_meta"].shape) for node in module.graph.nodes]
        [(2, 3), (3, 2), (2, 2), (2, 2)]
    """

    def run_node(self, n: Node) -> Any:
        """The value of one node, noted."""
        value = super().run_node(n)
        described = map_aggregate(value, _described)
        if isinstance(described, TensorMetadata) or described:
            n.meta["tensor_meta"] = described
        n.meta["type"] = type(value)
        if isinstance(value, Tensor) and n.op != "output":
            self.graph._native("set_type", n._number, _type_text(value))
        return value

    def propagate(self, *args: Any) -> Any:
        """What the graph gives for these arguments."""
        return super().run(*args)
