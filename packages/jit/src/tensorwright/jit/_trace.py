"""Capture by running: ops are recorded while they run on example inputs."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import tensorwright
from tensorwright import Tensor
from tensorwright._tree import Structure, flatten
from tensorwright.jit._program import Program

_open_traces = threading.local()
_OURS = tuple(str(Path(folder)) for folder in tensorwright.__path__)


class TracerWarning(UserWarning):
    """A value of Python was taken from a tensor and is a constant of the graph."""


class TracingCheckError(AssertionError):
    """The graph gives something else than the function it was traced from."""


def caller() -> FrameType | None:
    """The innermost frame that is not of tensorwright."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def location() -> tuple[str, int] | None:
    frame = caller()
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _warn_baked(op: str) -> None:
    if op == "gradients":  # what a trace is for, inference, gives the same without them
        return
    place = location() or ("<unknown>", 0)
    taken = (
        f"{op.removeprefix('tw::')}: a Python value was taken from a tensor; the graph keeps it as a constant, and "
        "does not follow other inputs that would give another value"
    )
    lost = "autocast: it is switched inside of the traced function; the graph does not hold it: put it around the calls"
    warnings.warn_explicit(
        lost if op == "autocast" else taken,
        TracerWarning,
        place[0],
        place[1],
    )


class Captured:
    """A function as a graph; calling it runs the graph.

    Attributes:
        program: holds the graph, as function ``forward``.
        inputs: how the arguments are nested.
        output: how the result is nested.
        plain_inputs: whether it is meant for inputs that lie row by row and need no gradient.
    """

    def __init__(self, program: Program, inputs: Structure, output: Structure, plain_inputs: bool = False) -> None:
        self.program = program
        self.inputs = inputs
        self.output = output
        self.plain_inputs = plain_inputs

    def __call__(self, *args: Any) -> Any:
        leaves, structure = flatten(args)
        if structure != self.inputs:
            raise TypeError("forward: the arguments are nested in another way than the ones it was captured with")
        result = self.program.run("forward", *leaves)
        return self.output.build(result if isinstance(result, tuple) else (result,))

    @property
    def graph(self) -> str:
        """The text form of the graph."""
        return self.program.text("forward")

    def __repr__(self) -> str:
        return f"<Captured\n{self.graph}>"


def is_tracing() -> bool:
    """Whether ops of this thread are being recorded, by ``trace`` or ``make_graph``.

    Example:
        >>> import tensorwright as tw
        >>> seen = []
        >>> _ = tw.jit.trace(lambda x: (seen.append(tw.jit.is_tracing()), x + 1)[1], (tw.ones(1),))
        >>> seen[0], tw.jit.is_tracing()
        (True, False)
    """
    return getattr(_open_traces, "count", 0) > 0


@contextmanager
def _open_trace(program: Program, depth: int, whole: Iterable[str]) -> Iterator[None]:
    program.native("begin_trace", "forward", depth, location, _warn_baked, list(whole))
    _open_traces.count = getattr(_open_traces, "count", 0) + 1
    try:
        yield
    except BaseException:
        program.native("abandon_trace")
        raise
    finally:
        _open_traces.count -= 1


