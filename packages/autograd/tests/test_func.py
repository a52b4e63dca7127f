"""Function transforms: values against closed forms and the tape, composition, control flow, refusals."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright import _siblings
from tensorwright.autograd import forward_ad, functional
from tensorwright.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap


def mixed(x: tw.Tensor) -> tw.Tensor:
    return (tw.tanh(x @ x.T) * tw.exp(-x).sum()).sum() + tw.softmax(x, -1).pow(2).sum()


@pytest.fixture
def x() -> tw.Tensor:
    return tw.tensor(np.random.default_rng(0).standard_normal((3, 3)))


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_gradient_equals_the_tape(x: tw.Tensor) -> None:
    leaf = x.clone().requires_grad_()
    mixed(leaf).backward()
    close(grad(mixed)(x), leaf.grad)
    gradient, value = grad_and_value(mixed)(x)
    close(gradient, leaf.grad)
    close(value, mixed(x))
    assert not gradient.requires_grad


@pytest.mark.parametrize("second", [jacrev, jacfwd])
@pytest.mark.parametrize("first", [jacrev, jacfwd])
def test_second_derivatives_agree_in_every_mode(x: tw.Tensor, first: Any, second: Any) -> None:
    expected = functional.hessian(mixed, x)
    close(second(first(mixed))(x), expected)
    close(hessian(mixed)(x), expected)


def test_third_derivative() -> None:
    third = grad(grad(grad(lambda x: tw.sin(x * x))))
    t = 0.7
    expected = -12 * t * np.sin(t * t) - 8 * t**3 * np.cos(t * t)  # of sin(t^2)
    assert third(tw.tensor(t, dtype=tw.float64)).item() == pytest.approx(expected, rel=1e-12)


def test_forward_and_reverse_products(x: tw.Tensor) -> None:
    tangent = tw.cos(x)
    value, pushed = jvp(tw.linalg.matmul, (x, x), (tangent, tangent))
    close(value, x @ x)
    close(pushed, tangent @ x + x @ tangent)
    output, pull = vjp(lambda a, b: (a @ b, a * 2), x, x)
    first, second = pull((tangent, tangent))
    close(first, tangent @ x.T + 2 * tangent)
    close(second, x.T @ tangent)
    close(output[1], 2 * x)
    value, push = linearize(tw.sin, x)
    close(push(tangent), tw.cos(x) * tangent)


def test_products_can_be_taken_again() -> None:
    _, pull = vjp(tw.exp, tw.zeros(2))
    assert pull(tw.ones(2))[0].tolist() == [1, 1]
    assert pull(2 * tw.ones(2))[0].tolist() == [2, 2]


def test_batches_of_gradients_are_gradients_of_batches(x: tw.Tensor) -> None:
    rows = vmap(grad(lambda row: (row.sin() * row).sum()))(x)
    close(rows, x.cos() * x + x.sin())
    tangents = x.cos()
    function = lambda row: tw.softmax(row.sin(), -1)  # noqa: E731
    close(vmap(lambda a, t: jvp(function, (a,), (t,))[1])(x, tangents), jvp(vmap(function), (x,), (tangents,))[1])


def test_nested_batches() -> None:
    a, b = tw.arange(3.0), tw.arange(4.0)
    outer = vmap(lambda u: vmap(lambda v: u * 10 + v)(b))(a)
    assert outer.tolist() == [[10.0 * i + j for j in range(4)] for i in range(3)]
    close(vmap(vmap(tw.dot))(tw.ones(2, 3, 4), tw.ones(2, 3, 4)), tw.full((2, 3), 4.0))


def test_where_the_batch_is(x: tw.Tensor) -> None:
    close(vmap(lambda column: column * 2, in_dims=1, out_dims=1)(x), x * 2)
    close(vmap(lambda column: column * 2, in_dims=-1)(x), x.T * 2)
    close(vmap(lambda row, matrix: matrix @ row, in_dims=(0, None))(x, x), x @ x.T)
    tree = {"a": x, "b": (x, tw.tensor(2.0, dtype=tw.float64))}
    given = {"a": 0, "b": (1, None)}
    close(vmap(lambda t: t["a"] + t["b"][0] * t["b"][1], in_dims=(given,))(tree), x + x.T * 2)
    close(vmap(lambda row: row * 2, chunk_size=2)(x), x * 2)


def test_gradients_of_trees() -> None:
    def loss(parameters: dict[str, tw.Tensor], data: tw.Tensor) -> tw.Tensor:
        return ((data * parameters["w"]).sum() + parameters["b"]) ** 2

    parameters = {"w": tw.tensor([1.0, 2.0]), "b": tw.tensor(1.0)}
    gradient, value = grad_and_value(loss)(parameters, tw.ones(2))
    assert (value.item(), gradient["b"].item(), gradient["w"].tolist()) == (16.0, 8.0, [8.0, 8.0])
    both = grad(loss, argnums=(0, 1))(parameters, tw.ones(2))
    assert both[1].tolist() == [8.0, 16.0]
    assert grad(lambda x: (x * x, "aux"), has_aux=True)(tw.tensor(3.0))[1] == "aux"


def test_the_tape_sees_through() -> None:
    w = tw.tensor(2.0, requires_grad=True)
    inner = grad(lambda x: w * x * x)(tw.tensor(3.0))
    inner.backward()
    assert (inner.item(), w.grad.item()) == (12.0, 6.0)
    total = vmap(lambda x: x * w)(tw.arange(3.0)).sum()
    assert tw.autograd.grad(total, w)[0].item() == 3.0


def test_no_grad_inside_holds_for_the_function_alone() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        with tw.no_grad():
            constant = x * x
        return constant * x

    assert grad(function)(tw.tensor(3.0)).item() == 9.0
    with tw.no_grad():
        assert grad(lambda x: x * x)(tw.tensor(3.0)).item() == 6.0


def test_writes_in_place(x: tw.Tensor) -> None:
    def function(v: tw.Tensor) -> tw.Tensor:
        y = v.new_zeros(3)
        y[0] = v[1] * 2
        y[1:].add_(v[0])
        y.mul_(v)
        return (y * y).sum()

    v = x[0].clone()
    expected = functional.jacobian(function, v)
    close(grad(function)(v), expected)
    close(jacfwd(function)(v), expected)
    close(vmap(grad(function))(x), tw.stack([grad(function)(row) for row in x]))
    fresh = lambda v: tw.zeros(3, dtype=v.dtype).index_put_((tw.tensor([1]),), v[:1]).sum()  # noqa: E731
    assert grad(fresh)(v).tolist() == jacfwd(fresh)(v).tolist() == [1, 0, 0]
    close(vmap(lambda row: row.clone().mul_(2).add_(row))(x), x * 3)
    with pytest.raises(RuntimeError, match="from outside of the function"):
        vmap(lambda row: v.add_(row))(x)


WRITES: dict[str, Callable[[tw.Tensor, tw.Tensor], object]] = {
    "copy_": lambda y, c: y.copy_(c),
    "copy_ broadcast": lambda y, c: y.copy_(c[0, :1]),
    "row": lambda y, c: y.__setitem__(0, c[1]),
    "slice": lambda y, c: y.__setitem__((slice(None), slice(1, None)), c[:, :2]),
    "mask": lambda y, c: y.__setitem__(tw.eye(3) > 0, c[0]),
    "number": lambda y, c: y.__setitem__(1, 2.5),
    "masked_fill_": lambda y, c: y.masked_fill_(tw.eye(3) > 0, c[0, 0]),
    "masked_fill_ number": lambda y, c: y.masked_fill_(tw.eye(3) > 0, 2.5),
    "masked_scatter_": lambda y, c: y.masked_scatter_(tw.eye(3) > 0, c),
    "index_put_": lambda y, c: y.index_put_((tw.tensor([2, 0]),), c[:2]),
    "index_put_ accumulated": lambda y, c: y.index_put_((tw.tensor([2, 2]),), c[:2], accumulate=True),
    "index_copy_": lambda y, c: y.index_copy_(0, tw.tensor([2, 0]), c[1:]),
    "index_fill_": lambda y, c: y.index_fill_(1, tw.tensor([1]), c[1, 1]),
    "index_add_": lambda y, c: y.index_add_(0, tw.tensor([2, 2]), c[1:], alpha=2),
    "scatter_": lambda y, c: y.scatter_(1, tw.tensor([[2], [0]]), c[:2, :1]),
    "scatter_ number": lambda y, c: y.scatter_(1, tw.tensor([[2], [0]]), 2.5),
    "scatter_add_": lambda y, c: y.scatter_add_(0, tw.tensor([[1, 1, 1]]), c),
    "fill_": lambda y, c: y.fill_(c[1, 0]),
    "fill_ number": lambda y, c: y[:, 1].fill_(2.5),
    "zero_": lambda y, c: y[1:].zero_(),
    "fill_diagonal_": lambda y, c: y.fill_diagonal_(2.5),
    "add_ after": lambda y, c: y[0].copy_(c[0]).add_(y[1]),
}


def differences(function: Callable[[tw.Tensor], tw.Tensor], x: tw.Tensor) -> tw.Tensor:
    """The Jacobian by central differences."""
    columns = []
    for i in range(x.numel()):
        step = tw.zeros(x.numel(), dtype=x.dtype)
        step[i] = 1e-5
        step = step.reshape(x.shape)
        columns.append((function(x + step) - function(x - step)) / 2e-5)
    return tw.stack(columns, -1).reshape((*columns[0].shape, *x.shape))


@pytest.mark.filterwarnings("ignore:vmap. .* has no batching rule")
@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_over_values_is_written_over_tangents(x: tw.Tensor, name: str) -> None:
    constant = tw.cos(tw.arange(9, dtype=tw.float64)).reshape(3, 3)

    def out_of_constant(a: tw.Tensor) -> tw.Tensor:
        y = a * 1
        WRITES[name](y, constant)
        return y * y + a

    def out_of_dual(a: tw.Tensor) -> tw.Tensor:
        y = a * 1
        WRITES[name](y, a.sin())
        return y * y + a

    def into_constant(a: tw.Tensor) -> tw.Tensor:
        y = constant.clone()
        WRITES[name](y, a.sin())
        return y * y + a

    for function in (out_of_constant, out_of_dual, into_constant):
        expected = differences(function, x)
        for jacobian in (jacfwd, jacrev):
            np.testing.assert_allclose(jacobian(function)(x).numpy(), expected.numpy(), rtol=1e-6, atol=1e-8)


def test_a_constant_that_overwrites_all_leaves_no_tangent(x: tw.Tensor) -> None:
    value, tangent = jvp(lambda a: (a * a).copy_(x), (x,), (tw.ones_like(x),))
    assert value.tolist() == x.tolist()
    assert not tangent.any()
    joined = jvp(lambda a: tw.cat([x, a * 2, x[:1]]), (x,), (tw.ones_like(x),))[1]
    assert joined[:, 0].tolist() == [0, 0, 0, 2, 2, 2, 0]


def test_values_decide_where_there_is_one() -> None:
    def branch(x: tw.Tensor) -> tw.Tensor:
        return x * 2 if x > 0 else x * 3

    assert grad(branch)(tw.tensor(1.0)).item() == 2.0
    assert jvp(branch, (tw.tensor(-1.0),), (tw.tensor(1.0),))[1].item() == 3.0
    with pytest.raises(RuntimeError, match="inside of vmap"):
        vmap(branch)(tw.ones(3))
    with pytest.raises(RuntimeError, match=r"where"):
        vmap(lambda x: tw.tensor(x.item()))(tw.ones(3))


def test_randomness() -> None:
    with pytest.raises(RuntimeError, match="randomness="):
        vmap(lambda x: x + tw.rand(2))(tw.ones(3))
    same = vmap(lambda x: x * 0 + tw.rand(2), randomness="same")(tw.ones(3))
    assert same[0].tolist() == same[1].tolist()
    different = vmap(lambda x: x * 0 + tw.rand(2), randomness="different")(tw.ones(3))
    assert len({tuple(row) for row in different.tolist()}) == 3
    with pytest.raises(ValueError, match="randomness must be"):
        vmap(tw.sin, randomness="perhaps")(tw.ones(2))


def test_random_ops_of_arguments_that_differ_over_the_batch() -> None:
    chances = tw.tensor([[0.0] * 100, [0.5] * 100, [1.0] * 100])
    drawn = vmap(tw.bernoulli, randomness="different")(chances).numpy()
    assert drawn[0].sum() == 0
    assert 20 < drawn[1].sum() < 80
    assert drawn[2].sum() == 100
    with pytest.raises(RuntimeError, match="randomness="):
        vmap(tw.bernoulli)(chances)
    with pytest.raises(RuntimeError, match="differs over the batch"):
        vmap(tw.bernoulli, randomness="same")(chances)


def test_random_ops_of_what_an_outer_transform_differentiates() -> None:
    def drawn(x: tw.Tensor) -> tw.Tensor:
        return vmap(lambda y: tw.dropout(x, 0.5) * y, randomness="different")(tw.ones(3))

    jacobian = jacrev(drawn)(tw.ones(100)).numpy()
    assert jacobian.shape == (3, 100, 100)
    kept = {np.diag(entry).tobytes() for entry in jacobian}
    assert len(kept) == 3
    outer = vmap(drawn, randomness="different")(tw.ones(2, 100)).numpy()
    assert len({row.tobytes() for row in outer.reshape(6, 100)}) == 6


def test_dropout_of_a_batch() -> None:
    x = tw.tensor(np.arange(1.0, 601.0).reshape(3, 200))

    def loss(v: tw.Tensor) -> tw.Tensor:
        return (tw.dropout(v, 0.5) ** 2).sum()

    def where_kept(randomness: str) -> np.ndarray:
        tw.manual_seed(1)
        dropped = vmap(lambda v: tw.dropout(v, 0.5), randomness=randomness)(x).numpy()
        tw.manual_seed(1)
        gradient = vmap(grad(loss), randomness=randomness)(x).numpy()
        kept = dropped != 0
        np.testing.assert_array_equal(dropped, np.where(kept, 2 * x.numpy(), 0))
        np.testing.assert_array_equal(gradient, np.where(kept, 8 * x.numpy(), 0))  # d/dx (2 x)^2
        return kept

    same = where_kept("same")
    assert (same == same[0]).all()
    assert 0.3 < same.mean() < 0.7
    different = where_kept("different")
    assert len({row.tobytes() for row in different}) == 3
    assert 0.3 < different.mean() < 0.7


def test_tangents_of_dropout_are_dropped_with_its_values() -> None:
    x = tw.ones(300, dtype=tw.float64)
    value, tangent = jvp(lambda v: tw.dropout(v, 0.25), (x,), (x * 3,))
    np.testing.assert_allclose(tangent.numpy(), 3 * value.numpy())
    curved, curve = jvp(grad(lambda v: (tw.dropout(v, 0.25) ** 3).sum()), (x,), (x,))
    np.testing.assert_allclose(curve.numpy(), 2 * curved.numpy())


def test_an_op_without_a_rule_says_so_once() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(2):
            result = vmap(lambda v: tw.bincount(v, minlength=3))(tw.tensor([[0, 1, 1], [2, 2, 2]]))
    assert result.tolist() == [[1, 2, 0], [0, 0, 3]]
    assert len([w for w in seen if "bincount" in str(w.message)]) <= 1


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: grad(lambda x: x)(tw.ones(2)), RuntimeError, "one element"),
        (lambda: grad(lambda x: x)(3.0), TypeError, "must consist of tensors"),
        (lambda: grad(lambda x: x, argnums=1)(tw.ones(())), IndexError, "out of range"),
        (lambda: vmap(tw.add)(tw.ones(2), tw.ones(3)), ValueError, "batch sizes of the arguments differ"),
        (lambda: vmap(tw.sin, in_dims=None)(tw.ones(2)), ValueError, "no argument has a batch"),
        (lambda: vmap(tw.sin, in_dims=3)(tw.ones(2)), IndexError, "out of range"),
        (lambda: vmap(tw.sin, out_dims=None)(tw.ones(2)), ValueError, "differs over the batch"),
        (lambda: vmap(lambda x: "text")(tw.ones(2)), TypeError, "must return tensors"),
        (lambda: jvp(tw.sin, (tw.ones(2),), (tw.ones(3),)), ValueError, "a tangent has shape"),
        (lambda: vjp(tw.sin, tw.ones(2))[1]((tw.ones(2), tw.ones(2))), ValueError, "structure of the output"),
    ],
)
def test_refusals(call: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
    assert vmap(tw.sin)(tw.zeros(2)).tolist() == [0, 0]  # levels are closed again


def test_a_tensor_that_escapes_is_what_it_stands_for() -> None:
    kept: list[tw.Tensor] = []
    vmap(lambda x: kept.append(x) or x)(tw.arange(3.0))  # type: ignore[func-returns-value]
    grad(lambda x: kept.append(x * 2) or x)(tw.tensor(3.0))  # type: ignore[func-returns-value]
    assert (kept[0] + 1).tolist() == [1, 2, 3]
    assert (kept[1] + 1).item() == 7


def test_dual_tensors() -> None:
    outside = tw.ones(2)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(tw.tensor([1.0, 2.0]), tw.tensor([1.0, 0.0]))
        value, tangent = forward_ad.unpack_dual((dual * dual).sum())
        assert (value.item(), tangent.item()) == (5.0, 2.0)
        assert dual.cumprod(0).tolist() == [1, 2]  # the transposed rule; dual was made of tensors of the level
        assert forward_ad.unpack_dual(dual.cumprod(0)).tangent.tolist() == [1, 2]
        assert forward_ad.unpack_dual(forward_ad.unpack_dual(dual).tangent).tangent is None
        assert forward_ad.unpack_dual(outside).tangent is None
    with pytest.raises(RuntimeError, match="no dual level"):
        forward_ad.make_dual(tw.ones(1), tw.ones(1))


class Cube(tw.autograd.Function):
    @staticmethod
    def forward(x: tw.Tensor) -> tw.Tensor:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[tw.Tensor], output: tw.Tensor) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: tw.Tensor) -> tw.Tensor:
        (x,) = ctx.saved_tensors
        return 30 * x * x * gradient  # ten times too much: shows whose derivative is taken

    @staticmethod
    def jvp(ctx: Any, tangent: tw.Tensor) -> tw.Tensor:
        (x,) = ctx.saved_tensors
        return 30 * x * x * tangent

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None], x: tw.Tensor) -> tuple[tw.Tensor, int | None]:
        assert info.batch_size == 3
        return Cube.apply(x), in_dims[0]


def test_functions_keep_their_own_derivatives() -> None:
    x = tw.tensor([1.0, 2.0, 3.0])
    assert grad(lambda x: Cube.apply(x).sum())(x).tolist() == [30, 120, 270]
    assert jvp(Cube.apply, (x,), (tw.ones(3),))[1].tolist() == [30, 120, 270]
    assert vmap(Cube.apply)(x).tolist() == [1, 8, 27]
    assert vmap(grad(Cube.apply))(x).tolist() == [30, 120, 270]
    assert jacrev(Cube.apply)(x).diagonal().tolist() == [30, 120, 270]
    assert grad(grad(Cube.apply))(tw.tensor(2.0)).item() == 120


class Same(tw.autograd.Function):
    @staticmethod
    def forward(x: tw.Tensor) -> tw.Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[tw.Tensor], output: tw.Tensor) -> None:
        pass

    @staticmethod
    def jvp(ctx: Any, tangent: tw.Tensor) -> tw.Tensor:
        return tangent


@pytest.mark.parametrize("function", [Same.apply, lambda a: a + 1, lambda a: a * 1, lambda a: tw.stack([a])[0]])
def test_a_write_reaches_one_tangent_alone(function: Callable[[tw.Tensor], tw.Tensor]) -> None:
    x = tw.tensor([1.0, 2.0])
    direction = tw.ones(2)
    assert jvp(lambda a: function(a).mul_(3) + a, (x,), (direction,))[1].tolist() == [4, 4]
    assert direction.tolist() == [1, 1]


def test_rules_of_single_ops_write_into_their_targets(x: tw.Tensor) -> None:
    batch = tw.stack([x, x * 2])

    def in_place(row: tw.Tensor) -> tw.Tensor:
        y = row.clone()
        return y.addmm_(row, row, beta=0) + y

    def out(row: tw.Tensor) -> tw.Tensor:
        y = row.clone()
        tw.mm(row, row, out=y)
        return y

    close(vmap(in_place)(batch), 2 * batch @ batch)
    close(vmap(out)(batch), batch @ batch)
    with pytest.raises(RuntimeError, match="from outside of the function"):
        vmap(lambda row: tw.mm(row, row, out=x))(batch)


def test_modules_must_be_installed_to_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tensorwright.nn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_siblings._MissingParts, *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="pip install tensorwright-nn"):
        tw.func.functional_call(object(), {}, tw.ones(2))


def test_transforms_do_not_leak() -> None:
    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    x = tw.ones(1 << 12)
    step = vmap(grad(lambda v: (v.sin() * v).sum()), chunk_size=2)
    for _ in range(50):
        step(x.reshape(4, -1))
    gc.collect()
    before = resident()
    for _ in range(500):
        step(x.reshape(4, -1))
    gc.collect()
    assert resident() - before < 8 << 20


def test_results_that_a_closed_level_wrapped_leave_the_outer_one() -> None:
    def function(a: tw.Tensor, b: tw.Tensor) -> tw.Tensor:
        return b.prod() * a.sum()

    a, b = tw.randn(3), tw.randn(2)
    rows = tw.func.jacfwd(tw.func.grad(function, argnums=(0, 1)), argnums=(0, 1))(a, b)
    assert bool(tw.allclose(rows[0][1], b.flip(0).expand(3, 2)))
    assert rows[0][1].reshape(-1).shape == (6,)
    assert bool((rows[0][0] == 0).all())


LINEARIZED: dict[str, Callable[[tw.Tensor], tw.Tensor]] = {
    "matmul": lambda x: x @ x.T,
    "softmax": lambda x: x.softmax(0),
    "inv": lambda x: tw.linalg.inv(x + 3 * tw.eye(3, dtype=x.dtype)),
    "prod": lambda x: x.prod(1),
    "complex mul": lambda x: tw.view_as_real(tw.complex(x, x * x) * (2 - 1j)),
    "complex exp": lambda x: tw.complex(x, x * x).exp().abs(),
    "conj": lambda x: tw.complex(x, x * x).conj().imag,
}


@pytest.mark.parametrize("name", LINEARIZED)
def test_products_are_differentiable_by_their_tangents(x: tw.Tensor, name: str) -> None:
    function = LINEARIZED[name]

    def push(direction: tw.Tensor) -> tw.Tensor:
        return jvp(function, (x,), (direction,))[1]

    expected = jacrev(function)(x)
    close(jacrev(push)(x), expected)
    close(jacfwd(push)(x), expected)
    leaf = x.clone().requires_grad_()
    (on_the_tape,) = tw.autograd.grad((push(leaf) ** 2).sum(), leaf)
    close(on_the_tape, jacfwd(lambda v: (push(v) ** 2).sum())(x))
    with tw.no_grad():
        assert not push(leaf).requires_grad
    second = jacrev(jacfwd(lambda v: (function(v) ** 3).sum()))(x)
    close(second, hessian(lambda v: (function(v) ** 3).sum())(x))


@pytest.mark.filterwarnings("error:vmap")
def test_gradients_of_each_sample_through_group_norm() -> None:
    rng = np.random.default_rng(3)
    images, weight, bias = (tw.tensor(rng.standard_normal(shape)) for shape in ((4, 6, 3, 2), (6,), (6,)))

    def loss(weight: tw.Tensor, bias: tw.Tensor, image: tw.Tensor) -> tw.Tensor:
        return (tw.group_norm(image[None], 3, weight, bias) ** 3).sum()

    for in_dims in ((None, None, 0), (0, 0, 0)):
        own = tuple(tw.stack([t * i for i in range(1, 5)]) if dim == 0 else t
                    for t, dim in zip((weight, bias), in_dims, strict=False))  # fmt: skip
        found = vmap(grad(loss, argnums=(0, 1, 2)), in_dims=in_dims)(*own, images)
        for i in range(4):
            arguments = [t[i] if dim == 0 else t for t, dim in zip((*own, images), in_dims, strict=True)]
            for all_, one in zip(found, grad(loss, argnums=(0, 1, 2))(*arguments), strict=True):
                close(all_[i], one)


@pytest.mark.filterwarnings("error:vmap")
def test_second_derivatives_of_sequence_losses() -> None:
    rng = np.random.default_rng(5)
    scores, targets = tw.tensor(rng.standard_normal((3, 5, 2, 4))), tw.tensor(rng.integers(1, 4, (3, 2, 2)))

    def loss(scores: tw.Tensor, targets: tw.Tensor) -> tw.Tensor:
        return tw.ctc_loss(scores.log_softmax(-1), targets, tw.tensor([5, 4]), tw.tensor([2, 1])).sum()

    batched = vmap(hessian(loss))(scores, targets)
    for i in range(3):
        expected = jacrev(grad(loss))(scores[i], targets[i])
        close(batched[i], expected)
        step = tw.tensor(rng.standard_normal((5, 2, 4)))
        difference = (
            grad(loss)(scores[i] + 1e-5 * step, targets[i]) - grad(loss)(scores[i] - 1e-5 * step, targets[i])
        ) / 2e-5
        product = expected.reshape(40, 40) @ step.reshape(40)
        np.testing.assert_allclose(product.numpy(), difference.reshape(40).numpy(), rtol=1e-5, atol=1e-8)
