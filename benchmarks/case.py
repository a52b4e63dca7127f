"""What is measured: a case builds the same work for either library; a family of cases has a bar and a limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Library = Any  # the module tensorwright, or torch
Run = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """`build(library)` prepares the data and returns the call to be timed.

    `moved` are the bytes that the call has to read and write, `flops` its arithmetic: with the machine's figures they
    give the least time that any kernel needs. `bar` is a ratio of this case's own.
    """

    name: str
    build: Callable[[Library], Run]
    moved: int = 0
    flops: int = 0
    bar: float | None = None


@dataclass(frozen=True)
class Family:
    """Cases that one bar holds for: the geometric mean of their ratios, and the worst."""

    name: str
    cases: tuple[Case, ...]
    mean: float | None = None
    worst: float | None = None
    parallel: bool = True  # also worth measuring on several threads
    quick: bool = True  # what `--quick` measures without being asked for it


def gradients(lib: Library, outputs: Any, inputs: list[Any], seed: Any = None) -> Run:
    """The backward pass of `outputs` alone, over a graph that is kept."""
    seed = lib.ones_like(outputs) if seed is None else seed
    return lambda: lib.autograd.grad(outputs, inputs, seed, retain_graph=True)


def leaf(lib: Library, *shape: int, **options: Any) -> Any:
    """Normal numbers that gradients are wanted of."""
    return lib.randn(*shape, **options).requires_grad_()
