"""The graph: capture programs, read and change them, run them.

Example:
    >>> import tensorwright as tw
    >>> print(tw.jit.trace(lambda x, y: x @ y, (tw.ones(2, 3), tw.ones(3))).graph.splitlines()[0])
    func @forward(%x: tensor<float32, [2, 3]>, %y: tensor<float32, [3]>) {
"""

from tensorwright.jit._archive import add_upgrader as add_upgrader
from tensorwright.jit._archive import load as load
from tensorwright.jit._archive import save as save
from tensorwright.jit._compile.backends import list_backends as list_backends
from tensorwright.jit._compile.compiled import CompileWarning as CompileWarning
from tensorwright.jit._compile.compiled import compile as compile
from tensorwright.jit._passes import FUSION as FUSION
from tensorwright.jit._passes import FusionRuns as FusionRuns
from tensorwright.jit._passes import Pass as Pass
from tensorwright.jit._passes import PlannedRuns as PlannedRuns
from tensorwright.jit._passes import freeze as freeze
from tensorwright.jit._passes import fusion_runs as fusion_runs
from tensorwright.jit._passes import memory_plan as memory_plan
from tensorwright.jit._passes import optimize_for_inference as optimize_for_inference
from tensorwright.jit._passes import passes as passes
from tensorwright.jit._passes import planned_runs as planned_runs
from tensorwright.jit._passes import run_passes as run_passes
from tensorwright.jit._program import Program as Program
from tensorwright.jit._program import parse as parse
from tensorwright.jit._script import Final as Final
from tensorwright.jit._script import FrontendError as FrontendError
from tensorwright.jit._script import ScriptFunction as ScriptFunction
from tensorwright.jit._script import ScriptMethod as ScriptMethod
from tensorwright.jit._script import ScriptModule as ScriptModule
from tensorwright.jit._script import annotate as annotate
from tensorwright.jit._script import export as export
from tensorwright.jit._script import ignore as ignore
from tensorwright.jit._script import is_scripting as is_scripting
from tensorwright.jit._script import script as script
from tensorwright.jit._script import unused as unused
from tensorwright.jit._trace import Captured as Captured
from tensorwright.jit._trace import TracerWarning as TracerWarning
from tensorwright.jit._trace import TracingCheckError as TracingCheckError
from tensorwright.jit._trace import is_tracing as is_tracing
from tensorwright.jit._trace import make_graph as make_graph
from tensorwright.jit._trace import trace as trace

__all__ = [
    "FUSION", "Captured", "CompileWarning", "Final", "FrontendError", "FusionRuns", "Pass", "PlannedRuns", "Program",
    "ScriptFunction", "ScriptMethod", "ScriptModule", "TracerWarning", "TracingCheckError", "add_upgrader", "annotate",
    "compile", "export", "freeze", "fusion_runs", "ignore", "is_scripting", "is_tracing", "list_backends", "load",
    "make_graph", "memory_plan", "optimize_for_inference", "parse", "passes", "planned_runs", "run_passes", "save",
    "script", "trace", "unused",
]  # fmt: skip
