"""Composite ops get their gradients from the ops that they are written in: a row each, first and second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorwright as tw
from samples import bools, fixed, ints, normal, start, uniform

F = tw.ops

ROWS: dict[str, tuple[Callable[..., Any], Callable[[], list[tw.Tensor]]]] = {
    # powers
    "pow number": (lambda x: x**3, lambda: [normal(3)]),
    "pow 2": (lambda x: x**2, lambda: [normal(3)]),
    "pow 0": (lambda x: x**0 + x, lambda: [normal(3)]),
    "pow fraction": (lambda x: x**0.5, lambda: [uniform(0.5, 2, 3)]),
    "number ** x": (lambda x: 2.0**x, lambda: [normal(3)]),
    "pow tensors": (lambda x, y: x**y, lambda: [uniform(0.5, 2, 3), normal(3)]),
    # shapes
    "reshape of a transposed": (lambda x: x.t().reshape(6), lambda: [normal(2, 3)]),
    "flatten": (lambda x: x.flatten(1), lambda: [normal(2, 3, 2)]),
    "stack": (lambda x, y: tw.stack([x, y], 1), lambda: [normal(3), normal(3)]),
    "hstack": (lambda x, y: tw.hstack([x, y]), lambda: [normal(2, 3), normal(2, 1)]),
    "vstack": (lambda x, y: tw.vstack([x, y]), lambda: [normal(3), normal(2, 3)]),
    "chunk": (lambda x: x.chunk(3)[1], lambda: [normal(7, 2)]),
    "repeat": (lambda x: x.repeat(2, 3), lambda: [normal(2, 2)]),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 0), lambda: [normal(2, 2)]),
    "tile": (lambda x: x.tile([2]), lambda: [normal(2, 2)]),
    "diag": (lambda x: tw.diag(x), lambda: [normal(3)]),
    "diag of a matrix": (lambda x: tw.diag(x), lambda: [normal(3, 3)]),
    "broadcast_to": (lambda x: tw.broadcast_to(x, [2, 3]), lambda: [normal(3)]),
    "contiguous": (lambda x: x.t().contiguous(), lambda: [normal(2, 3)]),
    "to float32 and back": (lambda x: (x.to(tw.float64) * 2).to(tw.float64), lambda: [normal(3)]),
    # indexing
    "x[1]": (lambda x: x[1], lambda: [normal(3, 4)]),
    "x[:, 1:3]": (lambda x: x[:, 1:3], lambda: [normal(3, 4)]),
    "x[..., None, 0]": (lambda x: x[..., None, 0], lambda: [normal(3, 4)]),
    "x[indices]": (lambda x: x[ints([2, 0, 2])], lambda: [normal(3, 4)]),
    "x[mask]": (lambda x: x[tw.tensor([True, False, True])], lambda: [normal(3, 4)]),
    "x[i, :, j]": (lambda x: x[ints([0, 1]), :, ints([1, 1])], lambda: [normal(2, 3, 2)]),
    "masked_select": (lambda x: x.masked_select(tw.tensor([True, False, True])), lambda: [normal(2, 3)]),
    "take": (lambda x: x.take(ints([0, 5, 0])), lambda: [normal(2, 3)]),
    "take_along_dim": (lambda x: x.take_along_dim(ints([[0], [2]]), 1), lambda: [normal(2, 3)]),
    "index_copy": (lambda x, y: x.index_copy(0, ints([1]), y), lambda: [normal(3, 2), normal(1, 2)]),
    "index_fill": (lambda x: x.index_fill(0, ints([1]), 2.0), lambda: [normal(3, 2)]),
    # statistics
    "mean": (lambda x: x.mean(), lambda: [normal(3, 4)]),
    "mean of dims": (lambda x: x.mean([0, 2], True), lambda: [normal(2, 3, 2)]),
    "var": (lambda x: x.var(1), lambda: [normal(3, 4)]),
    "std": (lambda x: x.std(0, correction=0), lambda: [normal(3, 4)]),
    "logsumexp": (lambda x: x.logsumexp(1), lambda: [normal(3, 4)]),
    "norm": (lambda x: x.norm(), lambda: [normal(3, 4)]),
    "norm 3": (lambda x: x.norm(3, [1]), lambda: [normal(3, 4)]),
    "normalize": (lambda x: F.normalize(x), lambda: [normal(3, 4)]),
    "max": (lambda x: x.max(), lambda: [normal(3, 4)]),
    "median": (lambda x: x.median(), lambda: [normal(5)]),
    "kthvalue": (lambda x: x.kthvalue(2)[0], lambda: [normal(2, 5)]),
    "cosine_similarity": (lambda x, y: F.cosine_similarity(x, y), lambda: [normal(2, 3), normal(2, 3)]),
    # linear algebra
    "matmul": (lambda x, y: x @ y, lambda: [normal(2, 3), normal(3, 2)]),
    "matmul of vectors": (lambda x, y: x @ y, lambda: [normal(3), normal(3)]),
    "matmul with a vector": (lambda x, y: x @ y, lambda: [normal(2, 2, 3), normal(3)]),
    "matmul in batches": (lambda x, y: x @ y, lambda: [normal(2, 1, 2, 3), normal(2, 3, 2)]),
    "outer": (lambda x, y: tw.outer(x, y), lambda: [normal(2), normal(3)]),
    "einsum": (lambda x, y: tw.einsum("bij,kj->bik", x, y), lambda: [normal(2, 2, 3), normal(2, 3)]),
    "einsum trace": (lambda x: tw.einsum("ii", x), lambda: [normal(3, 3)]),
    "tensordot": (lambda x, y: tw.tensordot(x, y, ([1], [0])), lambda: [normal(2, 3), normal(3, 2)]),
    # networks
    "conv1d": (lambda x, w: F.conv1d(x, w, padding=1), lambda: [normal(1, 2, 5), normal(2, 2, 3)]),
    "conv_transpose2d": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2),
        lambda: [normal(1, 2, 2, 2), normal(2, 1, 2, 2)],
    ),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), lambda: [normal(1, 2, 4, 4)]),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda: [normal(4, 2, 2), normal(2), normal(2)],
    ),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, [4], w, b), lambda: [normal(3, 4), normal(4), normal(4)]),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), lambda: [normal(2, 4, 2), normal(4), normal(4)]),
    "gelu": (lambda x: F.gelu(x), lambda: [normal(3, 4)]),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), lambda: [normal(3, 4)]),
    "clamp": (lambda x: x.clamp(-0.5, 0.9), lambda: [normal(3, 4)]),
    "clamp by tensors": (lambda x, y: x.clamp(min=y), lambda: [normal(3, 4), normal(4)]),
    "div rounded": (lambda x: tw.div(x, 0.7, rounding_mode="floor") + x, lambda: [normal(3)]),
    # losses
    "mse_loss": (lambda x, y: F.mse_loss(x, y), lambda: [normal(3, 4), normal(3, 4)]),
    "l1_loss": (lambda x, y: F.l1_loss(x, y, reduction="sum"), lambda: [normal(3, 4), normal(3, 4)]),
    "smooth_l1_loss": (lambda x, y: F.smooth_l1_loss(x, y, beta=0.5), lambda: [normal(3, 4), normal(3, 4)]),
    "huber_loss": (lambda x, y: F.huber_loss(x, y, delta=0.5), lambda: [normal(3, 4), normal(3, 4)]),
    "cross_entropy": (lambda x: F.cross_entropy(x, ints([1, 0, 3])), lambda: [normal(3, 4)]),
    "cross_entropy smoothed": (
        lambda x: F.cross_entropy(x, ints([1, 0, 3]), label_smoothing=0.1),
        lambda: [normal(3, 4)],
    ),
    "cross_entropy of images": (
        lambda x: F.cross_entropy(x, ints([[[0, 1], [2, 1]]]), reduction="none"),
        lambda: [normal(1, 3, 2, 2)],
    ),
    "binary_cross_entropy": (
        lambda x: F.binary_cross_entropy(x, bools(3).to(tw.float64)),
        lambda: [uniform(0.1, 0.9, 3)],
    ),
    "with logits": (
        lambda x, w: F.binary_cross_entropy_with_logits(x, tw.tensor([0.0, 1.0, 1.0], dtype=tw.float64), w),
        lambda: [normal(3), uniform(0.5, 1, 3)],
    ),
    "kl_div": (lambda x, y: F.kl_div(x, y), lambda: [normal(3, 4), uniform(0.1, 0.9, 3, 4)]),
    "dropout in evaluation": (lambda x: F.dropout(x, 0.5, False), lambda: [normal(3)]),
}
# Their second derivative is zero, or a distribution.
FIRST_ORDER_ONLY = {"binary_cross_entropy"}


@pytest.mark.parametrize("name", ROWS)
def test_gradient(name: str) -> None:
    function, inputs = ROWS[name]
    start(name)
    drawn = inputs()
    if name == "binary_cross_entropy":
        target = fixed(3).gt(1).to(tw.float64)
        function = lambda x: F.binary_cross_entropy(x, target)  # noqa: E731
    assert tw.autograd.gradcheck(function, drawn)
    if name not in FIRST_ORDER_ONLY:
        assert tw.autograd.gradgradcheck(function, drawn)


def test_dropout_scales_what_it_keeps() -> None:
    x = tw.ones(1000, requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    assert sorted(set(x.grad.tolist())) == pytest.approx([0.0, 1 / 0.75])


def test_running_statistics_may_change_before_backward() -> None:
    x = tw.randn(4, 3).requires_grad_()
    mean, var = tw.zeros(3), tw.ones(3)
    first = F.batch_norm(x, mean, var, training=True)
    F.batch_norm(x, mean, var, training=True)
    first.sum().backward()
    assert x.grad is not None
