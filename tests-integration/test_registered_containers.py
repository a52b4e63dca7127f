"""Classes that a program registers as containers are taken apart by transforms and compiled functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tensorwright as tw
from tensorwright._tree import NODES
from tensorwright.utils._pytree import register_pytree_node


class State:
    def __init__(self, weight: tw.Tensor, bias: tw.Tensor, name: str) -> None:
        self.weight, self.bias, self.name = weight, bias, name

    def at(self, x: tw.Tensor) -> tw.Tensor:
        return (self.weight * x + self.bias).sum()


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register_pytree_node(State, lambda s: ([s.weight, s.bias], [s.name]), lambda items, names: State(*items, *names))
    yield
    del NODES[State]


def state() -> State:
    return State(tw.tensor([1.0, 2.0]), tw.tensor([3.0, 4.0]), "state")


def test_gradients_have_the_class_of_the_argument() -> None:
    x = tw.tensor([5.0, 6.0])
    gradient = tw.func.grad(lambda s: s.at(x))(state())
    assert (type(gradient), gradient.name) == (State, "state")
    assert gradient.weight.tolist() == [5.0, 6.0]
    assert gradient.bias.tolist() == [1.0, 1.0]


def test_batches_go_through_them() -> None:
    many = State(tw.arange(6.0).reshape(3, 2), tw.zeros(3, 2), "many")
    scaled = tw.vmap(lambda s: State(s.weight * 2, s.bias, s.name))(many)
    assert scaled.weight.tolist() == [[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]]


def test_compiled_functions_take_and_give_them() -> None:
    @tw.compile
    def step(s: State) -> dict[str, Any]:
        return {"new": State(s.weight + 1, s.bias * 2, s.name)}

    for _ in range(3):
        new = step(state())["new"]
        assert (new.weight.tolist(), new.bias.tolist(), new.name) == ([2.0, 3.0], [6.0, 8.0], "state")
    assert len(step.graphs) == 1
    renamed = state()
    renamed.name = "other"
    assert step(renamed)["new"].name == "other"


def test_archives_refuse_them(tmp_path: Any) -> None:
    exported = tw.export.export(lambda s: s.weight * s.bias, (state(),))
    with pytest.raises(TypeError, match="not State"):
        tw.export.save(exported, tmp_path / "state.twa")
