"""What `compile` makes of pointwise chains, softmax and layer normalization over 1024 x 1024 float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from case import Case, Family, Library, Run

Function = Callable[[Library], Callable[..., Any]]
SIDE = 1024
MEGABYTES = 4 * SIDE * SIDE


def gelu(lib: Library) -> Callable[..., Any]:
    """A linear map of columns, GELU, a product."""
    return lambda x, y, w, b: lib.nn.functional.gelu(x * w + b) * y


def tanh(lib: Library) -> Callable[..., Any]:
    """A gate of two functions."""
    return lambda x, y, w, b: lib.tanh(x * w + b) * y + lib.sigmoid(x)


def swiglu(lib: Library) -> Callable[..., Any]:
    """A gated linear unit."""
    return lambda x, y, w, b: lib.nn.functional.silu(x * w + b) * y


def residual(lib: Library) -> Callable[..., Any]:
    """Sums and a rectifier."""
    return lambda x, y, w, b: lib.relu(x * w + b + y) * 0.5 + x


def softmax(lib: Library) -> Callable[..., Any]:
    """The op alone."""
    return lambda x, y, w, b: lib.softmax(x, -1)


def scores(lib: Library) -> Callable[..., Any]:
    """Softmax of scaled scores with a mask added."""
    return lambda x, y, w, b: lib.softmax(x * 0.125 + y, -1)


def written_softmax(lib: Library) -> Callable[..., Any]:
    """Softmax in smaller ops."""

    def function(x: Any, y: Any, w: Any, b: Any) -> Any:
        e = (x - x.amax(-1, keepdim=True)).exp()
        return e / e.sum(-1, keepdim=True)

    return function


def layer_norm(lib: Library) -> Callable[..., Any]:
    """The op alone."""
    return lambda x, y, w, b: lib.nn.functional.layer_norm(x, (SIDE,), w, b)


def normalized_residual(lib: Library) -> Callable[..., Any]:
    """Layer normalization of a sum."""
    return lambda x, y, w, b: lib.nn.functional.layer_norm(x + y, (SIDE,), w, b)


def compiled(function: Function) -> Callable[[Library], Run]:
    """Calls of the compiled function, after those that compile it."""

    def build(lib: Library) -> Run:
        args = (lib.randn(SIDE, SIDE), lib.randn(SIDE, SIDE), lib.randn(SIDE), lib.randn(SIDE))
        run = lib.compile(function(lib))

        def call() -> object:
            with lib.no_grad():
                return run(*args)

        call(), call()
        return call

    return build


def _case(function: Function, reads: int) -> Case:
    name = function.__name__.replace("_", " ")
    return Case(f"compiled {name}", compiled(function), moved=(reads + 1) * MEGABYTES)


FAMILY = Family(
    "compiled functions",
    (
        _case(gelu, 2),
        _case(tanh, 2),
        _case(swiglu, 2),
        _case(residual, 2),
        _case(softmax, 1),
        _case(scores, 2),
        _case(written_softmax, 1),
        _case(layer_norm, 1),
        _case(normalized_residual, 2),
    ),
    quick=False,  # the other compiler takes a minute
    mean=0.4,
)
