"""Custom functions inside of transforms, nested in every order: against the same functions in plain ops."""

from __future__ import annotations

import gc
import itertools
import random
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.func import grad, jacfwd, jacrev, jvp, vjp, vmap

Map = Callable[[tw.Tensor], tw.Tensor]


def tensor(*numbers: float) -> tw.Tensor:
    return tw.tensor(list(numbers), dtype=tw.float64)


class Cube(tw.autograd.Function):
    """Two outputs, a number among the arguments, a batching rule."""

    @staticmethod
    def forward(x: tw.Tensor, factor: float) -> tuple[tw.Tensor, tw.Tensor]:
        return x**3 * factor, x * 2

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, ctx.factor = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grads[0] * 3 * x**2 * ctx.factor + grads[1] * 2, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        (x,) = ctx.saved_tensors
        return tangents[0] * 3 * x**2 * ctx.factor, tangents[0] * 2

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return Cube.apply(*args), (in_dims[0], in_dims[0])


class Product(tw.autograd.Function):
    """A generated rule; keeps arguments, an output and an attribute."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: tw.Tensor, y: tw.Tensor) -> tw.Tensor:
        return x**2 * y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs)
        ctx.y = inputs[1]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x = ctx.saved_tensors[0]
        (g,) = grads
        return g * 2 * x * ctx.y if ctx.needs_input_grad[0] else None, g * x**2 if ctx.needs_input_grad[1] else None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        x, y = ctx.saved_tensors
        return tangents[0] * 2 * x * y + tangents[1] * x**2


class Sine(tw.autograd.Function):
    """A batching rule that moves the batch."""

    @staticmethod
    def forward(x: tw.Tensor, w: tw.Tensor) -> tw.Tensor:
        return (x * w).sin()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def vjp(ctx: Any, *grads: Any) -> Any:
        x, w = ctx.saved_tensors
        slope = grads[0] * (x * w).cos()
        return slope * w, slope * x

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        x, w = ctx.saved_tensors
        return (x * w).cos() * (tangents[0] * w + tangents[1] * x)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        front = [t.unsqueeze(0) if dim is None else t.movedim(dim, 0) for t, dim in zip(args, in_dims, strict=True)]
        return Sine.apply(*front), 0


CUSTOM = {"cube": Cube.apply, "product": Product.apply, "sine": Sine.apply}
PLAIN = {
    "cube": lambda x, factor: (x**3 * factor, x * 2),
    "product": lambda x, y: x**2 * y,
    "sine": lambda x, w: (x * w).sin(),
}
CONSTANT = tensor(0.3, 1.2, -0.7)

BASES: dict[str, Callable[[dict[str, Any]], Map]] = {
    "two outputs": lambda f: lambda x: f["cube"](x, 0.5)[0] * f["cube"](x, 0.5)[1],
    "two arguments": lambda f: lambda x: f["product"](x, x.cos()),
    "constant second": lambda f: lambda x: f["product"](x, CONSTANT),
    "constant first": lambda f: lambda x: f["product"](CONSTANT, x),
    "moved batch": lambda f: lambda x: f["sine"](x, CONSTANT),
    "chain": lambda f: lambda x: f["sine"](x.exp(), f["product"](x, x)),
    "net": lambda f: lambda x: f["cube"](f["sine"](x, x * 0.3), 1.5)[0] + f["product"](x, f["sine"](x, x)),
}


def flat(value: Any) -> tw.Tensor:
    return tw.cat([flat(item) for item in value]) if isinstance(value, (tuple, list)) else value.reshape(-1)


def value_and_product(f: Map, x: tw.Tensor) -> tw.Tensor:
    value, pull = vjp(f, x)
    return flat([value, pull(value.cos())[0]])


TRANSFORMS: dict[str, Callable[[Map], Map]] = {
    "grad": lambda f: lambda x: grad(lambda v: (f(v) ** 2).sum())(x),
    "jvp": lambda f: lambda x: flat(jvp(f, (x,), (x.cos(),))),
    "vjp": lambda f: lambda x: value_and_product(f, x),
    "jacrev": lambda f: lambda x: flat(jacrev(f)(x)),
    "jacfwd": lambda f: lambda x: flat(jacfwd(f)(x)),
    "vmap": lambda f: lambda x: flat(vmap(f)(tw.stack([x, x * 2, x.sin()]))),
    "vmap of columns": lambda f: lambda x: flat(vmap(f, in_dims=1, out_dims=1)(tw.stack([x, x * 2, x.sin()], 1))),
    "vmap inside": lambda f: lambda x: flat(vmap(lambda s: f(x * s))(tensor(1.0, 0.5))),
}
TRIPLES = random.Random(0).sample(list(itertools.product(TRANSFORMS, repeat=3)), 60)


@pytest.mark.parametrize("base", BASES)
def test_compositions_equal_those_of_plain_ops(base: str) -> None:
    x = tensor(0.4, -0.9, 1.1)
    for names in [*itertools.product(TRANSFORMS), *itertools.product(TRANSFORMS, repeat=2), *TRIPLES]:
        custom, plain = BASES[base](CUSTOM), BASES[base](PLAIN)
        for name in names:
            custom, plain = TRANSFORMS[name](custom), TRANSFORMS[name](plain)
        np.testing.assert_allclose(custom(x).numpy(), plain(x).numpy(), rtol=1e-9, atol=1e-11, err_msg=str(names))


class Marked(tw.autograd.Function):
    """Ten times the derivative that it should have: whoever uses another one is found out."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: tw.Tensor) -> tw.Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return 20 * ctx.saved_tensors[0] * grads[0]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return 20 * ctx.saved_tensors[0] * tangents[0]


