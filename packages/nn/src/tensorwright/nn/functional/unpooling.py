"""Maxima put back to where they were found."""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor, ops
from tensorwright.extend import check_tensor

Ints = int | Sequence[int]


def _numbers(op: str, name: str, value: Ints, dims: int) -> list[int]:
    numbers = [value] * dims if isinstance(value, int) else list(value)
    if len(numbers) != dims:
        raise ValueError(f"{op}: {name} must be one number or {dims}, got {len(numbers)}")
    return numbers


def _unpooled_size(
    op: str,
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    output_size: Sequence[int] | None,
    dims: int,
) -> list[int]:
    """The size given, if that is possible for such windows; else the smallest one."""
    check_tensor(op, "input", input)
    check_tensor(op, "indices", indices)
    if input.ndim not in (dims + 1, dims + 2):
        raise ValueError(
            f"{op}: the input must have {dims + 1} or {dims + 2} dimensions, got shape {list(input.shape)}"
        )
    kernel, zeros = _numbers(op, "kernel_size", kernel_size, dims), _numbers(op, "padding", padding, dims)
    step = kernel if stride is None else _numbers(op, "stride", stride, dims)
    least = [(input.shape[d - dims] - 1) * step[d] + kernel[d] - 2 * zeros[d] for d in range(dims)]
    if output_size is None:
        return least
    size = list(output_size)[-dims:] if len(output_size) in (dims, input.ndim) else []
    if len(size) != dims:
        raise ValueError(f"{op}: output_size must have {dims} or {input.ndim} numbers, got {list(output_size)}")
    for d in range(dims):
        if not least[d] - step[d] < size[d] < least[d] + step[d]:
            raise ValueError(
                f"{op}: output_size {size} is not possible; dimension {d} must lie between {least[d] - step[d]} and "
                f"{least[d] + step[d]}"
            )
    return size


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with each value of [N, C, L] at the position that ``max_pool1d`` found it at."""
    size = _unpooled_size("max_unpool1d", input, indices, kernel_size, stride, padding, output_size, 1)
    return ops.max_unpool2d(input.unsqueeze(-2), indices.unsqueeze(-2), [1, *size]).squeeze(-2)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with each value of [N, C, H, W] at the position that ``max_pool2d`` found it at."""
    size = _unpooled_size("max_unpool2d", input, indices, kernel_size, stride, padding, output_size, 2)
    return ops.max_unpool2d(input, indices, size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with each value of [N, C, D, H, W] at the position that ``max_pool3d`` found it at."""
    size = _unpooled_size("max_unpool3d", input, indices, kernel_size, stride, padding, output_size, 3)
    return ops.max_unpool3d(input, indices, size)
