"""What code asks that runs on CUDA where it is there: it is not. Seeds and caches of no device are nothing to do."""

from __future__ import annotations

from typing import NoReturn

from tensorwright.cuda import amp as amp


def is_available() -> bool:
    """False.

    Example:
        >>> import tensorwright as tw
        >>> "cuda" if tw.cuda.is_available() else "cpu"
        'cpu'
    """
    return False


def is_bf16_supported() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed no device."""


def manual_seed_all(seed: int) -> None:
    """Seed all of no devices."""


def empty_cache() -> None:
    """Free the memory that no device keeps."""


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(f"cuda.{name}: there is no CUDA device")


def synchronize(device: object = None) -> None:
    """Refused: there is no device to wait for.

    Raises:
        RuntimeError: always.
    """
    _refuse("synchronize")


def current_device() -> int:
    """Refused: there is no device.

    Raises:
        RuntimeError: always.
    """
    _refuse("current_device")


def set_device(device: object) -> None:
    """Refused: there is no device.

    Raises:
        RuntimeError: always.
    """
    _refuse("set_device")


def get_device_name(device: object = None) -> str:
    """Refused: there is no device.

    Raises:
        RuntimeError: always.
    """
    _refuse("get_device_name")
