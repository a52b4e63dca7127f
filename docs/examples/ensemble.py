"""Eight networks train at once: their weights are stacked, and `vmap` makes one computation of all of them.

Each learns a noisy curve from a sample of its own; where there was nothing to learn from they disagree, and how much is
a measure of doubt (Lakshminarayanan et al. 2017). `--short` takes fewer steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import tensorwright as tw
from tensorwright import Tensor, nn
from tensorwright.func import functional_call, grad, stack_module_state, vmap

MODELS, POINTS = 8, 48


def network() -> nn.Sequential:
    """Numbers [N, 1] to numbers [N, 1]."""
    return nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))


def curve(x: Tensor) -> Tensor:
    """What is to be learned."""
    return (2 * x).sin() + 0.3 * x


def samples() -> tuple[Tensor, Tensor]:
    """Points [models, N, 1] left and right of a gap, another draw for each model, and what was measured there."""
    sides = tw.where(tw.rand(MODELS, POINTS, 1) < 0.5, -2.0, 2.0)
    x = sides + tw.rand(MODELS, POINTS, 1) * 2 - 1
    return x, curve(x) + 0.05 * tw.randn(MODELS, POINTS, 1)


def train(steps: int) -> float:
    """How much more the models disagree in the gap than where they have learned."""
    tw.manual_seed(0)
    base = network()
    parameters, _ = stack_module_state([network() for _ in range(MODELS)])
    weights = {name: value.detach().requires_grad_() for name, value in parameters.items()}

    def predict(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
        result: Tensor = functional_call(base, (weights, {}), (x,))
        return result

    def loss(weights: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return (predict(weights, x) - y).square().mean()

    x, y = samples()
    optimizer = tw.optim.Adam(weights.values(), lr=1e-2)
    gradients_of_all, losses_of_all = vmap(grad(loss)), vmap(loss)
    for step in range(steps):
        gradients = gradients_of_all(weights, x, y)
        for name, weight in weights.items():
            weight.grad = gradients[name].detach()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: losses {[round(value, 3) for value in losses_of_all(weights, x, y).tolist()]}")
    where = tw.tensor([[-2.0], [0.0], [2.0]])
    with tw.no_grad():
        guesses = vmap(predict, in_dims=(0, None))(weights, where)[..., 0]
    doubt = guesses.std(0)
    for place, guess, spread in zip(where[:, 0].tolist(), guesses.mean(0).tolist(), doubt.tolist(), strict=True):
        print(f"x = {place:+.0f}: {guess:+.2f} +- {spread:.2f}")
    return float((doubt[1] / ((doubt[0] + doubt[2]) / 2)).item())


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, guess, and give the ratio of doubts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="200 steps")
    return train(steps=200 if parser.parse_args(arguments).short else 1000)


if __name__ == "__main__":
    main()
