"""A progress bar for loops: that of tqdm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def progress(iterable: Iterable[Any], description: str = "", *, total: int | None = None, initial: int = 0) -> Any:
    """A bar on the terminal that moves as a loop goes through ``iterable``; it is tqdm's.

    Args:
        iterable: a loader, for example.
        description: stands before the bar.
        total: how many items there are; the length of ``iterable`` if it has one.
        initial: how many were done before, in an epoch that was resumed.

    Raises:
        ModuleNotFoundError: if tqdm is not installed.

    Example:
        >>> import contextlib, io
        >>> with contextlib.redirect_stderr(io.StringIO()) as terminal:
        ...     total = sum(progress(range(4), "counting"))
        >>> total, "counting: 100%" in terminal.getvalue()
        (6, True)
    """
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        if error.name != "tqdm":
            raise
        message = "progress needs tqdm; pip install tensorwright-tensor-core[progress]"
        raise ModuleNotFoundError(message, name="tqdm") from None
    return tqdm(iterable, desc=description or None, total=total, initial=initial)
