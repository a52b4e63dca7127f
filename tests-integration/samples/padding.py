"""Rows of borders, and of channels exchanged for pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .table import BOOL, COMPLEX, REAL, Array, Case, Make, case, refused, row

ALL = REAL + BOOL + COMPLEX
MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(x: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """NumPy's pad: dimensions in order, only positive widths; negative ones cut off first."""
    pairs = [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)][::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    first = mode in ("constant", "circular")  # other borders show what a negative one beside them cuts off
    if first:
        cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True))
        x = x[cut]
    if x.ndim == 0:
        return x.copy()
    widths = [(max(a, 0), max(b, 0)) for a, b in pairs]
    options = {"constant_values": value or 0} if mode == "constant" else {}
    wide = np.pad(x, widths, MODES[mode], **options)
    if first:
        return wide
    return wide[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, wide.shape, strict=True))]


@row("constant_pad_nd", dtypes=ALL, reference=lambda x, pad, value=0: padded(x, pad, value=value))
def constant_pad_nd(make: Make) -> Iterator[Case]:
    yield case(make(3, 4), (1, 2))
    yield case(make(3, 4), (1, 2, 0, 1), 1)
    yield case(make(3, 4), (-1, 2, 1, -2))
    yield case(make(3, 4), (-2, -2))
    yield case(make(3, 4), ())
    yield case(make(0), (1, 1))
    yield case(make(), ())
    yield refused(make(3), (1,), error=ValueError, match="two numbers")
    yield refused(make(3), (1, 1, 1, 1), error=ValueError, match="more dimensions")
    yield refused(make(3), (-2, -2), error=ValueError, match="cuts off")
    yield refused(make(3), (2**62, 2**62), error=ValueError, match="overflows")


@row("nn.functional.pad", dtypes=ALL, reference=padded)
def pad(make: Make) -> Iterator[Case]:
    yield case(make(2, 3), (1, 1))
    yield case(make(2, 3), (1, 0, 0, 2), value=1.0)
    for mode in ("reflect", "replicate", "circular"):
        yield case(make(2, 4), (1, 2), mode)
        yield case(make(1, 2, 4), (3, 0), mode)
        yield case(make(1, 3, 3), (1, 2, 0, 1), mode)
        yield case(make(1, 2, 3, 3), (1, 0, 2, 2), mode)
        yield case(make(1, 2, 2, 3), (0, 2, 1, 0, 1, 1), mode)
        yield case(make(1, 4), (-1, 2), mode)
        yield case(make(1, 4), (-1, -1), mode)
        yield case(make(0, 2, 3), (1, 1), mode)
        yield refused(make(4), (1, 1), mode, error=ValueError, match="one or two more")
        yield refused(make(1, 4), (1, 1), mode, 2.0, error=ValueError, match="takes a value")
        yield refused(make(1, 0), (1, 1), mode, error=ValueError, match="empty dimension")
    yield case(make(1, 3), (3, 3), "circular")
    yield case(make(1, 3), (7, 5), "replicate")
    yield refused(make(1, 3), (3, 0), "reflect", error=ValueError, match="smaller")
    yield refused(make(1, 3), (4, 0), "circular", error=ValueError, match="not be larger")
    yield refused(make(1, 3), (1, 0), "mirror", error=ValueError, match="mode must be")


def shuffled(x: Array, groups: int) -> Array:
    split = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    return np.swapaxes(split, 1, 2).reshape(x.shape)


def channel_shuffles(make: Make) -> Iterator[Case]:
    yield case(make(2, 4, 3), 2)
    yield case(make(1, 6, 2, 2), 3)
    yield case(make(1, 3, 1), 1)
    yield refused(make(4, 2), 2, error=ValueError, match="one more dimension")
    yield refused(make(1, 4, 2), 3, error=ValueError, match="do not divide")
    yield refused(make(1, 4, 2), 0, error=ValueError, match="positive")


row("channel_shuffle", dtypes=ALL, reference=shuffled)(channel_shuffles)
row("nn.functional.channel_shuffle", dtypes=ALL, reference=shuffled)(channel_shuffles)


def larger(x: Array, r: int) -> Array:
    *batch, c, h, w = x.shape
    split = x.reshape(-1, c // (r * r), r, r, h, w)
    return split.transpose(0, 1, 4, 2, 5, 3).reshape(*batch, c // (r * r), h * r, w * r)


def smaller(x: Array, r: int) -> Array:
    *batch, c, h, w = x.shape
    split = x.reshape(-1, c, h // r, r, w // r, r)
    return split.transpose(0, 1, 3, 5, 2, 4).reshape(*batch, c * r * r, h // r, w // r)


def enlargements(make: Make) -> Iterator[Case]:
    yield case(make(1, 8, 2, 3), 2)
    yield case(make(9, 1, 2), 3)
    yield case(make(2, 1, 4, 2, 2), 1)
    yield refused(make(8, 2, 2), 3, error=ValueError, match="do not divide")
    yield refused(make(2, 2), 1, error=ValueError, match="three dimensions")
    yield refused(make(4, 2, 2), 0, error=ValueError, match="positive")


def reductions(make: Make) -> Iterator[Case]:
    yield case(make(1, 2, 4, 6), 2)
    yield case(make(1, 3, 3), 3)
    yield refused(make(1, 3, 4), 2, error=ValueError, match="do not divide")
    yield refused(make(1, 4, 4), 0, error=ValueError, match="positive")


row("pixel_shuffle", dtypes=ALL, reference=larger)(enlargements)
row("nn.functional.pixel_shuffle", dtypes=ALL, reference=larger)(enlargements)
row("pixel_unshuffle", dtypes=ALL, reference=smaller)(reductions)
row("nn.functional.pixel_unshuffle", dtypes=ALL, reference=smaller)(reductions)
