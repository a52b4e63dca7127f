"""Writes in place, views, and both together; expected values are worked out by hand or known from PyTorch."""

from __future__ import annotations

import pytest
import tensorwright as tw


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.float64, requires_grad=True)


def grad_of(x: tw.Tensor, y: tw.Tensor) -> list[float]:
    return tw.autograd.grad(y.sum(), x)[0].tolist()


# ---- in place -----------------------------------------------------------------------------------------------------


def test_in_place_ops_are_differentiated() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.mul_(x).add_(1)
    assert grad_of(x, y) == [4.0, 8.0]


def test_in_place_needs_the_old_value() -> None:
    x, w = leaf(3), leaf(5)
    y = x * 1
    y.mul_(w)
    assert grad_of(w, y) == [3.0]


def test_in_place_on_a_tensor_without_history() -> None:
    x = leaf(3)
    y = tw.ones(1, dtype=tw.float64)
    y.add_(x)
    assert y.requires_grad
    assert grad_of(x, y) == [1.0]


def test_operators_in_place() -> None:
    x = leaf(3)
    y = x * 1
    y *= 4
    y += x
    assert grad_of(x, y) == [5.0]


def test_leaf_in_place_is_refused() -> None:
    x = leaf(1)
    with pytest.raises(RuntimeError, match=r"add_: self is a leaf that requires grad"):
        x.add_(1)
    with tw.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0]


def test_view_of_a_leaf_in_place_is_refused() -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match=r"mul_: self is a view of a leaf that requires grad"):
        x[0].mul_(2)
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x[0] = 5.0


def test_modified_saved_argument_is_refused() -> None:
    x = leaf(1, 2)
    y = x * 1
    z = y * y
    y.add_(1)
    message = (
        r"mul: other \(float64 \[2\]\), which MulBackward needs .*\(version 1, expected 0\); the last write was add_"
    )
    with pytest.raises(RuntimeError, match=message):
        z.sum().backward()


def test_modified_saved_result_is_refused() -> None:
    x = leaf(1, 2)
    y = tw.exp(x)
    y.zero_()
    tw.exp(x).sum().backward()
    z = tw.exp(x)
    out = z.sum()
    z.detach().zero_()
    with pytest.raises(RuntimeError, match=r"exp: result .* the last write was not recorded"):
        out.backward()


def test_modified_tensor_that_nobody_saved() -> None:
    x = leaf(1, 2)
    y = x * 2
    z = y + 1
    y.zero_()
    assert grad_of(x, z) == [2.0, 2.0]


def test_write_under_no_grad_counts_as_modification() -> None:
    x = leaf(1, 2)
    y = x * x
    with tw.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_copy_cuts_the_old_history() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    y = x * 2
    y.copy_(w * 5)
    gx, gw = tw.autograd.grad(y.sum(), [x, w], allow_unused=True)
    assert gx is None or gx.tolist() == [0.0, 0.0]
    assert gw.tolist() == [5.0, 5.0]


def test_fill_and_zero() -> None:
    x = leaf(1, 2)
    y = x * 2
    y[0].fill_(7)
    y[1:].zero_()
    y = y + x
    assert grad_of(x, y) == [1.0, 1.0]


def test_fill_with_a_tensor() -> None:
    x = leaf(1, 2)
    value = tw.tensor(3.0, dtype=tw.float64, requires_grad=True)
    y = x * 2
    y.fill_(value)
    assert tw.autograd.grad(y.sum(), value)[0].item() == 2.0


def test_random_values_in_place_have_no_gradient() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.uniform_()
    assert tw.autograd.grad((y * 3).sum(), x, allow_unused=True, materialize_grads=True)[0].tolist() == [0.0, 0.0]


# ---- views --------------------------------------------------------------------------------------------------------


def test_write_into_the_base_reaches_a_view() -> None:
    x = leaf(1, 2, 3)
    base = x * 1
    view = base[1:]
    base.mul_(4)
    assert grad_of(x, view) == [0.0, 4.0, 4.0]


def test_write_into_a_view_reaches_the_base() -> None:
    x = leaf(1, 2, 3)
    base = x * 1
    base[1:].mul_(4)
    assert grad_of(x, base) == [1.0, 4.0, 4.0]


