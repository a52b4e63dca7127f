"""What an update rule says."""

from __future__ import annotations

from dataclasses import dataclass

from ..expression import Library, Program, ScalarType, parse_expression
from ..expression import Location as ExpressionLocation
from ..facets.errors import Location

PARAM, GRAD = "param", "grad"


@dataclass(frozen=True)
class Update:
    """One rule: from a parameter, its gradient, its state and some numbers to the new parameter and the new state.

    `texts` gives the new values of `written`, in order.
    """

    name: str
    doc: str
    state: tuple[str, ...]
    scalars: tuple[str, ...]
    texts: tuple[str, ...]
    location: Location

    @property
    def written(self) -> tuple[str, ...]:
        return (PARAM, *self.state)

    @property
    def lists(self) -> tuple[str, ...]:
        """The arguments that are lists of tensors, an item a parameter."""
        return (PARAM, GRAD, *self.state)

    @property
    def schema(self) -> str:
        aliases = iter("abcdefghijklmnopqrstuvwxyz")
        kinds = [f"Tensor({next(aliases)}!)[]" if name in self.written else "Tensor[]" for name in self.lists]
        arguments = [f"{kind} {name}" for kind, name in zip(kinds, self.lists, strict=True)]
        arguments += [f"float {name}" for name in self.scalars]
        return f"optim::{self.name}({', '.join(arguments)}) -> ()"

    def program(self, compute: ScalarType, library: Library) -> Program:
        """The rule in one compute type. Raises ExpressionError naming file, line and column."""
        operands = dict.fromkeys((*self.lists, *self.scalars), compute)
        location = ExpressionLocation(self.location.file, self.location.line)
        return parse_expression(self.texts, operands, library, location, compute=compute)
