"""Hooks on all modules at once: their order, what they may change, and that nothing of them is left."""

from __future__ import annotations

from typing import Any

import pytest
import tensorwright as tw
from tensorwright import nn
from tensorwright.nn.modules import module as of_all


def name(module: Any) -> str:
    return type(module).__name__


def test_hooks_on_calls_come_before_the_modules_own() -> None:
    seen: list[Any] = []
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    model.register_forward_pre_hook(lambda m, args: seen.append("own before"))
    model.register_forward_hook(lambda m, args, out: seen.append("own after"))
    with (
        of_all.register_module_forward_pre_hook(lambda m, args: seen.append(("before", name(m)))),
        of_all.register_module_forward_hook(lambda m, args, out: seen.append(("after", name(m)))),
    ):
        model(tw.ones(2))
    assert seen == [
        ("before", "Sequential"), "own before", ("before", "ReLU"), ("after", "ReLU"),
        ("before", "Tanh"), ("after", "Tanh"), ("after", "Sequential"), "own after",
    ]  # fmt: skip
    del seen[:]
    model(tw.ones(2))
    assert seen == ["own before", "own after"]


def test_one_of_two_hooks_may_go() -> None:
    seen: list[str] = []
    layer = nn.ReLU()
    first = of_all.register_module_forward_pre_hook(lambda m, args: seen.append("first"))
    second = of_all.register_module_forward_hook(lambda m, args, out: seen.append("second"))
    first.remove()
    layer(tw.ones(1))
    assert seen == ["second"]
    second.remove()
    second.remove()
    layer(tw.ones(1))
    assert seen == ["second"]


def test_hooks_on_calls_replace_arguments_and_results() -> None:
    with (
        of_all.register_module_forward_pre_hook(lambda m, args: (args[0] + 1,)),
        of_all.register_module_forward_hook(lambda m, args, kwargs, out: out * 10, with_kwargs=True),
    ):
        assert nn.ReLU()(tw.tensor([1.0])).tolist() == [20.0]
    assert nn.ReLU()(tw.tensor([1.0])).tolist() == [1.0]


def test_hooks_on_calls_may_watch_failures_whose_note_stays() -> None:
    seen: list[Any] = []
    with (
        of_all.register_module_forward_hook(lambda m, args, out: seen.append((name(m), out)), always_call=True),
        pytest.raises(ValueError, match="linear") as failed,
    ):
        nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3))(tw.ones(1, 2))
    assert seen[0][0] == "Linear"
    assert seen[1:] == [("Linear", None), ("Sequential", None)]
    assert "in 1 (Linear) of Sequential" in failed.value.__notes__[0]


class Registering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tw.ones(2))
        self.register_parameter("absent", None)
        self.register_parameter("other", nn.Parameter(tw.ones(3)))
        self.register_buffer("scale", tw.ones(1))
        self.child = nn.ReLU()
        self.add_module("second", nn.Tanh())


def test_hooks_on_registrations_see_each_and_may_replace_it() -> None:
    seen: list[Any] = []
    doubled = nn.Parameter(tw.full((2,), 2.0))

    def on_parameter(module: Any, attribute: str, parameter: Any) -> Any:
        seen.append(("parameter", attribute))
        return doubled if attribute == "weight" else None

    with (
        of_all.register_module_parameter_registration_hook(on_parameter),
        of_all.register_module_buffer_registration_hook(lambda m, n, b: seen.append(("buffer", n, b.shape))),
        of_all.register_module_module_registration_hook(lambda m, n, child: seen.append(("module", n, name(child)))),
    ):
        module = Registering()
        module.scale = tw.zeros(2)
    assert seen == [
        ("parameter", "weight"), ("parameter", "other"), ("buffer", "scale", (1,)), ("module", "child", "ReLU"),
        ("module", "second", "Tanh"), ("buffer", "scale", (2,)),
    ]  # fmt: skip
    assert module.weight is doubled
    Registering()
    assert len(seen) == 6
