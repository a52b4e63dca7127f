"""Loader, network and optimizer together: training that stops and goes on, and the examples of docs/data.md."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import nn, optim
from tensorwright.data import DataLoader, Dataset

DOCS = Path(__file__).parent.parent / "docs" / "data.md"


class Noisy(Dataset[Any]):
    """Points of two classes, moved a little each time."""

    def __len__(self) -> int:
        return 44

    def __getitem__(self, index: int) -> Any:
        return tw.randn(6) * 0.1 + index % 2 + random.random() * 0.1, index % 2


class Run:
    """All that a training run consists of."""

    def __init__(self, workers: int) -> None:
        self.model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.loader = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=workers)
        self.epoch = 0

    def steps(self) -> Any:
        """Train two epochs; gives the number of steps after each."""
        while self.epoch < 2:
            for points, classes in self.loader:
                loss = nn.functional.cross_entropy(self.model(points), classes)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                yield
            self.epoch += 1

    def state(self) -> tuple[Any, ...]:
        return (
            copy.deepcopy(self.model.state_dict()),
            copy.deepcopy(self.optimizer.state_dict()),
            json.dumps(self.loader.state_dict()),
            tw.get_rng_state(),
            self.epoch,
        )

    def load(self, state: tuple[Any, ...]) -> None:
        weights, optimizer, loader, generator, self.epoch = state
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(optimizer)
        self.loader.load_state_dict(json.loads(loader))
        tw.set_rng_state(generator)

    def weights(self) -> list[Any]:
        return [parameter.tolist() for parameter in self.model.parameters()]


@pytest.mark.parametrize("workers", [0, 2])
def test_training_that_stops_anywhere_ends_with_the_same_weights(workers: int) -> None:
    tw.manual_seed(0)
    whole = Run(0)
    start = whole.state()
    states = [whole.state() for _ in whole.steps()]
    assert len(states) == 22
    for step in random.Random(workers).sample(range(22), 8):
        tw.manual_seed(step + 1)
        rest = Run(workers)
        rest.load(states[step])
        assert sum(1 for _ in rest.steps()) == 21 - step
        assert rest.weights() == whole.weights()
    assert start[2] == '{"version": 1, "kind": "keys", "open": false}'


def test_the_examples_of_the_documentation() -> None:
    for block in re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(DOCS), "exec"), globals())
