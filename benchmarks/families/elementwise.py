"""Pointwise ops and casts on one and sixteen million elements, in all layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from case import Case, Family, Library, Run

MILLION = 1 << 20


def unary(name: str, size: int) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        function, x = getattr(lib, name, None) or getattr(lib.nn.functional, name), lib.rand(size) + 0.1
        return lambda: function(x)

    return build


def binary(name: str, size: int, dtype: str = "float32") -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        kind = getattr(lib, dtype)
        a, b = (lib.rand(size) * 9 + 1).to(kind), (lib.rand(size) * 9 + 1).to(kind)
        function = getattr(lib, name)
        return lambda: function(a, b)

    return build


def into(name: str, size: int) -> Callable[[Library], Run]:
    """Into a tensor that there is."""

    def build(lib: Library) -> Run:
        a, b, out = lib.rand(size), lib.rand(size), lib.zeros(size)
        function = getattr(lib, name)
        return lambda: function(a, b, out=out)

    return build


def in_place(lib: Library) -> Run:
    a, b = lib.rand(MILLION), lib.rand(MILLION)
    return lambda: a.mul_(b)


def where(size: int) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        a, b = lib.rand(size), lib.rand(size)
        mask = a > 0.5
        return lambda: lib.where(mask, a, b)

    return build


def cast(source: str, target: str, size: int) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        x, dtype = (lib.rand(size) * 100).to(getattr(lib, source)), getattr(lib, target)
        return lambda: x.to(dtype)

    return build


def layout(prepare: Callable[[Library], tuple[Any, Any]]) -> Callable[[Library], Run]:
    """A sum of two tensors of some layout."""

    def build(lib: Library) -> Run:
        a, b = prepare(lib)
        return lambda: a + b

    return build


LAYOUTS: dict[str, Callable[[Library], tuple[Any, Any]]] = {
    "row broadcast": lambda lib: (lib.rand(1024, 1024), lib.rand(1024)),
    "column broadcast": lambda lib: (lib.rand(1024, 1024), lib.rand(1024, 1)),
    "outer": lambda lib: (lib.rand(1024, 1), lib.rand(1, 1024)),
    "transpose + contiguous": lambda lib: (lib.rand(1024, 1024).t(), lib.rand(1024, 1024)),
    "transpose + transpose": lambda lib: (lib.rand(1024, 1024).t(), lib.rand(1024, 1024).t()),
    "every second": lambda lib: (lib.rand(2 * MILLION)[::2], lib.rand(2 * MILLION)[::2]),
    "channels last + channels first": lambda lib: (
        lib.rand(16, 64, 32, 32).to(memory_format=lib.channels_last),
        lib.rand(16, 64, 32, 32),
    ),
    "channels + bias": lambda lib: (lib.rand(16, 64, 32, 32), lib.rand(64, 1, 1)),
    "short rows": lambda lib: (lib.rand(MILLION // 4, 4), lib.rand(4)),
    "short slices": lambda lib: (lib.rand(MILLION // 4, 8)[:, 2:6], lib.rand(MILLION // 4, 4)),
    "permuted": lambda lib: (lib.rand(64, 128, 128).permute(2, 0, 1), lib.rand(128, 64, 128)),
    "float32 + int64": lambda lib: (lib.rand(MILLION), lib.arange(MILLION)),
}
WIDTH = {"bool": 1, "uint8": 1, "bfloat16": 2, "float16": 2, "float32": 4, "int32": 4, "float64": 8, "int64": 8}
CASTS = (
    ("float32", "float64"), ("float64", "float32"), ("float32", "bfloat16"), ("bfloat16", "float32"),
    ("float32", "float16"), ("float32", "int32"), ("int64", "float32"), ("uint8", "float32"), ("float32", "bool"),
)  # fmt: skip
UNARY = ("exp", "log", "tanh", "sigmoid", "erf", "sin", "sqrt", "relu", "gelu", "silu", "abs", "rsqrt")
BINARY = ("add", "mul", "div", "maximum", "lt", "pow", "atan2")


def cases() -> Iterator[Case]:
    for size, text in ((MILLION, "1 M"), (16 * MILLION, "16 M")):
        few = size > MILLION
        for name in ("exp", "relu", "tanh") if few else UNARY:
            yield Case(f"{name} {text}", unary(name, size), moved=8 * size)
        for name in ("add", "lt") if few else BINARY:
            yield Case(f"{name} {text}", binary(name, size), moved=(9 if name == "lt" else 12) * size)
        yield Case(f"add into {text}", into("add", size), moved=12 * size)
        yield Case(f"where {text}", where(size), moved=13 * size)
        for source, target in CASTS[:3] if few else CASTS:
            moved = (WIDTH[source] + WIDTH[target]) * size
            yield Case(f"{source} to {target} {text}", cast(source, target, size), moved=moved)
    for dtype in ("float64", "int64", "bfloat16", "complex64"):
        width = WIDTH.get(dtype, 8)
        yield Case(f"add {dtype} 1 M", binary("add", MILLION, dtype), moved=3 * width * MILLION)
        yield Case(f"mul {dtype} 1 M", binary("mul", MILLION, dtype), moved=3 * width * MILLION)
    yield Case("mul in place 1 M", in_place, moved=12 * MILLION)
    for name, prepare in LAYOUTS.items():
        yield Case(f"add, {name}, 1 M", layout(prepare), moved=12 * MILLION)


FAMILY = Family("elementwise and casts", tuple(cases()), mean=0.5, worst=1.0)
