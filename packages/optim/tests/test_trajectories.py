"""A hundred steps of each optimizer against its paper's formulas in NumPy, float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import optim

A = np.random.default_rng(0).standard_normal((6, 4))
START = np.random.default_rng(1).standard_normal(4)


def gradient(w: np.ndarray) -> np.ndarray:
    """Of |A w - 1|^2 / 2 + sum(cos(w))."""
    return A.T @ (A @ w - 1) - np.sin(w)


def run(make, steps: int = 100) -> np.ndarray:
    w = tw.from_numpy(START.copy()).requires_grad_()
    a, optimizer = tw.from_numpy(A), make([w])
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((a @ w - 1) ** 2).sum() / 2 + w.cos().sum()
        loss.backward()
        optimizer.step()
    return w.detach().numpy()


def sgd(lr, momentum=0.0, dampening=0.0, decay=0.0, nesterov=False, sign=1.0, steps=100):
    w, buffer = START.copy(), None
    for _ in range(steps):
        g = sign * gradient(w) + decay * w
        if momentum:
            buffer = g.copy() if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
    return w


def adam(lr, betas=(0.9, 0.999), eps=1e-8, decay=0.0, decoupled=False, amsgrad=False, sign=1.0, steps=100):
    w, m, v, largest = START.copy(), np.zeros(4), np.zeros(4), np.zeros(4)
    for t in range(1, steps + 1):
        g = sign * gradient(w)
        if decoupled:
            w = w * (1 - lr * decay)
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        largest = np.maximum(largest, v)
        second = largest if amsgrad else v
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(second / (1 - betas[1] ** t)) + eps)
    return w


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda p: optim.SGD(p, lr=0.02), sgd(0.02)),
        (lambda p: optim.SGD(p, lr=0.02, weight_decay=0.1), sgd(0.02, decay=0.1)),
        (lambda p: optim.SGD(p, lr=0.02, momentum=0.9), sgd(0.02, 0.9)),
        (lambda p: optim.SGD(p, 0.02, 0.9, dampening=0.5, weight_decay=0.1), sgd(0.02, 0.9, 0.5, 0.1)),
        (lambda p: optim.SGD(p, 0.02, 0.9, nesterov=True), sgd(0.02, 0.9, nesterov=True)),
        (lambda p: optim.SGD(p, 1e-4, maximize=True), sgd(1e-4, sign=-1.0)),
        (lambda p: optim.Adam(p, lr=0.05), adam(0.05)),
        (lambda p: optim.Adam(p, 0.05, (0.8, 0.95), 1e-3, 0.1), adam(0.05, (0.8, 0.95), 1e-3, 0.1)),
        (lambda p: optim.Adam(p, 0.05, amsgrad=True), adam(0.05, amsgrad=True)),
        (lambda p: optim.Adam(p, 0.05, maximize=True), adam(0.05, sign=-1.0)),
        (lambda p: optim.AdamW(p, 0.05), adam(0.05, decay=0.01, decoupled=True)),
    ],
    ids=lambda v: "" if not isinstance(v, np.ndarray) else "steps",
)
def test_same_trajectory_as_the_formulas(make, expected):
    np.testing.assert_allclose(run(make), expected, rtol=1e-12, atol=1e-12)


def test_float32_follows_float64_within_rounding():
    w = tw.from_numpy(START.astype(np.float32)).requires_grad_()
    optimizer, a = optim.Adam([w], lr=0.05), tw.from_numpy(A.astype(np.float32))
    for _ in range(100):
        optimizer.zero_grad()
        (((a @ w - 1) ** 2).sum() / 2 + w.cos().sum()).backward()
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), adam(0.05), rtol=1e-4, atol=1e-4)
