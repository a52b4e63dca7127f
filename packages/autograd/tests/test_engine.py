"""Backward passes: accumulation, several roots, graphs kept and freed, gradients of gradients."""

from __future__ import annotations

import gc

import pytest
import tensorwright as tw


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.float64, requires_grad=True)


def test_gradients_accumulate_over_passes() -> None:
    x = leaf(1, 2)
    (x * 3).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_a_tensor_used_twice_gets_both_gradients() -> None:
    x = leaf(2)
    y = x * x
    (y * y + y).sum().backward()
    assert x.grad.tolist() == [4 * 8 + 4]


def test_leaves_do_not_share_the_memory_of_a_gradient() -> None:
    x, y = leaf(1), leaf(2)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0]


def test_the_seed_does_not_become_the_gradient() -> None:
    x, seed = leaf(1), tw.ones(1, dtype=tw.float64)
    (x + 0).backward(seed)
    x.grad.zero_()
    assert seed.tolist() == [1.0]


def test_grad_is_kept_as_one_object() -> None:
    x = leaf(1)
    x.sum().backward()
    first = x.grad
    x.sum().backward()
    assert x.grad is first
    assert first.tolist() == [2.0]


def test_several_roots() -> None:
    x = leaf(1, 2)
    tw.autograd.backward([(x * x).sum(), x * 3], [None, tw.ones(2, dtype=tw.float64)])
    assert x.grad.tolist() == [5.0, 7.0]


def test_one_root_may_depend_on_another() -> None:
    x = leaf(2)
    y = x * x
    z = y * x
    tw.autograd.backward([z.sum(), y.sum()])
    assert x.grad.tolist() == [12 + 4]


def test_the_same_root_twice() -> None:
    x = leaf(2)
    y = (x * x).sum()
    tw.autograd.backward([y, y])
    assert x.grad.tolist() == [8.0]


def test_a_leaf_can_be_a_root() -> None:
    x = leaf(2)
    x.backward()
    assert x.grad.tolist() == [1.0]


def test_freed_graph_is_refused() -> None:
    x = leaf(2)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward through mul a second time.*retain_graph=True"):
        y.backward()


def test_retained_graph_runs_again() -> None:
    x = leaf(2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_additions_save_nothing_and_may_run_again() -> None:
    x = leaf(2)
    y = x + x
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4.0]


def test_implicit_seed_needs_one_number() -> None:
    with pytest.raises(tw.ShapeError, match=r"tensor 0 has shape \[2\]; only a single number"):
        (leaf(1, 2) * 2).backward()


def test_seed_shape_is_checked() -> None:
    with pytest.raises(tw.ShapeError, match=r"gradient 0 has shape \[3\], its tensor \[2\]"):
        (leaf(1, 2) * 2).backward(tw.ones(3))


def test_integer_seed_is_refused() -> None:
    with pytest.raises(TypeError, match="gradient 0 has dtype int64"):
        (leaf(1, 2) * 2).backward(tw.ones(2, dtype=tw.int64))


def test_root_without_history_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"backward: tensor 0 \(float32 \[1\]\) does not require grad"):
        tw.ones(1).backward()


def test_number_of_seeds_is_checked() -> None:
    x = leaf(1)
    with pytest.raises(ValueError, match="1 tensors but 2 gradients"):
        tw.autograd.backward([x * 2], [tw.ones(1), tw.ones(1)])


# ---- grad() -------------------------------------------------------------------------------------------------------


def test_grad_leaves_no_trace() -> None:
    x, y = leaf(2), leaf(3)
    gx, gy = tw.autograd.grad((x * y).sum(), [x, y])
    assert (gx.tolist(), gy.tolist()) == ([3.0], [2.0])
    assert x.grad is None
    assert y.grad is None


def test_grad_of_an_intermediate_result() -> None:
    x = leaf(2)
    y = x * x
    (g,) = tw.autograd.grad((y * y).sum(), y)
    assert g.tolist() == [8.0]


def test_grad_of_an_intermediate_result_and_what_it_came_from() -> None:
    x = leaf(2)
    y = x * x
    gx, gy = tw.autograd.grad((y * y).sum(), [x, y])
    assert (gx.tolist(), gy.tolist()) == ([32.0], [8.0])


def test_unused_input() -> None:
    x, y = leaf(2), leaf(3)
    with pytest.raises(RuntimeError, match=r"do not depend on input 1 .*allow_unused=True"):
        tw.autograd.grad((x * 2).sum(), [x, y])
    assert tw.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)[1] is None
    assert tw.autograd.grad((x * 2).sum(), [x, y], materialize_grads=True)[1].tolist() == [0.0]


def test_input_that_needs_no_grad_is_refused() -> None:
    x = leaf(2)
    with pytest.raises(RuntimeError, match="input 0 does not require grad"):
        tw.autograd.grad((x * 2).sum(), tw.ones(1))


