"""Graphs of the ops that ran: the dispatch trace, as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorwright import jit
from tensorwright._tree import Structure
from tensorwright.fx._code import CodeGen
from tensorwright.fx.graph import Graph
from tensorwright.fx.graph_module import GraphModule


def make_graph(func: Callable[..., Any], *args: Any) -> GraphModule:
    """The primitive ops that a function runs on these arguments, as a module: gradients and transforms inside of it
    are nodes like any other. The graph is that of :func:`tensorwright.jit.make_graph`.

    Args:
        func: takes and returns tensors; returned tuples, lists and dicts keep their form. Nested arguments are
            parameters one by one.
        args: what it runs on.

    Example:
        >>> import tensorwright as tw
        >>> slope = make_graph(tw.func.grad(lambda x: x.sin().sum()), tw.ones(3))
        >>> [node.name for node in slope.graph.find_nodes(op="call_function", target=tw.cos)]
        ['cos']
        >>> bool((slope(tw.zeros(3)) == 1).all())
        True
    """
    captured = jit.make_graph(func, *args)
    return module_of(captured)


def module_of(captured: jit.Captured) -> GraphModule:
    """A captured function as a module over the same graph: what is changed in it, the captured function does too.

    Example:
        >>> import tensorwright as tw
        >>> captured = tw.jit.trace(lambda x: {"y": x + 1}, tw.ones(2))
        >>> module_of(captured)(tw.zeros(2))["y"].tolist()
        [1.0, 1.0]
    """
    graph = Graph.over(captured)
    graph.set_codegen(NestedOutput(captured.output))
    return GraphModule(captured.program.attributes, graph, "Captured")


class NestedOutput(CodeGen):
    """Gives flat results in the form that the captured function had."""

    def __init__(self, structure: Structure) -> None:
        super().__init__()
        self._structure = structure
        self._is_flat = structure.kind is None

    def generate_output(self, output_args: str) -> str:
        """The results in that form."""
        return super().generate_output(output_args if self._is_flat else f"_nested({output_args})")

    def additional_globals(self) -> list[tuple[str, Any]]:
        """What makes that form."""
        return [] if self._is_flat else [("_nested", self.process_outputs)]

    def process_outputs(self, outputs: Any) -> Any:
        """The results in that form."""
        return self._structure.build((outputs,) if self._is_flat else outputs)
