"""Fourier transforms against NumPy's, short-time transforms against SciPy's windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .table import COMPLEX, FLOAT, INTEGER, Array, Case, Make, case, refused, row

NORMS = (None, "forward", "backward", "ortho")


def single(result: Any, *arguments: Array) -> Array:
    """In the precision that the arguments have: NumPy's answer may be in double precision."""
    array = np.asarray(result)
    if all(a.dtype in (np.float32, np.complex64) or a.dtype.kind in "iub" for a in arguments):
        return array.astype(np.complex64 if array.dtype.kind == "c" else np.float32)
    return array


def one_dimension(name: str, dtypes: tuple[str, ...]) -> None:
    def reference(a: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
        return single(getattr(np.fft, name)(a, n, dim, norm), a)

    def samples(make: Make) -> Iterator[Case]:
        for n in (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 37, 64, 100):
            if n > 1 or name not in ("irfft", "hfft"):
                yield case(make(n))
        for norm in NORMS:
            yield case(make(2, 6), norm=norm)
        yield case(make(3, 4), n=6)
        yield case(make(3, 4), n=3)
        yield case(make(3, 4), dim=0)
        yield case(make(2, 9, 2), None, 1)
        yield refused(make(3), n=0, error=ValueError, match="at least 1")
        yield refused(make(3), norm="mean", error=ValueError, match="norm")
        yield refused(make(3), dim=1, error=IndexError, match="dim")

    row(f"fft.{name}", dtypes=dtypes, reference=reference)(samples)


for name in ("fft", "ifft", "irfft", "hfft"):
    one_dimension(name, FLOAT + COMPLEX)
for name in ("rfft", "ihfft"):
    one_dimension(name, FLOAT)


def hfftn(a: Array, s: Any = None, axes: Any = None, norm: str | None = None) -> Array:
    """By its parts: the last dimension has half of a Hermitian signal."""
    axes = axes if axes is not None else tuple(range(a.ndim))[-len(s) :] if s is not None else tuple(range(a.ndim))
    for i, axis in enumerate(axes[:-1]):
        a = np.fft.fft(a, None if s is None else s[i], axis, norm)
    return np.fft.hfft(a, None if s is None else s[-1], axes[-1], norm)


def ihfftn(a: Array, s: Any = None, axes: Any = None, norm: str | None = None) -> Array:
    axes = axes if axes is not None else tuple(range(a.ndim))[-len(s) :] if s is not None else tuple(range(a.ndim))
    a = np.fft.ihfft(a, None if s is None else s[-1], axes[-1], norm)
    for i, axis in enumerate(axes[:-1]):
        a = np.fft.ifft(a, None if s is None else s[i], axis, norm)
    return a


def several_dimensions(name: str, dtypes: tuple[str, ...]) -> None:
    two = name.endswith("2")
    function = {"hfftn": hfftn, "hfft2": hfftn, "ihfftn": ihfftn, "ihfft2": ihfftn}.get(name) or getattr(np.fft, name)

    def reference(a: Array, s: Any = None, dim: Any = (-2, -1) if two else None, norm: str | None = None) -> Array:
        axes = dim if dim is not None or s is None else tuple(range(-len(s), 0))
        return single(function(a, s, axes, norm), a)

    def samples(make: Make) -> Iterator[Case]:
        for norm in NORMS:
            yield case(make(3, 4), norm=norm)
        yield case(make(2, 3, 4))
        yield case(make(2, 3, 4), s=(4, 5))
        yield case(make(2, 3, 4), dim=(0, 2))
        yield case(make(2, 3, 4), s=(2, 3), dim=(2, 1))
        yield refused(make(3, 4), dim=(0, 0), error=ValueError, match="twice")
        yield refused(make(3, 4), s=(2,), dim=(0, 1), error=ValueError, match="size for each")

    row(f"fft.{name}", dtypes=dtypes, reference=reference)(samples)


for name in ("fft2", "ifft2", "irfft2", "hfft2", "fftn", "ifftn", "irfftn", "hfftn"):
    several_dimensions(name, FLOAT + COMPLEX)
for name in ("rfft2", "ihfft2", "rfftn", "ihfftn"):
    several_dimensions(name, FLOAT)


def frequencies(name: str) -> None:
    def reference(n: int, d: float = 1.0, dtype: str = "float32") -> Array:
        return np.asarray(getattr(np.fft, name)(n, d), dtype)

    @row(f"fft.{name}", dtypes=("float64",), reference=reference)
    def samples(make: Make) -> Iterator[Case]:
        for n in (1, 2, 5, 8):
            yield case(n)
        yield case(6, 0.25, dtype="float64")


frequencies("fftfreq")
frequencies("rfftfreq")

for name in ("fftshift", "ifftshift"):

    def shifted(a: Array, dim: Any = None, name: str = name) -> Array:
        return np.asarray(getattr(np.fft, name)(a, dim))

    @row(f"fft.{name}", dtypes=FLOAT + COMPLEX + INTEGER, reference=shifted)
    def shift(make: Make) -> Iterator[Case]:
        yield case(make(5))
        yield case(make(4, 5))
        yield case(make(4, 5), dim=0)
        yield case(make(4, 5), dim=(0, 1))


def frames_of(
    x: Array, n_fft: int, hop_length: int | None = None, window: Array | None = None, center: bool = True
) -> tuple[Array, Array]:
    """Windows of a signal, [..., window, element], and the window itself."""
    w = np.ones(n_fft, x.dtype) if window is None else window
    left = (n_fft - len(w)) // 2
    w = np.pad(w, (left, n_fft - len(w) - left))
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], mode="reflect")
    hop = hop_length or n_fft // 4
    starts = range(0, x.shape[-1] - n_fft + 1, hop)
    return np.stack([x[..., i : i + n_fft] for i in starts], -2) * w, w


