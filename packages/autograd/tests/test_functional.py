"""autograd.functional against finite differences and each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.autograd import functional

Array = np.ndarray[Any, Any]


def point(*shape: int, seed: int = 0) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).uniform(0.3, 1.7, size=shape), dtype=tw.float64)


def numerical(function: Callable[..., tw.Tensor], inputs: tuple[tw.Tensor, ...], which: int) -> Array:
    """Central differences, of shape output + input."""
    step = 1e-6
    columns = []
    base = [x.detach().numpy().copy() for x in inputs]
    for i in range(base[which].size):
        values = []
        for sign in (1, -1):
            moved = [x.copy() for x in base]
            moved[which].reshape(-1)[i] += sign * step
            values.append(function(*(tw.tensor(x) for x in moved)).detach().numpy())
        columns.append((values[0] - values[1]) / (2 * step))
    shape = columns[0].shape
    return np.stack(columns, axis=-1).reshape(shape + base[which].shape)


def close(a: tw.Tensor, b: Array | tw.Tensor, tolerance: float = 1e-8) -> bool:
    return bool(np.allclose(a.detach().numpy(), b if isinstance(b, np.ndarray) else b.detach().numpy(), atol=tolerance))


def one(a: tw.Tensor, b: tw.Tensor) -> tw.Tensor:
    return (a @ b).sin() * b[0]


def two(a: tw.Tensor, b: tw.Tensor) -> tuple[tw.Tensor, tw.Tensor]:
    return (a @ b).exp(), (b * b).cumsum(0) * a.sum()


MODES = [
    {},
    {"create_graph": True},
    {"vectorize": True},
    {"vectorize": True, "create_graph": True},
    {"vectorize": True, "strategy": "forward-mode"},
    {"vectorize": True, "strategy": "forward-mode", "create_graph": True},
    {"strict": True},
]


@pytest.mark.parametrize("options", MODES, ids=str)
def test_jacobian(options: dict[str, Any]) -> None:
    a, b = point(2, 3), point(3, seed=1)
    if options.get("create_graph"):
        a.requires_grad_(), b.requires_grad_()
    alone = functional.jacobian(lambda x: one(x, b.detach()), a, **options)
    assert alone.shape == (2, 2, 3)
    assert close(alone, numerical(one, (a, b), 0))
    by_a, by_b = functional.jacobian(one, (a, b), **options)
    assert close(by_a, numerical(one, (a, b), 0))
    assert close(by_b, numerical(one, (a, b), 1))
    rows = functional.jacobian(two, (a, b), **options)
    for i, row in enumerate(rows):
        for k, block in enumerate(row):
            assert close(block, numerical(lambda *x, i=i: two(*x)[i], (a, b), k), 1e-7), (i, k)
    single = functional.jacobian(lambda x: two(x, b.detach()), a, **options)
    assert isinstance(single, tuple)
    assert [tuple(block.shape) for block in single] == [(2, 2, 3), (3, 2, 3)]
    if options.get("create_graph"):
        (second,) = tw.autograd.grad((by_a * by_a).sum(), b)
        assert close(second, numerical(lambda v: (functional.jacobian(one, (a, v))[0] ** 2).sum(), (b,), 0), 1e-6)
    else:
        assert not alone.requires_grad


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"create_graph": True},
        {"strict": True},
        {"vectorize": True},
        {"vectorize": True, "outer_jacobian_strategy": "forward-mode"},
    ],
    ids=str,
)
def test_hessian(options: dict[str, Any]) -> None:
    def function(a: tw.Tensor, b: tw.Tensor) -> tw.Tensor:
        return (a * a @ b).sin().sum() * (b * b).sum()

    a, b = point(2, 3), point(3, seed=1)

    def gradient(which: int) -> Callable[..., tw.Tensor]:
        return lambda *values: functional.jacobian(function, values)[which]

    blocks = functional.hessian(function, (a, b), **options)
    for i in range(2):
        for k in range(2):
            assert close(blocks[i][k], numerical(gradient(i), (a, b), k), 1e-7), (i, k)
    alone = functional.hessian(lambda x: function(x, b), a, **options)
    assert alone.shape == (2, 3, 2, 3)
    assert close(alone, blocks[0][0], 1e-10)


def test_products_agree_with_the_jacobian() -> None:
    a, b = point(2, 3), point(3, seed=1)
    u, v = point(2, 3, seed=2), point(3, seed=3)
    w0, w1 = point(2, seed=4), point(3, seed=5)
    jacobian = functional.jacobian(two, (a, b))
    value, pushed = functional.jvp(two, (a, b), (u, v))
    assert isinstance(value, tuple)
    for i in range(2):
        expected = tw.einsum("ijk,jk->i", jacobian[i][0], u) + jacobian[i][1] @ v
        assert close(pushed[i], expected, 1e-10)
    value, pulled = functional.vjp(two, (a, b), (w0, w1))
    for k in range(2):
        expected = tw.tensordot(w0, jacobian[0][k], 1) + tw.tensordot(w1, jacobian[1][k], 1)
        assert close(pulled[k], expected, 1e-10)
    forward = tw.func.jvp(two, (a, b), (u, v))[1]
    assert all(close(x, y, 1e-12) for x, y in zip(pushed, forward, strict=True))


@pytest.mark.parametrize("product", [functional.vhp, functional.hvp])
def test_products_agree_with_the_hessian(product: Callable[..., Any]) -> None:
    def function(a: tw.Tensor, b: tw.Tensor) -> tw.Tensor:
        return (a.exp() @ b).prod()

    a, b = point(2, 3), point(3, seed=1)
    u, v = point(2, 3, seed=2), point(3, seed=3)
    blocks = functional.hessian(function, (a, b))
    value, found = product(function, (a, b), (u, v))
    assert value.item() == pytest.approx(function(a, b).item())
    for k in range(2):
        assert close(found[k], tw.tensordot(u, blocks[0][k], 2) + tw.tensordot(v, blocks[1][k], 1), 1e-9)
    alone = product(lambda x: function(x, b), a, u)[1]
    assert isinstance(alone, tw.Tensor)
    assert close(alone, tw.tensordot(u, blocks[0][0], 2), 1e-9)


def test_graph_only_where_it_is_asked_for() -> None:
    a = point(3).requires_grad_()
    v = point(3, seed=1)
    cube = lambda x: (x**3).sum()  # noqa: E731
    for function in (functional.vjp, functional.vhp, functional.hvp):
        vector = None if function is functional.vjp else v
        value, found = function(cube, a, vector)
        assert not value.requires_grad
        assert not found.requires_grad
        value, found = function(cube, a, vector, create_graph=True)
        assert value.requires_grad
        assert found.requires_grad
        tw.autograd.grad(found.sum(), a)
    value, found = functional.jvp(tw.exp, a, v, create_graph=True)
    assert close(tw.autograd.grad(found.sum(), a)[0], a.exp() * v, 1e-12)
    assert a.grad is None


def test_what_does_not_depend_is_zero_or_an_error() -> None:
    a, b = point(2), point(2, seed=1)
    constant = tw.ones(2, dtype=tw.float64)
    assert functional.jacobian(lambda x: constant, a).tolist() == [[0.0, 0.0]] * 2
    assert functional.jacobian(lambda x, y: x * 2, (a, b))[1].tolist() == [[0.0, 0.0]] * 2
    assert functional.vjp(lambda x: constant, a, constant)[1].tolist() == [0.0, 0.0]
    assert functional.jvp(lambda x: constant, a, constant)[1].tolist() == [0.0, 0.0]
    assert functional.jvp(lambda x: (x * 2, constant), a, constant)[1][1].tolist() == [0.0, 0.0]
    assert functional.vhp(lambda x: x.sum(), a, constant)[1].tolist() == [0.0, 0.0]
    assert functional.hessian(lambda x: x.sum(), a).tolist() == [[0.0, 0.0]] * 2
    independent = [
        lambda: functional.jacobian(lambda x: constant, a, strict=True),
        lambda: functional.jacobian(lambda x, y: x * 2, (a, b), strict=True),
        lambda: functional.jacobian(lambda x: x * 2, a, strict=True, create_graph=True),
        lambda: functional.vjp(lambda x: constant, a, constant, strict=True),
        lambda: functional.vjp(lambda x: (x * 2, constant), a, (constant, constant), strict=True),
        lambda: functional.jvp(lambda x, y: x * 2, (a, b), (a, b), strict=True),
        lambda: functional.vhp(lambda x: x.sum(), a, constant, strict=True),
        lambda: functional.hvp(lambda x: x.sum(), a, constant, strict=True),
        lambda: functional.hessian(lambda x: x.sum(), a, strict=True),
    ]
    for call in independent:
        with pytest.raises(RuntimeError, match=r"depend.*strict=True"):
            call()


def test_refusals() -> None:
    a = point(2)
    with pytest.raises(NotImplementedError, match="vectorize=True"):
        functional.jacobian(tw.exp, a, strategy="forward-mode")
    with pytest.raises(ValueError, match="strategy must be one of"):
        functional.jacobian(tw.exp, a, strategy="sideways")
    with pytest.raises(RuntimeError, match="strict=True looks at rows"):
        functional.jacobian(tw.exp, a, vectorize=True, strict=True)
    with pytest.raises(TypeError, match="inputs must be tensors"):
        functional.jacobian(tw.exp, (a, 3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must return tensors, it returned int"):
        functional.jacobian(lambda x: 3, a)
    with pytest.raises(TypeError, match="it returned str among them"):
        functional.vjp(lambda x: (x, "y"), a, a)
    with pytest.raises(ValueError, match="must give one number, it gave shape"):
        functional.hessian(tw.exp, a)
    with pytest.raises(ValueError, match="it gave 2 tensors"):
        functional.vhp(lambda x: (x.sum(), x.sum()), a, a)
    with pytest.raises(tw.ShapeError, match=r"tensor 0 of v has shape \(3,\), expected \(2,\)"):
        functional.jvp(tw.exp, a, point(3))
    with pytest.raises(tw.ShapeError, match="v has 2 tensors, expected 1"):
        functional.vjp(tw.exp, a, (a, a))
    with pytest.raises(tw.ShapeError, match="only be left away for a single number"):
        functional.vjp(tw.exp, a)
    assert functional.jvp(tw.exp, point(1))[1].item() == pytest.approx(point(1).exp().item())


def test_batched_gradients() -> None:
    x, weight = point(3).requires_grad_(), point(3, 3, seed=1)
    y = (weight @ x).sin()
    seeds = tw.eye(3, dtype=tw.float64)
    (rows,) = tw.autograd.grad(y, x, seeds, retain_graph=True, is_grads_batched=True)
    assert close(rows, numerical(lambda v: (weight @ v).sin(), (x,), 0))
    unused = point(1).requires_grad_()
    found = tw.autograd.grad(y, (x, unused), seeds, is_grads_batched=True, allow_unused=True, retain_graph=True)
    assert found[1] is None
    with pytest.raises(ValueError, match="needs grad_outputs"):
        tw.autograd.grad(y.sum(), x, is_grads_batched=True)


def test_threads_switch() -> None:
    assert tw.autograd.is_multithreading_enabled()
    with tw.autograd.set_multithreading_enabled(False):
        assert not tw.autograd.is_multithreading_enabled()
        (tw.ones(1, requires_grad=True) * 2).backward()
    assert tw.autograd.is_multithreading_enabled()
