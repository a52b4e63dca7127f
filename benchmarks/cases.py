"""What is measured: each case builds the same work for either library, which differ only in the import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import graphs
from derivatives import jacobian_of_256, mlp_hessian, per_sample_gradients

Library = Any  # the module tensorwright, or torch


@dataclass(frozen=True)
class Case:
    """`build(library)` prepares the data and returns the call to be timed; `bar` is the ratio to reach."""

    name: str
    bar: float
    build: Callable[[Library], Callable[[], object]]
    parallel: bool = False  # also worth measuring on several threads


def small_add(lib: Library) -> Callable[[], object]:
    a, b = lib.ones(1), lib.ones(1)
    return lambda: a + b


def recorded_add(lib: Library) -> Callable[[], object]:
    a, b = lib.ones(1, requires_grad=True), lib.ones(1)
    return lambda: a + b


def chain_backward(lib: Library) -> Callable[[], object]:
    x = lib.ones(1, requires_grad=True)

    def run() -> None:
        y = x
        for _ in range(10):
            y = y * 1.5
        y.backward()

    return run


def backward_only(lib: Library) -> Callable[[], object]:
    """The backward pass alone: the graph of ten ops is built once and kept."""
    x = lib.ones(1, requires_grad=True)
    y = x
    for _ in range(10):
        y = y * 1.5
    return lambda: y.backward(retain_graph=True)


def training_step(lib: Library, model: Any, x: Any, target: Any, lr: float = 1e-3) -> Callable[[], object]:
    optimizer = lib.optim.Adam(model.parameters(), lr=lr)

    def run() -> None:
        optimizer.zero_grad()
        lib.nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()

    return run


def mlp_step(lib: Library) -> Callable[[], object]:
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return training_step(lib, model, lib.randn(64, 784), lib.randint(0, 10, (64,)))


def digits_epoch(lib: Library) -> Callable[[], object]:
    """The demo's network over 1,437 images in batches of 64, as in demo/digits.py."""
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 4 * 4, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    optimizer = lib.optim.Adam(model.parameters(), lr=2e-3)
    images, labels = lib.rand(1437, 1, 8, 8), lib.randint(0, 10, (1437,))

    def run() -> None:
        order = lib.randperm(1437)
        for start in range(0, 1437, 64):
            chosen = order[start : start + 64]
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

    return run


def elementwise(name: str, size: int) -> Callable[[Library], Callable[[], object]]:
    def build(lib: Library) -> Callable[[], object]:
        x = lib.rand(size)
        function = getattr(lib, name)
        return lambda: function(x)

    return build


def matmul(size: int) -> Callable[[Library], Callable[[], object]]:
    def build(lib: Library) -> Callable[[], object]:
        a, b = lib.rand(size, size), lib.rand(size, size)
        return lambda: a @ b

    return build


CASES = [
    Case("1-element a + b", 0.2, small_add),
    Case("1-element a + b, node recorded", 0.2, recorded_add),
    Case("backward of a chain of 10 one-element ops", 1 / 3, backward_only),
    Case("chain of 10 one-element ops, forward and backward", 1 / 3, chain_backward),
    Case("MLP 784-512-512-10, batch 64, Adam, step", 1.0, mlp_step, parallel=True),
    Case("digits network, one epoch", 1.0, digits_epoch, parallel=True),
    Case("gradients per sample of a CNN, 32 images", 0.5, per_sample_gradients, parallel=True),
    Case("hessian of an MLP with 64 parameters", 0.5, mlp_hessian, parallel=True),
    Case("jacrev of 256 outputs by 64 inputs", 0.5, jacobian_of_256, parallel=True),
    Case("exp, 1e6 float32", 1.0, elementwise("exp", 1_000_000), parallel=True),
    Case("tanh, 1e6 float32", 1.0, elementwise("tanh", 1_000_000), parallel=True),
    Case("sum, 1e6 float32", 1.0, elementwise("sum", 1_000_000), parallel=True),
    Case("matmul 512 x 512", 1.0, matmul(512), parallel=True),
    Case("24 blocks: capture of primitive ops", 0.02, graphs.capture_primitives),
    Case("24 blocks: capture by example", 1.0, graphs.capture_calls),
    Case("24 blocks: save", 1.0, graphs.save),
    Case("24 blocks: load", 1.0, graphs.load),
    Case("24 blocks: load, against exported programs", 0.06, graphs.exported_load),
    Case("24 blocks: inference of the captured graph", 0.8, graphs.run_captured),
]
