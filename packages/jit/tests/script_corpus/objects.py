"""Classes, and functions that stay Python."""

from __future__ import annotations

from dataclasses import dataclass

import tensorwright as tw
from tensorwright import Tensor

from .corpus import Corpus

corpus = Corpus()


@tw.jit.script
class Counter:
    def __init__(self, start: int = 0) -> None:
        self.value = start
        self.history: list[int] = []

    def add(self, n: int) -> int:
        if n < 0:
            return self.value
        self.value += n
        self.history.append(self.value)
        return self.value

    @property
    def doubled(self) -> int:
        return self.value * 2

    @staticmethod
    def halved(n: int) -> int:
        return n // 2

    def __len__(self) -> int:
        return len(self.history)

    def __getitem__(self, k: int) -> int:
        return self.history[k]


@corpus(lambda d: (d.integers(5),))
def counter(xs: list[int]) -> tuple[int, int, list[int], int]:
    c = Counter(3)
    for x in xs:
        c.add(x)
    return c.doubled, len(c), c.history, Counter.halved(c.value)


@corpus(lambda d: (d.integer(0, 5),))
def instances_are_references(n: int) -> int:
    a = Counter()
    b = a
    b.add(n)
    return a.value * 100 + (a[0] if len(a) > 0 else -1)


@tw.jit.script
class Vector:
    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, by: float) -> Vector:
        return Vector(self.x * by, self.y * by)

    def __neg__(self) -> Vector:
        return Vector(-self.x, -self.y)

    def norm(self) -> float:
        return (self.x**2 + self.y**2) ** 0.5


@corpus(lambda d: (d.real(), d.real()))
def operators_of_a_class(x: float, y: float) -> tuple[float, float]:
    v = Vector(x, y) + Vector(1.0, 2.0) * 3.0
    return (-v).norm(), v.x


@tw.jit.script
class Shape:
    def __init__(self, size: float) -> None:
        self.size = size

    def area(self) -> float:
        return 0.0

    def described(self) -> str:
        return f"{self.area():.2f}"


@tw.jit.script
class Square(Shape):
    def __init__(self, size: float) -> None:
        super().__init__(size)
        self.corners = 4

    def area(self) -> float:
        return self.size * self.size


@corpus(lambda d: (d.real(),))
def inheritance(size: float) -> tuple[str, str, int]:
    return Square(size).described(), Shape(size).described(), Square(size).corners


@tw.jit.script
@dataclass
class Step:
    weight: Tensor
    scale: float = 0.5

    def apply(self, x: Tensor) -> Tensor:
        return x * self.weight * self.scale


@corpus(lambda d: (d.tensor(3), d.tensor(3)))
def dataclasses_too(x: Tensor, w: Tensor) -> Tensor:
    return Step(w).apply(x) + Step(w, scale=2.0).apply(x)


@tw.jit.script
class Averager:
    def __init__(self) -> None:
        self.total = tw.zeros(2)
        self.count = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.total = self.total + x
        self.count += 1
        return self.total / self.count


@corpus(lambda d: (d.tensor(4, 2),))
def averager(xs: Tensor) -> tuple[Tensor, int]:
    average = Averager()
    out = xs[0]
    for x in xs:
        out = average(x)
    return out, average.count


@tw.jit.ignore
def looked_up(x: Tensor, names: list[str], n: int = 1) -> Tensor:
    table = {name: k for k, name in enumerate(sorted(set(names)))}
    return x * len(table) + n


@corpus(lambda d: (d.tensor(2), d.words(3)))
def ignored(x: Tensor, names: list[str]) -> Tensor:
    y = looked_up(x, names)
    if y.sum() > 0:
        y = looked_up(y, ["a", "b"], n=2)
    return y


@tw.jit.ignore
def parsed(text: str) -> dict[str, list[int]]:
    return {part: [ord(letter) for letter in part] for part in text.split()}


@corpus(lambda d: (d.word(),))
def ignored_with_a_dict(text: str) -> int:
    total = 0
    for key, codes in parsed(text).items():
        codes.append(len(key))
        total += sum(codes)
    return total


@tw.jit.unused
def never(x: Tensor) -> Tensor:
    return x.numpy()  # type: ignore[return-value]


@corpus(lambda d: (d.tensor(2),))
def unused_is_not_compiled(x: Tensor) -> Tensor:
    if x.numel() > 100:
        return never(x)
    return x + 1
