"""What runs a recorded graph: built in, or of another distribution by the entry point group ``tensorwright.compilers``.

An entry point names a function ``backend(captured) -> callable``: it gets the :class:`~tensorwright.jit.Captured` of
one recorded run and returns what takes the same tensors, one by one, and gives the same results, as a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

import tensorwright
from tensorwright import Tensor
from tensorwright.jit._passes import FUSION, run_passes
from tensorwright.jit._program import Program
from tensorwright.jit._trace import Captured

Runner = Callable[..., Any]
Backend = Callable[[Captured], Runner]

GROUP = "tensorwright.compilers"


class GraphRun:
    """Runs function ``forward`` of a program.

    Attributes:
        native: the program.
    """

    __slots__ = ("native",)

    def __init__(self, native: Any) -> None:
        self.native = native

    def __call__(self, *tensors: Tensor) -> Any:
        return self.native("run", "forward", tensors)


def run_graph(captured: Captured) -> Runner:
    """By its plan: one kernel for what can be fused, the rest op by op, without Python in between."""
    return GraphRun(fused(captured).native)


def fused(captured: Captured) -> Program:
    """The program with fused groups, where the same bits allow that; else as it is.

    What autograd is to record runs op by op, and so does what writes into tensors. Groups are found for tensors that
    lie row by row.
    """
    program = captured.program
    if not captured.plain_inputs or not is_plain(program.attributes.values()) or not _is_functional(program):
        return program
    copy = Program(program.native("copy"))
    for path, tensor in program.attributes.items():
        copy.set_attribute(path, tensor)
    run_passes(copy, FUSION)
    return copy


def is_plain(tensors: Iterable[Tensor]) -> bool:
    """Whether all lie row by row, and no gradient is recorded of any."""
    recorded = tensorwright.is_grad_enabled()
    return all(t.is_contiguous() and not (recorded and getattr(t, "requires_grad", False)) for t in tensors)


def _is_functional(program: Program) -> bool:
    try:
        program.verify("functional")
    except ValueError:
        return False
    return True


_BUILTIN: dict[str, Backend] = {"graph": run_graph}


def list_backends() -> list[str]:
    """The names that ``compile(backend=...)`` takes."""
    return sorted({*_BUILTIN, *(entry.name for entry in metadata.entry_points(group=GROUP))})


def find_backend(backend: str | Backend) -> Backend:
    """The backend of that name.

    Raises:
        ValueError: if there is none; lists those that are installed.
    """
    if not isinstance(backend, str):
        return backend
    if backend in _BUILTIN:
        return _BUILTIN[backend]
    for entry in metadata.entry_points(group=GROUP, name=backend):
        loaded: Backend = entry.load()
        return loaded
    raise ValueError(f"compile: there is no backend {backend!r}; installed are {', '.join(list_backends())}")
