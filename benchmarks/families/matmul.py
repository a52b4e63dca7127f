"""Matrix products: square, transposed, batched, skinny, with a bias; in sixteen bits, and of 8-bit integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from case import Case, Family, Library, Run


def product(
    first: tuple[int, ...], second: tuple[int, ...], dtype: str = "float32", transposed: str = ""
) -> Callable[[Library], Run]:
    """Of tensors of these shapes; those named in `transposed` lie the other way in memory."""

    def operand(lib: Library, name: str, shape: tuple[int, ...]) -> Any:
        kind = getattr(lib, dtype)
        if name not in transposed:
            return lib.rand(*shape).to(kind)
        return lib.rand(*shape[:-2], shape[-1], shape[-2]).to(kind).transpose(-1, -2)

    def build(lib: Library) -> Run:
        a, b = operand(lib, "a", first), operand(lib, "b", second)
        return lambda: a @ b

    return build


def with_bias(m: int, k: int, n: int) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        x, weight, bias = lib.rand(m, k), lib.rand(n, k), lib.rand(n)
        return lambda: lib.nn.functional.linear(x, weight, bias)

    return build


def of_bytes(m: int, k: int, n: int, by_columns: bool) -> Callable[[Library], Run]:
    """int8 with sums of int32; the right operand may lie column by column, as the weight of a layer does."""

    def build(lib: Library) -> Run:
        a, b = lib.randint(-128, 128, (m, k)).to(lib.int8), lib.randint(-128, 128, (n, k)).to(lib.int8).t()
        if not by_columns:
            b = b.contiguous()
        return lambda: lib._int_mm(a, b)

    return build


SKINNY = (((1, 1024), (1024, 1024)), ((1024, 1024), (1024, 1)), ((16, 4096), (4096, 1024)), ((4096, 16), (16, 4096)))
BATCHED = (((512, 8, 8), (512, 8, 8)), ((256, 32, 32), (256, 32, 32)), ((64, 128, 64), (64, 64, 128)))


def flops(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    batch = first[0] if len(first) == 3 else 1
    return 2 * batch * first[-2] * first[-1] * second[-1]


def cases() -> Iterator[Case]:
    for n in (256, 512, 1024, 2048):
        yield Case(f"float32 {n}", product((n, n), (n, n)), flops=2 * n**3)
        # half as many elements in a register: twice the time
        yield Case(f"float64 {n}", product((n, n), (n, n), "float64"), flops=4 * n**3)
    for names in ("a", "b", "ab"):
        yield Case(
            f"float32 512, {names} transposed", product((512,) * 2, (512,) * 2, "float32", names), flops=2 * 512**3
        )
    for first, second in SKINNY + BATCHED:
        moved = 4 * sum(x * y * (s[0] if len(s) == 3 else 1) for s in (first, second) for x, y in [s[-2:]])
        name = f"float32 {'x'.join(map(str, first))} by {'x'.join(map(str, second))}"
        yield Case(name, product(first, second), flops=flops(first, second), moved=moved)
    yield Case("linear 64x784 to 512", with_bias(64, 784, 512), flops=2 * 64 * 784 * 512)
    yield Case("linear 1024x256 to 1024", with_bias(1024, 256, 1024), flops=2 * 1024 * 256 * 1024)


FAMILY = Family("matmul", tuple(cases()), mean=0.95, worst=1.1)
SIXTEEN_BITS = Family(
    "matmul in 16 bits",
    tuple(
        Case(f"{dtype} 1024", product((1024, 1024), (1024, 1024), dtype), flops=2 * 1024**3)
        for dtype in ("bfloat16", "float16")
    ),
    mean=0.015,
)
BYTES = Family(
    "matmul of int8",
    tuple(
        Case(f"int8 {m}x{k} by {k}x{n}{', by columns' * by_columns}", of_bytes(m, k, n, by_columns))
        for m, k, n in ((512, 512, 512), (1024, 1024, 1024), (16, 4096, 1024), (64, 784, 512), (4096, 64, 4096))
        for by_columns in (False, True)
    ),
    mean=1.0,
)
