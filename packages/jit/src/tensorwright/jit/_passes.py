"""Passes over programs, and the named sequences of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tensorwright import no_grad
from tensorwright.jit import _library
from tensorwright.jit._program import LEVELS, Program
from tensorwright.jit._trace import Captured, trace

#: Passes whose result gives the same bits. Repeated until none changes anything.
CLEANUP = ("inline", "constant_propagation", "canonicalise", "cse", "loop_invariants", "unroll", "dce")
#: What inference with fixed parameters allows beside: dropout goes, normalization joins the layer before it.
INFERENCE = ("remove_dropout", "sink_transposes", "lift", "fold_batch_norm")
#: Ops written over others come apart, and what one kernel can compute comes together. Layers of attributes that may
#: change stay alone.
FUSION = ("lift_softmax", "decompose", "shapes", "cse", "dce", "layers", "layout", "fusion")

_MOST_ROUNDS = 8
_fusion_runs = _library.op("fusion_runs")
_planned_runs = _library.op("planned_runs")


@dataclass(frozen=True)
class Pass:
    """What a pass needs and keeps.

    Attributes:
        name: what :func:`run_passes` knows it by.
        needs: the level that a program must be at.
        keeps: of the levels up to this one, a program is afterwards at those that it was at.
        gives: the level that a program is at afterwards, whatever it was at.
    """

    name: str
    needs: str
    keeps: str
    gives: str


def passes() -> tuple[Pass, ...]:
    """All passes.

    Example:
        >>> import tensorwright as tw
        >>> tw.jit.passes()[0]
        Pass(name='functionalise', needs='capture', keeps='functional', gives='functional')
    """
    levels = tuple(LEVELS)
    return tuple(Pass(name, *(levels[k] for k in rest)) for name, *rest in Program().native("passes"))


def run_passes(
    program: Program,
    names: Iterable[str],
    *,
    verify: bool = False,
    fold_attributes: bool = False,
    largest_constant: int = 1 << 20,
    largest_unrolled: int = 256,
) -> int:
    """Run passes over a program, in this order, changing it.

    Args:
        program: is changed in place.
        names: of passes; :func:`passes` lists them.
        verify: check before each pass that the program is at the level that the pass needs, and afterwards that it is
            at the level that the pass promises.
        fold_attributes: take the attributes for constants: their values will not change any more.
        largest_constant: bytes of a value that may be computed now and kept; what is computed from attributes may
            have as many more as they have.
        largest_unrolled: nodes that writing out one loop may give.

    Returns:
        How many changes the passes made.

    Raises:
        ValueError: if there is no such pass, if the program is not at the level that a pass needs (with `verify`), or
            if a pass cannot be done: the message names the node and its line.

    Example:
        >>> import tensorwright as tw
        >>> program = tw.jit.parse('''
        ... func @f(%x: tensor<float32, [2]>) {
        ...   %0: tensor<float32, [2]> = tw::relu(%x)
        ...   %1: tensor<float32, [2]> = tw::relu(%0)
        ...   return(%1)
        ... }''')
        >>> tw.jit.run_passes(program, ["canonicalise", "dce"])
        2
        >>> print(program)
        func @f(%x: tensor<float32, [2]>) {
          %0: tensor<float32, [2]> = tw::relu(%x)
          return(%0)
        }
    """
    options = (verify, fold_attributes, largest_constant, largest_unrolled)
    with no_grad():
        return sum(program.native("pass", name, *map(int, options)) for name in names)


def _to_fixed_point(program: Program, names: tuple[str, ...], verify: bool) -> None:
    for _ in range(_MOST_ROUNDS):
        if not run_passes(program, names, verify=verify, fold_attributes=True):
            return


def _captured(model: Any, example_inputs: Any) -> Captured:
    if isinstance(model, Captured):
        return model
    if example_inputs is None:
        raise TypeError("freeze: a module is captured first, which takes example_inputs")
    if getattr(model, "training", False):
        raise ValueError("freeze: the module is in training mode; call eval() first")
    return trace(model, example_inputs, check_trace=False)


def _copy(captured: Captured) -> Captured:
    program = Program(captured.program.native("copy"))
    for path, tensor in program.attributes.items():
        program.set_attribute(path, tensor.detach())
    return Captured(program, captured.inputs, captured.output)


def freeze(model: Any, example_inputs: Any = None, *, verify: bool = False) -> Captured:
    """A captured function with its parameters for constants: functional, and as simple as the same bits allow.

    It is for inference: what a script says of gradients (``with tw.no_grad()``) is left out.

    The tensors are shared with the model until something is computed from them: do not train it on.

    Args:
        model: what :func:`trace` or :func:`make_graph` gave, or a module in evaluation mode.
        example_inputs: to capture a module with.
        verify: check the graph before and after every pass.

    Raises:
        TypeError: for a module without example inputs.
        ValueError: for a module in training mode, or a graph that cannot be made functional.

    Example:
        >>> import tensorwright as tw
        >>> frozen = tw.jit.freeze(tw.jit.trace(lambda x: (x * 1).relu().relu(), tw.ones(2)))
        >>> frozen.graph.count("tw::")
        1
    """
    frozen = _copy(_captured(model, example_inputs))
    run_passes(frozen.program, ["inline", "remove_grad_modes", "functionalise"], verify=verify)
    _to_fixed_point(frozen.program, CLEANUP, verify)
    return frozen


def optimize_for_inference(
    model: Any, example_inputs: Any = None, *, fuse: bool = True, verify: bool = False
) -> Captured:
    """:func:`freeze`, and what inference allows where results may differ by rounding.

    Dropout goes, batch normalization joins the convolution or linear layer before it, and layers written out in
    primitive ops become the ops that compute them at once. Pointwise ops around a set of reductions become one kernel;
    linear layers and convolutions pack their weights in the first run and compute the pointwise ops behind them.

    Args:
        model: what :func:`trace` or :func:`make_graph` gave, or a module in evaluation mode.
        example_inputs: to capture a module with.
        fuse: take ops written over others apart, and group layers, pointwise ops and reductions into `fusion` regions;
            that alone changes no bit.
        verify: check the graph before and after every pass.

    Raises:
        TypeError: for a module without example inputs.
        ValueError: for a module in training mode, or a graph that cannot be made functional.

    Example:
        >>> import tensorwright as tw
        >>> model = tw.nn.Sequential(tw.nn.Conv2d(1, 2, 3), tw.nn.BatchNorm2d(2), tw.nn.Dropout()).eval()
        >>> fast = tw.jit.optimize_for_inference(model, tw.ones(1, 1, 4, 4))
        >>> fast.graph.count("tw::")
        1
    """
    fast = freeze(model, example_inputs, verify=verify)
    _to_fixed_point(fast.program, (*INFERENCE, *CLEANUP), verify)
    if fuse:
        run_passes(fast.program, FUSION, verify=verify, fold_attributes=True)
    return fast


def memory_plan(program: Program, function: str = "forward") -> str:
    """Where the values of a function would lie in one block of memory, as text: an analysis, nothing is changed.

    Each value is there from where it is made to its last use, its views included; a pointwise op writes over an
    argument that ends with it.
    """
    return str(program.native("memory_plan", function))


class FusionRuns(NamedTuple):
    """How often fused groups ran in this process: by one kernel, and op by op."""

    by_kernel: int
    apart: int


def fusion_runs() -> FusionRuns:
    """How often fused groups ran by a kernel and how often op by op, since the process began.

    A group runs op by op where some layer wants to see the ops (gradients are recorded, a profiler is on), for empty
    tensors, and for rows that lie across memory. Its results have the same bits either way.
    """
    return FusionRuns(*_fusion_runs())


class PlannedRuns(NamedTuple):
    """How often graphs ran in memory that was planned, and how many blocks were made for that."""

    runs: int
    blocks: int


def planned_runs() -> PlannedRuns:
    """How often graphs ran in planned memory, since the process began, and how many blocks were made.

    A graph of known sizes keeps its intermediate values in one block of memory, which later runs use again; runs at the
    same time have blocks of their own. Where a layer watches the ops (gradients are recorded), and for inputs of other
    sizes than it was captured with, values are allocated one by one.
    """
    return PlannedRuns(*_planned_runs())
