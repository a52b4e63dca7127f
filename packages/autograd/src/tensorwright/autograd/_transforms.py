"""Custom functions inside of transformed functions: each level is peeled off in turn, outermost last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorwright import Tensor, enable_grad, zeros_like
from tensorwright.autograd._levels import (
    add_batch,
    batch_dim_of,
    below,
    kind_of_level,
    level_of,
    lift,
    lowered,
    make_dual,
    size_of_batch,
    tangent_of,
)  # fmt: skip


@dataclass(frozen=True)
class VmapInfo:
    """What the ``vmap`` rule of a function is told."""

    batch_size: int
    randomness: str


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


def _mapped(output: Any, change: Any) -> Any:
    if isinstance(output, (tuple, list)):
        return tuple(change(item) for item in output)
    return change(output)


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
    lifted = _mapped(output, lambda item: lift(item, level) if isinstance(item, Tensor) else item)
    inputs = [lift(arg, level) if isinstance(arg, Tensor) and level_of(arg) != level else arg for arg in args]
    return function._record_output(_context(function, inputs, lifted), tuple(inputs), lifted)


def _apply_forward(function: Any, level: int, args: tuple[Any, ...]) -> Any:
    values = _lowered(args, level)
    output = function.apply(*values)
    ctx = _context(function, values, output)
    ctx._saved = ctx._to_save
    tangents = [tangent_of(arg, level) if isinstance(arg, Tensor) else None for arg in args]
    given = [
        zeros_like(value) if tangent is None and ctx._materialize and _is_floating(value) else tangent
        for value, tangent in zip(values, tangents, strict=True)
    ]
    with enable_grad():
        products = function.jvp(ctx, *given)
    listed = list(products) if isinstance(products, (tuple, list)) else [products]
    found = iter(listed)

    def dual(item: Any) -> Any:
        tangent = next(found)
        if tangent is None or not isinstance(item, Tensor):
            return item
        is_argument = any(tangent is other for other in given)
        return make_dual(item, tangent.clone() if is_argument else tangent, level)  # a write must not reach both

    return _mapped(output, dual)


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and (value.dtype.is_floating_point or value.dtype.is_complex)


def _apply_batched(function: Any, level: int, args: tuple[Any, ...]) -> Any:
    if function.generate_vmap_rule:
        return function._apply_here(args)
    in_dims = tuple(
        (batch_dim_of(arg) if level_of(arg) == level else None) if isinstance(arg, Tensor) else None for arg in args
    )
    info = VmapInfo(size_of_batch(level), "error")
    output, out_dims = function.vmap(info, in_dims, *_lowered(args, level))
    dims = iter(out_dims if isinstance(output, (tuple, list)) else [out_dims])

    def batched(item: Any) -> Any:
        dim = next(dims)
        return item if dim is None or not isinstance(item, Tensor) else add_batch(item, dim, level)

    return _mapped(output, batched)
