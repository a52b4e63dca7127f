"""Maxima and means over windows of signals [N, C, L], images [N, C, H, W] and volumes [N, C, D, H, W].

Everywhere N may be absent, one number may stand for all dimensions, and ``stride`` is ``kernel_size`` if None.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorwright import Tensor, ops
from tensorwright.extend import check_tensor

Ints = int | Sequence[int]
OptionalInts = int | Sequence[int | None] | None
Pooled = Tensor | tuple[Tensor, Tensor]

# ---- maxima ---------------------------------------------------------------------------------------------


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """Largest value of each window and its position in the flattened signal; ``return_indices`` has no effect."""
    return ops.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Largest value of each window, and its position in the flattened signal if ``return_indices``."""
    run = ops.max_pool1d_with_indices if return_indices else ops.max_pool1d
    return run(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """Largest value of each window and its position in the flattened image; ``return_indices`` has no effect."""
    return ops.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Largest value of each window, and its position in the flattened image if ``return_indices``."""
    run = ops.max_pool2d_with_indices if return_indices else ops.max_pool2d
    return run(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """Largest value of each window and its position in the flattened volume; ``return_indices`` has no effect."""
    return ops.max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """Largest value of each window, and its position in the flattened volume if ``return_indices``."""
    run = ops.max_pool3d_with_indices if return_indices else ops.max_pool3d
    return run(input, kernel_size, stride, padding, dilation, ceil_mode)


def _sizes(op: str, input: Tensor, output_size: OptionalInts, dims: int) -> list[int]:
    """A size for each dimension; None keeps the input's."""
    check_tensor(op, "input", input)
    given = [output_size] * dims if output_size is None or isinstance(output_size, int) else list(output_size)
    if len(given) != dims:
        raise ValueError(f"{op}: output_size must be one number or {dims}, got {len(given)}")
    if input.ndim < dims:
        raise ValueError(f"{op}: the input must have at least {dims} dimensions, got shape {list(input.shape)}")
    return [input.shape[d - dims] if size is None else size for d, size in enumerate(given)]


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: OptionalInts, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """Largest value of each of ``output_size`` near-equal windows, and its position."""
    return ops.adaptive_max_pool1d(input, _sizes("adaptive_max_pool1d", input, output_size, 1))


def adaptive_max_pool1d(input: Tensor, output_size: OptionalInts, return_indices: bool = False) -> Pooled:
    """Largest value of each of ``output_size`` near-equal windows, and its position if ``return_indices``."""
    values, indices = adaptive_max_pool1d_with_indices(input, output_size)
    return (values, indices) if return_indices else values


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: OptionalInts, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """Largest value of each of ``output_size`` near-equal windows, and its position."""
    return ops.adaptive_max_pool2d(input, _sizes("adaptive_max_pool2d", input, output_size, 2))


def adaptive_max_pool2d(input: Tensor, output_size: OptionalInts, return_indices: bool = False) -> Pooled:
    """Largest value of each of ``output_size`` near-equal windows, and its position if ``return_indices``."""
    values, indices = adaptive_max_pool2d_with_indices(input, output_size)
    return (values, indices) if return_indices else values


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: OptionalInts, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """Largest value of each of ``output_size`` near-equal windows, and its position."""
    return ops.adaptive_max_pool3d(input, _sizes("adaptive_max_pool3d", input, output_size, 3))


def adaptive_max_pool3d(input: Tensor, output_size: OptionalInts, return_indices: bool = False) -> Pooled:
    """Largest value of each of ``output_size`` near-equal windows, and its position if ``return_indices``."""
    values, indices = adaptive_max_pool3d_with_indices(input, output_size)
    return (values, indices) if return_indices else values


# ---- maxima of windows at pseudo-random places ----------------------------------------------------------


def _fractional_size(
    op: str, input: Tensor, size: Ints | None, ratio: float | Sequence[float] | None, dims: int
) -> Ints:
    check_tensor(op, "input", input)
    if (size is None) == (ratio is None):
        raise ValueError(f"{op}: give one of output_size and output_ratio")
    if ratio is None:
        assert size is not None
        return size
    ratios = [ratio] * dims if isinstance(ratio, int | float) else list(ratio)
    if len(ratios) != dims:
        raise ValueError(f"{op}: output_ratio must be one number or {dims}, got {len(ratios)}")
    return [int(input.shape[d - dims] * r) for d, r in enumerate(ratios)]


def _fractional_samples(input: Tensor, samples: Tensor | None, dims: int) -> Tensor:
    if samples is not None:
        return samples
    sizes = list(input.shape[:-dims])
    if input.ndim != dims + 2:
        sizes.insert(0, 1)
    sizes.append(dims)
    return ops.rand(sizes, dtype=input.dtype, device=input.device)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = True,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Largest value of windows at pseudo-random places (Graham 2014), and its position.

    Args:
        input: [N, C, H, W].
        kernel_size: of the windows.
        output_size: of the result; or
        output_ratio: the result's size in parts of the input's, between 0 and 1.
        return_indices: has no effect.
        _random_samples: [N, C, 2] numbers in [0, 1) in place of drawn ones.
    """
    size = _fractional_size("fractional_max_pool2d", input, output_size, output_ratio, 2)
    return ops.fractional_max_pool2d(input, kernel_size, size, _fractional_samples(input, _random_samples, 2))


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """As ``fractional_max_pool2d_with_indices``, without the positions unless ``return_indices``."""
    values, indices = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )
    return (values, indices) if return_indices else values


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = True,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Largest value of windows at pseudo-random places (Graham 2014), and its position.

    Args:
        input: [N, C, D, H, W].
        kernel_size: of the windows.
        output_size: of the result; or
        output_ratio: the result's size in parts of the input's, between 0 and 1.
        return_indices: has no effect.
        _random_samples: [N, C, 3] numbers in [0, 1) in place of drawn ones.
    """
    size = _fractional_size("fractional_max_pool3d", input, output_size, output_ratio, 3)
    return ops.fractional_max_pool3d(input, kernel_size, size, _fractional_samples(input, _random_samples, 3))


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """As ``fractional_max_pool3d_with_indices``, without the positions unless ``return_indices``."""
    values, indices = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )
    return (values, indices) if return_indices else values


