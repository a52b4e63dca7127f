"""The gradient of each image's loss by itself, without a loop: `vmap` of `grad`.

They are clipped one by one and blurred by noise before they are averaged, so that no single image shows in the weights:
differentially private descent (Abadi et al. 2016). `--short` takes fewer steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np
import tensorwright as tw
import tensorwright.nn.functional as F
from sklearn.datasets import load_digits
from tensorwright import Tensor, nn
from tensorwright.func import functional_call, grad_and_value, vmap

CLIP, NOISE, BATCH = 1.0, 0.6, 128


def digits() -> tuple[Tensor, Tensor]:
    """Images [N, 64] with values in [0, 1], and what they show."""
    bundle = load_digits()
    images = tw.from_numpy((bundle.data / 16.0).astype(np.float32))
    return images, tw.from_numpy(bundle.target.astype(np.int64))


def private_mean(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From gradients a sample [N, ...] to one: each sample's norm is at most CLIP, and noise is added to their sum."""
    squares = [value.flatten(1).square().sum(1) for value in gradients.values()]
    scale = (CLIP / tw.stack(squares).sum(0).sqrt()).clamp(max=1.0)
    means = {}
    for name, value in gradients.items():
        total = tw.tensordot(scale, value, dims=1)
        means[name] = (total + NOISE * CLIP * tw.randn_like(total)) / len(value)
    return means


def train(steps: int) -> float:
    """The accuracy on all images."""
    tw.manual_seed(0)
    images, labels = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    weights = dict(model.named_parameters())

    def loss(weights: Mapping[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits: Tensor = functional_call(model, weights, (image[None],))
        return F.cross_entropy(logits, label[None])

    of_each = vmap(grad_and_value(loss), in_dims=(None, 0, 0))
    optimizer = tw.optim.SGD(model.parameters(), lr=1.0, momentum=0.8)
    for step in range(steps):
        chosen = tw.randint(len(images), (BATCH,))
        gradients, losses = of_each(weights, images[chosen], labels[chosen])
        for name, gradient in private_mean(gradients).items():
            weights[name].grad = gradient
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: losses from {losses.min().item():.3f} to {losses.max().item():.3f}")
    with tw.no_grad():
        right = (model(images).argmax(1) == labels).double().mean().item()
    print(f"accuracy {right:.3f}")
    return float(right)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, and give the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="100 steps")
    return train(steps=100 if parser.parse_args(arguments).short else 600)


if __name__ == "__main__":
    main()
