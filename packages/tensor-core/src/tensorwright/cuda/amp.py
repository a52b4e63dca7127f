"""Mixed precision on CUDA, which is not there: ``autocast`` changes nothing, ``GradScaler`` is that of ``amp``."""

from __future__ import annotations

from tensorwright import amp
from tensorwright._C import dtype, float16
from tensorwright.amp import GradScaler as GradScaler


class autocast(amp.autocast):  # noqa: N801 (PyTorch's name)
    """Ops inside run as outside: there is no CUDA device whose ops could run in 16 bits, which a warning says.

    Example:
        >>> import tensorwright as tw
        >>> with tw.cuda.amp.autocast(enabled=False):
        ...     (tw.ones(2, 3) @ tw.ones(3, 2)).dtype
        tensorwright.float32
    """

    def __init__(self, enabled: bool = True, dtype: dtype = float16, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)
