"""Functions with gradients of one's own."""

from __future__ import annotations

from typing import Any

import pytest
import tensorwright as tw
from tensorwright.autograd import Function, gradcheck, gradgradcheck, once_differentiable


def leaf(*values: float) -> tw.Tensor:
    return tw.tensor(values, dtype=tw.float64, requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        return grad * result


class Product(Function):
    """Written with setup_context."""

    @staticmethod
    def forward(x, y, scale):
        return x * y * scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, y, ctx.scale = inputs
        ctx.save_for_backward(x, y)

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        gx = grad * y * ctx.scale if ctx.needs_input_grad[0] else None
        gy = grad * x * ctx.scale if ctx.needs_input_grad[1] else None
        return gx, gy, None


def test_gradients_of_any_order() -> None:
    x = leaf(0.5, 1.5)
    assert gradcheck(Exp.apply, x)
    assert gradgradcheck(Exp.apply, x)
    assert gradcheck(lambda a, b: Product.apply(a, b, 3.0), [leaf(1, 2), leaf(3, 4)])
    assert gradgradcheck(lambda a, b: Product.apply(a, b, 3.0), [leaf(1, 2), leaf(3, 4)])


def test_node_has_the_name_of_the_class() -> None:
    assert Exp.apply(leaf(1)).grad_fn.name() == "ExpBackward"


def test_needs_input_grad() -> None:
    x, y = leaf(2), tw.ones(1, dtype=tw.float64)
    result = Product.apply(x, y, 2.0)
    result.backward()
    assert x.grad.tolist() == [2.0]


def test_nothing_is_recorded_without_need() -> None:
    assert not Exp.apply(tw.ones(1)).requires_grad
    with tw.no_grad():
        assert not Exp.apply(leaf(1)).requires_grad


def test_several_outputs_and_other_values() -> None:
    class Split(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, "text", x * 3

        @staticmethod
        def backward(ctx, first, text, third):
            assert text is None
            return (0 if first is None else 2 * first) + (0 if third is None else 3 * third)

    x = leaf(1)
    a, text, b = Split.apply(x)
    assert text == "text"
    assert (a.output_nr, b.output_nr) == (0, 1)
    (a + b).backward()
    assert x.grad.tolist() == [5.0]
    assert tw.autograd.grad(Split.apply(x)[2], x)[0].tolist() == [3.0]


def test_materialized_gradients() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, first, second):
            assert second.tolist() == [0.0, 0.0]
            return first * 2 + second * 3

    x = leaf(1, 2)
    Two.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_non_differentiable_output() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx, x):
            order = x.argsort().to(tw.float64)
            ctx.mark_non_differentiable(order)
            return x * 1, order

        @staticmethod
        def backward(ctx, grad, unused):
            return grad

    values, order = Sorted.apply(leaf(3, 1))
    assert (values.requires_grad, order.requires_grad) == (True, False)


def test_dirty_input() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = leaf(1)
    y = x * 1
    z = Double.apply(y)
    assert z is y
    z.backward()
    assert x.grad.tolist() == [2.0]
    with pytest.raises(RuntimeError, match="Double: forward wrote in place into a leaf"):
        Double.apply(leaf(1))


def test_input_that_is_returned() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    x = leaf(1)
    y = Same.apply(x)
    assert y is not x
    assert x.is_leaf
    y.backward()
    assert x.grad.tolist() == [5.0]


def test_saved_tensor_that_was_modified() -> None:
    x = leaf(1) * 1
    y = Product.apply(x, x, 1.0)
    x.add_(1)
    with pytest.raises(RuntimeError, match=r"Product: a saved tensor .* modified in place"):
        y.backward()


def test_second_pass_over_freed_values() -> None:
    y = Exp.apply(leaf(1))
    y.backward()
    with pytest.raises(RuntimeError, match="backward through Exp a second time"):
        y.backward()


def test_saved_tensors_only_in_backward() -> None:
    kept: list[Any] = []

    class Keep(Function):
        @staticmethod
        def forward(ctx, x):
            kept.append(ctx)
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    Keep.apply(leaf(1))
    with pytest.raises(RuntimeError, match="only while backward runs"):
        kept[0].saved_tensors  # noqa: B018


