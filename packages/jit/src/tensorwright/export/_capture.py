"""One graph for all sizes: the function is recorded at several, and what differs is an expression over them."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tensorwright as tw
from tensorwright import Tensor
from tensorwright._tree import Structure, flatten
from tensorwright.export._specification import Specification, Symbol
from tensorwright.jit._program import Program
from tensorwright.jit._trace import TracerWarning, named_tensors, record

Sizes = dict[str, int]  # of the symbols, by name
Call = Callable[[list[Any]], Any]  # the function, called with the leaves of its arguments

PROBES = 5  # recorded beside the example; an expression with two numbers in it fits six sizes by no accident
REACH = 12  # how far above the example's sizes they lie


@dataclass
class Recording:
    """The function recorded at one set of sizes."""

    sizes: Sizes
    program: Program
    output: Structure


class Capture:
    """Records one function, again and again, and leaves its buffers and the random numbers as they were."""

    def __init__(
        self,
        function: Any,
        call: Call,
        wanted: Specification,
        depth: int,
        whole: Iterable[str] = (),
    ) -> None:
        self._function = function
        self._call = call
        self.wanted = wanted
        self._depth = depth
        self._whole = whole

    # ---- recording ---------------------------------------------------------------------------------------

    @property
    def example(self) -> Sizes:
        """The sizes of the example inputs."""
        return {name: symbol.example for name, symbol in self.wanted.symbols.items()}

    def leaves(self, sizes: Sizes) -> list[Any]:
        """Arguments of these sizes: the example's entries, repeated or left out along the dimensions."""
        return [
            _resized(item.value, [_value(size, sizes) for size in item.sizes]) if item.is_tensor else item.value
            for item in self.wanted.inputs
        ]

    def record(self, sizes: Sizes) -> Recording:
        leaves = self.leaves(sizes)
        tensors = (leaf for leaf in leaves if isinstance(leaf, Tensor))
        named = zip((item.name for item in self.wanted.tensors), tensors, strict=True)
        with self._unchanged(), warnings.catch_warnings():
            warnings.simplefilter("default" if sizes == self.example else "ignore", TracerWarning)
            program, output = record(self._function, named, lambda: self._call(leaves), self._depth, self._whole)
        return Recording(sizes, program, output)

    def run(self, sizes: Sizes, call: Call | None = None, noisy: bool = False) -> Any:
        """What the function itself, or another call in its place, gives for these sizes; with noise on the example's
        values if asked for, the same at every call.
        """
        with self._unchanged():
            leaves = self.leaves(sizes)
            return (call or self._call)([_with_noise(leaf) for leaf in leaves] if noisy else leaves)

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        buffers = [tensor for _, tensor in named_tensors(self._function) if not tensor.requires_grad]
        before = [tensor.detach().clone() for tensor in buffers]
        random_state = tw.get_rng_state()
        try:
            yield
        finally:
            tw.set_rng_state(random_state)
            with tw.no_grad():
                for tensor, values in zip(buffers, before, strict=True):
                    tensor.copy_(values)

    # ---- one graph ---------------------------------------------------------------------------------------

    def graph(self, probes: list[Sizes]) -> Recording:
        """One graph from recordings at the example's sizes and at these.

        Raises:
            ValueError: where they differ in more than sizes; names the line.
        """
        recordings = [self.record(sizes) for sizes in (self.example, *probes)]
        for other in recordings[1:]:
            if other.output != recordings[0].output:
                raise ValueError(f"the result is nested in another way for {_text(other.sizes)}")
        first = recordings[0]
        first.program.native(
            "generalise",
            "forward",
            self._sources(),
            [[item.text(dim) for dim in range(len(item.sizes))] for item in self.wanted.tensors],
            [(each.program.native, tuple(each.sizes.values())) for each in recordings],
        )
        return first

    def _sources(self) -> list[tuple[str, int, int, int, int]]:
        """For each symbol an input that shows it, one without arithmetic if there is one."""
        found: dict[str, tuple[str, int, int, int, int]] = {}
        for place, item in enumerate(self.wanted.tensors):
            for dim, size in enumerate(item.sizes):
                if isinstance(size, tuple):
                    symbol, scale, offset = size
                    if symbol not in found or (found[symbol][3:] != (1, 0) and (scale, offset) == (1, 0)):
                        found[symbol] = (symbol, place, dim, scale, offset)
        return [found[name] for name in self.wanted.symbols]

    # ---- sizes to record at ------------------------------------------------------------------------------

    def probes(self, symbols: set[str] | None = None) -> list[Sizes]:
        """Sizes somewhat above the example's, each symbol's in an order of its own; only of some symbols, if given."""
        chosen = {
            name: _around(symbol, number)
            for number, (name, symbol) in enumerate(self.wanted.symbols.items())
            if symbols is None or name in symbols
        }
        return [
            {
                name: chosen[name][k] if name in chosen else symbol.example
                for name, symbol in self.wanted.symbols.items()
            }
            for k in range(PROBES)
        ]


