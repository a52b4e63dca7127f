"""A variational autoencoder of handwritten digits (Kingma and Welling 2014): a code of a few numbers, and back.

`--short` trains for three epochs. At the end it draws digits that nobody wrote.
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
from tensorwright.data import DataLoader, TensorDataset

PIXELS, CODE = 64, 6
SHADES = " .:-=+*#%@"


class Autoencoder(nn.Module):
    """Images [N, 64] to the logits of their pixels, with mean and log-variance of the codes [N, 6]."""

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, hidden), nn.ReLU(), nn.Linear(hidden, 2 * CODE))
        self.decoder = nn.Sequential(nn.Linear(CODE, hidden), nn.ReLU(), nn.Linear(hidden, PIXELS))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        code = mean + (0.5 * log_variance).exp() * tw.randn_like(mean)  # differentiable in mean and variance
        return self.decoder(code), mean, log_variance


def negative_bound(logits: Tensor, images: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The negative evidence lower bound of an image: reconstruction, and how far codes are from a standard normal."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return (reconstruction + divergence) / len(images)


def draw(image: Tensor) -> str:
    """An image of 64 values in [0, 1] as text."""
    rows = (image.reshape(8, 8) * (len(SHADES) - 1)).round().to(tw.int64).tolist()
    return "\n".join("".join(SHADES[shade] * 2 for shade in row) for row in rows)


def train(epochs: int) -> float:
    """The negative bound of the last epoch, in nats an image."""
    tw.manual_seed(0)
    images = tw.from_numpy((load_digits().data / 16.0).astype(np.float32))
    loader: DataLoader[Any] = DataLoader(TensorDataset(images), batch_size=64, shuffle=True)
    model = Autoencoder()
    optimizer = tw.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        total = 0.0
        for (batch,) in loader:
            logits, mean, log_variance = model(batch)
            loss = negative_bound(logits, batch, mean, log_variance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}: {total / len(images):.2f} nats an image")
    with tw.no_grad():
        for image in model.decoder(tw.randn(2, CODE)).sigmoid():
            print(draw(image), end="\n\n")
    return total / len(images)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, draw, and give the negative bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="three epochs")
    return train(epochs=3 if parser.parse_args(arguments).short else 40)


if __name__ == "__main__":
    main()
