"""Hooks on the gradients that enter a module by its outputs and leave it by its inputs, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import tensorwright as tw
from tensorwright import Tensor

from ._hooks import Hook

if TYPE_CHECKING:
    from ._calls import HookedCalls

Gradients = tuple[Tensor | None, ...]


class GradientHooks:
    """Watches the tensors among a call's positional arguments and results.

    A backward pass shows ``before`` the gradients of the results, and then ``after`` those of the arguments and of the
    results. Either may return others: of the results, or of the arguments.
    """

    def __init__(self, module: HookedCalls[..., Any], before: Sequence[Hook], after: Sequence[Hook]) -> None:
        self.module, self.before, self.after = module, before, after
        self.arguments = 0
        self.arguments_are_watched = False
        self.grad_output: Gradients = ()

    def on_arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments to call ``forward`` with."""
        self.arguments = len(args)
        watched, self.arguments_are_watched = _watched(args, self._leave)
        return watched

    def on_result(self, result: Any) -> Any:
        """The result to give to the caller: a tensor, or a tuple or list that may have some."""
        if isinstance(result, (tuple, list)):
            watched, _ = _watched(tuple(result), self._enter)
            return type(result)(*watched) if hasattr(result, "_fields") else type(result)(watched)
        (watched_one,), _ = _watched((result,), self._enter)
        return watched_one

    def _enter(self, gradients: Gradients) -> Gradients:
        for hook in self.before:
            gradients = _replaced("grad_output", gradients, hook(self.module, gradients))
        self.grad_output = gradients
        if not self.arguments_are_watched:  # nobody asks for gradients of the arguments
            self._leave((None,) * self.arguments)
        return gradients

    def _leave(self, gradients: Gradients) -> Gradients:
        for hook in self.after:
            gradients = _replaced("grad_input", gradients, hook(self.module, gradients, self.grad_output))
        return gradients


def _replaced(what: str, gradients: Gradients, returned: object) -> Gradients:
    if returned is None:
        return gradients
    others = returned if isinstance(returned, tuple) else (returned,)
    if len(others) != len(gradients):
        raise RuntimeError(f"a backward hook returned {len(others)} gradients in place of {len(gradients)} of {what}")
    return others


def _watched(values: tuple[Any, ...], seen: Callable[[Gradients], Gradients]) -> tuple[tuple[Any, ...], bool]:
    """The values, those that are part of a graph as tensors whose gradients go through `seen`; whether any is."""
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not places or not tw.is_grad_enabled():
        return values, False

    def of_places(gradients: Gradients) -> Gradients:
        everywhere: list[Tensor | None] = [None] * len(values)
        for place, gradient in zip(places, gradients, strict=True):
            everywhere[place] = gradient
        given = seen(tuple(everywhere))
        return tuple(given[place] for place in places)

    results = list(values)
    taps = _tap().apply(of_places, *(values[place] for place in places))
    for place, tap in zip(places, taps, strict=True):
        results[place] = tap
    return tuple(results), True


@cache
def _tap() -> Any:
    """The identity as a function whose gradients all pass at once; of autograd, which may not be installed."""

    class Tap(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, seen: Callable[[Gradients], Gradients], *tensors: Tensor) -> tuple[Tensor, ...]:
            ctx.seen = seen
            ctx.set_materialize_grads(False)
            return tuple(tensor.detach() for tensor in tensors)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
            return None, *ctx.seen(gradients)

    return Tap
