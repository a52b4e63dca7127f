"""Views made in place, other storage, and autocast, while gradients are recorded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tensorwright as tw
import tensorwright.autograd


def leaf(*shape: int) -> tw.Tensor:
    return tw.arange(6.0).reshape(shape or (2, 3)).requires_grad_()


WEIGHTS = tw.arange(1.0, 7.0)


def gradient(change: Callable[[tw.Tensor], object], out_of_place: Callable[[tw.Tensor], tw.Tensor]) -> None:
    """Both ways give one value and one gradient."""
    results = []
    for in_place in (True, False):
        x = leaf()
        y = x * 2
        if in_place:
            change(y)
        else:
            y = out_of_place(y)
        (y.reshape(-1) * WEIGHTS[: y.numel()]).sum().backward()
        results.append((y.tolist(), x.grad.tolist() if x.grad is not None else None))
    assert results[0] == results[1]


def test_gradients_of_views_in_place() -> None:
    gradient(lambda y: y.t_(), lambda y: y.t())
    gradient(lambda y: y.transpose_(0, 1), lambda y: y.transpose(0, 1))
    gradient(lambda y: y.unsqueeze_(1).squeeze_(), lambda y: y)
    gradient(lambda y: y.as_strided_([2, 2], [1, 3]), lambda y: y.as_strided([2, 2], [1, 3]))


def test_a_view_turned_in_place_still_writes_to_its_base() -> None:
    x = leaf()
    y = x * 1
    part = y[0]
    part.unsqueeze_(1)
    part.mul_(3)
    part.squeeze_()
    part.mul_(2)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[6, 6, 6], [1, 1, 1]]


def test_views_of_what_is_turned_in_place() -> None:
    x = leaf()
    y = x * 1
    view = y.view(3, 2)
    y.t_()
    view.mul_(3)
    (y.reshape(-1) * WEIGHTS).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[3, 9, 15], [6, 12, 18]]


def test_leaves_and_saved_tensors_are_protected() -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match="t_: self is a leaf that requires grad"):
        x.t_()
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x[0].unsqueeze_(0)
    y = x.exp()
    y.t_()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()
    with tw.no_grad():
        assert x.t_().shape == (3, 2)


def test_other_storage_is_refused_while_recorded() -> None:
    x = leaf()
    for call in (lambda: x.resize_(1), lambda: x.set_(tw.zeros(1)), lambda: tw.zeros(1).set_(x)):
        with pytest.raises(NotImplementedError, match="requires grad, but this op has no derivative"):
            call()
    with tw.no_grad():
        x.set_(tw.zeros(2))
    assert x.requires_grad
    x.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1]


def test_a_view_that_left_its_base_does_not_write_to_it() -> None:
    base = tw.zeros(4)
    view = base[1:3]
    view.set_(tw.zeros(2))
    x = leaf(6)
    view.add_(x[:2])
    assert not base.requires_grad
    assert base.tolist() == [0, 0, 0, 0]
    view.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 0, 0, 0, 0]


def test_autocast_is_differentiated() -> None:
    x, w = leaf(), tw.ones(3, 2, requires_grad=True)
    with tw.autocast("cpu"):
        y = x @ w
    assert y.dtype == tw.bfloat16
    y.float().sum().backward()
    assert x.grad is not None
    assert (x.grad.dtype, x.grad.tolist()) == (tw.float32, [[2, 2, 2], [2, 2, 2]])


def test_gradients_through_memory_formats() -> None:
    x = tw.randn(1, 2, 3, 4, dtype=tw.float64, requires_grad=True)
    assert tw.autograd.gradcheck(lambda t: t.to(memory_format=tw.channels_last).exp() * t, [x])
    assert tw.autograd.gradcheck(lambda t: t.clone(memory_format=tw.channels_last).contiguous(), [x])
