"""Gradients of complex tensors: the convention, and what is real about them."""

from __future__ import annotations

import pytest
import tensorwright as tw


def leaf(*values: complex) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.complex128, requires_grad=True)


def test_the_gradient_is_that_of_the_parts() -> None:
    z = leaf(1 + 2j, -3 + 0.5j)
    (z * z.conj()).real.sum().backward()  # x^2 + y^2
    assert z.grad.tolist() == [2 + 4j, -6 + 1j]


def test_a_step_against_the_gradient_descends() -> None:
    z = leaf(2 - 1j)
    for _ in range(200):
        loss = (z * z + 1).abs().square().sum()
        (gradient,) = tw.autograd.grad(loss, z)
        z = (z - 0.01 * gradient).detach().requires_grad_()
    assert abs(z.item() ** 2 + 1) < 1e-3


def test_a_real_argument_gets_the_real_part() -> None:
    x, z = tw.tensor([2.0], dtype=tw.float64, requires_grad=True), leaf(1 + 3j)
    (x * z).backward(tw.tensor([1j], dtype=tw.complex128))
    assert x.grad.dtype == tw.float64
    assert x.grad.tolist() == [3.0]
    assert z.grad.tolist() == [2j]


def test_a_complex_number_has_no_implicit_gradient() -> None:
    with pytest.raises(TypeError, match="only a real number has an implicit gradient"):
        leaf(1j).sum().backward()


def test_writes_through_parts_are_recorded() -> None:
    x, z = tw.tensor([2.0, 3.0], dtype=tw.float64, requires_grad=True), leaf(1 + 1j, 2 - 1j)
    w = z * 1
    w.real.copy_(x)
    w.abs().square().sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]
    assert z.grad.tolist() == [2j, -2j]


def test_gradcheck_finds_a_forgotten_conjugate() -> None:
    class Wrong(tw.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, grad):
            (z,) = ctx.saved_tensors
            return 2 * grad * z

    with pytest.raises(tw.autograd.GradcheckError):
        tw.autograd.gradcheck(Wrong.apply, leaf(1 + 1j, 2j))
    assert tw.autograd.gradcheck(lambda z: z * z, leaf(1 + 1j, 2j))
