"""Rows of convolutions; the reference is SciPy's correlation of one channel with one kernel at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.signal import convolve, correlate

from .table import FLOAT, LOW, Array, Case, Make, case, refused, row

ANY_FLOAT = FLOAT + LOW
Numbers = tuple[int, ...]


def numbers(value: Any, count: int) -> Numbers:
    return (value,) * count if isinstance(value, int) else tuple(value) * (count if len(value) == 1 else 1)


def spaced(values: Array, steps: Numbers) -> Array:
    """Zeros between the elements of the last dimensions."""
    sizes = [(size - 1) * step + 1 for size, step in zip(values.shape[-len(steps) :], steps, strict=True)]
    result = np.zeros((*values.shape[: -len(steps)], *sizes))
    result[(..., *(slice(None, None, step) for step in steps))] = values
    return result


def margins(before: Numbers, after: Numbers) -> list[tuple[int, int]]:
    return [(0, 0), (0, 0), *zip(before, after, strict=True)]


def named_padding(padding: Any, kernel: Numbers, dilation: Numbers) -> tuple[Numbers, Numbers]:
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    both = numbers(0 if padding == "valid" else padding, len(kernel))
    return both, both


def reference(
    x: Array, w: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    dims = w.ndim - 2
    if x.ndim == dims + 1:
        return reference(x[None], w, bias, stride, padding, dilation, groups)[0]
    steps, distances = numbers(stride, dims), numbers(dilation, dims)
    padded = np.pad(x.astype(np.float64), margins(*named_padding(padding, w.shape[2:], distances)))
    kernels, places = spaced(w, distances), tuple(slice(None, None, step) for step in steps)

    def output(image: Array, o: int) -> Array:
        first = o // (w.shape[0] // groups) * w.shape[1]
        channels = (correlate(image[first + c], kernels[o, c], "valid", "direct")[places] for c in range(w.shape[1]))
        return sum(channels, np.float64(0 if bias is None else bias[o]))

    return np.stack([np.stack([output(image, o) for o in range(w.shape[0])]) for image in padded]).astype(w.dtype)


def transposed_reference(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    dims = w.ndim - 2
    if x.ndim == dims + 1:
        return transposed_reference(x[None], w, bias, stride, padding, output_padding, groups, dilation)[0]
    cut, extra = numbers(padding, dims), numbers(output_padding, dims)
    inputs, kernels = spaced(x, numbers(stride, dims)), spaced(w, numbers(dilation, dims))
    channels = x.shape[1] // groups

    def output(image: Array, o: int) -> Array:
        group, kernel = divmod(o, w.shape[1])
        parts = (convolve(image[c], kernels[c, kernel]) for c in range(group * channels, (group + 1) * channels))
        whole = np.pad(sum(parts, np.float64(0)), [(0, e) for e in extra])
        inside = tuple(slice(c, size - c) for c, size in zip(cut, whole.shape, strict=True))
        return np.asarray(whole[inside] + (0 if bias is None else bias[o]))

    count = w.shape[1] * groups
    return np.stack([np.stack([output(image, o) for o in range(count)]) for image in inputs]).astype(w.dtype)


SIZES = {1: (7,), 2: (6, 5), 3: (4, 5, 3)}


def samples(dims: int) -> Any:
    sizes, three = SIZES[dims], (3,) * dims
    mixed = (3, 2, 1)[:dims]

    def cases(make: Make) -> Iterator[Case]:
        yield case(make(2, 4, *sizes), make(6, 4, *mixed), make(6))
        yield case(make(1, 4, *sizes), make(4, 2, *mixed), make(4), 2, 1, groups=2)
        yield case(make(2, 3, *sizes), make(3, 1, *three), stride=(2, 1, 2)[:dims], padding=1, groups=3)  # depthwise
        yield case(make(1, 2, *sizes), make(2, 2, *(2,) * dims), None, 1, (2,) * dims, 2)
        yield case(make(3, *sizes), make(2, 3, *(1,) * dims), make(2))  # no batch
        yield case(make(1, 2, *sizes), make(3, 2, *(2, 3, 2)[:dims]), None, 1, "same")
        yield case(make(1, 2, *sizes), make(3, 2, *(2, 3, 2)[:dims]), make(3), padding="valid")
        yield case(make(17, 2, *sizes), make(3, 2, *(2,) * dims), make(3))  # a batch of small images
        x, w = make(1, 4, *sizes), make(2, 4, *three)
        yield refused(x, make(2, 3, *three), error=ValueError, match="channels differ")
        yield refused(x, w, make(3), error=ValueError, match="bias must have one value")
        yield refused(x, w, stride=0, error=ValueError, match="stride must be positive")
        yield refused(x, w, padding=-1, error=ValueError, match="padding must not be negative")
        yield refused(x, w, dilation=9, error=ValueError, match="larger than the padded input")
        yield refused(x, make(2, 4, *(0,) * dims), error=ValueError, match="kernel must not be empty")
        yield refused(x, w, stride=2, padding="same", error=ValueError, match="needs a stride of 1")
        yield refused(x, w, padding="full", error=ValueError, match="'same' or 'valid'")
        yield refused(x, w, groups=3, error=ValueError, match="groups|channels")
        yield refused(make(*sizes), w, error=ValueError, match="input must be")

    return cases


def transposed_samples(dims: int) -> Any:
    sizes, three = SIZES[dims], (3,) * dims

    def cases(make: Make) -> Iterator[Case]:
        yield case(make(2, 4, *sizes), make(4, 3, *(3, 2, 1)[:dims]), make(3))
        yield case(make(1, 4, *sizes), make(4, 2, *three), make(4), 2, 1, 1, 2)
        yield case(make(1, 2, *sizes), make(2, 2, *three), stride=(3, 1, 2)[:dims], output_padding=(2, 0, 1)[:dims])
        yield case(make(1, 2, *sizes), make(2, 1, *three), padding=1, output_padding=1, dilation=2)
        yield case(make(3, *sizes), make(3, 2, *(1,) * dims))
        yield case(make(17, 2, *sizes), make(2, 3, *(2,) * dims), make(3), 2)
        x, w = make(1, 4, *sizes), make(4, 2, *three)
        yield refused(make(1, 3, *sizes), w, error=ValueError, match="channels differ")
        yield refused(x, w, output_padding=1, error=ValueError, match="smaller than stride or dilation")
        yield refused(x, w, padding=9, error=ValueError, match="result would be empty")

    return cases


for n in (1, 2, 3):
    for prefix in ("", "nn.functional."):
        row(f"{prefix}conv{n}d", dtypes=ANY_FLOAT, reference=reference)(samples(n))
        row(f"{prefix}conv_transpose{n}d", dtypes=ANY_FLOAT, reference=transposed_reference)(transposed_samples(n))


def any_reference(
    x: Array,
    w: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Array:
    if transposed:
        return transposed_reference(x, w, bias, stride, padding, output_padding, groups, dilation)
    return reference(x, w, bias, stride, padding, dilation, groups)


@row("convolution", dtypes=ANY_FLOAT, reference=any_reference)
def convolution(make: Make) -> Iterator[Case]:
    for dims in (1, 2, 3):
        x, w = make(2, 4, *SIZES[dims]), make(4, 2, *(2,) * dims)
        yield case(x, w, make(4), [2] * dims, [1] * dims, [1] * dims, False, [0] * dims, 2)
        yield case(x, w, None, [2] * dims, [1] * dims, [1] * dims, True, [1] * dims, 2)
    yield refused(
        make(1, 4, 5, 5), make(4, 4, 2, 2), None, [1, 1, 1], [0], [1], False, [0], 1,
        error=ValueError, match="stride must have one number, or one per dimension",
    )  # fmt: skip
