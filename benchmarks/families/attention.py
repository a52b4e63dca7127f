"""Scaled dot product attention, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

from case import Case, Family, Library, Run, leaf


def attention(batch: int, heads: int, length: int, width: int, causal: bool) -> Callable[[Library], Run]:
    def build(lib: Library) -> Run:
        q, k, v = (leaf(lib, batch, heads, length, width) for _ in range(3))
        seed = lib.randn(batch, heads, length, width)
        function = lib.nn.functional.scaled_dot_product_attention

        def run() -> object:
            return lib.autograd.grad(function(q, k, v, is_causal=causal), [q, k, v], seed)

        return run

    return build


def case(name: str, batch: int, heads: int, length: int, causal: bool) -> Case:
    width = 64
    products = 2 + 5  # of queries by keys, and weights by values; backward makes the first again
    flops = products * 2 * batch * heads * length**2 * width // (2 if causal else 1)
    return Case(name, attention(batch, heads, length, width, causal), flops=flops)


FAMILY = Family(
    "attention",
    (
        case("B4 H8 T512 D64", 4, 8, 512, False),
        case("B4 H8 T512 D64, causal", 4, 8, 512, True),
        case("B1 H2 T4096 D64", 1, 2, 4096, False),
        case("B1 H2 T4096 D64, causal", 1, 2, 4096, True),
    ),
    mean=0.7,
)