def test_write_into_a_view_reaches_its_siblings() -> None:
    x = leaf(1, 2, 3)
    base = x * 1
    first, last = base[:2], base[1:]
    first.mul_(x[:2])
    assert last.tolist() == [4.0, 3.0]
    assert grad_of(x, last) == [0.0, 4.0, 1.0]


def test_the_view_that_was_written_has_a_history_of_its_own() -> None:
    x, w = leaf(1, 2, 3), leaf(5)
    base = x * 1
    view = base[1:]
    view.mul_(w)
    gx, gw = tw.autograd.grad(view.sum(), [x, w])
    assert (gx.tolist(), gw.tolist()) == ([0.0, 5.0, 5.0], [5.0])


def test_views_of_views() -> None:
    x = leaf(1, 2, 3, 4)
    base = (x * 1).reshape(2, 2)
    base.t()[0].mul_(3)
    assert grad_of(x, base) == [3.0, 1.0, 3.0, 1.0]


def test_assignment_into_untracked_memory() -> None:
    x = leaf(1, 2)
    out = tw.zeros(2, 2, dtype=tw.float64)
    out[0] = x
    out[1] = x * x
    assert grad_of(x, out) == [3.0, 5.0]


def test_a_view_made_before_its_base_was_tracked() -> None:
    x = leaf(1, 2)
    buffer = tw.zeros(2, 2, dtype=tw.float64)
    flat, row = buffer.view(4), buffer[0]
    buffer[:, 0] = x
    assert flat.requires_grad
    assert grad_of(x, flat * 2) == [2.0, 2.0]
    assert grad_of(x, row) == [1.0, 0.0]


def test_a_view_whose_base_has_gone() -> None:
    def parts() -> tuple[tw.Tensor, tw.Tensor]:
        buffer = tw.zeros(3, dtype=tw.float64)
        return buffer[:2], buffer[1:]

    x = leaf(1, 2)
    first, second = parts()
    first.copy_(x)
    assert grad_of(x, second) == [0.0, 1.0]


def test_two_writes_into_one_base() -> None:
    x, w = leaf(1, 2, 3), leaf(10)
    base = x * 1
    base[:2].mul_(2)
    base[1:].mul_(w)
    gx, gw = tw.autograd.grad(base.sum(), [x, w])
    assert gx.tolist() == [2.0, 20.0, 10.0]
    assert gw.tolist() == [4.0 + 3.0]


def test_a_value_used_before_the_write() -> None:
    x = leaf(1, 2)
    base = x * 1
    before = base * 3
    base[0].mul_(5)
    assert grad_of(x, before) == [3.0, 3.0]
    assert grad_of(x, base) == [5.0, 1.0]


def test_write_through_a_transposed_view_saves_for_backward() -> None:
    x = tw.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=tw.float64, requires_grad=True)
    base = x * 1
    base.t()[0].exp_()
    expected = [
        [tw.tensor(1.0, dtype=tw.float64).exp().item(), 1.0],
        [tw.tensor(3.0, dtype=tw.float64).exp().item(), 1.0],
    ]
    assert tw.autograd.grad(base.sum(), x)[0].tolist() == expected


def test_expanded_view_of_a_written_base() -> None:
    x = leaf(1, 2)
    base = x * 1
    wide = base.expand(3, 2)
    base.mul_(2)
    assert grad_of(x, wide) == [6.0, 6.0]


def test_overlapping_windows_of_a_written_base() -> None:
    x = leaf(1, 2, 3, 4)
    base = x * 1
    windows = base.unfold(0, 3, 1)
    base.mul_(2)
    assert grad_of(x, windows) == [2.0, 4.0, 4.0, 2.0]


def test_multiple_outputs_written_in_place() -> None:
    x = leaf(1, 2, 3, 4)
    base = x * 1
    first, second = base.split(2)
    first.mul_(2)
    second.mul_(3)
    assert grad_of(x, base) == [2.0, 2.0, 3.0, 3.0]


def test_second_order_through_a_write() -> None:
    def f(x: tw.Tensor) -> tw.Tensor:
        y = x * x
        y[:1].mul_(x[1:])
        return y * y

    x = leaf(0.5, 1.5)
    assert tw.autograd.gradcheck(f, x)
    assert tw.autograd.gradgradcheck(f, x)


