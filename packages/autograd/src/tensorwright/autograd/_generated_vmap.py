"""Batching rules of custom functions, made from their own methods: a function of batches that runs each under vmap.

The function of batches is a custom function itself, applied below the level of the batch. So it is recorded, pushed
forward and batched once more like any other, and its derivatives are those that the user wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorwright import Tensor
from tensorwright.autograd._levels import add_batch, batch_dim_of, batch_level, level_of, lowered

Dim = int | None


class Batch:
    """The batch of one call: its size, and where the arguments and results have it."""

    def __init__(self, function: Any, size: int, randomness: str, in_dims: Sequence[Dim]) -> None:
        self.function, self.size, self.randomness = function, size, randomness
        self.in_dims = tuple(in_dims)
        self.out_dims: tuple[Dim, ...] = ()

    def level(self) -> Any:
        """The level that the user's methods run in."""
        return batch_level(self.size, self.randomness)

    def moved(self, item: Any, dim: Dim, level: int, what: str) -> Any:
        """What lies behind a tensor of the level, with the batch at ``dim``; None for a tensor without batch."""
        if not isinstance(item, Tensor):
            return item
        physical, own = split(item, level)
        if dim is None and own is not None:
            raise RuntimeError(
                f"{self.function.__name__}: {what} differs over the batch of vmap, what it is of does not"
            )
        if dim is None:
            return physical
        if own is None:
            shape = list(physical.shape)
            shape.insert(dim, self.size)
            return physical.unsqueeze(dim).expand(shape)
        return physical.movedim(own, dim)


def inside(items: Sequence[Any], dims: Sequence[Dim], level: int) -> list[Any]:
    """Tensors as the level sees them."""
    return [
        item if dim is None or not isinstance(item, Tensor) else add_batch(item, dim, level)
        for item, dim in zip(items, dims, strict=True)
    ]


def split(item: Any, level: int) -> tuple[Any, Dim]:
    """What lies behind a tensor of the level, and where it has the batch."""
    if not isinstance(item, Tensor) or level_of(item) != level:
        return item, None
    dim: int = batch_dim_of(item)
    return lowered(item, level), dim


def listed(output: Any) -> list[Any]:
    """The outputs of a function, of which there may be one."""
    return list(output) if isinstance(output, (tuple, list)) else [output]


def like(output: Any, items: Sequence[Any]) -> Any:
    """Items in the form of an output."""
    return tuple(items) if isinstance(output, (tuple, list)) else items[0]


class _Saved:
    """What the user's ``setup_context`` has left: its context, and the tensors of the level that it kept."""

    def __init__(self, inner: Any, level: int) -> None:
        self.inner = inner
        self.backward = [split(item, level) for item in inner._to_save]
        self.forward = [split(item, level) for item in inner._to_save_forward]
        kept = {name: value for name, value in vars(inner).items() if isinstance(value, Tensor) and level_of(value)}
        self.attributes = {name: split(value, level) for name, value in kept.items()}
        for name in kept:
            delattr(inner, name)
        inner._to_save = inner._to_save_forward = ()

    def keep_on(self, ctx: Any) -> None:
        """Keep the tensors as saved ones of the function of batches."""
        attributes = [physical for physical, _ in self.attributes.values()]
        ctx.save_for_backward(*(physical for physical, _ in self.backward), *attributes)
        ctx.save_for_forward(*(physical for physical, _ in self.forward), *attributes)

    def context(self, found: Sequence[Tensor | None], saved: Sequence[tuple[Any, Dim]], level: int) -> Any:
        """The user's context with the tensors back on it."""
        dims = [dim for _, dim in (*saved, *self.attributes.values())]
        tensors = inside(found, dims, level)
        self.inner._saved = tuple(tensors[: len(saved)])
        self.inner._saved_count = len(saved)
        for name, tensor in zip(self.attributes, tensors[len(saved) :], strict=True):
            setattr(self.inner, name, tensor)
        return self.inner

    def forget(self) -> None:
        """Nothing of the level stays on the context."""
        self.inner._saved = None
        for name in self.attributes:
            delattr(self.inner, name)


def function_of_batches(batch: Batch, base: type[Any], new_context: Callable[[], Any]) -> Any:
    """The custom function that runs the methods of ``batch.function`` under vmap."""
    function = batch.function

    class OfBatches(base):  # type: ignore[misc]
        generate_vmap_rule = True

        @staticmethod
        def forward(*args: Any) -> Any:
            with batch.level() as level:
                output = function.forward(*inside(args, batch.in_dims, level))
                parts = [split(item, level) for item in listed(output)]
            batch.out_dims = tuple(dim for _, dim in parts)
            return like(output, [physical for physical, _ in parts])

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            inner = new_context()
            inner.needs_input_grad = ctx.needs_input_grad
            outputs = listed(output)
            with batch.level() as level:
                seen = inside(outputs, batch.out_dims, level)
                function.setup_context(inner, tuple(inside(inputs, batch.in_dims, level)), like(output, seen))
                if inner._dirty:
                    raise NotImplementedError(f"{function.__name__}: generate_vmap_rule with mark_dirty; define vmap")
                ctx.saved = _Saved(inner, level)
                constant = [item for item, own in zip(outputs, seen, strict=True) if _is_among(own, inner._constant)]
            ctx.saved.keep_on(ctx)
            ctx.mark_non_differentiable(*constant)
            ctx.set_materialize_grads(inner._materialize)
            inner._constant = ()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            saved = ctx.saved
            with batch.level() as level:
                inner = saved.context(ctx.saved_tensors, saved.backward, level)
                try:
                    results = listed(function.backward(inner, *inside(grads, batch.out_dims, level)))
                finally:
                    saved.forget()
                results += [None] * (len(batch.in_dims) - len(results))
                return tuple(
                    _summed(item, level) if dim is None else batch.moved(item, dim, level, "a gradient")
                    for item, dim in zip(results, batch.in_dims, strict=True)
                )

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            saved = ctx.saved
            with batch.level() as level:
                inner = saved.context(ctx.saved_tensors, saved.forward or saved.backward, level)
                try:
                    output = function.jvp(inner, *inside(tangents, batch.in_dims, level))
                finally:
                    saved.forget()
                products = zip(listed(output), batch.out_dims, strict=True)
                return like(output, [batch.moved(item, dim, level, "a tangent") for item, dim in products])

    OfBatches.__name__ = OfBatches.__qualname__ = function.__name__
    return OfBatches


def _is_among(item: Any, tensors: Sequence[Tensor]) -> bool:
    return any(item is tensor for tensor in tensors)


def _summed(gradient: Any, level: int) -> Any:
    """The gradient of what is the same for all entries of the batch."""
    physical, dim = split(gradient, level)
    return physical if dim is None else physical.sum(dim)
