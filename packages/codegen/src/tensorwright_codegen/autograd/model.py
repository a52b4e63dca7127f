"""A derivative as its facet declares it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..facets import Location
from ..facets.errors import UNKNOWN

AUTO = "auto"  # a formula: the op's expression is differentiated
ZERO = "zero"  # a formula: no gradient flows to the argument, which counts as differentiable all the same
REFUSED = "refused"  # a formula: a backward pass that needs the gradient raises NotImplementedError


@dataclass(frozen=True)
class Formula:
    """The gradient of one argument, or of several at once (the expression then gives a tuple)."""

    inputs: tuple[str, ...]
    text: str
    location: Location = field(default=UNKNOWN, compare=False)

    @property
    def is_zero(self) -> bool:
        return self.text == ZERO

    @property
    def is_refused(self) -> bool:
        return self.text == REFUSED


@dataclass(frozen=True)
class DerivativeFacet:
    """How one op differentiates.

    `broadcast` names arguments whose gradient is summed to their shape and cast to their dtype; for pointwise ops that
    is all of them. `unchecked` names saved arguments that may be written before backward (running statistics).
    `holomorphic` formulas give f'(z) grad for complex numbers and are wrapped in conjugates: conj(f'(z)) grad.
    A `linear` op is linear in all its differentiable arguments together, so forward mode applies it to their tangents.
    A product of `factors` is linear in each of them by itself; what else it differentiates is added to the product,
    unless the op is pointwise.
    Calls of a `refused` op that would need a derivative are refused themselves.
    `samples` are calls for the generated gradient check; `domain` is where pointwise ops are checked.
    """

    op: str
    formulas: tuple[Formula, ...] = ()
    not_differentiable: bool = False
    detaches: bool = False
    refused: bool = False
    holomorphic: bool = False
    linear: bool = False
    factors: tuple[str, ...] = ()
    results: tuple[str, ...] | None = None
    broadcast: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    samples: tuple[tuple[tuple[str, str], ...], ...] = ()
    domain: str | None = None
    file: str = field(default="", compare=False)
    location: Location = field(default=UNKNOWN, compare=False)

    def formula_of(self, name: str) -> Formula | None:
        return next((formula for formula in self.formulas if name in formula.inputs), None)
