"""Steps of optimizers over parameters of mixed sizes, whose gradients stay; `fused` is PyTorch's own one pass."""

from __future__ import annotations

import functools
from typing import Any

from case import Case, Family, Library, Run

SIZES = {
    "100 x 10k": [10_000] * 100,
    "10 x 1M": [1_000_000] * 10,
    "both": [10_000] * 100 + [1_000_000] * 10,
    "100 x 10": [10] * 100,
}
RULES: dict[str, tuple[str, dict[str, Any], int]] = {  # with the bytes that an element has to move
    "Adam": ("Adam", {}, 28),
    "SGD": ("SGD", {}, 12),
    "SGD with momentum": ("SGD", {"momentum": 0.9}, 20),
}


def step(lib: Library, kind: str, sizes: list[int], options: dict[str, Any]) -> Run:
    parameters = [lib.rand(size).requires_grad_() for size in sizes]
    for parameter in parameters:
        parameter.grad = lib.rand(parameter.numel())
    run: Run = getattr(lib.optim, kind)(parameters, **options).step
    return run


def cases(bar: float, **further: Any) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"{rule}, {name}{', fused' if further else ''}",
            functools.partial(step, kind=kind, sizes=sizes, options=options | further),
            moved=width * sum(sizes),
            bar=bar,
        )
        for rule, (kind, options, width) in RULES.items()
        for name, sizes in SIZES.items()
    )


# On two threads the steps take what they take on one: memory is the limit.
FAMILY = Family("optimizers", (*cases(0.9, fused=True), *cases(0.2)), parallel=False)