def test_second_order_through_a_write_that_saves_its_result() -> None:
    def f(x: tw.Tensor) -> tw.Tensor:
        y = x * x
        y[:1].tanh_()
        return y * x

    x = leaf(0.5, 1.5)
    assert tw.autograd.gradgradcheck(f, x)
    (g,) = tw.autograd.grad(f(x).sum(), x, create_graph=True)
    tw.autograd.grad(g.sum(), x)


def test_detached_view_keeps_its_own_history() -> None:
    x = leaf(1, 2)
    y = x * 1
    d = y.detach()
    d.mul_(x)
    assert grad_of(x, d) == [1.0, 2.0]
    assert grad_of(x, y) == [1.0, 1.0]


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t[0],
        lambda t: t.unbind(0)[1],
        lambda t: t.narrow(0, 0, 1),
        lambda t: t.split(1)[0],
        lambda t: t.view(-1),
        lambda t: t.t(),
        lambda t: t.detach(),
    ],
)
@pytest.mark.parametrize("detached", [lambda t: t.detach(), lambda t: t.data, lambda t: t[:2].detach()])
def test_views_of_what_was_detached_have_no_history(view, detached) -> None:
    w = tw.ones(2, 2, requires_grad=True)
    y = tw.cat([w * 2, w * 3])
    alone = view(detached(y))
    assert not alone.requires_grad
    assert alone.grad_fn is None


def test_writes_into_parts_of_what_was_detached_are_followed() -> None:
    x = tw.ones(2, requires_grad=True)
    y = tw.zeros(4)
    d = y.detach()
    before, of_y = d[:3], y[:3]
    d[:2] = x * 3
    assert (d.requires_grad, before.requires_grad) == (True, True)
    assert (y.requires_grad, of_y.requires_grad) == (False, False)
    (before * tw.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 30.0]


def test_writes_into_parts_of_what_was_given_other_data_are_followed() -> None:
    x = tw.ones(2, requires_grad=True)
    y = tw.zeros(4)
    y.data = tw.zeros(4)
    y.t_()
    y[:2] = x * 3
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


def test_what_was_detached_may_begin_a_history_of_its_own() -> None:
    w = tw.ones(3, requires_grad=True)
    y = w * 2
    leaf = y.detach().requires_grad_()
    (leaf[:2] * 5).sum().backward()
    assert leaf.grad.tolist() == [5.0, 5.0, 0.0]
    assert w.grad is None


def test_a_state_that_is_detached_between_pieces() -> None:
    """Truncated backpropagation through time: the second pass must not reach into the first."""
    w = tw.full((1,), 0.5, requires_grad=True)
    state = tw.ones(2, 1)
    for _ in range(3):
        state = tw.stack([state[0] * w, state[1] + w])
        state.sum().backward()
        state = state.detach()
    assert w.grad.item() == 1.0 + 0.5 + 0.25 + 3.0


def test_detach_in_place_of_a_view_is_refused() -> None:
    y = leaf(1, 2) * 1
    with pytest.raises(RuntimeError, match=r"detach_: self is a view"):
        y[0].detach_()


def test_reshape_that_copies_is_no_view() -> None:
    x = tw.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=tw.float64, requires_grad=True)
    y = (x * 1).t().reshape(4)
    y.mul_(2)
    assert tw.autograd.grad(y.sum(), x)[0].tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_contiguous_gives_the_tensor_itself() -> None:
    y = leaf(1, 2) * 1
    assert y.contiguous().grad_fn.id == y.grad_fn.id


def test_in_place_method_of_a_composite() -> None:
    x = leaf(1, 2, 3)
    y = x * 1
    y.index_fill_(0, tw.tensor([1]), 0.0)
    assert grad_of(x, y) == [1.0, 0.0, 1.0]


def test_retained_gradient_follows_a_write() -> None:
    x = leaf(1, 2)
    y = x * 1
    y.retain_grad()
    y.mul_(3)
    (y * 2).sum().backward()
    assert y.grad.tolist() == [2.0, 2.0]
    assert x.grad.tolist() == [6.0, 6.0]
