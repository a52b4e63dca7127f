"""Train a small convolutional network on 1,797 real images of handwritten digits, then use what it learned.

`nox -s demo` runs this. It writes digits.safetensors (the weights) and learning_curve.png into --output.
The images (8x8 pixels, 16 shades; Alpaydin and Kaynak 1998) come with scikit-learn.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorwright as tw
from sklearn.datasets import load_digits
from tensorwright import Tensor, nn
from tqdm import tqdm

SHADES = " .:-=+*#%@"
TEST_IMAGES = 360


class Digits(NamedTuple):
    """Images [N, 1, 8, 8] with values in [0, 1], and the digit that each shows [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return int(self.labels.shape[0])


class Epoch(NamedTuple):
    """What one pass over the training images gave: mean loss, and the share of test images recognised."""

    loss: float
    accuracy: float


def load() -> tuple[Digits, Digits]:
    """Training and test digits, always split alike."""
    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    images = tw.from_numpy((bundle.images[order] / 16.0).astype(np.float32)).unsqueeze(1)
    labels = tw.from_numpy(bundle.target[order].astype(np.int64))
    cut = len(order) - TEST_IMAGES
    return Digits(images[:cut], labels[:cut]), Digits(images[cut:], labels[cut:])


def network() -> nn.Sequential:
    """Two convolutions and two affine layers: [N, 1, 8, 8] to the logits of ten digits [N, 10]."""
    return nn.Sequential(
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


def train_epoch(model: nn.Module, optimizer: tw.optim.Optimizer, digits: Digits, batch: int, bar: tqdm[None]) -> float:
    """One pass over the training images in random order; returns the mean loss."""
    model.train()
    order = tw.randperm(len(digits))
    total = 0.0
    for start in range(0, len(digits), batch):
        chosen = order[start : start + batch]
        loss = nn.functional.cross_entropy(model(digits.images[chosen]), digits.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
        bar.update()
    return total / len(digits)


def accuracy(model: nn.Module, digits: Digits) -> float:
    """Share of the images that are recognised."""
    model.eval()
    with tw.no_grad():
        return float((model(digits.images).argmax(1) == digits.labels).float().mean().item())


def train(model: nn.Module, training: Digits, test: Digits, epochs: int, batch: int = 64) -> list[Epoch]:
    """Train with Adam and a progress bar; returns the learning curve."""
    optimizer = tw.optim.Adam(model.parameters(), lr=2e-3)
    curve: list[Epoch] = []
    with tqdm(total=epochs * -(-len(training) // batch), unit="batch", desc="training") as bar:
        for _ in range(epochs):
            loss = train_epoch(model, optimizer, training, batch, bar)
            curve.append(Epoch(loss, accuracy(model, test)))
            bar.set_postfix(loss=f"{loss:.4f}", test=f"{curve[-1].accuracy:.1%}")
    return curve


def plot(curve: list[Epoch], path: Path) -> None:
    """Draw the learning curve as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    epochs = range(1, len(curve) + 1)
    figure, loss_axes = plt.subplots(figsize=(7, 4), layout="constrained")
    loss_axes.plot(epochs, [epoch.loss for epoch in curve], color="tab:blue")
    loss_axes.set(xlabel="epoch", ylabel="training loss", yscale="log")
    loss_axes.yaxis.label.set_color("tab:blue")
    accuracy_axes = loss_axes.twinx()
    accuracy_axes.plot(epochs, [100 * epoch.accuracy for epoch in curve], color="tab:orange")
    accuracy_axes.set_ylabel("test accuracy / %", color="tab:orange")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def picture(image: Tensor) -> list[str]:
    """The image [1, 8, 8] as lines of characters, two for each pixel."""
    shades = (image[0] * (len(SHADES) - 1)).round().to(tw.int64).tolist()
    return ["".join(SHADES[shade] * 2 for shade in row) for row in shades]


def show(model: nn.Module, digits: Digits, count: int = 10) -> None:
    """Classify the first images and print them side by side with what the network says."""
    model.eval()
    with tw.no_grad():
        says = model(digits.images[:count]).argmax(1).tolist()
    truth = digits.labels[:count].tolist()
    for first in range(0, count, 5):
        group = range(first, min(first + 5, count))
        for line in zip(*(picture(digits.images[i]) for i in group), strict=True):
            print("   ".join(line))
        print("   ".join(f"says {says[i]}, is {truth[i]}".ljust(16) for i in group), end="\n\n")


def main() -> None:
    """Train, save, draw the curve, reload, classify."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--epochs", type=int, default=15)
    arguments.add_argument("--output", type=Path, default=Path("."), help="folder for the weights and the curve")
    options = arguments.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    weights, curve_image = options.output / "digits.safetensors", options.output / "learning_curve.png"

    tw.manual_seed(0)
    training, test = load()
    model = network()
    print(model)
    start = time.perf_counter()
    curve = train(model, training, test, options.epochs)
    seconds = time.perf_counter() - start
    tw.save(model.state_dict(), weights)
    plot(curve, curve_image)

    restored = network()
    restored.load_state_dict(tw.load(weights))
    recognised = accuracy(restored, test)
    print(f"trained {options.epochs} epochs in {seconds:.1f} s on {tw.get_num_threads()} threads")
    print(f"{recognised:.1%} of {len(test)} test images recognised by the reloaded {weights}; curve in {curve_image}\n")
    show(restored, test)
    if recognised < 0.97:
        raise SystemExit(f"the network recognises {recognised:.1%} of the test images, expected at least 97 %")


if __name__ == "__main__":
    main()