def named_tensors(function: Any) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a module, by path."""
    for listing in ("named_parameters", "named_buffers"):
        if hasattr(function, listing):
            yield from getattr(function, listing)()


def _names(function: Any, count: int) -> list[str]:
    """Names for the inputs: those of the function's own parameters where there is one for each."""
    call = getattr(function, "forward", function)
    code = getattr(getattr(call, "__func__", call), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code is not None else []
    names = names[1:] if names[:1] == ["self"] else names
    return names if len(names) == count else [f"input{i}" for i in range(count)]


def record(
    function: Callable[..., Any],
    inputs: Iterable[tuple[str, Tensor]],
    call: Callable[[], Any],
    depth: int,
    whole: Iterable[str] = (),
) -> tuple[Program, Structure]:
    """The graph of what a call runs, as function ``forward``, and how its result is nested.

    Args:
        function: its parameters and buffers are attributes of the graph.
        inputs: the parameters of the graph, by name.
        call: runs the function on them.
        depth: 0 records ops as they are called, 1 the primitive ones.
        whole: ops that are recorded as they are called even so.
    """
    program = Program()
    program.native("add_function", "forward")
    with _open_trace(program, depth, whole):
        for name, tensor in inputs:
            program.native("trace_input", tensor, name)
        for path, tensor in named_tensors(function):
            program.native("trace_attribute", tensor, path)
        results, output = flatten(call())
        program.native("finish_trace", "forward", results[0] if output.kind is None else tuple(results))
    return program, output


def _capture(function: Callable[..., Any], args: tuple[Any, ...], depth: int) -> Captured:
    leaves, inputs = flatten(args)
    names = _names(function, len(leaves))
    for name, leaf in zip(names, leaves, strict=True):
        if not isinstance(leaf, Tensor):
            raise TypeError(f"trace: input '{name}' must be a Tensor, got {type(leaf).__name__}")
    program, output = record(function, zip(names, leaves, strict=True), lambda: function(*args), depth)
    return Captured(program, inputs, output)


def _as_arguments(example_inputs: Any) -> tuple[Any, ...]:
    return tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (example_inputs,)


def trace(
    func: Callable[..., Any],
    example_inputs: Any,
    check_trace: bool = True,
    check_tolerance: float = 1e-5,
) -> Captured:
    """Capture a function or module by running it once on example inputs.

    Control flow is followed as the example inputs take it: what Python decides is a constant of the graph. Where a
    number is taken from a tensor a :class:`TracerWarning` names the line. `no_grad` and `autocast` inside of the
    function are no part of the graph: put them around its calls. A trace inside of the function is recorded for itself,
    and what runs in it is a part of this graph too; so are the ops of scripts, captured and compiled functions.

    Args:
        func: takes and returns tensors, or tuples, lists and dicts of them. The parameters and buffers of a module are
            attributes of the program under their own names.
        example_inputs: a tensor, or a tuple or list of all arguments.
        check_trace: run the graph on the example inputs and compare it with what the function gives.
        check_tolerance: the relative difference that the check allows.

    Raises:
        TypeError: if an input is no tensor.
        TracingCheckError: if the graph gives something else than the function.

    Example:
        >>> import tensorwright as tw
        >>> captured = tw.jit.trace(lambda x: (x * 2).relu(), tw.ones(2))
        >>> captured(tw.tensor([-1.0, 3.0])).tolist()
        [0.0, 6.0]
    """
    args = _as_arguments(example_inputs)
    captured = _capture(func, args, depth=0)
    if check_trace:
        _check(captured, func, args, check_tolerance)
    return captured


def make_graph(func: Callable[..., Any], *args: Any) -> Captured:
    """Capture the primitive ops that a function runs: gradients and transforms inside of it are ops like any other.

    Example:
        >>> import tensorwright as tw
        >>> slope = tw.jit.make_graph(tw.func.grad(lambda x: (x * x).sum()), tw.ones(3))
        >>> slope(tw.tensor([1.0, 2.0, 3.0])).tolist()
        [2.0, 4.0, 6.0]
    """
    return _capture(func, args, depth=1)


def _check(captured: Captured, function: Callable[..., Any], args: tuple[Any, ...], tolerance: float) -> None:
    with tensorwright.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)
        expected, _ = flatten(function(*args))
        results, _ = flatten(captured(*args))
    for place, (want, got) in enumerate(zip(expected, results, strict=True)):
        if isinstance(want, Tensor) and not tensorwright.allclose(got, want, rtol=tolerance, equal_nan=True):
            raise TracingCheckError(
                f"trace: output {place} of the graph differs from the function's on the same inputs; it may draw "
                "random numbers or depend on something that changed between the calls"
            )
