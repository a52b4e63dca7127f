"""Anomaly mode names the forward line."""

from __future__ import annotations

import pytest
import tensorwright as tw
from tensorwright.autograd import Function, detect_anomaly, is_anomaly_enabled, set_detect_anomaly


def the_forward_call(x: tw.Tensor) -> tw.Tensor:
    return x.sqrt()  # the line that notes must show


def test_nan_is_refused_and_the_forward_line_shown() -> None:
    x = tw.tensor([0.0, 1.0], requires_grad=True)
    with detect_anomaly():
        y = the_forward_call(x) * 0
        with pytest.raises(RuntimeError, match=r"SqrtBackward returned NaN in gradient 0 \(float32 \[2\]\)") as caught:
            y.sum().backward()
    (note,) = caught.value.__notes__
    assert "the line that notes must show" in note
    assert "the_forward_call" in note


def test_an_error_in_backward_shows_the_forward_line() -> None:
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("broken")

    x = tw.ones(1, requires_grad=True)
    with detect_anomaly():
        y = Fails.apply(x)  # here it was called
        with pytest.raises(ValueError, match="broken") as caught:
            tw.autograd.grad(y, x)
    assert "here it was called" in caught.value.__notes__[0]


def test_nan_may_be_let_through() -> None:
    x = tw.tensor([0.0], requires_grad=True)
    with detect_anomaly(check_nan=False):
        (x.sqrt() * 0).backward()
    assert x.grad.isnan().all()


def test_mode_ends_with_its_block() -> None:
    assert not is_anomaly_enabled()
    with detect_anomaly():
        assert is_anomaly_enabled()
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
        assert is_anomaly_enabled()
    assert not is_anomaly_enabled()
    set_detect_anomaly(True)
    assert is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not is_anomaly_enabled()


def test_no_trace_without_the_mode() -> None:
    x = tw.ones(1, requires_grad=True)
    assert (x * 2).grad_fn.forward_trace == ""


def test_failure_in_a_gradient_of_a_gradient_shows_both_calls() -> None:
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("broken")

    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return Fails.apply(grad * x)  # the call in backward

    x = tw.ones(1, requires_grad=True)
    with detect_anomaly():
        y = Once.apply(x)  # the call in forward
        (first,) = tw.autograd.grad(y, x, create_graph=True)
        with pytest.raises(ValueError, match="broken") as caught:
            first.backward()
    (note,) = caught.value.__notes__
    assert note.index("the call in backward") < note.index("to OnceBackward, whose forward call was this")
    assert note.index("whose forward call was this") < note.index("the call in forward")


def test_error_of_a_hook_names_the_node_it_was_registered_on() -> None:
    x = tw.ones(1, requires_grad=True)
    with detect_anomaly():
        y = the_forward_call(x)
        y.register_hook(lambda grad: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            y.backward()
    assert x.grad is None