def test_only_tensors_are_saved() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x

    with pytest.raises(TypeError, match="argument 0 must be a Tensor or None, got int"):
        Wrong.apply(leaf(1))


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (lambda g: (g, g), RuntimeError, "Bad.backward returned 2 gradients, expected 1"),
        (lambda g: "x", TypeError, "gradient 0 must be a Tensor or None, got str"),
        (
            lambda g: tw.ones(3, dtype=tw.float64),
            tw.ShapeError,
            r"BadBackward: gradient 0 has shape \[3\], its input \[2\]",
        ),
    ],
)
def test_wrong_answers(answer: Any, error: type[Exception], text: str) -> None:
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return answer(grad)

    with pytest.raises(error, match=text):
        Bad.apply(leaf(1, 2)).sum().backward()


def test_gradient_for_a_number_is_refused() -> None:
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor

        @staticmethod
        def backward(ctx, grad):
            return grad, grad

    with pytest.raises(RuntimeError, match="argument 1 is not a tensor, its gradient must be None"):
        Scale.apply(leaf(1), 2.0).backward()


def test_gradient_is_summed_to_the_input() -> None:
    class Wide(Function):
        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2) * 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = leaf(1, 2)
    Wide.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_error_in_backward_is_the_same_object() -> None:
    error = LookupError("mine")

    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise error

    with pytest.raises(LookupError) as caught:
        Fails.apply(leaf(1)).backward()
    assert caught.value is error


def test_once_differentiable() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * x * grad

    x = leaf(3)
    assert tw.autograd.grad(Square.apply(x), x)[0].tolist() == [6.0]
    (g,) = tw.autograd.grad(Square.apply(x), x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"Square.backward is once_differentiable"):
        g.backward()


def test_function_must_define_forward() -> None:
    class Empty(Function):
        pass

    with pytest.raises(NotImplementedError, match="static method forward"):
        Empty.apply(leaf(1))


def test_checkpointing_by_a_pass_inside_of_backward() -> None:
    class Checkpoint(Function):
        @staticmethod
        def forward(ctx, f, x):
            ctx.f = f
            ctx.save_for_backward(x)
            return f(x)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            with tw.enable_grad():
                again = x.detach().requires_grad_()
                ctx.f(again).backward(grad)
            return None, again.grad

    x = leaf(0.5, 1.0)
    y = Checkpoint.apply(lambda t: (t * t).sin(), x)
    y.sum().backward()
    z = leaf(0.5, 1.0)
    (z * z).sin().sum().backward()
    assert x.grad.tolist() == z.grad.tolist()


def test_vjp_is_backward() -> None:
    class Cube(tw.autograd.function.Function):
        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(*inputs)
            ctx.save_for_backward(*inputs)

        @staticmethod
        def vjp(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * x * x * grad

        @staticmethod
        def jvp(ctx, tangent):
            (x,) = ctx.saved_tensors
            return 3 * x * x * tangent

    x = tw.tensor(2.0, requires_grad=True)
    assert tw.autograd.grad(Cube.apply(x), x)[0].item() == 12.0
    assert tw.func.jvp(Cube.apply, (x.detach(),), (tw.tensor(2.0),))[1].item() == 24.0
    with pytest.raises(TypeError, match="two names of one method"):
        type("Both", (Function,), {"vjp": staticmethod(lambda ctx, g: g), "backward": staticmethod(lambda ctx, g: g)})


def test_saved_for_forward_alone() -> None:
    class Square(Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(*inputs)

        @staticmethod
        def jvp(ctx, tangent):
            return 2 * ctx.saved_tensors[0] * tangent

    assert tw.func.jvp(Square.apply, (tw.tensor(3.0),), (tw.tensor(1.0),))[1].item() == 6.0


def test_names_of_modules() -> None:
    from tensorwright.autograd.anomaly_mode import set_detect_anomaly
    from tensorwright.autograd.grad_mode import no_grad
    from tensorwright.autograd.variable import Variable

    assert no_grad is tw.no_grad
    assert set_detect_anomaly is tw.autograd.set_detect_anomaly
    assert tw.autograd.function.Function is Function
    x = Variable(tw.ones(2), requires_grad=True)
    assert x.is_leaf
    assert isinstance(x, Variable)
    assert isinstance((x * x).grad_fn._raw_saved_self, tw.autograd.SavedTensor)
    assert not isinstance(x.exp().grad_fn, tw.autograd.SavedTensor)
    with pytest.raises(TypeError, match="expected a Tensor"):
        Variable([1.0])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tw.autograd.nothing  # noqa: B018
