"""A convolutional network learns to read handwritten digits: data, model, schedule, evaluation.

1,797 real images of 8 x 8 pixels come with scikit-learn. `--short` trains for one epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorwright as tw
import tensorwright.nn.functional as F
from sklearn.datasets import load_digits
from tensorwright import Tensor, nn
from tensorwright.data import DataLoader, TensorDataset, random_split


class Classifier(nn.Module):
    """Images [N, 1, 8, 8] to the logits of ten digits [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * 4 * 4, 10))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images))
        return logits


def digits() -> TensorDataset:
    """Images with values in [0, 1], and the digit that each shows."""
    bundle = load_digits()
    images = tw.from_numpy((bundle.images / 16.0).astype(np.float32)).unsqueeze(1)
    return TensorDataset(images, tw.from_numpy(bundle.target.astype(np.int64)))


def accuracy(model: nn.Module, loader: DataLoader[Any]) -> float:
    """The share of images that are read correctly."""
    model.eval()
    right = total = 0
    with tw.no_grad():
        for images, labels in loader:
            right += int((model(images).argmax(1) == labels).sum().item())
            total += len(labels)
    return right / total


def train(epochs: int) -> float:
    """The accuracy on images that were not trained on."""
    tw.manual_seed(0)
    training, held_out = random_split(digits(), [0.8, 0.2])
    loader: DataLoader[Any] = DataLoader(training, batch_size=32, shuffle=True)
    test_loader: DataLoader[Any] = DataLoader(held_out, batch_size=256)
    model = Classifier()
    optimizer = tw.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = tw.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, epochs=epochs, steps_per_epoch=len(loader))
    for epoch in range(epochs):
        model.train()
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, accuracy {accuracy(model, test_loader):.3f}")
    return accuracy(model, test_loader)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, and give the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one epoch")
    return train(epochs=1 if parser.parse_args(arguments).short else 10)


if __name__ == "__main__":
    main()