def stft_reference(
    x: Array,
    n_fft: int,
    *,
    normalized: bool = False,
    onesided: bool = True,
    return_complex: bool = True,
    **options: Any,
) -> Array:
    options.pop("win_length", None)
    frames, _ = frames_of(x, n_fft, **options)
    spectrum = np.swapaxes((np.fft.rfft if onesided else np.fft.fft)(frames), -1, -2)
    spectrum = single(spectrum / np.sqrt(n_fft) if normalized else spectrum, x)
    return spectrum if return_complex else np.stack([spectrum.real, spectrum.imag], -1)


@row("stft", dtypes=FLOAT, reference=stft_reference)
def stft(make: Make) -> Iterator[Case]:
    yield case(make(20), 8, return_complex=True)
    yield case(make(2, 20), 8, return_complex=True)
    yield case(make(20), 8, hop_length=3, window=make(8), return_complex=True)
    yield case(make(20), 8, win_length=6, window=make(6), return_complex=True)
    yield case(make(20), 8, center=False, normalized=True, return_complex=True)
    yield case(make(20), 6, onesided=False, hop_length=2, return_complex=True)
    yield case(make(20), 8, return_complex=False)
    yield refused(make(20), 8, error=ValueError, match="return_complex")
    yield refused(make(4), 8, center=False, return_complex=True, error=ValueError, match="n_fft")


def istft_reference(
    s: Array, n_fft: int, *, hop_length: int | None = None, window: Array, length: int | None = None
) -> Array:
    frames = np.fft.irfft(np.swapaxes(s, -1, -2), n_fft)
    hop = hop_length or n_fft // 4
    total = np.zeros((*s.shape[:-2], n_fft + hop * (s.shape[-1] - 1)))
    weight = np.zeros_like(total)
    for i in range(s.shape[-1]):
        total[..., i * hop : i * hop + n_fft] += frames[..., i, :] * window
        weight[..., i * hop : i * hop + n_fft] += window**2
    start = n_fft // 2
    end = total.shape[-1] - start if length is None else start + length
    return single((total[..., start:end] / weight[..., start:end]), s)


@row("istft", dtypes=COMPLEX, reference=istft_reference)
def istft(make: Make) -> Iterator[Case]:
    yield case(make(5, 9), 8, window=make.floats(8, low=0.5, high=1.0))
    yield case(make(2, 5, 7), 8, hop_length=3, window=make.floats(8, low=0.5, high=1.0))
    yield case(make(5, 9), 8, window=make.floats(8, low=0.5, high=1.0), length=14)
    yield refused(make(5, 9), 8, window=np.zeros(8, "float32"), error=RuntimeError, match="overlap")
    yield refused(make(4, 9), 8, error=ValueError, match="frequencies")
