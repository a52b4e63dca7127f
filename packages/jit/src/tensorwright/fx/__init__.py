"""Graphs that Python code can make, look at, change, print as code and run: torch.fx's names, over the one graph.

Example:
    >>> import tensorwright as tw
    >>> from tensorwright import fx
    >>> module = fx.symbolic_trace(lambda x: tw.relu(x) + 1)
    >>> for node in module.graph.nodes:
    ...     if node.target is tw.relu:
    ...         node.target = tw.sin
    >>> _ = module.recompile()
    >>> print(module.code.strip())
    def forward(self, x):
        relu = tw.sin(x);  x = None
        add = relu + 1;  relu = None
        return add
"""

from tensorwright.fx._capture import make_graph as make_graph
from tensorwright.fx._code import CodeGen as CodeGen
from tensorwright.fx._code import PythonCode as PythonCode
from tensorwright.fx._control import ControlFlow as ControlFlow
from tensorwright.fx._control import check_that as check_that
from tensorwright.fx._inputs import PH as PH
from tensorwright.fx._symbolic_trace import Tracer as Tracer
from tensorwright.fx._symbolic_trace import symbolic_trace as symbolic_trace
from tensorwright.fx._symbolic_trace import wrap as wrap
from tensorwright.fx._tracer_base import GraphAppendingTracer as GraphAppendingTracer
from tensorwright.fx._tracer_base import TracerBase as TracerBase
from tensorwright.fx.graph import Graph as Graph
from tensorwright.fx.graph_module import GraphModule as GraphModule
from tensorwright.fx.interpreter import Interpreter as Interpreter
from tensorwright.fx.interpreter import Transformer as Transformer
from tensorwright.fx.node import Node as Node
from tensorwright.fx.node import has_side_effect as has_side_effect
from tensorwright.fx.node import map_aggregate as map_aggregate
from tensorwright.fx.node import map_arg as map_arg
from tensorwright.fx.proxy import Attribute as Attribute
from tensorwright.fx.proxy import ParameterProxy as ParameterProxy
from tensorwright.fx.proxy import Proxy as Proxy
from tensorwright.fx.proxy import TraceError as TraceError
from tensorwright.fx.subgraph_rewriter import replace_pattern as replace_pattern
from tensorwright.fx.subgraph_rewriter import replace_pattern_with_filters as replace_pattern_with_filters

__all__ = [
    "PH",
    "Attribute",
    "CodeGen",
    "ControlFlow",
    "Graph",
    "GraphAppendingTracer",
    "GraphModule",
    "Interpreter",
    "Node",
    "ParameterProxy",
    "Proxy",
    "PythonCode",
    "TraceError",
    "Tracer",
    "TracerBase",
    "Transformer",
    "check_that",
    "has_side_effect",
    "make_graph",
    "map_aggregate",
    "map_arg",
    "replace_pattern",
    "replace_pattern_with_filters",
    "symbolic_trace",
    "wrap",
]
