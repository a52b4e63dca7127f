"""Settings of PyTorch's names: the default device, and switches for what is always or never so here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorwright import _C

if TYPE_CHECKING:
    from tensorwright._C import DeviceLike, device

# ---- the default device ------------------------------------------------------------------------------------


def get_default_device() -> device:
    """Where new tensors go that are given no device, on this thread."""
    return _C.get_default_device()


def set_default_device(device: DeviceLike | None) -> None:
    """Choose where new tensors go that are given no device, on this thread; None means the host.

    It holds for functions that make tensors out of nothing: ``zeros``, ``arange``, ``rand``, ``tensor``. ``zeros_like``
    and ``x.new_zeros`` follow their tensor, ``from_numpy`` and ``from_dlpack`` the memory they are given. A device is
    also a context manager: ``with tw.device("meta"):``.

    Raises:
        TypeError: if it is no device.
        RuntimeError: if there is no such device.

    Example:
        >>> import tensorwright as tw
        >>> with tw.device("meta"):
        ...     tw.zeros(2, 3).device
        device(type='meta')
    """
    _C.set_default_device(device)


# ---- determinism -------------------------------------------------------------------------------------------

_deterministic = False
_warn_only = False
_DEBUG_MODES = {"default": 0, "warn": 1, "error": 2}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that are the same in every run; they always are, so this only remembers the wish.

    Every op on the CPU gives the same bits in every run, with any number of threads and on every instruction set.

    Example:
        >>> import tensorwright as tw
        >>> tw.use_deterministic_algorithms(True)
        >>> tw.are_deterministic_algorithms_enabled()
        True
        >>> tw.use_deterministic_algorithms(False)
    """
    global _deterministic, _warn_only
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms(): argument 'mode' must be bool, got {type(mode).__name__}")
    _deterministic, _warn_only = mode, mode and warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms(True)`` was called."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether that was with ``warn_only=True``."""
    return _warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same as a word or number: "default" (0), "warn" (1) or "error" (2).

    Raises:
        ValueError: for another word or number.
    """
    number = _DEBUG_MODES.get(debug_mode, -1) if isinstance(debug_mode, str) else debug_mode
    if number not in _DEBUG_MODES.values():
        raise ValueError(f"set_deterministic_debug_mode: expected default, warn, error or 0 to 2, got {debug_mode!r}")
    use_deterministic_algorithms(number > 0, warn_only=number == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: see ``set_deterministic_debug_mode``."""
    return 0 if not _deterministic else 1 if _warn_only else 2


# ---- threads and precision ---------------------------------------------------------------------------------

_interop_threads: int | None = None
_matmul_precision = "highest"
_PRECISIONS = ("highest", "high", "medium")


def get_num_interop_threads() -> int:
    """How many ops of a program run at once: 1, unless another number was set."""
    return _interop_threads or 1


def set_num_interop_threads(n: int) -> None:
    """Accepted and remembered; ops of one thread run one after the other, each on ``get_num_threads()`` threads.

    Raises:
        ValueError: unless n is positive.
        RuntimeError: if it was set before.
    """
    global _interop_threads
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_interop_threads(): argument 'n' must be int, got {type(n).__name__}")
    if n < 1:
        raise ValueError(f"set_num_interop_threads: n must be positive, got {n}")
    if _interop_threads is not None:
        raise RuntimeError("set_num_interop_threads: can be set only once")
    _interop_threads = n


def get_float32_matmul_precision() -> str:
    """What was set, "highest" at first."""
    return _matmul_precision


def set_float32_matmul_precision(precision: str) -> None:
    """Allow less precise products of float32 matrices; on the CPU they are always computed in full float32.

    Raises:
        ValueError: unless it is "highest", "high" or "medium".
    """
    global _matmul_precision
    if precision not in _PRECISIONS:
        raise ValueError(f"set_float32_matmul_precision: expected {', '.join(_PRECISIONS)}, got {precision!r}")
    _matmul_precision = precision


def set_flush_denormal(mode: bool) -> bool:
    """Whether the setting took effect. Denormal numbers are never flushed to zero: results would depend on threads.

    Example:
        >>> import tensorwright as tw
        >>> tw.set_flush_denormal(True)
        False
    """
    return not mode
