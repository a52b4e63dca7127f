"""Which worker, or which stream of an iterable dataset, the running code belongs to."""

from __future__ import annotations

from typing import Any


class WorkerInfo:
    """What ``get_worker_info()`` returns.

    Attributes:
        id: the number of this worker or stream, from 0.
        num_workers: how many there are.
        seed: different in each of them, and in each epoch.
        dataset: this worker's copy.
    """

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        self.id = id
        self.num_workers = num_workers
        self.seed = seed
        self.dataset = dataset

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed})"


class Current:
    """The answer to ``get_worker_info()`` in this process, and whether somebody has asked."""

    info: WorkerInfo | None = None
    asked = False


def get_worker_info() -> WorkerInfo | None:
    """Tell a dataset which worker it is in, so that it can take its own part; None where there are no workers.

    Example:
        >>> get_worker_info() is None
        True
    """
    Current.asked = True
    return Current.info
