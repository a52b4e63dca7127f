"""How a file of the corpus lists its functions."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import tensorwright as tw

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Draw:
    """Random inputs; the same for the same seed."""

    random: random.Random

    def tensor(self, *shape: int) -> tw.Tensor:
        count = 1
        for size in shape:
            count *= size
        return tw.tensor([self.random.uniform(-2, 2) for _ in range(count)]).reshape(shape)

    def positions(self, count: int, below: int) -> tw.Tensor:
        return tw.tensor([self.random.randrange(below) for _ in range(count)])

    def integer(self, low: int = -9, high: int = 9) -> int:
        return self.random.randint(low, high)

    def real(self, low: float = -9.0, high: float = 9.0) -> float:
        return round(self.random.uniform(low, high), 3)

    def integers(self, count: int, low: int = -9, high: int = 9) -> list[int]:
        return [self.integer(low, high) for _ in range(count)]

    def reals(self, count: int) -> list[float]:
        return [self.real() for _ in range(count)]

    def truth(self) -> bool:
        return self.random.random() < 0.5

    def word(self) -> str:
        return "".join(self.random.choice("abcde XY") for _ in range(self.random.randrange(9)))

    def words(self, count: int) -> list[str]:
        return [self.word() for _ in range(count)]


@dataclass
class Case:
    """A function and how its inputs are drawn."""

    name: str
    function: Callable[..., Any]
    inputs: Callable[[Draw], tuple[Any, ...]]


@dataclass
class Corpus:
    """The functions of one file."""

    cases: list[Case] = field(default_factory=list)

    def __call__(self, inputs: Callable[[Draw], tuple[Any, ...]]) -> Callable[[F], F]:
        """Add the decorated function."""

        def add(function: F) -> F:
            self.cases.append(Case(function.__name__, function, inputs))
            return function

        return add
