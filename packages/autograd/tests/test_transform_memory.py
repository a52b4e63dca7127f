"""Views and writes inside of transforms: what shares memory, and what belongs to which level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.func import grad, hessian, jacfwd, jacrev, jvp, vmap

Function = Callable[[tw.Tensor], tw.Tensor]


def values(seed: int, *shape: int) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).standard_normal(shape))


def differences(function: Function, x: tw.Tensor) -> np.ndarray:
    """The Jacobian by central differences."""
    columns = []
    for i in range(x.numel()):
        step = tw.zeros(x.numel(), dtype=x.dtype)
        step[i] = 1e-5
        step = step.reshape(x.shape)
        columns.append(((function(x + step) - function(x - step)) / 2e-5).numpy())
    return np.stack(columns, -1).reshape((*columns[0].shape, *x.shape))


def close(a: tw.Tensor, b: tw.Tensor | np.ndarray, tolerance: float = 1e-12) -> None:
    expected = b if isinstance(b, np.ndarray) else b.detach().numpy()
    np.testing.assert_allclose(a.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


# ---- tangents that lie in memory otherwise than their values

SHAPES: dict[str, Function] = {
    "reshape": lambda x: x.reshape(12),
    "view": lambda x: x.view(12),
    "view parts": lambda x: x.view(3, 2, 2),
    "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "as_strided": lambda x: x.as_strided((5, 2), (2, 1), 1),
    "contiguous": lambda x: x.contiguous().view(12),
    "view_as_complex": lambda x: tw.view_as_real(tw.view_as_complex(x.view(6, 2)) * 2j),
    "view_as": lambda x: x.view_as(tw.zeros(2, 6)),
    "of a view": lambda x: x[1:].view(8),
    "matmul": lambda x: tw.matmul(tw.ones(2, 3, 4, dtype=x.dtype), x.t().reshape(4, 3)),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(
    "lay",
    [
        lambda t: t.t().contiguous().t(),
        lambda t: t[:, :1].expand(3, 4),
        lambda t: tw.stack([t, t], -1)[..., 0],
        lambda t: t,
    ],
    ids=["transposed", "expanded", "gaps", "alike"],
)
def test_shapes_are_those_of_values(name: str, lay: Function) -> None:
    function, x, direction = SHAPES[name], values(0, 3, 4), lay(values(1, 3, 4))
    value, product = jvp(function, (x,), (direction,))
    close(value, function(x))
    close(product, function(direction.contiguous()))  # all are linear


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_under_every_nesting(name: str) -> None:
    weight, bias = values(2, 12, 12), values(3, 3, 4)

    def function(x: tw.Tensor) -> tw.Tensor:
        mixed = tw.tanh((x.reshape(12) @ weight).reshape(4, 3).t() + bias).contiguous()
        return (SHAPES[name](mixed) ** 3).sum()

    x = values(4, 3, 4)
    expected = differences(grad(function), x)
    for second in (hessian(function), jacfwd(grad(function)), jacrev(jacfwd(function)), jacfwd(jacfwd(function))):
        close(second(x), expected, 1e-6)
    batch = values(5, 2, 3, 4)
    rows = tw.stack([jacfwd(jacrev(function))(row) for row in batch])
    close(vmap(jacfwd(jacrev(function)))(batch), rows)
    close(vmap(hessian(function), in_dims=1)(batch.transpose(0, 1).contiguous()), rows)
    close(jacfwd(vmap(grad(function)))(batch)[1, :, :, 1], rows[1])


def test_a_part_of_the_parameters_as_a_matrix() -> None:
    theta, x = values(0, 50), values(1, 3, 5)

    def loss(p: tw.Tensor) -> tw.Tensor:
        return (tw.tanh(x @ p[:40].reshape(5, 8)) * p[40:48]).sum() ** 2

    close(hessian(loss)(theta), differences(grad(loss), theta), 1e-6)
    close(jacfwd(jacfwd(grad(loss)))(theta[:50]), differences(hessian(loss), theta), 1e-5)


VIEWS: list[Function] = [lambda t: t.view(-1), lambda t: t.t().view(-1), lambda t: t.view(2, -1, t.shape[1])]
COPIES: list[Function] = [lambda t: t.reshape(-1), lambda t: t.t().flatten(), lambda t: t.t().unflatten(0, (2, -1))]


@pytest.mark.parametrize("in_dim", [0, 1, 2, -1])
@pytest.mark.parametrize("function", VIEWS + COPIES)
def test_examples_decide_what_a_view_can_show(function: Function, in_dim: int) -> None:
    x = values(0, 4, 6, 4)
    examples = [x.select(in_dim, i) for i in range(x.shape[in_dim])]
    try:
        expected = tw.stack([function(example) for example in examples])
    except ValueError:
        assert function in VIEWS
        with pytest.raises(ValueError, match="use reshape"):
            vmap(function, in_dims=in_dim)(x)
    else:
        close(vmap(function, in_dims=in_dim)(x), expected)


# ---- writes


def written_view(make: Callable[[tw.Tensor], tw.Tensor]) -> Function:
    """Writes into a tensor through a view, and into a view through it."""

    def function(x: tw.Tensor) -> tw.Tensor:
        y = make(x)
        row, column = y[1], y.t()[2]
        row.mul_(x[0])
        column.copy_(x[:, 1] ** 2)
        y[2:].add_(row)
        y.mul_(2)
        return tw.cat([y.flatten() * y.view(12), row, column * y[0, 0]])

    return function


CONSTANT = values(7, 3, 4)
MADE: dict[str, Callable[[tw.Tensor], tw.Tensor]] = {
    "new": lambda x: tw.zeros(3, 4, dtype=x.dtype),
    "constant * 1": lambda x: CONSTANT * 1,
    "constant, transposed in memory": lambda x: (CONSTANT * 1).t().clone().t(),
    "copied": lambda x: CONSTANT.clone(),
    "computed": lambda x: x * x,
    "detached": lambda x: x.detach() * 3,
    "of another": lambda x: tw.zeros_like(x),
    "converted": lambda x: CONSTANT.to(tw.float32).to(tw.float64),
    "joined": lambda x: tw.cat([CONSTANT[:1], CONSTANT[1:]]),
    "a part of another": lambda x: (tw.stack([CONSTANT, CONSTANT], -1) * 2)[..., 1],
    "a product": lambda x: tw.eye(3, dtype=x.dtype) @ CONSTANT,
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_inside_can_be_written(name: str) -> None:
    function, x, before = written_view(MADE[name]), values(8, 3, 4), CONSTANT.tolist()
    # What is detached is constant to derivatives, but not to differences.
    expected = differences(function, x) if name != "detached" else None
    found = jacfwd(function)(x)
    close(jacrev(function)(x), found)
    if expected is not None:
        close(found, expected, 1e-7)
    close(jvp(function, (x,), (x,))[1], (found.reshape(-1, 12) @ x.reshape(12, 1))[:, 0])
    second = jacfwd(jacrev(lambda v: (function(v) ** 2).sum()))
    close(jacrev(jacfwd(lambda v: (function(v) ** 2).sum()))(x), second(x), 1e-10)
    assert CONSTANT.tolist() == before


WRITES: dict[str, Callable[[tw.Tensor, tw.Tensor], object]] = {
    "mul_": lambda c, x: c.mul_(x),
    "copy_": lambda c, x: c.copy_(x),
    "item": lambda c, x: c.__setitem__(0, x[0]),
    "through a view": lambda c, x: c.view(-1).add_(x),
    "through a part": lambda c, x: c[1:].add_(x[1:]),
    "out": lambda c, x: tw.mul(x, 2, out=c),
    "fill_": lambda c, x: c.fill_(x[0]),
    "index_put_": lambda c, x: c.index_put_((tw.tensor([1]),), x[:1]),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("transform", [grad, jacfwd, jacrev, lambda f: jacfwd(grad(f)), lambda f: grad(grad(f))])
def test_dependent_values_stay_out_of_tensors_from_outside(
    name: str, transform: Callable[[Function], Function]
) -> None:
    constant = tw.ones(3, dtype=tw.float64)

    def function(x: tw.Tensor) -> tw.Tensor:
        WRITES[name](constant, x)
        return constant.sum()

    with pytest.raises(RuntimeError, match="from outside of the function; write into a tensor made inside"):
        transform(function)(values(0, 3))


def test_a_tensor_from_outside_takes_what_does_not_depend_on_the_inputs() -> None:
    count, mean = tw.zeros(()), tw.ones(3)

    def function(x: tw.Tensor) -> tw.Tensor:
        count.add_(1)
        mean.mul_(0.5).add_(tw.ones(3) * 2)
        mean[0] = tw.zeros(()) + 7
        return (x * x).sum()

    grad(function)(tw.ones(3))
    jvp(function, (tw.ones(3),), (tw.ones(3),))
    assert (count.item(), mean.tolist()) == (2.0, [7.0, 3.25, 3.25])


def test_inputs_may_share_a_tangent() -> None:
    direction = tw.ones(3)

    def function(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        x[1:].mul_(3)
        x.mul_(2)
        return x + y

    value, product = jvp(function, (tw.ones(3), tw.ones(3)), (direction, direction))
    assert value.tolist() == [3, 7, 7]
    assert product.tolist() == [3, 7, 7]
    assert direction.tolist() == [1, 1, 1]
    assert jvp(tw.mul, (direction, direction), (direction, direction))[1].tolist() == [2, 2, 2]


def test_only_some_inputs_have_a_batch_of_tangents() -> None:
    def function(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        z = y.clone()
        z[1:].mul_(x[1:])
        return z * z.sin()

    x, y = values(0, 3), values(1, 3)
    for first, second in zip(
        jacfwd(function, argnums=(0, 1))(x, y), jacrev(function, argnums=(0, 1))(x, y), strict=True
    ):
        close(first, second)


def test_writes_through_views_of_other_kinds() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        pairs = tw.zeros(4, 2, dtype=x.dtype) * 1
        numbers = tw.view_as_complex(pairs)
        numbers.mul_(2).add_(tw.complex(x, x * x))
        pairs[0].mul_(x[:2])
        numbers.imag.add_(1)
        return tw.cat([pairs.flatten(), tw.view_as_real(numbers * 1j).flatten()])

    x = values(3, 4)
    close(jacfwd(function)(x), differences(function, x), 1e-7)
    close(jacrev(function)(x), differences(function, x), 1e-7)


@pytest.mark.parametrize("name", ["transpose_", "unsqueeze_", "squeeze_", "t_"])
def test_shapes_changed_in_place(name: str) -> None:
    arguments = {"transpose_": (0, 1), "unsqueeze_": (1,), "squeeze_": (), "t_": ()}[name]

    def function(x: tw.Tensor) -> tw.Tensor:
        y = x * 2
        getattr(y, name)(*arguments)
        return y * tw.arange(y.numel(), dtype=y.dtype).reshape(y.shape)

    x = values(0, 3, 4)
    close(jacfwd(function)(x), differences(function, x), 1e-7)
    close(jacrev(function)(x), differences(function, x), 1e-7)
    for dim in (0, 2):
        batch = values(1, 2, 3, 2)
        rows = tw.stack([function(row) for row in batch.unbind(dim)])
        close(vmap(function, in_dims=dim)(batch), rows)
    close(vmap(jacfwd(function), in_dims=2)(batch)[1], jacfwd(function)(batch[:, :, 1]))
