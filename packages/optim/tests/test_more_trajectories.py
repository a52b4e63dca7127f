"""A hundred steps of the further optimizers against their papers' formulas in NumPy, float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import optim

A = np.random.default_rng(0).standard_normal((6, 4))
START = np.random.default_rng(1).standard_normal(4)
STEPS = 100


def push(t: int) -> float:
    """Keeps gradients away from 0, where adaptive steps amplify rounding errors."""
    return 3 * math.sin(1.7 * t)


def gradient(w: np.ndarray, t: int) -> np.ndarray:
    """Of |A w - 1|^2 / 2 + sum(cos(w)) + push(t) sum(w)."""
    return A.T @ (A @ w - 1) - np.sin(w) + push(t)


def run(make) -> np.ndarray:
    w = tw.from_numpy(START.copy()).requires_grad_()
    a, optimizer = tw.from_numpy(A), make([w])
    for t in range(1, STEPS + 1):
        optimizer.zero_grad()
        (((a @ w - 1) ** 2).sum() / 2 + w.cos().sum() + w.sum() * push(t)).backward()
        optimizer.step()
    return w.detach().numpy()


def descend(update, decay=0.0, sign=1.0) -> np.ndarray:
    """update(w, g, t) gives the next w."""
    w = START.copy()
    for t in range(1, STEPS + 1):
        w = update(w, sign * gradient(w, t) + decay * w, t)
    return w


def adagrad(lr, lr_decay=0.0, start=0.0, eps=1e-10):
    total = np.full(4, start)

    def update(w, g, t):
        total[:] += g * g
        return w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(total) + eps)

    return update


def adadelta(lr=1.0, rho=0.9, eps=1e-6):
    square, delta = np.zeros(4), np.zeros(4)

    def update(w, g, t):
        square[:] = rho * square + (1 - rho) * g * g
        step = np.sqrt(delta + eps) / np.sqrt(square + eps) * g
        delta[:] = rho * delta + (1 - rho) * step * step
        return w - lr * step

    return update


def rmsprop(lr, alpha=0.99, eps=1e-8, momentum=0.0, centered=False):
    square, mean, buffer = np.zeros(4), np.zeros(4), np.zeros(4)

    def update(w, g, t):
        square[:] = alpha * square + (1 - alpha) * g * g
        mean[:] = alpha * mean + (1 - alpha) * g
        buffer[:] = momentum * buffer + g / (np.sqrt(square - centered * mean**2) + eps)
        return w - lr * buffer

    return update


def adamax(lr, betas=(0.9, 0.999), eps=1e-8):
    mean, largest = np.zeros(4), np.zeros(4)

    def update(w, g, t):
        mean[:] = betas[0] * mean + (1 - betas[0]) * g
        largest[:] = np.maximum(betas[1] * largest, np.abs(g) + eps)
        return w - lr / (1 - betas[0] ** t) * mean / largest

    return update


def nadam(lr, betas=(0.9, 0.999), eps=1e-8, momentum_decay=4e-3):
    mean, square, product = np.zeros(4), np.zeros(4), [1.0]

    def update(w, g, t):
        now, after = (betas[0] * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
        product[0] *= now
        mean[:] = betas[0] * mean + (1 - betas[0]) * g
        square[:] = betas[1] * square + (1 - betas[1]) * g * g
        look_ahead = (1 - now) * g / (1 - product[0]) + after * mean / (1 - product[0] * after)
        return w - lr * look_ahead / (np.sqrt(square / (1 - betas[1] ** t)) + eps)

    return update


def radam(lr, betas=(0.9, 0.999), eps=1e-8):
    mean, square = np.zeros(4), np.zeros(4)

    def update(w, g, t):
        mean[:] = betas[0] * mean + (1 - betas[0]) * g
        square[:] = betas[1] * square + (1 - betas[1]) * g * g
        longest = 2 / (1 - betas[1]) - 1
        length = longest - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        step = lr * mean / (1 - betas[0] ** t)
        if length <= 5:
            return w - step
        r = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
        return w - step * r * math.sqrt(1 - betas[1] ** t) / (np.sqrt(square) + eps)

    return update


def rprop(lr, etas=(0.5, 1.2), sizes=(1e-6, 50.0)):
    size, before = np.full(4, lr), np.zeros(4)

    def update(w, g, t):
        change = np.sign(g * before)
        factor = np.where(change > 0, etas[1], np.where(change < 0, etas[0], 1.0))
        size[:] = np.clip(size * factor, *sizes)
        before[:] = np.where(change < 0, 0, g)
        return w - np.sign(before) * size

    return update


def asgd(lr, lambd=1e-4, alpha=0.75):
    eta = [lr]

    def update(w, g, t):
        w = w * (1 - lambd * eta[0]) - eta[0] * g
        eta[0] = lr / (1 + lambd * lr * t) ** alpha
        return w

    return update


def adafactor(lr, d=1.0, eps=1e-3):
    variance = np.zeros(4)

    def update(w, g, t):
        variance[:] += (g * g - variance) * t**-0.8
        step = g / np.sqrt(variance)
        scale = max(eps, np.linalg.norm(w) / 2) * min(lr, 1 / math.sqrt(t))
        return w - scale * step / max(1.0, np.linalg.norm(step) / 2 / d)

    return update


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda p: optim.Adagrad(p, lr=0.1), lambda: descend(adagrad(0.1))),
        (
            lambda p: optim.Adagrad(p, 0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3),
            lambda: descend(adagrad(0.1, 0.1, 0.3), 0.1),
        ),
        (lambda p: optim.Adadelta(p), lambda: descend(adadelta())),
        (lambda p: optim.Adadelta(p, 0.5, 0.8, 1e-4, 0.1), lambda: descend(adadelta(0.5, 0.8, 1e-4), 0.1)),
        (lambda p: optim.RMSprop(p), lambda: descend(rmsprop(0.01))),
        (lambda p: optim.RMSprop(p, momentum=0.9), lambda: descend(rmsprop(0.01, momentum=0.9))),
        (lambda p: optim.RMSprop(p, centered=True), lambda: descend(rmsprop(0.01, centered=True))),
        (
            lambda p: optim.RMSprop(p, 0.02, 0.9, weight_decay=0.1, momentum=0.5, centered=True),
            lambda: descend(rmsprop(0.02, 0.9, momentum=0.5, centered=True), 0.1),
        ),
        (lambda p: optim.Adamax(p, 0.05), lambda: descend(adamax(0.05))),
        (lambda p: optim.NAdam(p, 0.05), lambda: descend(nadam(0.05))),
        (lambda p: optim.RAdam(p, 0.05), lambda: descend(radam(0.05))),
        (lambda p: optim.RAdam(p, 0.05, (0.9, 0.99), weight_decay=0.1), lambda: descend(radam(0.05, (0.9, 0.99)), 0.1)),
        (lambda p: optim.Rprop(p), lambda: descend(rprop(0.01))),
        (
            lambda p: optim.Rprop(p, 0.01, (0.4, 1.3), (1e-3, 0.1)),
            lambda: descend(rprop(0.01, (0.4, 1.3), (1e-3, 0.1))),
        ),
        (lambda p: optim.ASGD(p, lambd=1e-2), lambda: descend(asgd(0.01, 1e-2))),
        (lambda p: optim.ASGD(p, 1e-5, maximize=True), lambda: descend(asgd(1e-5), sign=-1.0)),
        (lambda p: optim.Adafactor(p, 0.05), lambda: descend(adafactor(0.05))),
    ],
)
def test_same_trajectory_as_the_formulas(make, expected):
    np.testing.assert_allclose(run(make), expected(), rtol=1e-12, atol=1e-12)


def test_decoupled_decay_shrinks_the_parameter():
    def shrinking(update, lr, decay):
        return lambda w, g, t: update(w * (1 - lr * decay), g, t)

    for make, update in (
        (lambda p: optim.NAdam(p, 0.05, weight_decay=0.1, decoupled_weight_decay=True), nadam(0.05)),
        (lambda p: optim.RAdam(p, 0.05, weight_decay=0.1, decoupled_weight_decay=True), radam(0.05)),
    ):
        np.testing.assert_allclose(run(make), descend(shrinking(update, 0.05, 0.1)), rtol=1e-12, atol=1e-12)


def test_asgd_keeps_the_mean_from_t0_on():
    w = tw.tensor([1.0], dtype=tw.float64, requires_grad=True)
    optimizer, seen = optim.ASGD([w], lr=0.1, t0=3), []
    for _ in range(8):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        seen.append(w.item())
    assert optimizer.state[w]["ax"].item() == pytest.approx(np.mean(seen[4:]), rel=1e-12)


def test_muon_steps_along_an_orthogonal_matrix():
    rng = np.random.default_rng(0)
    w = tw.from_numpy(rng.standard_normal((6, 4))).requires_grad_()
    before = w.detach().numpy().copy()
    (w * tw.from_numpy(rng.standard_normal((6, 4)))).sum().backward()
    optim.Muon([w], lr=0.1, weight_decay=0.0).step()
    step = (before - w.detach().numpy()) / (0.1 * math.sqrt(6 / 4))
    assert np.all(abs(np.linalg.svd(step, compute_uv=False) - 1) < 0.35)
    with pytest.raises(ValueError, match="must be matrices"):
        optim.Muon([tw.ones(3, requires_grad=True)])


def rosenbrock(w: tw.Tensor) -> tw.Tensor:
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum_of_a_quadratic(search):
    w, a = tw.from_numpy(START.copy()).requires_grad_(), tw.from_numpy(A)
    optimizer = optim.LBFGS([w], lr=1.0 if search else 0.5, max_iter=60, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        loss = ((a @ w - 1) ** 2).sum() / 2
        loss.backward()
        return loss

    for _ in range(6):
        optimizer.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), np.linalg.lstsq(A, np.ones(6), rcond=None)[0], atol=1e-4)


def test_lbfgs_with_a_line_search_crosses_a_curved_valley():
    w = tw.tensor([-1.2, 1.0], dtype=tw.float64, requires_grad=True)
    optimizer = optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), [1.0, 1.0], atol=1e-3)
    assert optimizer.state[w]["func_evals"] <= 125
    with pytest.raises(TypeError, match="needs a closure"):
        optimizer.step()


@pytest.mark.parametrize("name", ["Adagrad", "Adadelta", "RMSprop", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD"])
def test_a_restored_state_goes_on_as_before(name):
    def steps(w, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            (w**4).sum().backward()
            optimizer.step()

    make = getattr(optim, name)
    w = tw.from_numpy(START.copy()).requires_grad_()
    first = make([w], lr=0.01)
    steps(w, first, 5)
    copy = w.detach().clone().requires_grad_()
    second = make([copy], lr=0.5)
    second.load_state_dict(first.state_dict())
    steps(w, first, 5)
    steps(copy, second, 5)
    assert w.tolist() == copy.tolist()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: optim.Adadelta(p, rho=2.0), "rho must be in"),
        (lambda p: optim.Rprop(p, etas=(1.5, 1.2)), "etas must be below and above 1"),
        (lambda p: optim.NAdam(p, betas=(1.0, 0.9)), r"betas\[0\] must be in"),
        (lambda p: optim.RMSprop(p, momentum=-1.0), "momentum must not be negative"),
        (lambda p: optim.Adafactor(p, d=0.5), "expected beta2_decay"),
        (lambda p: optim.LBFGS(p, line_search_fn="armijo"), "strong_wolfe"),
        (lambda p: optim.Adam(p, differentiable=True), "differentiable=True is not supported"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words):
        make([tw.ones(2, requires_grad=True)])
