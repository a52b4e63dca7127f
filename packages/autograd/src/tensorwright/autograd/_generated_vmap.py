"""Batching rules of custom functions, made from their own methods: a function of batches that runs each under vmap.

The function of batches is a custom function itself, applied below the level of the batch. So it is recorded, pushed
forward and batched once more like any other, and its derivatives are those that the user wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tensorwright import Tensor
from tensorwright.autograd._function import Function, FunctionCtx
from tensorwright.autograd._levels import batch_level, level_of
from tensorwright.autograd._transforms import Dim, inside, like, listed, split


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

    @contextmanager
    def on_context(
        self, found: Sequence[Tensor | None], saved: Sequence[tuple[Any, Dim]], level: int
    ) -> Iterator[FunctionCtx]:
        """The user's context with the tensors on it; nothing of the level stays there."""
        dims = [dim for _, dim in (*saved, *self.attributes.values())]
        tensors = inside(found, dims, level)
        self.inner._saved, self.inner._saved_count = tuple(tensors[: len(saved)]), len(saved)
        for name, tensor in zip(self.attributes, tensors[len(saved) :], strict=True):
            setattr(self.inner, name, tensor)
        try:
            yield self.inner
        finally:
            self.inner._saved = None
            for name in self.attributes:
                delattr(self.inner, name)


class OfBatches(Function):
    """Runs the methods of ``batch.function`` under vmap; each call has a subclass of its own."""

    batch: Batch
    generate_vmap_rule = True

    @classmethod
    def forward(cls, *args: Any) -> Any:
        """The outputs of all entries; notes where they have the batch."""
        batch = cls.batch
        with batch.level() as level:
            output = batch.function.forward(*inside(args, batch.in_dims, level))
            parts = [split(item, level) for item in listed(output)]
        batch.out_dims = tuple(dim for _, dim in parts)
        return like(output, [physical for physical, _ in parts])

    @classmethod
    def setup_context(cls, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Lets the user's method keep what it needs, on a context of its own."""
        batch, inner, outputs = cls.batch, FunctionCtx(), listed(output)
        inner.needs_input_grad = ctx.needs_input_grad
        with batch.level() as level:
            seen = inside(outputs, batch.out_dims, level)
            batch.function.setup_context(inner, tuple(inside(inputs, batch.in_dims, level)), like(output, seen))
            if inner._dirty:
                raise NotImplementedError(f"{cls.__name__}: generate_vmap_rule with mark_dirty; define vmap")
            ctx.saved = _Saved(inner, level)
            constant = [item for item, own in zip(outputs, seen, strict=True) if _is_among(own, inner._constant)]
        ctx.saved.keep_on(ctx)
        ctx.mark_non_differentiable(*constant)
        ctx.set_materialize_grads(inner._materialize)
        inner._constant = ()

    @classmethod
    def backward(cls, ctx: Any, *grads: Any) -> Any:
        """The gradients of all entries; those of what the entries share are summed."""
        batch = cls.batch
        with batch.level() as level, ctx.saved.on_context(ctx.saved_tensors, ctx.saved.backward, level) as inner:
            results = listed(batch.function.backward(inner, *inside(grads, batch.out_dims, level)))
            results += [None] * (len(batch.in_dims) - len(results))
            return tuple(
                _summed(item, level) if dim is None else batch.moved(item, dim, level, "a gradient")
                for item, dim in zip(results, batch.in_dims, strict=True)
            )

    @classmethod
    def jvp(cls, ctx: Any, *tangents: Any) -> Any:
        """The tangents of all entries."""
        batch, saved = cls.batch, ctx.saved.forward or ctx.saved.backward
        with batch.level() as level, ctx.saved.on_context(ctx.saved_tensors, saved, level) as inner:
            output = batch.function.jvp(inner, *inside(tangents, batch.in_dims, level))
            products = zip(listed(output), batch.out_dims, strict=True)
            return like(output, [batch.moved(item, dim, level, "a tangent") for item, dim in products])


def run_on_batch(batch: Batch, values: Sequence[Any]) -> Any:
    """The outputs of the function of batches; ``batch.out_dims`` says where they have the batch."""
    name = batch.function.__name__
    if batch.function.setup_context is Function.setup_context:
        raise RuntimeError(f"{name}: generate_vmap_rule needs setup_context; define it, or vmap")
    return type(name, (OfBatches,), {"batch": batch}).apply(*values)  # type: ignore[attr-defined]


def _is_among(item: Any, tensors: Sequence[Tensor]) -> bool:
    return any(item is tensor for tensor in tensors)


def _summed(gradient: Any, level: int) -> Any:
    """The gradient of what is the same for all entries of the batch."""
    physical, dim = split(gradient, level)
    return physical if dim is None else physical.sum(dim)
