"""Networks of all parts together: gradients, learning, and the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import nn, optim


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 3 * 3, 5),
        nn.LayerNorm(5),
    )


def batch(dtype: tw.dtype = tw.float32) -> tuple[tw.Tensor, tw.Tensor]:
    rng = np.random.default_rng(0)
    return tw.from_numpy(rng.standard_normal((8, 1, 6, 6))).to(dtype), tw.from_numpy(rng.integers(0, 5, 8))


def test_gradients_of_a_network_agree_with_finite_differences():
    tw.manual_seed(0)
    model, (x, y) = convolutional().double(), batch(tw.float64)

    def loss() -> tw.Tensor:
        return nn.functional.cross_entropy(model(x), y)

    loss().backward()
    rng = np.random.default_rng(1)
    for name, parameter in model.named_parameters():
        flat, gradient = parameter.detach().view(-1), parameter.grad.view(-1)
        for index in rng.integers(0, parameter.numel(), 3).tolist():
            value, step = flat[index].item(), 1e-6
            with tw.no_grad():
                flat[index] = value + step
                above = loss().item()
                flat[index] = value - step
                below = loss().item()
                flat[index] = value
            assert gradient[index].item() == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7), name


def train(threads: int, steps: int = 20) -> tuple[list[float], list[np.ndarray]]:
    before = tw.get_num_threads()
    tw.set_num_threads(threads)
    try:
        tw.manual_seed(3)
        model, (x, y) = nn.Sequential(convolutional(), nn.Dropout(0.1)), batch()
        optimizer, losses = optim.AdamW(model.parameters(), lr=0.01), []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses, [p.detach().numpy().copy() for p in model.parameters()]
    finally:
        tw.set_num_threads(before)


def test_training_learns():
    losses, _ = train(threads=2, steps=60)
    assert losses[-1] < losses[0] / 4


def test_training_gives_the_same_bits_on_any_number_of_threads():
    (losses, weights), (losses_of_8, weights_of_8) = train(1), train(8)
    assert losses == losses_of_8
    assert all(np.array_equal(a, b) for a, b in zip(weights, weights_of_8, strict=True))


def test_an_mlp_step_equals_backpropagation_by_hand():
    rng = np.random.default_rng(0)
    x, w1, b1, w2, target = (rng.standard_normal(s) for s in ((16, 7), (9, 7), (9,), (3, 9), (16, 3)))
    model = nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 3, bias=False)).double()
    model.load_state_dict({"0.weight": tw.from_numpy(w1), "0.bias": tw.from_numpy(b1), "2.weight": tw.from_numpy(w2)})
    loss = nn.functional.mse_loss(model(tw.from_numpy(x)), tw.from_numpy(target))
    loss.backward()
    hidden = np.tanh(x @ w1.T + b1)
    output = hidden @ w2.T
    d_output = 2 * (output - target) / output.size
    d_hidden = d_output @ w2 * (1 - hidden**2)
    np.testing.assert_allclose(loss.item(), ((output - target) ** 2).mean(), rtol=1e-12)
    np.testing.assert_allclose(model[2].weight.grad.numpy(), d_output.T @ hidden, rtol=1e-10)
    np.testing.assert_allclose(model[0].weight.grad.numpy(), d_hidden.T @ x, rtol=1e-10)
    np.testing.assert_allclose(model[0].bias.grad.numpy(), d_hidden.sum(0), rtol=1e-10)


def test_a_frozen_layer_stays_and_the_others_learn():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    before = model[0].weight.tolist(), model[2].weight.tolist()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    model(tw.ones(3, 4)).sum().backward()
    optimizer.step()
    assert model[0].weight.grad is None
    assert model[0].weight.tolist() == before[0]
    assert model[2].weight.tolist() != before[1]


def test_an_embedding_learns_only_the_rows_it_saw():
    table = nn.Embedding(6, 3, padding_idx=0)
    table(tw.tensor([0, 2, 2, 5])).sum().backward()
    assert table.weight.grad.tolist() == [[0.0] * 3, [0.0] * 3, [2.0] * 3, [0.0] * 3, [0.0] * 3, [1.0] * 3]
