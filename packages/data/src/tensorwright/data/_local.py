"""Going through an epoch in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._epoch import Epoch
from ._random import OwnRandomness
from ._work import ENDED, POSITION, Progress, Recipe, Task, Work, described
from ._worker_info import Current


class LocalIterator(Iterator[Any]):
    """Makes each batch when it is asked for. The global random generators are as if it had not."""

    def __init__(self, epoch: Epoch, recipe: Recipe) -> None:
        self._epoch = epoch
        self._recipe = recipe
        self._mine = [0, 0, 0]
        self._work = Work(recipe, Progress([0], self._mine))
        self._work.begin(epoch.plan(0))
        self._randomness = OwnRandomness()

    def __next__(self) -> Any:
        while not self._epoch.finished:
            task = self._epoch.next_task()
            if task is None:
                break
            batch = self._made(task)
            if batch is not ENDED:
                self._epoch.delivered(task, self._work.place(task))
                return batch
            self._epoch.ended(task)
        self._epoch.finished = True
        raise StopIteration

    def _made(self, task: Task) -> Any:
        info = Current.info
        try:
            with self._randomness:
                return self._work.run(task)
        except Exception as error:
            where = described(task, self._mine[POSITION], self._recipe.iterable)
            error.add_note(f"raised in DataLoader at {where}")
            self._epoch.delivered(task)
            raise
        finally:
            Current.info = info
