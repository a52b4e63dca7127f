"""Hooks on tensors and nodes, retained gradients, callbacks at the end of a pass."""

from __future__ import annotations

import weakref

import pytest
import tensorwright as tw


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.float64, requires_grad=True)


def test_hook_sees_and_replaces_the_gradient_of_a_result() -> None:
    x = leaf(1, 2)
    y = x * 2
    seen = []

    def hook(grad: tw.Tensor) -> tw.Tensor:
        seen.append(grad.tolist())
        return grad * 10

    y.register_hook(hook)
    (y * 3).sum().backward()
    assert seen == [[3.0, 3.0]]
    assert x.grad.tolist() == [60.0, 60.0]


def test_hook_of_a_leaf_runs_once_with_the_whole_gradient() -> None:
    x = leaf(1)
    seen = []
    x.register_hook(lambda grad: seen.append(grad.item()))
    (x * 2 + x * 3).backward()
    assert seen == [5.0]


def test_hooks_run_in_order_and_can_be_removed() -> None:
    x = leaf(1)
    first = x.register_hook(lambda grad: grad + 1)
    x.register_hook(lambda grad: grad * 10)
    (x * 1).backward()
    assert x.grad.tolist() == [20.0]
    first.remove()
    x.grad = None
    (x * 1).backward()
    assert x.grad.tolist() == [10.0]


def test_hook_of_a_leaf_runs_for_grad_too() -> None:
    x = leaf(1)
    x.register_hook(lambda grad: grad * 7)
    assert tw.autograd.grad((x * 2).sum(), x)[0].tolist() == [14.0]


def test_hook_must_keep_shape_and_dtype() -> None:
    x = leaf(1, 2)
    x.register_hook(lambda grad: grad.sum())
    with pytest.raises(tw.ShapeError, match=r"gradient hook returned shape \[\], expected \[2\]"):
        (x * 1).sum().backward()
    y = leaf(1)
    y.register_hook(lambda grad: grad.to(tw.float32))
    with pytest.raises(TypeError, match="dtype float32, expected float64"):
        (y * 1).backward()
    z = leaf(1)
    z.register_hook(lambda grad: 3)
    with pytest.raises(TypeError, match="None or a tensor"):
        (z * 1).backward()


def test_error_of_a_hook_is_the_same_object() -> None:
    x = leaf(1)
    error = KeyError("mine")

    def hook(grad: tw.Tensor) -> None:
        raise error

    x.register_hook(hook)
    with pytest.raises(KeyError) as caught:
        (x * 1).backward()
    assert caught.value is error


def test_hook_needs_requires_grad() -> None:
    with pytest.raises(RuntimeError, match="register_hook: the tensor does not require grad"):
        tw.ones(1).register_hook(print)


def test_hooks_are_recorded_with_create_graph() -> None:
    x = leaf(3)
    x.register_hook(lambda grad: grad * x)
    (g,) = tw.autograd.grad((x * x).sum(), x, create_graph=True)
    assert g.tolist() == [18.0]
    assert tw.autograd.grad(g.sum(), x)[0].tolist() == [18.0 / 3 * 2 * 3]


def test_retain_grad() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]
    assert not x.retains_grad


def test_retained_tensor_may_die_first() -> None:
    x = leaf(1)
    y = x * 2
    y.retain_grad()
    z = y * 3
    del y
    z.backward()
    assert x.grad.tolist() == [6.0]


def test_post_accumulate_hook() -> None:
    x = leaf(1)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda tensor: seen.append((tensor is x, tensor.grad.item())))
    (x * 2).backward()
    (x * 2).backward()
    assert seen == [(True, 2.0), (True, 4.0)]
    handle.remove()
    (x * 2).backward()
    assert len(seen) == 2


def test_post_accumulate_hook_is_for_leaves() -> None:
    with pytest.raises(RuntimeError, match="only leaves"):
        (leaf(1) * 2).register_post_accumulate_grad_hook(print)


def test_node_hooks() -> None:
    x = leaf(1)
    y = x * 2
    z = y * 3
    seen = []
    handle = y.grad_fn.register_hook(
        lambda results, grads: seen.append((results[0].item(), results[1], grads[0].item()))
    )
    z.backward(retain_graph=True)
    assert seen == [(6.0, None, 3.0)]
    handle.remove()
    y.grad_fn.register_hook(lambda results, grads: (results[0] * 100, None))
    x.grad = None
    z.backward(retain_graph=True)
    assert x.grad.tolist() == [600.0]


def test_node_pre_hooks() -> None:
    x = leaf(1)
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 5,))
    y.backward()
    assert x.grad.tolist() == [10.0]


def test_node_hook_answers_are_checked() -> None:
    x = leaf(1)
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: (grads[0], grads[0]))
    with pytest.raises(ValueError, match="a hook of MulBackward returned 2 gradients, expected 1"):
        y.backward()


def test_callback_at_the_end_of_a_pass() -> None:
    x = leaf(1)
    order = []

    def hook(grad: tw.Tensor) -> None:
        tw.autograd.queue_callback(lambda: order.append("end"))
        order.append("hook")

    y = x * 2
    y.register_hook(hook)
    x.register_post_accumulate_grad_hook(lambda tensor: order.append("accumulated"))
    y.backward()
    assert order == ["hook", "accumulated", "end"]
    with pytest.raises(RuntimeError, match="no backward pass is running"):
        tw.autograd.queue_callback(print)


def test_backward_inside_of_a_hook() -> None:
    x, other = leaf(2), leaf(5)

    def hook(grad: tw.Tensor) -> tw.Tensor:
        with tw.enable_grad():
            (other * other).backward()
        return grad + other.grad

    y = x * 3
    y.register_hook(hook)
    y.backward()
    assert x.grad.tolist() == [33.0]


def test_hook_dies_with_its_tensor() -> None:
    class Hook:
        def __call__(self, grad: tw.Tensor) -> None:
            return None

    hook = Hook()
    alive = weakref.ref(hook)
    x = leaf(1)
    y = x * 2
    y.register_hook(hook)
    del hook
    assert alive() is not None
    del y
    assert alive() is None
