"""Two convolutional networks play against each other: one draws digits, one tells them from real ones.

The layers follow DCGAN (Radford et al. 2016), for images of 8 x 8 pixels. `--short` plays for eight epochs.
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

CODE = 16
SHADES = " .:-=+*#%@"


def generator() -> nn.Sequential:
    """Codes [N, 16, 1, 1] to images [N, 1, 8, 8] with values in [-1, 1]."""
    return nn.Sequential(
        nn.ConvTranspose2d(CODE, 32, 4, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 1, 3, padding=1),
        nn.Tanh(),
    )


def discriminator() -> nn.Sequential:
    """Images [N, 1, 8, 8] to the logit of being real [N]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 1, 2),
        nn.Flatten(0),
    )


def start_weights(module: nn.Module) -> None:
    """The paper's: normal, of standard deviation 0.02."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=0.02)


class Game:
    """Both players and their optimizers."""

    def __init__(self) -> None:
        self.draws, self.judges = generator().apply(start_weights), discriminator().apply(start_weights)
        self.drawing = tw.optim.Adam(self.draws.parameters(), lr=2e-3, betas=(0.5, 0.999))
        self.judging = tw.optim.Adam(self.judges.parameters(), lr=1e-3, betas=(0.5, 0.999))

    def play(self, real: Tensor) -> None:
        """The judge learns from real and drawn images, then the artist from the judge."""
        drawn = self.draws(tw.randn(len(real), CODE, 1, 1))
        yes, no = tw.ones(len(real)), tw.zeros(len(real))
        loss = F.binary_cross_entropy_with_logits(self.judges(real), 0.9 * yes)
        loss = loss + F.binary_cross_entropy_with_logits(self.judges(drawn.detach()), no)
        self.judging.zero_grad()
        loss.backward()
        self.judging.step()
        loss = F.binary_cross_entropy_with_logits(self.judges(drawn), yes)
        self.drawing.zero_grad()
        loss.backward()
        self.drawing.step()


def distance(game: Game, images: Tensor) -> float:
    """How far the mean drawn image is from the mean real one, a pixel, in units of the range."""
    with tw.no_grad():
        drawn = game.draws(tw.randn(512, CODE, 1, 1))
    return float((drawn.mean(0) - images.mean(0)).abs().mean().item()) / 2


def train(epochs: int) -> float:
    """The distance at the end."""
    tw.manual_seed(0)
    images = tw.from_numpy((load_digits().images / 8.0 - 1.0).astype(np.float32)).unsqueeze(1)
    loader: DataLoader[Any] = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, drop_last=True)
    game = Game()
    for epoch in range(epochs):
        for (batch,) in loader:
            game.play(batch)
        print(f"epoch {epoch + 1}: mean images are {distance(game, images):.3f} apart")
    with tw.no_grad():
        drawn = (game.draws(tw.randn(2, CODE, 1, 1)) + 1) / 2
    for image in (drawn * (len(SHADES) - 1)).round().to(tw.int64).reshape(2, 8, 8).tolist():
        print("\n".join("".join(SHADES[shade] * 2 for shade in row) for row in image), end="\n\n")
    return distance(game, images)


def main(arguments: Sequence[str] | None = None) -> float:
    """Play, draw, and give the distance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="eight epochs")
    return train(epochs=8 if parser.parse_args(arguments).short else 100)


if __name__ == "__main__":
    main()
