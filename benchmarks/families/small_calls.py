"""Thirty calls whose work is a few elements: what is measured is the way to the kernel and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from case import Case, Family, Library, Run


def on(*shape: int, **options: Any) -> Callable[[Callable[[Any], object]], Callable[[Library], Run]]:
    """A call of one tensor of ones."""

    def case(call: Callable[[Any], object]) -> Callable[[Library], Run]:
        def build(lib: Library) -> Run:
            x = lib.ones(*shape, **options)
            return lambda: call(x)

        return build

    return case


def add(lib: Library) -> Run:
    a, b = lib.ones(1), lib.ones(1)
    return lambda: a + b


def recorded_add(lib: Library) -> Run:
    a, b = lib.ones(1, requires_grad=True), lib.ones(1)
    return lambda: a + b


def matmul(lib: Library) -> Run:
    a, b = lib.ones(8, 8), lib.ones(8, 8)
    return lambda: a @ b


def linear_module(lib: Library) -> Run:
    module, x = lib.nn.Linear(8, 8), lib.ones(8, 8)
    return lambda: module(x)


def no_grad(lib: Library) -> Run:
    def run() -> None:
        with lib.no_grad():
            pass

    return run


def cat(lib: Library) -> Run:
    a, b = lib.ones(8), lib.ones(8)
    return lambda: lib.cat([a, b])


def stack(lib: Library) -> Run:
    a, b = lib.ones(8), lib.ones(8)
    return lambda: lib.stack([a, b])


def where(lib: Library) -> Run:
    a, b = lib.ones(8), lib.zeros(8)
    mask = a > 0
    return lambda: lib.where(mask, a, b)


CALLS: dict[str, Callable[[Library], Run]] = {
    "a + b": add,
    "a + b, recorded": recorded_add,
    "x * 2.0": on(1)(lambda x: x * 2.0),
    "x.add_(1)": on(1)(lambda x: x.add_(1)),
    "x > 0": on(8)(lambda x: x > 0),
    "where": where,
    "relu": lambda lib: on(8)(lib.relu)(lib),
    "softmax": lambda lib: on(8, 8)(lambda x: lib.softmax(x, -1))(lib),
    "x[0]": on(8, 8)(lambda x: x[0]),
    "x[1:3]": on(8, 8)(lambda x: x[1:3]),
    "x[:, None]": on(8, 8)(lambda x: x[:, None]),
    "x.view(-1)": on(8, 8)(lambda x: x.view(-1)),
    "x.reshape(4, 16)": on(8, 8)(lambda x: x.reshape(4, 16)),
    "x.t()": on(8, 8)(lambda x: x.t()),
    "x.permute(2, 0, 1)": on(2, 3, 4)(lambda x: x.permute(2, 0, 1)),
    "x.unsqueeze(0)": on(8)(lambda x: x.unsqueeze(0)),
    "x.expand(8, 8)": on(1, 8)(lambda x: x.expand(8, 8)),
    "x.detach()": on(8)(lambda x: x.detach()),
    "x.clone()": on(8)(lambda x: x.clone()),
    "x.item()": on(1)(lambda x: x.item()),
    "zeros(8)": lambda lib: lambda: lib.zeros(8),
    "empty(8, 8)": lambda lib: lambda: lib.empty(8, 8),
    "arange(10)": lambda lib: lambda: lib.arange(10),
    "tensor([1.0, 2.0])": lambda lib: lambda: lib.tensor([1.0, 2.0]),
    "x.sum()": on(8, 8)(lambda x: x.sum()),
    "x.mean(0)": on(8, 8)(lambda x: x.mean(0)),
    "cat": cat,
    "matmul 8x8": matmul,
    "no_grad": no_grad,
    "Linear 8x8": linear_module,
}

FAMILY = Family(
    "small calls",
    tuple(Case(name, build) for name, build in CALLS.items()),
    mean=0.2,
    parallel=False,
)
