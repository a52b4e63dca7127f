"""Hooks on the gradients of modules: what they see, what they may change, when they run."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import Tensor, nn
from tensorwright.nn.modules import module as of_all


def linear() -> nn.Linear:
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": tw.tensor([[1.0, 2.0], [3.0, 4.0]]), "bias": tw.tensor([0.5, 0.5])})
    return layer


def lists(gradients: tuple[Tensor | None, ...]) -> list[Any]:
    return [None if gradient is None else gradient.tolist() for gradient in gradients]


def test_hooks_see_the_gradients_and_may_replace_them() -> None:
    seen: list[Any] = []

    def before(module: nn.Module, grad_output: Any) -> Any:
        seen.append(("before", lists(grad_output)))
        return (grad_output[0] * 2,)

    def after(module: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        seen.append(("after", lists(grad_input), lists(grad_output)))
        return grad_input[0] * 10

    layer = linear()
    layer.register_full_backward_pre_hook(before)
    layer.register_full_backward_hook(after)
    x = tw.tensor([[1.0, -1.0]], requires_grad=True)
    layer(x).sum().backward()
    assert seen == [("before", [[[1.0, 1.0]]]), ("after", [[[8.0, 12.0]]], [[[2.0, 2.0]]])]
    assert x.grad is not None
    assert x.grad.tolist() == [[80.0, 120.0]]
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[2.0, -2.0], [2.0, -2.0]]


def test_inputs_without_gradients() -> None:
    seen: list[Any] = []
    layer = linear()
    layer.register_full_backward_hook(lambda module, ins, outs: seen.append((lists(ins), lists(outs))))
    layer(tw.ones(1, 2)).sum().backward()
    assert seen == [([None], [[[1.0, 1.0]]])]
    with tw.no_grad():
        layer(tw.ones(1, 2))
    layer.eval()(tw.ones(1, 2))
    assert len(seen) == 1


class Several(nn.Module):
    def forward(self, a: Tensor, times: int, b: Tensor) -> tuple[Tensor, str, Tensor]:
        return a * times, "text", a + b


def test_places_without_gradients_are_none() -> None:
    seen: list[Any] = []
    module = Several()
    module.register_full_backward_hook(lambda module, ins, outs: seen.append((lists(ins), lists(outs))))
    a, b = tw.tensor([1.0], requires_grad=True), tw.tensor([2.0], requires_grad=True)
    first, text, _ = module(a, 3, b)
    first.backward()
    assert text == "text"
    assert seen.pop() == ([[3.0], None, None], [[1.0], None, None])
    assert b.grad is None
    first, _, third = module(a, 3, b)
    (first * 2 + third * 5).backward()
    assert seen.pop() == ([[11.0], None, [5.0]], [[2.0], None, [5.0]])
    assert a.grad is not None
    assert a.grad.tolist() == [14.0]


def test_order_and_removal() -> None:
    seen: list[str] = []
    layer = linear()
    first = layer.register_full_backward_hook(lambda *call: seen.append("first"))
    layer.register_full_backward_hook(lambda *call: seen.append("second"))
    layer.register_full_backward_hook(lambda *call: seen.append("zeroth"), prepend=True)
    layer.register_forward_hook(lambda module, args, output: output * 2)
    result = layer(tw.ones(1, 2))
    assert result.tolist() == [[7.0, 15.0]]
    result.sum().backward(retain_graph=True)
    assert seen == ["zeroth", "first", "second"]
    first.remove()
    copy.deepcopy(layer)(tw.ones(1, 2)).sum().backward()
    assert seen[3:] == ["zeroth", "second"]


def test_the_wrong_number_of_gradients() -> None:
    layer = linear()
    layer.register_full_backward_pre_hook(lambda module, grad_output: (None, None))
    with pytest.raises(RuntimeError, match="returned 2 gradients in place of 1 of grad_output"):
        layer(tw.ones(1, 2)).sum().backward()


def test_results_keep_their_type_and_may_be_written() -> None:
    layer = nn.Sequential(linear(), nn.ReLU(inplace=True))
    calls: list[int] = []
    layer[0].register_full_backward_hook(lambda module, ins, outs: calls.append(len(outs)))
    layer(tw.ones(1, 2)).sum().backward()
    assert calls == [1]

    class Lists(nn.Module):
        def forward(self, x: Tensor) -> list[Tensor]:
            return [x, x * 2]

    listed = Lists()
    listed.register_full_backward_hook(lambda module, ins, outs: calls.append(len(outs)))
    result = listed(tw.ones(1, requires_grad=True))
    assert type(result) is list
    (result[0] + result[1]).backward()
    assert calls == [1, 2]


def test_hooks_on_the_gradients_of_all_modules_come_first() -> None:
    seen: list[Any] = []
    model = nn.Sequential(linear(), nn.Tanh())
    model[0].register_full_backward_hook(lambda m, grad_input, grad_output: seen.append("own"))
    with (
        of_all.register_module_full_backward_pre_hook(lambda m, grad: seen.append(("before", type(m).__name__))),
        of_all.register_module_full_backward_hook(lambda m, into, out: seen.append(("after", type(m).__name__))),
    ):
        model(tw.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [
        ("before", "Sequential"), ("before", "Tanh"), ("after", "Tanh"), ("before", "Linear"), ("after", "Linear"),
        "own", ("after", "Sequential"),
    ]  # fmt: skip
    del seen[:]
    model(tw.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == ["own"]


def test_the_older_name_of_backward_hooks() -> None:
    seen: list[Any] = []
    layer = linear()
    with (
        layer.register_backward_hook(lambda m, into, out: seen.append(lists(out))),
        of_all.register_module_backward_hook(lambda m, into, out: seen.append(lists(into))),
    ):
        layer(tw.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [[[[4.0, 6.0]]], [[[1.0, 1.0]]]]
