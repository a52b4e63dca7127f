"""Reductions, and the row kernels of networks forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from case import Case, Family, Library, Run, gradients, leaf

MILLION = 1 << 20
ROWS, WIDTH = 2048, 768


def reduce(call: Callable[[Library, Any], object], *shape: int, dtype: str = "float32") -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        x = (lib.randn(*shape) * 10).to(getattr(lib, dtype))
        return lambda: call(lib, x)

    return build


def forward(function: Callable[[Library], tuple[Callable[..., Any], list[Any]]]) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        call, inputs = function(lib)
        return lambda: call(*inputs)

    return build


def backward(function: Callable[[Library], tuple[Callable[..., Any], list[Any]]]) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        call, inputs = function(lib)
        return gradients(lib, call(*inputs), inputs)

    return build


def layer(name: str) -> Callable[[Library], tuple[Callable[..., Any], list[Any]]]:
    """The function and the tensors that it is differentiated by."""

    def build(lib: Library) -> tuple[Callable[..., Any], list[Any]]:
        functional = lib.nn.functional
        rows = leaf(lib, ROWS, WIDTH)
        if name in ("softmax", "log_softmax"):
            return (lambda x: getattr(functional, name)(x, -1)), [rows]
        if name == "softmax of columns":
            return (lambda x: functional.softmax(x, 0)), [rows]
        if name == "cross_entropy":
            labels = lib.randint(0, WIDTH, (ROWS,))
            return (lambda x: functional.cross_entropy(x, labels)), [rows]
        if name == "layer_norm":
            return (lambda x, w, b: functional.layer_norm(x, (WIDTH,), w, b)), [
                rows,
                leaf(lib, WIDTH),
                leaf(lib, WIDTH),
            ]
        if name == "rms_norm":
            return (lambda x, w: functional.rms_norm(x, (WIDTH,), w)), [rows, leaf(lib, WIDTH)]
        images, weight, bias = leaf(lib, 32, 64, 28, 28), leaf(lib, 64), leaf(lib, 64)
        if name == "group_norm":
            return (lambda x, w, b: functional.group_norm(x, 8, w, b)), [images, weight, bias]
        mean, var = lib.zeros(64), lib.ones(64)
        return (lambda x, w, b: functional.batch_norm(x, mean, var, w, b, True)), [images, weight, bias]

    return build


REDUCTIONS: dict[str, Callable[[Library, Any], object]] = {
    "sum": lambda lib, x: x.sum(),
    "sum over rows": lambda lib, x: x.sum(0),
    "sum along rows": lambda lib, x: x.sum(1),
    "mean along rows": lambda lib, x: x.mean(-1),
    "amax along rows": lambda lib, x: x.amax(1),
    "max over rows": lambda lib, x: x.max(0),
    "argmax along rows": lambda lib, x: x.argmax(1),
    "argmax": lambda lib, x: x.argmax(),
    "var along rows": lambda lib, x: x.var(1),
    "std": lambda lib, x: x.std(),
    "norm": lambda lib, x: lib.linalg.vector_norm(x),
    "prod along rows": lambda lib, x: x.prod(1),
    "logsumexp along rows": lambda lib, x: x.logsumexp(1),
    "any": lambda lib, x: x.any(),
}
LAYERS = {
    "softmax": (8, 12), "softmax of columns": (8, 12), "log_softmax": (8, 12), "cross_entropy": (4, 8),
    "layer_norm": (8, 12), "rms_norm": (8, 12), "batch_norm": (12, 16), "group_norm": (12, 16),
}  # fmt: skip


def cases() -> Iterator[Case]:
    """The bytes of a backward pass: the gradient and what was kept are read, a gradient is written."""
    for name, call in REDUCTIONS.items():
        yield Case(f"{name} 1024x1024", reduce(call, 1024, 1024), moved=4 * MILLION)
    yield Case("sum 16 M", reduce(REDUCTIONS["sum"], 4096, 4096), moved=64 * MILLION)
    yield Case("sum over rows 16 M", reduce(REDUCTIONS["sum over rows"], 4096, 4096), moved=64 * MILLION)
    for dtype, width in (("float64", 8), ("bfloat16", 2), ("int64", 8), ("complex64", 8)):
        moved = width * MILLION
        yield Case(f"sum {dtype} 1 M", reduce(REDUCTIONS["sum"], 1024, 1024, dtype=dtype), moved=moved)
    yield Case("sum of short rows", reduce(REDUCTIONS["sum along rows"], MILLION // 8, 8), moved=4 * MILLION)
    yield Case("sum of a transpose", reduce(lambda lib, x: x.t().sum(1), 1024, 1024), moved=4 * MILLION)
    yield Case("sum of the middle", reduce(lambda lib, x: x.sum(1), 64, 256, 64), moved=4 * MILLION)
    for name, (there, back) in LAYERS.items():
        size = ROWS * WIDTH if name not in ("batch_norm", "group_norm") else 32 * 64 * 28 * 28
        yield Case(f"{name} forward", forward(layer(name)), moved=there * size)
        yield Case(f"{name} backward", backward(layer(name)), moved=back * size)


FAMILY = Family("reductions and row kernels", tuple(cases()), mean=0.6, worst=1.0)
