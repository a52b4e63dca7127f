"""What recording and going back cost: chains of ten one-element ops."""

from __future__ import annotations

from case import Case, Family, Library, Run


def chain_backward(lib: Library) -> Run:
    x = lib.ones(1, requires_grad=True)

    def run() -> None:
        y = x
        for _ in range(10):
            y = y * 1.5
        y.backward()

    return run


def backward_only(lib: Library) -> Run:
    """The backward pass alone: the graph of ten ops is built once and kept."""
    x = lib.ones(1, requires_grad=True)
    y = x
    for _ in range(10):
        y = y * 1.5
    return lambda: y.backward(retain_graph=True)


FAMILY = Family(
    "tape",
    (
        Case("backward of ten one-element ops", backward_only, bar=1 / 3),
        Case("ten one-element ops, forward and backward", chain_backward, bar=1 / 3),
    ),
    parallel=False,
)
