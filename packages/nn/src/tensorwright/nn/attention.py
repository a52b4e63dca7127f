"""Which kernel attention runs on, where a program for PyTorch asks for one: ``tw.nn.attention``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum


class SDPBackend(IntEnum):
    """PyTorch's names for kernels of ``scaled_dot_product_attention``."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Allow certain kernels. There is one here, tiled with memory linear in the sequence: it runs whatever is allowed.

    Args:
        backends: those allowed, at least one.
        set_priority: whether their order says which comes first.

    Raises:
        ValueError: no backend is given.
        TypeError: something is no ``SDPBackend``.

    Example:
        >>> import tensorwright as tw
        >>> from tensorwright.nn.attention import SDPBackend, sdpa_kernel
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     tw.nn.functional.scaled_dot_product_attention(*[tw.ones(1, 2, 4)] * 3).shape
        (1, 2, 4)
    """
    allowed = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not allowed:
        raise ValueError("sdpa_kernel: expected at least one backend, got none")
    for backend in allowed:
        if not isinstance(backend, SDPBackend):
            raise TypeError(f"sdpa_kernel: backends must be of SDPBackend, got {type(backend).__name__}")
    yield
