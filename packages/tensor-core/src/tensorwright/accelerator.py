"""What code asks that runs on an accelerator where there is one: here there is none, unless a plugin brings a device.

A plugin's device is named where tensors are made (``device="npu"``); it is never chosen by itself.
"""

from __future__ import annotations

from tensorwright._C import device


def is_available() -> bool:
    """False.

    Example:
        >>> import tensorwright as tw
        >>> tw.device("cpu") if not tw.accelerator.is_available() else tw.accelerator.current_accelerator()
        device(type='cpu')
    """
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> device | None:
    """None."""
    return None
