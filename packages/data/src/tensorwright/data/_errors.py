"""What a loader raises besides the exceptions of the dataset itself."""

from __future__ import annotations

import signal


class WorkerError(RuntimeError):
    """An exception of a worker that could not be carried over to the main process as it was."""


class WorkerDiedError(RuntimeError):
    """A worker process ended before its work did."""


class LoaderTimeoutError(RuntimeError):
    """No batch came within ``timeout`` seconds."""


def exit_reason(code: int | None) -> str:
    """Why a process ended, in words."""
    if code is None:
        return "closed its connection"
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    hint = {
        "SIGKILL": ", as the kernel does when memory runs out",
        "SIGBUS": ", as happens when shared memory runs out",
    }.get(name, "")
    return f"was killed by signal {name}{hint}"