def test_generated_rules_use_the_derivatives_that_users_wrote() -> None:
    x = tensor(1.0, 2.0, 3.0)
    batched = vmap(Marked.apply)
    assert batched(x).tolist() == [1, 4, 9]
    for slope in (
        vmap(grad(Marked.apply))(x),
        grad(lambda v: batched(v).sum())(x),
        jvp(batched, (x,), (tw.ones_like(x),))[1],
        jacrev(batched)(x).diagonal(),
        jacfwd(vmap(vmap(Marked.apply)))(x.reshape(3, 1)).reshape(3, 3).diagonal(),
    ):
        assert slope.tolist() == [20, 40, 60]
    leaf = x.clone().requires_grad_()
    batched(leaf).sum().backward()
    assert leaf.grad.tolist() == [20, 40, 60]
    assert grad(grad(lambda v: batched(v.expand(2)).sum()))(tensor(3.0)[0]).item() == 40


def test_a_gradient_of_what_all_entries_share_is_summed() -> None:
    weight = tensor(2.0)
    found = grad(lambda w: vmap(lambda row: Product.apply(row, w))(tensor(1.0, 2.0)[:, None]).sum())(weight)
    assert found.tolist() == [5.0]


def test_randomness_reaches_the_rule() -> None:
    seen: list[tuple[int, str]] = []

    class Noisy(tw.autograd.Function):
        @staticmethod
        def forward(x: tw.Tensor) -> tw.Tensor:
            return x.clone()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            seen.append((info.batch_size, info.randomness))
            return args[0], in_dims[0]

    class Drawn(tw.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: tw.Tensor) -> tw.Tensor:
            return x * tw.rand(())

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

    for randomness in ("same", "different"):
        vmap(Noisy.apply, randomness=randomness)(tw.ones(3))
        drawn = vmap(Drawn.apply, randomness=randomness)(tw.ones(3)).tolist()
        assert (len(set(drawn)) == 1) == (randomness == "same")
    assert seen == [(3, "same"), (3, "different")]
    with pytest.raises(RuntimeError, match="randomness='different'"):
        vmap(Drawn.apply)(tw.ones(3))


def test_what_a_generated_rule_cannot_do() -> None:
    class WithContext(tw.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(ctx: Any, x: tw.Tensor) -> tw.Tensor:
            return x

    class Writes(Marked):
        @staticmethod
        def forward(x: tw.Tensor) -> tw.Tensor:
            return x.mul_(2)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.mark_dirty(*inputs)

    with pytest.raises(RuntimeError, match="generate_vmap_rule needs setup_context"):
        vmap(WithContext.apply)(tw.ones(2))
    with pytest.raises(NotImplementedError, match="mark_dirty"):
        vmap(Writes.apply)(tw.ones(2))


def test_nothing_is_kept_by_a_generated_rule() -> None:
    seen: list[weakref.ref[Any]] = []

    class Watched(Product):
        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            Product.setup_context(ctx, inputs, output)
            seen.append(weakref.ref(ctx))

    x = tensor(1.0, 2.0).requires_grad_()
    result = vmap(lambda v: Watched.apply(v, v).sin())(x).sum()
    result.backward()
    del result
    gc.collect()
    assert seen
    assert all(reference() is None for reference in seen)
