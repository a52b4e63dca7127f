"""Whole training steps: forward, backward and Adam; and the demo's epoch."""

from __future__ import annotations

import functools

import networks
from case import Case, Family, Library, Run


def digits_epoch(lib: Library) -> Run:
    """The demo's network over 1,437 images in batches of 64, as in demo/digits.py."""
    nn = lib.nn
    lib.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 4 * 4, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    optimizer = lib.optim.Adam(model.parameters(), lr=2e-3)
    images, labels = lib.rand(1437, 1, 8, 8), lib.randint(0, 10, (1437,))

    def run() -> None:
        order = lib.randperm(1437)
        for start in range(0, 1437, 64):
            chosen = order[start : start + 64]
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

    return run


STEPS = {
    "MLP 784-512-512-10, batch 64": (networks.mlp, 0.6),
    "ResNet-18, 32 images of 32x32": (networks.resnet18, 0.95),
    "GPT, 4 layers of 256, 8 sequences of 128": (networks.gpt, 0.85),
    "LSTM language model": (networks.lstm, 0.8),
}

FAMILY = Family(
    "whole steps",
    (
        *(
            Case(name, functools.partial(networks.training_step, network=network), bar=bar)
            for name, (network, bar) in STEPS.items()
        ),
        Case("digits network, one epoch", digits_epoch, bar=1.0),
    ),
)
