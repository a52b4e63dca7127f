"""Anomaly mode: errors and NaN in a backward pass say where the forward call stood."""

from __future__ import annotations

import traceback
from types import TracebackType

from tensorwright.autograd._library import op

_set_anomaly = op("set_anomaly")
_anomaly_enabled = op("anomaly_enabled")
_failure_trace = op("failure_trace")

_state = {"check_nan": True}


def _trace_caller() -> str:
    """The stack of the forward call, without the frame of this function."""
    return "".join(traceback.format_stack()[:-1])


def _switch(mode: bool, check_nan: bool) -> None:
    _state["check_nan"] = check_nan
    _set_anomaly(_trace_caller if mode else None, check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on.

    Example:
        >>> import tensorwright as tw
        >>> with tw.autograd.detect_anomaly():
        ...     tw.autograd.is_anomaly_enabled()
        True
    """
    return bool(_anomaly_enabled())


def add_forward_trace(error: BaseException) -> None:
    """Note on an error of a backward pass where the forward call of the node that failed stood."""
    trace = _failure_trace() if is_anomaly_enabled() else ""
    if trace:
        error.add_note(f"The gradient that failed belongs to this forward call:\n{trace}")


class set_detect_anomaly:  # noqa: N801 (PyTorch's name)
    """Anomaly mode on or off from here on; as a context manager, until the block ends.

    Args:
        mode: on or off.
        check_nan: whether a backward pass refuses NaN among the gradients that a node gives.

    Example:
        >>> import tensorwright as tw
        >>> with tw.autograd.set_detect_anomaly(True):
        ...     x = tw.tensor(-1.0, requires_grad=True)
        ...     y = tw.log(x) * 0
        ...     tw.autograd.is_anomaly_enabled()
        True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (is_anomaly_enabled(), _state["check_nan"])
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _switch(*self._before)


class detect_anomaly:  # noqa: N801
    """Anomaly mode inside a ``with`` block: slower, because every op remembers where it was called.

    An error in the backward pass then carries a note with the forward call, and NaN in a gradient is an error.

    Raises:
        RuntimeError: in the backward pass, if a gradient has NaN and ``check_nan`` is set.

    Example:
        >>> import tensorwright as tw
        >>> with tw.autograd.detect_anomaly():
        ...     x = tw.tensor(0.0, requires_grad=True)
        ...     try:
        ...         (tw.sqrt(x) * 0).backward()
        ...     except RuntimeError as error:
        ...         print(error)
        SqrtBackward returned NaN in gradient 0 (float32 [])
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan

    def __enter__(self) -> None:
        self._switch = set_detect_anomaly(True, self._check_nan)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._switch.__exit__(kind, error, trace)
