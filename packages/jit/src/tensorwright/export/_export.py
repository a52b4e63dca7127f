"""From a function and example inputs to an exported program."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright._tree import Structure, flatten
from tensorwright.export._capture import Capture, Recording, difference, failure
from tensorwright.export._program import Arguments, ExportedProgram, GraphSignature
from tensorwright.export._sizes import settle
from tensorwright.export._specification import ExportError, Specification, arguments_of, specification
from tensorwright.jit._passes import run_passes

_calls = threading.local()  # of what is exported, by this thread
_CONSTANTS = (bool, int, float, complex, str, type(None), tw.dtype, tw.device)


def is_exporting() -> bool:
    """Whether the code that asks runs for ``tw.export``."""
    return getattr(_calls, "open", 0) > 0


def export(
    mod: Any,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
) -> ExportedProgram:
    """Capture a module or function as one functional graph for all sizes of its inputs.

    It is recorded as it runs on the example and on a handful of inputs of other sizes, at the ends of the ranges too;
    what differs between the recordings becomes an expression over the sizes. So Python code may do with sizes
    whatever it likes, as long as the same ops run. Buffers and the state of random numbers are as before afterwards.

    Args:
        mod: takes and returns tensors, or tuples, lists and dicts of them.
        args: example inputs. Tensors are inputs of the graph, other values constants of it.
        kwargs: example inputs by name.
        dynamic_shapes: for each argument (a dict by name, or a tuple) which sizes may differ: None, a dict from
            dimension to :class:`Dim`, or one entry for each dimension; nested as the argument is. All other sizes are
            those of the example.

    Raises:
        ExportError: if another graph belongs to some of the sizes, with the line, the sizes and what to ask for
            instead; if `dynamic_shapes` does not fit; if an argument is neither tensor nor plain value.
        ValueError: if the graph cannot be made functional.

    Example:
        >>> import tensorwright as tw
        >>> T = tw.export.Dim("T", min=2)
        >>> last = tw.export.export(lambda x: x[:, 1:] - x[:, :-1], (tw.ones(2, 5),), dynamic_shapes=({1: T},))
        >>> last(tw.ones(2, 9)).shape
        (2, 8)
        >>> last.range_constraints
        {'T': (2, None)}
    """
    arguments = arguments_of(mod, args, kwargs or {})
    leaves, structure = flatten(arguments)
    wanted = specification(mod, args, kwargs or {}, dynamic_shapes)
    constants = {place: leaf for place, leaf in enumerate(leaves) if not isinstance(leaf, Tensor)}
    for place, value in constants.items():
        if not isinstance(value, _CONSTANTS):
            raise ExportError(
                f"export: argument '{wanted.inputs[place].name}' must be a tensor or a plain value, "
                f"got {type(value).__name__}"
            )
    _, call_structure = flatten((args, dict(kwargs or {})))

    def call(values: list[Any]) -> Any:
        positional, named = call_structure.build(values)
        _calls.open = getattr(_calls, "open", 0) + 1
        try:
            return mod(*positional, **named)
        finally:
            _calls.open -= 1

    capture = Capture(mod, call, wanted, depth=0)
    recording = settle(capture)
    exported = _exported(
        recording, capture.wanted, Arguments(tuple(arguments), structure, constants), _paths(mod, "named_parameters"),
        _paths(mod, "named_buffers"),
    )  # fmt: skip
    _compare(capture, exported)
    return exported


def decomposed(exported: ExportedProgram) -> ExportedProgram:
    """The program recorded anew while it runs, below autograd."""
    signature = exported.graph_signature
    wanted = exported.sizes.copy()
    attributes = _Attributes(exported)
    called = set(re.findall(r"tw::[\w.]+", exported.program.text("forward")))

    def capture(whole: set[str]) -> Capture:
        return Capture(attributes, exported.run, wanted, depth=1, whole=whole)

    probes = capture(set()).probes() if wanted.symbols else []
    looping = {op for op in called if failure(capture(called - {op}), probes) is not None}
    recording = settle(capture(looping))
    return _exported(recording, wanted, exported.arguments, set(signature.parameters), set(signature.buffers))


class _Attributes:
    """Gives a recording the paths of a program's tensors."""

    def __init__(self, exported: ExportedProgram) -> None:
        self._tensors = exported.program.attributes

    def named_buffers(self) -> Any:
        return self._tensors.items()


def _paths(module: Any, listing: str) -> set[str]:
    return {path for path, _ in getattr(module, listing)()} if hasattr(module, listing) else set()


def _exported(
    recording: Recording, wanted: Specification, arguments: Arguments, parameters: set[str], buffers: set[str]
) -> ExportedProgram:
    program = recording.program
    for symbol in wanted.symbols.values():
        program.native("restrict_size", symbol.name, symbol.low, symbol.high)
    run_passes(program, ["functionalise", "dce"], verify=True)
    written_inputs, written_attributes = program.native("updates", "forward")
    paths = tuple(program.attributes)
    signature = GraphSignature(
        parameters=tuple(path for path in paths if path in parameters),
        buffers=tuple(path for path in paths if path in buffers),
        constants=tuple(path for path in paths if path not in parameters | buffers),
        user_inputs=tuple(item.name for item in wanted.tensors),
        user_outputs=_leaves(recording.output),
        buffers_to_mutate=tuple(written_attributes),
        user_inputs_to_mutate=tuple(written_inputs),
    )
    return ExportedProgram(program, arguments, wanted.copy(), recording.output, signature)


def _leaves(structure: Structure) -> int:
    return 1 if structure.kind is None else sum(map(_leaves, structure.children))


def _compare(capture: Capture, exported: ExportedProgram) -> None:
    """The program gives what the function gives, at sizes that it was not made from."""

    def run(leaves: list[Any]) -> Any:
        return exported.run([leaf for leaf in leaves if isinstance(leaf, Tensor)])

    for sizes in (capture.example, *capture.probes()[:1]):
        if (said := difference(capture, run, sizes)) is not None:
            raise ExportError(f"export: for {sizes} {said}")
