"""The two older arguments that name a reduction."""

from __future__ import annotations

import warnings


def reduction_name(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, unless ``size_average`` or ``reduce`` are given: then what they mean, with a warning."""
    if size_average is None and reduce is None:
        return reduction
    averaged = size_average is None or size_average
    reduced = reduce is None or reduce
    meant = "none" if not reduced else "mean" if averaged else "sum"
    warnings.warn(
        f"size_average and reduce are deprecated; write reduction={meant!r}", DeprecationWarning, stacklevel=3
    )
    return meant
