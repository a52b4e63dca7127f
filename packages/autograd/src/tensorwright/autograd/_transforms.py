"""Custom functions inside of transformed functions: each level is peeled off in turn, outermost last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorwright import Tensor, zeros_like
from tensorwright.autograd._levels import (
    add_batch,
    batch_dim_of,
    below,
    kind_of_level,
    level_of,
    lift,
    lowered,
    make_dual,
    randomness_of,
    size_of_batch,
    tangent_of,
)  # fmt: skip

Dim = int | None


@dataclass(frozen=True)
class VmapInfo:
    """What the ``vmap`` rule of a function is told."""

    batch_size: int
    randomness: str


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


def innermost_level(args: Sequence[Any]) -> int:
    """The innermost open level among the tensors; 0 if there is none."""
    return max((level_of(arg) for arg in args if isinstance(arg, Tensor)), default=0)


def apply(function: Any, level: int, args: tuple[Any, ...]) -> Any:
    """``function.apply`` on arguments of which some belong to ``level``."""
    kind = kind_of_level(level)
    if kind == "jvp" and function.setup_context is _base(function).setup_context:
        raise RuntimeError(f"{function.__name__}: inside of {kind} a Function must define setup_context")
    if kind == "grad":
        return _apply_recorded(function, level, args)
    return _apply_forward(function, level, args) if kind == "jvp" else _apply_batched(function, level, args)


def _base(function: Any) -> Any:
    return next(cls for cls in function.__mro__ if cls.__module__ == "tensorwright.autograd._function")


def _lowered(args: Sequence[Any], level: int) -> list[Any]:
    return [lowered(arg, level) for arg in args]


def _context(function: Any, args: Sequence[Any], output: Any) -> Any:
    from tensorwright.autograd._function import FunctionCtx

    ctx = FunctionCtx()
    ctx.needs_input_grad = tuple(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
    function.setup_context(ctx, tuple(args), output)
    return ctx


def _apply_recorded(function: Any, level: int, args: tuple[Any, ...]) -> Any:
    """The level's own recording of the function, around the function on the level below."""
    if function.setup_context is _base(function).setup_context:
        return function._apply_here(args)  # its forward needs the context: it is recorded by this level alone
    with below(level):
        output = function.apply(*_lowered(args, level))
    lifted = like(output, [lift(item, level) if isinstance(item, Tensor) else item for item in listed(output)])
    inputs = [lift(arg, level) if isinstance(arg, Tensor) and level_of(arg) != level else arg for arg in args]
    return function._record_output(_context(function, inputs, lifted), tuple(inputs), lifted)


def _apply_forward(function: Any, level: int, args: tuple[Any, ...]) -> Any:
    values = _lowered(args, level)
    tangents = [tangent_of(arg, level) if isinstance(arg, Tensor) else None for arg in args]
    with below(level):
        output = function.apply(*values)
        ctx = _context(function, values, output)
        ctx._saved = ctx._to_save_forward or ctx._to_save
        ctx._saved_count = len(ctx._saved)
        given = [
            zeros_like(value) if tangent is None and ctx._materialize and _is_floating(value) else tangent
            for value, tangent in zip(values, tangents, strict=True)
        ]
        products = iter(listed(function.jvp(ctx, *given)))

    def dual(item: Any) -> Any:
        tangent = next(products)
        return item if tangent is None or not isinstance(item, Tensor) else make_dual(item, tangent, level)

    return like(output, [dual(item) for item in listed(output)])


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and (value.dtype.is_floating_point or value.dtype.is_complex)


def _apply_batched(function: Any, level: int, args: tuple[Any, ...]) -> Any:
    parts = [split(arg, level) for arg in args]
    in_dims, size, randomness = tuple(dim for _, dim in parts), size_of_batch(level), randomness_of(level)
    with below(level):
        values = [value for value, _ in parts]
        if function.generate_vmap_rule:
            from tensorwright.autograd._generated_vmap import Batch, run_on_batch

            batch = Batch(function, size, randomness, in_dims)
            output = run_on_batch(batch, values)
            out_dims = batch.out_dims
        else:
            output, out_dims = function.vmap(VmapInfo(size, randomness), in_dims, *values)
            if not isinstance(output, (tuple, list)):
                out_dims = (out_dims,)
    return like(output, inside(listed(output), out_dims, level))