# ---- means ----------------------------------------------------------------------------------------------


def avg_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window; zeros of the padding count unless ``count_include_pad`` is False."""
    return ops.avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window; or its sum divided by ``divisor_override``."""
    return ops.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window; or its sum divided by ``divisor_override``."""
    return ops.avg_pool3d(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def adaptive_avg_pool1d(input: Tensor, output_size: OptionalInts) -> Tensor:
    """Mean over near-equal windows chosen so that the output is ``output_size``; None keeps a dimension's size."""
    return ops.adaptive_avg_pool1d(input, _sizes("adaptive_avg_pool1d", input, output_size, 1))


def adaptive_avg_pool2d(input: Tensor, output_size: OptionalInts) -> Tensor:
    """Mean over near-equal windows chosen so that the output is ``output_size``; None keeps a dimension's size."""
    return ops.adaptive_avg_pool2d(input, _sizes("adaptive_avg_pool2d", input, output_size, 2))


def adaptive_avg_pool3d(input: Tensor, output_size: OptionalInts) -> Tensor:
    """Mean over near-equal windows chosen so that the output is ``output_size``; None keeps a dimension's size."""
    return ops.adaptive_avg_pool3d(input, _sizes("adaptive_avg_pool3d", input, output_size, 3))


# ---- p-norms --------------------------------------------------------------------------------------------


def _norm_of_mean(mean: Tensor, norm_type: float, count: int) -> Tensor:
    """From the mean of the p-th powers of ``count`` values to their p-norm; what is negative counts as its size."""
    return (ops.sign(mean) * ops.relu(ops.abs(mean)) * count).pow(1.0 / norm_type)


def _product(kernel_size: Ints, dims: int) -> int:
    result = 1
    for size in [kernel_size] * dims if isinstance(kernel_size, int) else kernel_size:
        result *= size
    return result


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p)^(1/p) over each window, p being ``norm_type``."""
    check_tensor("lp_pool1d", "input", input)
    mean = ops.avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _norm_of_mean(mean, norm_type, _product(kernel_size, 1))


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p)^(1/p) over each window, p being ``norm_type``."""
    check_tensor("lp_pool2d", "input", input)
    mean = ops.avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _norm_of_mean(mean, norm_type, _product(kernel_size, 2))


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p)^(1/p) over each window, p being ``norm_type``."""
    check_tensor("lp_pool3d", "input", input)
    mean = ops.avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _norm_of_mean(mean, norm_type, _product(kernel_size, 3))
