"""Recurrent layers, embeddings, gathers and scatters, sorting, running sums, random numbers, and copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from case import Case, Family, Library, Run, gradients, leaf

MILLION = 1 << 20


def call(function: Callable[..., object], prepare: Callable[[Library], tuple[Any, ...]]) -> Callable[[Library], Run]:
    """`function(lib, *prepare(lib))`."""

    def build(lib: Library) -> Run:
        lib.manual_seed(0)
        values = prepare(lib)
        return lambda: function(lib, *values)

    return build


def recurrent(name: str, back: bool) -> Callable[[Library], Run]:
    """128 sequences of 64 steps would be a text batch; 32 of 64 here, width 256."""

    def build(lib: Library) -> Run:
        module, x = getattr(lib.nn, name)(256, 256), leaf(lib, 64, 32, 256)
        if back:
            return gradients(lib, module(x)[0], [x, *module.parameters()])

        def run() -> object:
            with lib.no_grad():
                return module(x)

        return run

    return build


def embedding_backward(lib: Library) -> Run:
    weight, index = leaf(lib, 10_000, 256), lib.randint(0, 10_000, (32, 128))
    out = lib.nn.functional.embedding(index, weight)
    return gradients(lib, out, [weight])


def rows(lib: Library) -> tuple[Any, Any]:
    return lib.randn(10_000, 256), lib.randint(0, 10_000, (4096,))


def gathered(lib: Library) -> tuple[Any, Any]:
    return lib.randn(1024, 1024), lib.randint(0, 1024, (1024, 1024))


def scattered(lib: Library) -> tuple[Any, Any, Any]:
    return lib.zeros(1024, 1024), lib.randint(0, 1024, (1024, 1024)), lib.randn(1024, 1024)


def numbers(*shape: int) -> Callable[[Library], tuple[Any, ...]]:
    return lambda lib: (lib.randn(*shape),)


def integers(*shape: int, high: int = 1 << 30) -> Callable[[Library], tuple[Any, ...]]:
    return lambda lib: (lib.randint(0, high, shape),)


INDEX: dict[str, tuple[Callable[..., object], Callable[[Library], tuple[Any, ...]], int]] = {
    "embedding 4096x256": (lambda lib, w, i: lib.nn.functional.embedding(i, w), rows, 8 * 4096 * 256),
    "index_select 4096x256": (lambda lib, w, i: w.index_select(0, i), rows, 8 * 4096 * 256),
    "x[index] 4096x256": (lambda lib, w, i: w[i], rows, 8 * 4096 * 256),
    "index_add 4096x256": (
        lambda lib, w, i, s: w.index_add(0, i, s),
        lambda lib: (*rows(lib), lib.randn(4096, 256)),
        4 * 256 * (2 * 10_000 + 2 * 4096),
    ),
    "gather 1 M, last dim": (lambda lib, x, i: x.gather(1, i), gathered, 16 * MILLION),
    "gather 1 M, first dim": (lambda lib, x, i: x.gather(0, i), gathered, 16 * MILLION),
    "scatter_add 1 M": (lambda lib, x, i, s: x.scatter_add(1, i, s), scattered, 20 * MILLION),
    "x[mask] 1 M": (lambda lib, x, m: x[m], lambda lib: ((x := lib.randn(MILLION)), x > 0), 7 * MILLION),
    "nonzero 1 M": (lambda lib, x: x.nonzero(), lambda lib: (lib.randn(MILLION) > 0,), 5 * MILLION),
    "masked_fill 1 M": (
        lambda lib, x, m: x.masked_fill(m, 0.0),
        lambda lib: ((x := lib.randn(MILLION)), x > 0),
        9 * MILLION,
    ),
    "roll 1 M": (lambda lib, x: x.roll(100), numbers(MILLION), 8 * MILLION),
}
SORT: dict[str, tuple[Callable[..., object], Callable[[Library], tuple[Any, ...]]]] = {
    "sort 1 M": (lambda lib, x: x.sort(), numbers(MILLION)),
    "sort 1024x1024": (lambda lib, x: x.sort(), numbers(1024, 1024)),
    "sort int64 1 M": (lambda lib, x: x.sort(), integers(MILLION)),
    "argsort 65536": (lambda lib, x: x.argsort(), numbers(1 << 16)),
    "topk 10 of 1024x1024": (lambda lib, x: x.topk(10), numbers(1024, 1024)),
    "topk 100 of 1 M": (lambda lib, x: x.topk(100), numbers(MILLION)),
    "median 1024x1024": (lambda lib, x: x.median(1), numbers(1024, 1024)),
    "unique int64 1 M": (lambda lib, x: lib.unique(x), integers(MILLION, high=10_000)),
    "searchsorted 65536 in 65536": (
        lambda lib, a, b: lib.searchsorted(a, b),
        lambda lib: (lib.rand(1 << 16).sort()[0], lib.rand(1 << 16)),
    ),
    "bincount 1 M": (lambda lib, x: lib.bincount(x), integers(MILLION, high=1000)),
}
SCANS: dict[str, tuple[Callable[..., object], Callable[[Library], tuple[Any, ...]], int]] = {
    "cumsum 1 M": (lambda lib, x: x.cumsum(0), numbers(MILLION), 8 * MILLION),
    "cumsum 1024x1024, last dim": (lambda lib, x: x.cumsum(1), numbers(1024, 1024), 8 * MILLION),
    "cumsum 1024x1024, first dim": (lambda lib, x: x.cumsum(0), numbers(1024, 1024), 8 * MILLION),
    "cummax 1024x1024": (lambda lib, x: x.cummax(1), numbers(1024, 1024), 16 * MILLION),
}
RANDOM: dict[str, tuple[Callable[..., object], int]] = {
    "rand 1 M": (lambda lib: lib.rand(MILLION), 4 * MILLION),
    "randn 1 M": (lambda lib: lib.randn(MILLION), 4 * MILLION),
    "randint 1 M": (lambda lib: lib.randint(0, 100, (MILLION,)), 8 * MILLION),
    "randperm 100,000": (lambda lib: lib.randperm(100_000), 800_000),
}
COPIES: dict[str, tuple[Callable[..., object], Callable[[Library], tuple[Any, ...]]]] = {
    "transpose 1024x1024": (lambda lib, x: x.t().contiguous(), numbers(1024, 1024)),
    "transpose 4096x4096": (lambda lib, x: x.t().contiguous(), numbers(4096, 4096)),
    "permute (0, 2, 1, 3)": (lambda lib, x: x.transpose(1, 2).contiguous(), numbers(8, 128, 16, 64)),
    "permute (2, 1, 0)": (lambda lib, x: x.permute(2, 1, 0).contiguous(), numbers(64, 128, 128)),
    "to channels last": (lambda lib, x: x.contiguous(memory_format=lib.channels_last), numbers(16, 64, 32, 32)),
    "clone 1 M": (lambda lib, x: x.clone(), numbers(MILLION)),
    "cat rows": (lambda lib, x, y: lib.cat([x, y]), lambda lib: (lib.randn(512, 1024), lib.randn(512, 1024))),
    "cat columns": (lambda lib, x, y: lib.cat([x, y], 1), lambda lib: (lib.randn(1024, 512), lib.randn(1024, 512))),
    "stack last": (lambda lib, x, y: lib.stack([x, y], -1), lambda lib: (lib.randn(1 << 19), lib.randn(1 << 19))),
    "pad": (lambda lib, x: lib.nn.functional.pad(x, (1, 1, 1, 1)), numbers(16, 64, 30, 30)),
    "flip": (lambda lib, x: x.flip(1), numbers(1024, 1024)),
    "repeat": (lambda lib, x: x.repeat(4, 4), numbers(256, 256)),
}


def random_cases(lib: Library) -> Run:
    x = lib.randn(MILLION)
    return lambda: lib.nn.functional.dropout(x, 0.1)


def cases() -> Iterator[Case]:
    for name in ("LSTM", "GRU", "RNN"):
        gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name]
        flops = 64 * 32 * 2 * 2 * gates * 256**2
        yield Case(f"{name} 64x32x256", recurrent(name, False), flops=flops)
        yield Case(f"{name} 64x32x256, gradients", recurrent(name, True), flops=2 * flops)
    yield Case("embedding 4096x256, gradient", embedding_backward, moved=4 * 256 * (10_000 + 2 * 4096))
    for name, (function, prepare, moved) in {**INDEX, **SCANS}.items():
        yield Case(name, call(function, prepare), moved=moved)
    for name, (function, prepare) in SORT.items():
        yield Case(name, call(function, prepare))
    for name, (function, moved) in RANDOM.items():
        yield Case(name, call(function, lambda lib: ()), moved=moved)
    yield Case("dropout 1 M", random_cases, moved=8 * MILLION)
    for name, (function, prepare) in COPIES.items():
        yield Case(name, call(function, prepare), moved=(128 if "4096" in name else 8) * MILLION)


FAMILY = Family("recurrent, index, sort, random, copies", tuple(cases()), mean=0.5, worst=1.0)
