"""A network that knows the digits 0 to 4 is saved, loaded, and learns 5 to 9 from ten images of each.

Weights travel as a .safetensors file: names and tensors, nothing that could run. Only the last layer and the
normalisations learn; the rest stays frozen. `--short` trains for fewer epochs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorwright as tw
import tensorwright.nn.functional as F
from sklearn.datasets import load_digits
from tensorwright import Tensor, nn

EXAMPLES = 10  # of each new digit


def network(classes: int) -> nn.Sequential:
    """Images [N, 1, 8, 8] to logits [N, classes]."""
    features = nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1),
        nn.BatchNorm2d(48),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    model = nn.Sequential()
    model.add_module("features", features)
    model.add_module("head", nn.Linear(48 * 4 * 4, classes))
    return model


def digits() -> tuple[Tensor, Tensor]:
    """All images in one random order, and what they show."""
    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    images = tw.from_numpy((bundle.images[order] / 16.0).astype(np.float32)).unsqueeze(1)
    return images, tw.from_numpy(bundle.target[order].astype(np.int64))


def fit(model: nn.Module, images: Tensor, labels: Tensor, epochs: int, lr: float) -> None:
    """Train what requires gradients."""
    model.train()
    optimizer = tw.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)
    for _ in range(epochs):
        for chosen in tw.randperm(len(images)).split(32):
            loss = F.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images that are read correctly."""
    model.eval()
    with tw.no_grad():
        return float((model(images).argmax(1) == labels).double().mean().item())


def adapt(path: Path) -> nn.Sequential:
    """The saved network with a new head, of which little is left to be learned."""
    model = network(classes=5)
    saved = {name: value for name, value in tw.load(path).items() if not name.startswith("head.")}
    model.load_state_dict(saved, strict=False)
    for module in model.features:
        module.requires_grad_(isinstance(module, nn.BatchNorm2d))
    learned = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{learned} of {sum(p.numel() for p in model.parameters())} numbers learn")
    return model


def train(epochs: int) -> float:
    """The accuracy on the new digits."""
    tw.manual_seed(0)
    images, labels = digits()
    old = labels < 5
    known = network(classes=5)
    fit(known, images[old], labels[old], epochs, lr=3e-3)
    new_images, new_labels = images[~old], labels[~old] - 5
    chosen = tw.cat([(new_labels == digit).nonzero()[:EXAMPLES, 0] for digit in range(5)])
    rest = tw.ones(len(new_labels), dtype=tw.bool).index_fill(0, chosen, False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits_0_to_4.safetensors"
        tw.save(known.state_dict(), path)
        model = adapt(path)
    fit(model, new_images[chosen], new_labels[chosen], 8 * epochs, lr=3e-3)
    result = accuracy(model, new_images[rest], new_labels[rest])
    print(f"accuracy on {int(rest.sum().item())} images of the digits 5 to 9: {result:.3f}")
    return result


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, save, load, adapt, and give the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    return train(epochs=2 if parser.parse_args(arguments).short else 8)


if __name__ == "__main__":
    main()
