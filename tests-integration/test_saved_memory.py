"""What networks keep for their gradients: as many bytes as the formulas of their gradients need, counted by hand.

What is counted is memory of tensors that is in use after the forward run and was not before: parameters, buffers and
inputs are there already. Numbers of a few bytes lie in their tensor's own block and are not counted.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn import functional as F
from tensorwright.profiler import memory_in_use

N, FLOAT, INT64 = 32, 4, 8
CLASSES = 24


def held_by(loss: Callable[[], tw.Tensor]) -> int:
    """Bytes that the graph of a loss keeps."""
    loss()  # what is made once and kept: buffers, caches
    gc.collect()
    before = memory_in_use()
    result = loss()
    held = memory_in_use() - before
    assert result.requires_grad
    del result
    assert memory_in_use() == before
    return held


def classified(logits: tw.Tensor) -> tw.Tensor:
    return F.cross_entropy(logits, LABELS)


LABELS = tw.arange(N) % CLASSES
LOG_PROBABILITIES = N * CLASSES * FLOAT  # all that the loss keeps beside its labels


def linear_regression() -> tuple[Callable[[], tw.Tensor], int]:
    layer, x, y = nn.Linear(20, 1), tw.randn(N, 20), tw.randn(N, 1)
    return lambda: F.mse_loss(layer(x), y), N * FLOAT  # the difference


def perceptron() -> tuple[Callable[[], tw.Tensor], int]:
    net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, CLASSES))
    x = tw.randn(N, 20)
    # what the activations gave, which is what the next layers took
    return lambda: classified(net(x)), N * (64 + 48) * FLOAT + LOG_PROBABILITIES


def autoencoder() -> tuple[Callable[[], tw.Tensor], int]:
    net = nn.Sequential(nn.Linear(40, 32), nn.Tanh(), nn.Linear(32, 8), nn.Tanh(), nn.Linear(8, 40), nn.Sigmoid())
    x = tw.rand(N, 40)
    return lambda: F.mse_loss(net(x), x), N * (32 + 8 + 40 + 40) * FLOAT  # results, and the difference


def convolutional() -> tuple[Callable[[], tw.Tensor], int]:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 4 * 4, CLASSES),
    )  # fmt: skip
    x = tw.randn(N, 3, 16, 16)
    first = 8 * 16 * 16 * FLOAT + 8 * 8 * 8 * (INT64 + FLOAT)  # relu; where the maxima were; they, for the convolution
    second = 16 * 8 * 8 * FLOAT + 16 * 4 * 4 * (INT64 + FLOAT)
    return lambda: classified(net(x)), N * (first + second) + LOG_PROBABILITIES


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + x)


def residual() -> tuple[Callable[[], tw.Tensor], int]:
    channels, size = 32, 8 * 8
    blocks, head = nn.Sequential(Residual(channels), Residual(channels)), nn.Linear(channels, CLASSES)
    x = tw.randn(N, channels, 8, 8)
    # of each block: what both normalisations took, mean and deviation of both, what both activations gave
    block = N * 4 * channels * size * FLOAT + 4 * channels * FLOAT
    return lambda: classified(head(blocks(x).mean((2, 3)))), 2 * block + N * channels * FLOAT + LOG_PROBABILITIES


def mobile() -> tuple[Callable[[], tw.Tensor], int]:
    wide, size = 48, 8 * 8
    net = nn.Sequential(
        nn.Conv2d(16, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
        nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
        nn.Conv2d(wide, 24, 1, bias=False), nn.BatchNorm2d(24),
    )  # fmt: skip
    head, x = nn.Linear(24, CLASSES), tw.randn(N, 16, 8, 8)
    # what normalisations took and activations gave, relu6 by its result alone; means and deviations
    features = N * size * (4 * wide + 24) * FLOAT + (4 * wide + 2 * 24) * FLOAT
    return lambda: classified(head(net(x).mean((2, 3)))), features + N * 24 * FLOAT + LOG_PROBABILITIES


def recurrent() -> tuple[Callable[[], tw.Tensor], int]:
    hidden, steps = 40, 5
    cell, head = nn.LSTMCell(20, hidden), nn.Linear(hidden, CLASSES)
    inputs = [tw.randn(N, 20) for _ in range(steps)]
    start = (tw.zeros(N, hidden), tw.zeros(N, hidden))

    def loss() -> tw.Tensor:
        h, c = start
        for x in inputs:
            h, c = cell(x, (h, c))
        return classified(head(h))

    # of each step four gates, the state, whose tanh is computed again, and the output
    return loss, N * steps * 6 * hidden * FLOAT + LOG_PROBABILITIES


def bag_of_words() -> tuple[Callable[[], tw.Tensor], int]:
    table, head = nn.Embedding(100, 36), nn.Linear(36, CLASSES)
    words = tw.randint(0, 100, (N, 12))
    return lambda: classified(head(table(words).mean(1))), N * 36 * FLOAT + LOG_PROBABILITIES  # the mean


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def split(self, x: tw.Tensor) -> tw.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        h = self.norm1(x)
        h = F.scaled_dot_product_attention(self.split(self.q(h)), self.split(self.k(h)), self.split(self.v(h)))
        x = x + F.dropout(self.out(h.transpose(1, 2).flatten(2)), 0.1)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def transformer() -> tuple[Callable[[], tw.Tensor], int]:
    width, heads, length, batch = 32, 4, 16, 4
    layer, head = Encoder(width, heads), nn.Linear(width, CLASSES)
    x, labels = tw.randn(batch, length, width), tw.arange(batch) % CLASSES
    token = batch * length
    kept = (
        2 * token * 2 * FLOAT  # both normalisations: mean and deviation of each token
        + token * width * FLOAT  # what the first gave, for q, k and v; what it took is the input
        + token * 3 * width * FLOAT  # q, k, v
        + token * (width + heads) * FLOAT  # what attention gave, and the logarithms of its sums
        + token * width * FLOAT  # that with heads side by side, for the next layer
        + token * 2 * width * FLOAT  # what the second normalisation took and gave
        + token * 8 * width * FLOAT  # what gelu took and gave
        + batch * width * FLOAT  # the mean over tokens
        + batch * CLASSES * FLOAT
    )
    return lambda: F.cross_entropy(head(layer(x).mean(1)), labels), kept


def variational() -> tuple[Callable[[], tw.Tensor], int]:
    size, hidden, code = 60, 32, 20
    encode, mean, spread = nn.Linear(size, hidden), nn.Linear(hidden, code), nn.Linear(hidden, code)
    decode1, decode2 = nn.Linear(code, hidden), nn.Linear(hidden, size)
    x, noise = tw.rand(N, size), tw.randn(N, code)

    def loss() -> tw.Tensor:
        h = F.relu(encode(x))
        mu, logvar = mean(h), spread(h)
        z = mu + noise * (logvar * 0.5).exp()
        logits = decode2(F.relu(decode1(z)))
        divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + divergence

    # both hidden layers; deviation, mean, variance and the code; the logits
    return loss, N * (2 * hidden + 4 * code + size) * FLOAT


def adversarial() -> tuple[Callable[[], tw.Tensor], int]:
    make1, make2 = nn.Linear(20, 64), nn.Linear(64, 40)
    judge1, judge2 = nn.Linear(40, 32), nn.Linear(32, 1)
    seed, ones = tw.randn(N, 20), tw.ones(N, 1)

    def loss() -> tw.Tensor:
        fake = tw.tanh(make2(F.relu(make1(seed))))
        return F.binary_cross_entropy_with_logits(judge2(F.leaky_relu(judge1(fake), 0.2)), ones)

    # relu, tanh; what leaky_relu took, since a slope may be negative, and gave; the logits
    return loss, N * (64 + 40 + 2 * 32 + 1) * FLOAT


NETWORKS = [
    linear_regression, perceptron, autoencoder, convolutional, residual, mobile, recurrent, bag_of_words, transformer,
    variational, adversarial,
]  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_bytes_held(network: Callable[[], tuple[Callable[[], tw.Tensor], int]]) -> None:
    loss, expected = network()
    assert held_by(loss) == expected


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_backward_gives_all_of_it_back(network: Callable[[], tuple[Callable[[], tw.Tensor], int]]) -> None:
    loss, _ = network()
    loss().backward()  # gradients are there from now on
    gc.collect()
    before = memory_in_use()
    result = loss()
    result.backward()
    assert memory_in_use() == before
