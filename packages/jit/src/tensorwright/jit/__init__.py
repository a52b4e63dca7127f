"""The graph: capture programs, read and change them, run them.

Example:
    >>> import tensorwright as tw
    >>> print(tw.jit.trace(lambda x, y: x @ y, (tw.ones(2, 3), tw.ones(3))).graph.splitlines()[0])
    func @forward(%x: tensor<float32, [2, 3]>, %y: tensor<float32, [3]>) {
"""

from tensorwright.jit._archive import load as load
from tensorwright.jit._archive import save as save
from tensorwright.jit._compile.backends import list_backends as list_backends
from tensorwright.jit._compile.compiled import CompileWarning as CompileWarning
from tensorwright.jit._compile.compiled import compile as compile
from tensorwright.jit._program import Program as Program
from tensorwright.jit._program import parse as parse
from tensorwright.jit._trace import Captured as Captured
from tensorwright.jit._trace import TracerWarning as TracerWarning
from tensorwright.jit._trace import TracingCheckError as TracingCheckError
from tensorwright.jit._trace import make_graph as make_graph
from tensorwright.jit._trace import trace as trace

__all__ = [
    "Captured", "CompileWarning", "Program", "TracerWarning", "TracingCheckError", "compile", "list_backends", "load",
    "make_graph", "parse", "save", "trace",
]  # fmt: skip
