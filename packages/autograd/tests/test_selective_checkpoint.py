"""Checkpoints that keep the results of chosen ops: what runs again, values, refusals, memory."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorwright as tw
from tensorwright.utils.checkpoint import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    checkpoint,
    create_selective_checkpoint_contexts,
)

WEIGHT = tw.tensor(np.random.default_rng(0).standard_normal((3, 3)), requires_grad=True)


def layers(x: tw.Tensor) -> tw.Tensor:
    for _ in range(3):
        x = (x @ WEIGHT).tanh()
        largest, _ = x.sort(dim=-1, descending=True)
        x = x.exp() + largest
    return x


def inputs(seed: int = 1) -> tw.Tensor:
    return tw.tensor(np.random.default_rng(seed).standard_normal((2, 3)), requires_grad=True)


def keeping(*listed: Any) -> Callable[[], Any]:
    return partial(create_selective_checkpoint_contexts, list(listed))


def ops_of(run: Callable[[], object]) -> Counter[str]:
    with tw.profiler.profile() as recorder:
        run()
    return Counter(event.name for event in recorder.events() if event.kind == "cpu_op")


@pytest.mark.parametrize("listed", [(), (tw.mm,), ("exp",), ("tw::mm", tw.ops.get("tw::tanh"), tw.sort), ("add", "mm")])
def test_gradients_are_the_same(listed: tuple[Any, ...]) -> None:
    x = inputs()
    expected = tw.autograd.grad((layers(x) ** 2).sum(), (x, WEIGHT))
    y = checkpoint(layers, x, context_fn=keeping(*listed))
    assert y.tolist() == layers(x).tolist()
    for _ in range(2):  # a graph that is kept is recomputed for each pass
        found = tw.autograd.grad((y**2).sum(), (x, WEIGHT), retain_graph=True)
        assert [grad.tolist() for grad in found] == [grad.tolist() for grad in expected]
    first = tw.autograd.grad((y**2).sum(), x, create_graph=True)[0]
    plain = tw.autograd.grad((layers(x) ** 2).sum(), x, create_graph=True)[0]
    second, again = tw.autograd.grad(first.sum(), x)[0], tw.autograd.grad(plain.sum(), x)[0]
    np.testing.assert_allclose(second.numpy(), again.numpy(), rtol=1e-12)


def test_what_is_kept_does_not_run_again() -> None:
    x = inputs()
    backward_alone = ops_of(layers(x).sum().backward)
    for kept in ("tw::mm", "tw::tanh", "tw::sort"):
        ran = ops_of(checkpoint(layers, x, context_fn=keeping(kept)).sum().backward)
        for name in ("tw::mm", "tw::tanh", "tw::sort"):
            assert ran[name] == backward_alone[name] + (0 if name == kept else 3)


def test_policies_see_context_and_arguments() -> None:
    seen: list[tuple[bool, str, int]] = []

    def policy(ctx: SelectiveCheckpointContext, op: Any, *args: Any) -> CheckpointPolicy:
        seen.append((ctx.is_recompute, op.name, len(args)))
        wide = op is policy_op and args[0].shape[0] > 2
        return CheckpointPolicy.PREFER_SAVE if wide else CheckpointPolicy.MUST_RECOMPUTE

    policy_op = tw.ops.get("tw::mm")

    def by_name(ctx: SelectiveCheckpointContext, op: Any, *args: Any) -> CheckpointPolicy:
        nonlocal policy_op
        policy_op = op if op.name == "tw::mm" else policy_op
        return policy(ctx, op, *args)

    x = inputs()

    def function(x: tw.Tensor) -> tw.Tensor:
        return (WEIGHT @ x.T).exp().T @ (x.T @ x)

    y = checkpoint(function, x, context_fn=partial(create_selective_checkpoint_contexts, by_name))
    (grad,) = tw.autograd.grad(y.sum(), x)
    assert grad.tolist() == tw.autograd.grad(function(x).sum(), x)[0].tolist()
    assert [entry for entry in seen if not entry[0]] == [
        (False, "tw::mm", 2), (False, "tw::exp", 1), (False, "tw::mm", 2), (False, "tw::mm", 2),
    ]  # fmt: skip
    assert (True, "tw::mm", 2) in seen


def test_random_numbers_and_writes_run_again() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        y = (x @ WEIGHT) * tw.rand(2, 3, dtype=x.dtype)
        y = tw.dropout(y, 0.5, True)
        y.mul_(x)
        return y.view(-1).exp()

    x = inputs()

    def everything(ctx: SelectiveCheckpointContext, op: Any, *args: Any) -> CheckpointPolicy:
        return CheckpointPolicy.MUST_SAVE

    results = []
    for context in (None, partial(create_selective_checkpoint_contexts, everything, allow_cache_entry_mutation=True)):
        tw.manual_seed(3)
        y = function(x) if context is None else checkpoint(function, x, context_fn=context)
        results.append((y.tolist(), tw.autograd.grad(y.sum(), x)[0].tolist(), tw.rand(1).tolist()))
    assert results[0] == results[1]


def test_a_kept_result_must_stay_as_it_is() -> None:
    def function(x: tw.Tensor) -> tw.Tensor:
        y = x @ WEIGHT
        z = y.exp()
        y.detach().zero_()
        return z.sin()

    y = checkpoint(function, inputs(), context_fn=keeping("mm"))
    with pytest.raises(RuntimeError, match=r"a result of tw::mm that was kept .* was modified in place"):
        y.sum().backward()


def test_a_policy_decides_alike_in_both_runs() -> None:
    def fickle(ctx: SelectiveCheckpointContext, op: Any, *args: Any) -> CheckpointPolicy:
        return CheckpointPolicy.MUST_SAVE if ctx.is_recompute else CheckpointPolicy.MUST_RECOMPUTE

    y = checkpoint(layers, inputs(), context_fn=partial(create_selective_checkpoint_contexts, fickle))
    with pytest.raises(RuntimeError, match="must decide alike in both"):
        y.sum().backward()
    with pytest.raises(TypeError, match="must return a CheckpointPolicy, it returned True for tw::mm"):
        checkpoint(layers, inputs(), context_fn=partial(create_selective_checkpoint_contexts, lambda *_: True))
    assert tw.ones(2).exp().shape == (2,)  # nobody is asked any more


@pytest.mark.parametrize(
    ("item", "error", "text"),
    [
        (tw.matmul, ValueError, "tw::matmul is written in other ops"),
        ("view", ValueError, "tw::view makes a view"),
        ("tw::bernoulli", ValueError, "tw::bernoulli draws random numbers"),
        ("nothing", LookupError, "nothing"),
    ],
)
def test_ops_that_cannot_be_kept(item: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        create_selective_checkpoint_contexts([item])


def test_checkpoints_inside_of_checkpoints() -> None:
    def inner(x: tw.Tensor) -> tw.Tensor:
        return checkpoint(layers, x, context_fn=keeping("mm"))

    x = inputs()
    y = checkpoint(lambda x: inner(x).sin() @ WEIGHT, x, context_fn=keeping("exp", "mm"))
    expected = layers(x).sin() @ WEIGHT
    assert tw.autograd.grad(y.sum(), x)[0].tolist() == tw.autograd.grad(expected.sum(), x)[0].tolist()


def test_nothing_is_kept_longer_than_the_graph() -> None:
    seen: list[weakref.ref[tw.Tensor]] = []

    def policy(ctx: SelectiveCheckpointContext, op: Any, *args: Any) -> CheckpointPolicy:
        return CheckpointPolicy.MUST_SAVE

    contexts: list[weakref.ref[Any]] = []

    def make() -> Any:
        made = create_selective_checkpoint_contexts(policy)
        contexts.extend(weakref.ref(context) for context in made)
        return made

    x = inputs()
    checkpoint(layers, x, context_fn=make).sum().backward()
    dropped = checkpoint(layers, x, context_fn=make)
    del dropped
    gc.collect()
    assert all(reference() is None for reference in [*seen, *contexts])
