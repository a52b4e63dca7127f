"""Jacobians through products of matrices, which know that what they multiply are unit vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.func import jacfwd, jacrev, jvp, vjp, vmap

Function = Callable[[tw.Tensor], tw.Tensor]


def values(seed: int, *shape: int) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).standard_normal(shape))


LINEAR = tw.ops.get("tw::linear")
A, B, SQUARE = values(0, 4, 3), values(1, 3, 5), values(2, 3, 3)

FUNCTIONS: dict[str, Function] = {
    "vector": lambda x: tw.tanh(A @ x[0]),
    "vector from the left": lambda x: x[0] @ B,
    "rows": lambda x: tw.tanh(x @ B),
    "columns": lambda x: A @ tw.sin(x.T),
    "both sides": lambda x: A @ (x.T @ x) @ B,
    "layers": lambda x: LINEAR(tw.tanh(LINEAR(x, A, A[:, 0])).view(2, 4), values(5, 6, 4), None),
    "scaled": lambda x: ((x * 2 / x.exp()).neg() @ B).relu().sigmoid(),
    "divisor": lambda x: A @ (1 / x.T),
    "converted": lambda x: (x.clone().unsqueeze(0).squeeze(0).reshape(2, 3) @ B) * 3,
    "broadcast": lambda x: (x[:1] * values(6, 2, 3)) @ B,
    "used twice": lambda x: (x @ B)[:, :3] * x + x @ SQUARE,
    "transposed": lambda x: x.T.contiguous().T @ B,
    "batches": lambda x: x.unsqueeze(0).expand(2, 2, 3) @ values(7, 2, 3, 2),
    "one output": lambda x: (x[0] @ B[:, 0]).reshape(1),
    "complex": lambda x: tw.view_as_real(tw.complex(x, x) @ tw.complex(B, -B)),
}


def column_by_column(function: Function, x: tw.Tensor) -> tw.Tensor:
    columns = []
    for i in range(x.numel()):
        direction = tw.zeros(x.numel(), dtype=x.dtype)
        direction[i] = 1
        columns.append(jvp(function, (x,), (direction.reshape(x.shape),))[1])
    return tw.stack(columns, -1).reshape((*columns[0].shape, *x.shape))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians_equal_single_products(name: str) -> None:
    function, x = FUNCTIONS[name], values(3, 2, 3)
    expected = column_by_column(function, x).numpy()
    for found in (jacfwd(function)(x), jacrev(function)(x), jacrev(function, chunk_size=2)(x)):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)
    second = column_by_column(jacrev(function), x).numpy()
    for twice in (
        jacrev(jacrev(function)),
        jacfwd(jacrev(function)),
        jacrev(jacfwd(function)),
        jacfwd(jacfwd(function)),
    ):
        np.testing.assert_allclose(twice(x).numpy(), second, rtol=1e-11, atol=1e-12)
    batch = values(4, 2, 2, 3)
    rows = tw.stack([jacrev(function)(row) for row in batch]).numpy()
    np.testing.assert_allclose(vmap(jacrev(function))(batch).numpy(), rows, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(vmap(jacfwd(function))(batch).numpy(), rows, rtol=1e-12, atol=1e-14)


def test_the_tape_goes_through_a_jacobian() -> None:
    weight = values(1, 5, 3).requires_grad_()
    jacobian = jacrev(lambda x: tw.tanh(weight @ x))(values(2, 3))
    (gradient,) = tw.autograd.grad((jacobian**2).sum(), weight)
    step = tw.zeros(5, 3, dtype=tw.float64)
    step[1, 2] = 1e-6

    def size(matrix: tw.Tensor) -> float:
        return (jacrev(lambda x: tw.tanh(matrix @ x))(values(2, 3)) ** 2).sum().item()

    difference = (size(weight.detach() + step) - size(weight.detach() - step)) / 2e-6
    assert gradient[1, 2].item() == pytest.approx(difference, rel=1e-7)


def test_what_is_written_into_unit_vectors_counts() -> None:
    class Mixes(tw.autograd.Function):
        """The gradient is written into, so that it is no multiple of the unit vectors any more."""

        generate_vmap_rule = True

        @staticmethod
        def forward(x: tw.Tensor) -> tw.Tensor:
            return x.clone()

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[tw.Tensor], output: tw.Tensor) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, gradient: tw.Tensor) -> tw.Tensor:
            gradient[0] = gradient[0] + gradient[1]
            return gradient

    found = jacrev(lambda x: Mixes.apply(A @ x))(values(0, 3))
    expected = A.clone()
    expected[1] += A[0]
    np.testing.assert_allclose(found.numpy(), expected.numpy())


def test_products_of_unit_vectors_need_no_sum() -> None:
    """Zeros stay zero beside infinities."""
    weight = tw.tensor([[1.0, float("inf")], [2.0, 3.0]])
    assert jacrev(lambda x: weight @ x)(tw.ones(2)).tolist() == weight.tolist()
    assert jacfwd(lambda x: weight @ x)(tw.ones(2)).tolist() == weight.tolist()
    (product,) = vjp(lambda x: weight @ x, tw.ones(2))[1](tw.tensor([0.0, 1.0]))
    assert product.isnan().any()
