"""Window functions, under the names and with the arguments of PyTorch's and SciPy's modules.

Each takes the number of points ``M`` and gives a vector. A symmetric window (``sym=True``) is for filters; one that is
not is for spectra: the symmetric window of one point more without the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import pi
from typing import TYPE_CHECKING

from tensorwright import _C

if TYPE_CHECKING:
    from tensorwright._C import DeviceLike, DtypeLike, Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip

_arange, _cos, _exp, _sin = (_C.op_functions[name] for name in ("arange", "cos", "exp", "sin"))
_bartlett, _kaiser = _C.op_functions["bartlett_window"], _C.op_functions["kaiser_window"]


def _points(name: str, count: int, sym: bool) -> tuple[Tensor, int]:
    """The numbers of the points in double precision, and the number of steps to the end of the window."""
    if count < 0:
        raise ValueError(f"{name}: the number of points must not be negative, got {count}")
    points: Tensor = _arange(count, dtype=_C.float64)
    return points, max(count - 1 if sym else count, 1)


def _finished(
    name: str, window: Tensor, dtype: DtypeLike | None, device: DeviceLike | None, requires_grad: bool
) -> Tensor:
    wanted = _C.get_default_dtype() if dtype is None else dtype
    if wanted not in (_C.float32, _C.float64):
        raise ValueError(f"{name}: dtype must be float32 or float64, got {wanted}")
    result = window.to(wanted) if device is None else window.to(device, wanted)
    if requires_grad:
        result.requires_grad = True
    return result


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of cosines with the coefficients ``a``, of alternating sign.

    Raises:
        ValueError: without coefficients, for a negative ``M``, for a dtype that is neither float32 nor float64.

    Example:
        >>> import tensorwright as tw
        >>> tw.signal.windows.general_cosine(3, a=[0.5, 0.5])
        tensor([0., 1., 0.])
    """
    coefficients = [float(c) for c in a]
    if not coefficients:
        raise ValueError("general_cosine: there are no coefficients")
    n, steps = _points("general_cosine", M, sym)
    if M == 1:
        return _finished("general_cosine", n + 1.0, dtype, device, requires_grad)
    window = n * 0.0
    for k, c in enumerate(coefficients):
        window = window + _cos(n * (2 * pi * k / steps)) * ((-1) ** k * c)
    return _finished("general_cosine", window, dtype, device, requires_grad)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine: ``alpha - (1 - alpha) cos(2 pi n / N)``."""
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hamming's window, a raised cosine on a pedestal."""
    return general_hamming(M, sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hann's window, a raised cosine that begins with 0."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window of three cosine terms."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Nuttall's window of four cosine terms with the least side lobes (Heinzel, Ruediger and Schilling 2002)."""
    a = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Triangular window that begins with 0 (Bartlett 1950)."""
    _points("bartlett", M, sym)
    window = _bartlett(M, not sym, dtype=_C.float64)
    return _finished("bartlett", window, dtype, device, requires_grad)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a period of a sine: ``sin(pi (n + 1/2) / N)``."""
    n, steps = _points("cosine", M, sym)
    window = _sin((n + 0.5) * (pi / (steps + 1)))
    return _finished("cosine", window if M != 1 else n + 1.0, dtype, device, requires_grad)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Falls on both sides of ``center`` (the middle by default) by a factor e every ``tau`` points.

    Raises:
        ValueError: for a ``tau`` that is not positive, and for a ``center`` of a symmetric window.
    """
    if tau <= 0:
        raise ValueError(f"exponential: tau must be positive, got {tau}")
    if sym and center is not None:
        raise ValueError("exponential: a symmetric window has its center in the middle")
    n, steps = _points("exponential", M, sym)
    middle = (steps if M > 1 else 0) / 2 if center is None else center
    return _finished("exponential", _exp((n - middle).abs() / -tau), dtype, device, requires_grad)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The normal density around the middle with standard deviation ``std``, 1 at its maximum.

    Raises:
        ValueError: for an ``std`` that is not positive.
    """
    if std <= 0:
        raise ValueError(f"gaussian: std must be positive, got {std}")
    n, steps = _points("gaussian", M, sym)
    middle = (steps if M > 1 else 0) / 2
    distance = (n - middle) / std
    return _finished("gaussian", _exp(distance * distance * -0.5), dtype, device, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: DtypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window (Kaiser and Schafer 1980), the larger ``beta`` the narrower.

    Raises:
        ValueError: for a negative ``beta``.
    """
    if beta < 0:
        raise ValueError(f"kaiser: beta must not be negative, got {beta}")
    _points("kaiser", M, sym)
    window = _kaiser(M, not sym, beta, dtype=_C.float64)
    return _finished("kaiser", window, dtype, device, requires_grad)