def test_grad_computes_only_what_was_asked_for() -> None:
    calls = []

    class Watched(tw.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            calls.append(1)
            return grad

    x, y = leaf(2), leaf(3)
    z = Watched.apply(x) * y
    tw.autograd.grad(z.sum(), y)
    assert calls == []


def test_backward_into_chosen_inputs() -> None:
    x, y = leaf(2), leaf(3)
    z = x * y
    (z * z).sum().backward(inputs=[x, z])
    assert x.grad.tolist() == [2 * 6 * 3]
    assert z.grad.tolist() == [12.0]
    assert y.grad is None


# ---- higher orders ------------------------------------------------------------------------------------------------


def test_third_derivative() -> None:
    x = leaf(2)
    g = (x * x * x * x).sum()
    for _ in range(3):
        (g,) = tw.autograd.grad(g.sum(), x, create_graph=True)
    assert g.tolist() == [48.0]


def test_create_graph_makes_a_gradient_with_history() -> None:
    x = leaf(3)
    (x * x * x).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = tw.autograd.grad(x.grad.sum(), x)
    assert second.tolist() == [18.0]


def test_gradient_penalty() -> None:
    w, x = leaf(0.5, -1), leaf(1, 2)
    (g,) = tw.autograd.grad(tw.tanh(w * x).sum(), x, create_graph=True)
    (g * g).sum().backward()
    t = [0.46211715726000975, -0.9640275800758169]
    expected = [
        2 * w_ * (1 - t_ * t_) ** 2 - 4 * w_ * w_ * x_ * t_ * (1 - t_ * t_) ** 2
        for w_, x_, t_ in zip([0.5, -1], [1, 2], t, strict=True)
    ]
    assert w.grad.tolist() == pytest.approx(expected)


def test_second_order_through_a_saved_result() -> None:
    x = leaf(0.5)
    (g,) = tw.autograd.grad(tw.exp(x).sum(), x, create_graph=True)
    (h,) = tw.autograd.grad(g.sum(), x)
    assert h.item() == pytest.approx(g.item())


# ---- what requires grad -------------------------------------------------------------------------------------------


def test_only_floating_tensors() -> None:
    with pytest.raises(TypeError, match="this one is int64"):
        tw.ones(2, dtype=tw.int64).requires_grad_()


def test_results_of_comparisons_need_no_grad() -> None:
    x = leaf(1, 2)
    assert not (x > 1).requires_grad
    assert not x.argmax().requires_grad
    assert not x.to(tw.int64).requires_grad


def test_requires_grad_of_a_result_cannot_be_taken_away() -> None:
    y = leaf(1) * 2
    with pytest.raises(RuntimeError, match="only be switched off for leaves"):
        y.requires_grad = False


def test_no_grad_and_enable_grad() -> None:
    x = leaf(1)
    with tw.no_grad():
        assert not (x * 2).requires_grad
        with tw.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_detach() -> None:
    x = leaf(2)
    y = (x * x).detach()
    assert not y.requires_grad
    assert y.is_leaf
    assert not (y * 2).requires_grad


def test_detach_in_place() -> None:
    y = leaf(2) * 3
    y.detach_()
    assert not y.requires_grad
    assert y.grad_fn is None


def test_leaf_attributes() -> None:
    x = leaf(1)
    y = x * 2
    assert (x.is_leaf, y.is_leaf) == (True, False)
    assert (x.grad_fn, y.grad_fn.name()) == (None, "MulBackward")
    assert y.output_nr == 0


def test_next_functions_lead_to_the_leaf() -> None:
    x = leaf(1)
    y = (x * 2).exp()
    ((mul, slot),) = y.grad_fn.next_functions
    assert (mul.name(), slot) == ("MulBackward", 0)
    (accumulate, _), (nothing, _) = mul.next_functions
    assert accumulate.name() == "AccumulateGrad"
    assert accumulate.variable is x
    assert nothing is None


def test_saved_values_can_be_seen() -> None:
    x = leaf(3)
    y = x * x
    assert y.grad_fn._saved_self.tolist() == [3.0]
    assert tw.sum(x, 0, True).grad_fn._saved_keepdim is True
    y.backward()
    with pytest.raises(AttributeError, match="freed"):
        y.grad_fn._saved_self  # noqa: B018


def test_gradient_has_the_dtype_and_shape_of_its_tensor() -> None:
    x = tw.ones(3, 1, requires_grad=True)
    (x * tw.ones(2, 1, 4, dtype=tw.float64)).sum().backward()
    assert (x.grad.dtype, tuple(x.grad.shape)) == (tw.float32, (3, 1))
    assert x.grad.tolist() == [[8.0]] * 3


def test_assigned_gradient_is_checked() -> None:
    x = leaf(1, 2)
    with pytest.raises(tw.ShapeError, match=r"expected shape \[2\] like the tensor, got \[3\]"):
        x.grad = tw.ones(3, dtype=tw.float64)
    with pytest.raises(TypeError, match="expected dtype float64"):
        x.grad = tw.ones(2)
    x.grad = tw.ones(2, dtype=tw.float64)
    assert x.grad.tolist() == [1.0, 1.0]
    x.grad = None
    assert x.grad is None
    del x.grad


def test_out_is_refused() -> None:
    x, out = leaf(1), tw.empty(1, dtype=tw.float64)
    with pytest.raises(NotImplementedError, match=r"exp: out= does not support automatic differentiation"):
        tw.exp(x, out=out)
    with tw.no_grad():
        tw.exp(x, out=out)


def test_op_without_derivative_is_refused() -> None:
    x = tw.ones(2, 3, requires_grad=True)
    mean = tw.zeros(3)
    with pytest.raises(
        NotImplementedError, match=r"native_batch_norm_backward: grad requires grad, but this op has no derivative"
    ):
        tw.ops.native_batch_norm_backward(x, tw.ones(2, 3), None, None, None, mean, mean, True, 1e-5)


def test_undefined_gradients_of_one_part() -> None:
    x = leaf(1, 2, 3, 4, 5)
    first, _, third = x.split(2)
    (first.sum() + 2 * third.sum()).backward()
    assert x.grad.tolist() == [1, 1, 0, 0, 2]


def test_long_chains_need_no_stack() -> None:
    x = leaf(1)
    y = x
    for _ in range(1_000_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y
    gc.collect()


def test_long_chains_are_dropped_without_backward() -> None:
    y = leaf(1)
    for _ in range(300_000):
        y = y.exp().log()
    del y
