"""Rows of pooling; the reference reduces one window after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .convolution import SIZES, numbers
from .table import FLOAT, INTEGER, LOW, Array, Case, Make, case, refused, row

ANY_FLOAT = FLOAT + LOW
Windows = list[list[range]]  # for each dimension the places of each window, some of them outside


def strided_windows(
    sizes: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Windows:
    dims = len(sizes)
    steps = numbers(kernel if stride is None else stride, dims)
    result = []
    for size, k, s, p, d in zip(
        sizes, numbers(kernel, dims), steps, numbers(padding, dims), numbers(dilation, dims), strict=True
    ):
        span = size + 2 * p - d * (k - 1) - 1
        count = (math.ceil(span / s) if ceil_mode else span // s) + 1
        starts = [i * s - p for i in range(count) if i * s - p < size or not ceil_mode]
        result.append([range(start, start + d * k, d) for start in starts])
    return result


def adaptive_windows(sizes: tuple[int, ...], output_size: Any) -> Windows:
    counts = [output_size] * len(sizes) if isinstance(output_size, int) else output_size
    counts = [size if count is None else count for size, count in zip(sizes, counts, strict=True)]
    return [
        [range(i * size // n, math.ceil((i + 1) * size / n)) for i in range(n)]
        for size, n in zip(sizes, counts, strict=True)
    ]


def reduced(x: Array, windows: Windows, reduce: Callable[[Array, list[range]], Any]) -> Array:
    """reduce(volumes as rows of the window's elements inside, the window) for each window."""
    sizes = x.shape[-len(windows) :]
    results = []
    for window in itertools.product(*windows):
        inside = [[i for i in places if 0 <= i < size] for places, size in zip(window, sizes, strict=True)]
        values = x[(..., *np.ix_(*inside))]
        results.append(reduce(values.reshape(*x.shape[: -len(windows)], math.prod(map(len, inside))), list(window)))
    return np.stack(results, -1).reshape(*x.shape[: -len(windows)], *map(len, windows))


def maxima(x: Array, windows: Windows) -> tuple[Array, Array]:
    """The largest value of each window and its place, which goes along as the imaginary part."""
    sizes = x.shape[-len(windows) :]
    both = x + 1j * np.arange(math.prod(sizes)).reshape(sizes)
    found = reduced(both, windows, lambda v, _: np.take_along_axis(v, v.real.argmax(-1)[..., None], -1)[..., 0])
    return found.real.astype(x.dtype), found.imag.astype(np.int64)


def max_reference(dims: int, always: bool = False) -> Any:
    def reference(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        windows = strided_windows(x.shape[-dims:], kernel_size, stride, padding, dilation, ceil_mode)
        values, indices = maxima(x, windows)
        return (values, indices) if return_indices or always else values

    return reference


def mean_reference(dims: int) -> Any:
    def reference(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:
        sizes, zeros = x.shape[-dims:], numbers(padding, dims)

        def mean(values: Array, window: list[range]) -> Any:
            ends = [min(w.stop, size + p) for w, size, p in zip(window, sizes, zeros, strict=True)]
            count = math.prod(end - w.start for end, w in zip(ends, window, strict=True))
            divisor = divisor_override or (count if count_include_pad else values.shape[-1])
            return values.sum(-1) / np.asarray(divisor, x.dtype)

        return reduced(x, strided_windows(sizes, kernel_size, stride, padding, 1, ceil_mode), mean)

    return reference


def max_samples(dims: int, with_flag: bool) -> Any:
    sizes = SIZES[dims]

    def cases(make: Make) -> Iterator[Case]:
        yield case(make(2, 3, *sizes), 2)
        yield case(make(3, *sizes), 3, 2, 1)
        yield case(make(1, 2, *sizes), 3, stride=2, padding=1, ceil_mode=True)
        yield case(make(1, 2, *sizes), 2, (1, 2, 1)[:dims], 1, (2, 1, 1)[:dims])
        yield case(make(0, 2, *sizes), 2)
        if with_flag:
            yield case(make(1, 2, *sizes), 2, return_indices=True)
        x = make(1, 1, *sizes)
        yield refused(x, 2, padding=2, error=ValueError, match="at most half of kernel_size")
        yield refused(x, 9, error=ValueError, match="window is larger")
        yield refused(x, 0, error=ValueError, match="kernel_size must be positive")
        yield refused(make(*sizes), 1, error=ValueError, match="input must be")

    return cases


def mean_samples(dims: int) -> Any:
    sizes = SIZES[dims]

    def cases(make: Make) -> Iterator[Case]:
        yield case(make(2, 3, *sizes), 2)
        yield case(make(3, *sizes), 3, 2, 1)
        yield case(make(1, 2, *sizes), (3, 2, 2)[:dims], 2, 1, True)
        yield case(make(1, 2, *sizes), 3, 2, 1, True, False)
        if dims > 1:
            yield case(make(1, 2, *sizes), 2, divisor_override=3)
            yield refused(make(1, 1, *sizes), 2, divisor_override=0, error=ValueError, match="must not be zero")
        yield refused(make(1, 1, *sizes), 2, padding=2, error=ValueError, match="at most half of kernel_size")

    return cases


def adaptive_samples(dims: int, flag: bool, none: bool) -> Any:
    sizes = SIZES[dims]

    def cases(make: Make) -> Iterator[Case]:
        x = make(2, 3, *sizes)
        yield case(x, 2)
        yield case(x[0], (3, 1, 2)[:dims])
        yield case(x, 9)
        if none and dims > 1:
            yield case(x, (None, 2, None)[:dims])
        if flag:
            yield case(x, 2, return_indices=True)
        yield refused(x, -1, error=ValueError, match="must not be negative")
        yield refused(make(*sizes), 1, error=ValueError, match="must")

    return cases


def adaptive_max(dims: int, always: bool) -> Any:
    def reference(x: Array, output_size: Any, return_indices: bool = False) -> Any:
        values, indices = maxima(x, adaptive_windows(x.shape[-dims:], output_size))
        return (values, indices) if return_indices or always else values

    return reference


def adaptive_mean(dims: int) -> Any:
    return lambda x, output_size: reduced(
        x, adaptive_windows(x.shape[-dims:], output_size), lambda values, _: values.mean(-1)
    )


def norm_reference(dims: int) -> Any:
    def reference(x: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Array:
        windows = strided_windows(x.shape[-dims:], kernel_size, stride, 0, 1, ceil_mode)
        size = math.prod(numbers(kernel_size, dims))

        def norm(values: Array, window: list[range]) -> Any:
            ends = [min(w.stop, n) for w, n in zip(window, x.shape[-dims:], strict=True)]
            counted = math.prod(end - w.start for end, w in zip(ends, window, strict=True))
            return ((values**norm_type).sum(-1) * (size / counted)) ** (1 / norm_type)

        return reduced(x, windows, norm)

    return reference


def norm_samples(dims: int) -> Any:
    def cases(make: Make) -> Iterator[Case]:
        yield case(make(2, 3, *SIZES[dims], low=0.2), 2, 2)
        yield case(make(3, *SIZES[dims], low=0.2), 3.0, 3, 2, True)

    return cases


def unpool_reference(dims: int) -> Any:
    def reference(
        x: Array, indices: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Array:
        kernel, zeros = numbers(kernel_size, dims), numbers(padding, dims)
        steps = kernel if stride is None else numbers(stride, dims)
        least = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(x.shape[-dims:], steps, kernel, zeros, strict=True)]
        shape = (*x.shape[:-dims], *(least if output_size is None else output_size))
        result = np.zeros((*x.shape[:-dims], math.prod(shape[-dims:])), x.dtype)
        rows = (*x.shape[:-dims], -1)
        np.put_along_axis(result, indices.reshape(rows), x.reshape(rows), -1)
        return result.reshape(shape)

    return reference


def unpool_samples(dims: int) -> Any:
    small = (2, 3, 2)[:dims]

    def cases(make: Make) -> Iterator[Case]:
        def places(count: int) -> Array:
            rows = [make.permutation(math.prod(2 * n for n in small))[: math.prod(small)] for _ in range(count)]
            return np.stack(rows).reshape(count, *small)

        yield case(make(1, 2, *small), places(2)[None], 2)
        yield case(make(2, *small), places(2), 2)
        yield case(make(1, 2, *small), places(2)[None], 2, 2, output_size=[2 * n + 1 for n in small])
        x = make(1, 2, *small)
        yield refused(x, places(2), 2, error=ValueError, match="differ in shape")
        yield refused(x, places(2)[None], 2, output_size=[99] * dims, error=ValueError, match="is not possible")
        yield refused(x, places(2)[None] + 1000, 2, error=IndexError, match="out of range|out of bounds")

    return cases


def fractional_reference(dims: int, always: bool) -> Any:
    def reference(
        x: Array,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        sizes, kernel = x.shape[-dims:], numbers(kernel_size, dims)
        ratios = None if output_ratio is None else (output_ratio,) * dims
        counts = numbers(output_size, dims) if ratios is None else tuple(int(n * r) for n, r in zip(sizes, ratios))  # noqa: B905

        def windows(samples: Array) -> Windows:
            order = samples[::-1] if dims == 2 else samples  # the columns' comes first, of three the depths'
            result = []
            for size, k, n, sample in zip(sizes, kernel, counts, order, strict=True):
                alpha = (size - k) / (n - 1)
                starts = [int((i + sample) * alpha) - int(sample * alpha) for i in range(n - 1)] + [size - k]
                result.append([range(start, start + k) for start in starts])
            return result

        volumes = x.reshape(-1, *sizes)
        parts = [maxima(v, windows(s)) for v, s in zip(volumes, _random_samples.reshape(-1, dims), strict=True)]
        values, indices = (np.stack(p).reshape(*x.shape[:-dims], *counts) for p in zip(*parts, strict=True))
        return (values, indices) if return_indices or always else values

    return reference


def fractional_samples(dims: int) -> Any:
    sizes = (7, 8, 6)[:dims]

    def cases(make: Make) -> Iterator[Case]:
        x = make(2, 3, *sizes)
        yield case(x, 2, (3, 4, 2)[:dims], _random_samples=make(2, 3, dims, low=0.05, high=0.95))
        yield case(x[0], (2, 3, 2)[:dims], output_ratio=0.5, _random_samples=make(1, 3, dims, low=0.05, high=0.95))
        yield refused(x, 2, error=ValueError, match="one of output_size and output_ratio")
        yield refused(x, 5, 6, error=ValueError, match="windows do not fit")

    return cases


for n in (1, 2, 3):
    for prefix in ("", "nn.functional."):
        row(f"{prefix}max_pool{n}d", dtypes=FLOAT + INTEGER[3:4] + LOW[:1], reference=max_reference(n))(
            max_samples(n, with_flag=bool(prefix))
        )
    # the short names too, where PyTorch has them
    for prefix in ("", "nn.functional.") if n == 1 else ("nn.functional.",):
        row(f"{prefix}max_pool{n}d_with_indices", reference=max_reference(n, always=True))(
            max_samples(n, with_flag=False)
        )
        row(f"{prefix}avg_pool{n}d", dtypes=ANY_FLOAT, reference=mean_reference(n))(mean_samples(n))
        row(f"{prefix}adaptive_avg_pool{n}d", dtypes=ANY_FLOAT, reference=adaptive_mean(n))(
            adaptive_samples(n, flag=False, none=bool(prefix))
        )
        row(f"{prefix}adaptive_max_pool{n}d", reference=adaptive_max(n, always=not prefix))(
            adaptive_samples(n, flag=bool(prefix), none=bool(prefix))
        )
    row(f"nn.functional.adaptive_max_pool{n}d_with_indices", reference=adaptive_max(n, always=True))(
        adaptive_samples(n, flag=False, none=True)
    )
    row(f"nn.functional.lp_pool{n}d", reference=norm_reference(n))(norm_samples(n))
    row(f"nn.functional.max_unpool{n}d", reference=unpool_reference(n))(unpool_samples(n))
    if n > 1:
        for ending, always in (("", False), ("_with_indices", True)):
            row(f"nn.functional.fractional_max_pool{n}d{ending}", reference=fractional_reference(n, always), grad=(0,))(
                fractional_samples(n)
            )


def max_gradient(
    grad: Array, x: Array, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, indices: Array
) -> Array:
    result = np.zeros((*x.shape[:-2], x.shape[-2] * x.shape[-1]), x.dtype)
    for place in np.ndindex(*grad.shape):
        result[(*place[:-2], indices[place])] += grad[place]
    return result.reshape(x.shape)


@row(
    "max_pool2d_with_indices_backward",
    reference=max_gradient,
    torch="ops.aten.max_pool2d_with_indices_backward",
    grad=(0,),
)
def max_pool_backward(make: Make) -> Iterator[Case]:
    x = make(2, 2, 5, 6)
    _, indices = max_reference(2, always=True)(x, 3, 2, 1)
    yield case(make(2, 2, 3, 3), x, [3, 3], [2, 2], [1, 1], [1, 1], False, indices)
