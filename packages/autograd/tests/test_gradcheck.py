"""gradcheck finds what is wrong; derivatives of functions."""

from __future__ import annotations

import pytest
import tensorwright as tw
from tensorwright.autograd import Function, GradcheckError, functional, gradcheck, gradgradcheck


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.float64, requires_grad=True)


class WrongSquare(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x * grad


def test_wrong_gradient_is_found() -> None:
    with pytest.raises(GradcheckError, match=r"output 0, input 0: .* is 6, finite differences give 4"):
        gradcheck(WrongSquare.apply, leaf(2.0))
    assert not gradcheck(WrongSquare.apply, leaf(2.0), raise_exception=False)


def test_wrong_second_derivative_is_found() -> None:
    class Inexact(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * (x * x).detach() * grad

    assert gradcheck(Inexact.apply, leaf(2.0))
    assert not gradgradcheck(Inexact.apply, leaf(2.0), raise_exception=False)


def test_inputs_are_checked() -> None:
    with pytest.raises(ValueError, match="no input requires grad"):
        gradcheck(tw.sin, tw.ones(2))
    with pytest.raises(ValueError, match=r"input 0 is tensorwright\.float32; finite differences need float64"):
        gradcheck(tw.sin, tw.ones(2, requires_grad=True))


def test_other_arguments_and_several_outputs() -> None:
    assert gradcheck(lambda x, k, y: (x * y, x.sum() * k), [leaf(1, 2), 3, leaf(4, 5)])


def test_inputs_keep_their_values() -> None:
    x = leaf(1, 2)
    gradcheck(tw.exp, x)
    assert x.tolist() == [1.0, 2.0]
    assert x.grad is None


def test_jacobian_and_hessian() -> None:
    x = tw.tensor([1.0, 2.0], dtype=tw.float64)
    assert functional.jacobian(lambda t: tw.stack([t[0] * t[1], t[1] * t[1]]), x).tolist() == [[2.0, 1.0], [0.0, 4.0]]
    assert functional.hessian(lambda t: t[0] * t[0] * t[1], x).tolist() == [[4.0, 2.0], [2.0, 0.0]]
    assert functional.jacobian(lambda t: tw.ones(2, dtype=tw.float64), x).tolist() == [[0.0, 0.0]] * 2


def test_products() -> None:
    x = tw.tensor([1.0, 2.0], dtype=tw.float64)
    value, product = functional.vjp(lambda t: t * t, x, tw.tensor([1.0, 10.0], dtype=tw.float64))
    assert (value.tolist(), product.tolist()) == ([1.0, 4.0], [2.0, 40.0])
    _, second = functional.hvp(lambda t: (t**3).sum(), x, tw.tensor([1.0, 0.0], dtype=tw.float64))
    assert second.tolist() == [6.0, 0.0]
    with pytest.raises(ValueError, match="must give one number"):
        functional.hessian(lambda t: t * 2, x)