def _value(size: int | tuple[str, int, int], sizes: Sizes) -> int:
    return size if isinstance(size, int) else size[1] * sizes[size[0]] + size[2]


def _resized(tensor: Tensor, shape: list[int]) -> Tensor:
    """A tensor of its own with these sizes: the entries repeated or left out."""
    result = tensor.detach().clone()
    for dim, size in enumerate(shape):
        if size == result.shape[dim]:
            continue
        if result.shape[dim] == 0:
            result = result.new_zeros([*result.shape[:dim], size, *result.shape[dim + 1 :]])
        else:
            result = result.index_select(dim, tw.arange(size) % result.shape[dim])
    return result.requires_grad_() if tensor.requires_grad else result


def _around(symbol: Symbol, number: int) -> list[int]:
    """PROBES sizes near the example's, all different where the range has so many."""
    high = symbol.example + REACH if symbol.high is None else min(symbol.high, symbol.example + REACH)
    low = max(symbol.low, min(symbol.example, high - REACH, 2))
    candidates = [n for n in range(low, high + 1) if n != symbol.example and (n > 1 or symbol.high == 1)]
    above = [n for n in candidates if n > symbol.example]
    choice = random.Random(number)  # the same for each export
    pool = above if len(above) >= PROBES else candidates or [symbol.example]
    picked = choice.sample(pool, min(PROBES, len(pool)))
    return [picked[k % len(picked)] for k in range(PROBES)]


def _text(sizes: Sizes) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def describe(error: BaseException) -> str:
    """An exception of the function in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def failure(capture: Capture, probes: list[Sizes]) -> str | None:
    """Why there is no one graph for these sizes; nothing if there is one."""
    try:
        capture.graph(probes)
    except Exception as error:  # the function's own refusals too
        return describe(error)
    return None


def difference(capture: Capture, run: Call, sizes: Sizes) -> str | None:
    """What another call gives for these sizes that the function does not give; nothing if both give, or refuse, alike,
    for the example's values and for others.
    """
    return _difference(capture, run, sizes, False) or _difference(capture, run, sizes, True)


def _difference(capture: Capture, run: Call, sizes: Sizes, noisy: bool) -> str | None:
    expected, refusal = _attempt(lambda: capture.run(sizes, None, noisy))
    results, own_refusal = _attempt(lambda: capture.run(sizes, run, noisy))
    if refusal or own_refusal:
        return None if refusal and own_refusal else f"only one of function and graph refuses: {refusal or own_refusal}"
    different = [place for place, pair in enumerate(zip(expected, results, strict=True)) if not _same(*pair)]
    return f"result {different[0]} of the graph differs from the function's" if different else None


def _attempt(call: Callable[[], Any]) -> tuple[list[Any], str | None]:
    """The leaves of what a call gives, or what it refuses with."""
    try:
        return flatten(call())[0], None
    except Exception as error:  # whatever the function raises is what is compared
        return [], describe(error)


def _with_noise(leaf: Any) -> Any:
    if not (isinstance(leaf, Tensor) and leaf.is_floating_point()):
        return leaf
    return (leaf.detach() + tw.rand(leaf.shape).to(leaf.dtype)).requires_grad_(leaf.requires_grad)


def _same(want: Any, got: Any) -> bool:
    if not isinstance(want, Tensor):
        return bool(want == got)
    return want.shape == got.shape and want.dtype == got.dtype and tw.allclose(got, want, equal_nan=True)
