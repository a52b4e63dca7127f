"""The extension ``fft`` of the standard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import tensorwright as tw
from tensorwright.array_api._types import Device, Dtype, Tensor

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft",
    "rfftfreq", "rfftn",
]  # fmt: skip

Norm: TypeAlias = Literal["backward", "ortho", "forward"]
Axes: TypeAlias = Sequence[int] | None


def fft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The discrete Fourier transform along an axis."""
    return tw.fft.fft(x, n, axis, norm)


def ifft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of ``fft``."""
    return tw.fft.ifft(x, n, axis, norm)


def fftn(x: Tensor, /, *, s: Axes = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The discrete Fourier transform along several axes."""
    return tw.fft.fftn(x, s, axes, norm)


def ifftn(x: Tensor, /, *, s: Axes = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The inverse of ``fftn``."""
    return tw.fft.ifftn(x, s, axes, norm)


def rfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The transform of real numbers: the half of it that determines the other."""
    return tw.fft.rfft(x, n, axis, norm)


def irfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of ``rfft``."""
    return tw.fft.irfft(x, n, axis, norm)


def rfftn(x: Tensor, /, *, s: Axes = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The transform of real numbers along several axes."""
    return tw.fft.rfftn(x, s, axes, norm)


def irfftn(x: Tensor, /, *, s: Axes = None, axes: Axes = None, norm: Norm = "backward") -> Tensor:
    """The inverse of ``rfftn``."""
    return tw.fft.irfftn(x, s, axes, norm)


def hfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The transform of a Hermitian signal, of which half is given; real."""
    return tw.fft.hfft(x, n, axis, norm)


def ihfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of ``hfft``."""
    return tw.fft.ihfft(x, n, axis, norm)


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """The frequencies of the elements of ``fft`` for samples at distance ``d``."""
    return tw.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Dtype | None = None, device: Device | None = None) -> Tensor:
    """The frequencies of the elements of ``rfft`` for samples at distance ``d``."""
    return tw.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: int | Axes = None) -> Tensor:
    """The frequency zero moved to the middle."""
    return tw.fft.fftshift(x, axes)


def ifftshift(x: Tensor, /, *, axes: int | Axes = None) -> Tensor:
    """The inverse of ``fftshift``."""
    return tw.fft.ifftshift(x, axes)
