"""What a compiled function reads besides its arguments is looked at again before its graph runs."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import tensorwright as tw

SCALE = 2.0


def test_globals_closures_and_attributes_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    factor = 3.0

    class Scaler:
        def __init__(self) -> None:
            self.by = 5.0
            self.table = {"extra": 1.0}

        def scaled(self, x: tw.Tensor) -> tw.Tensor:
            return x * self.by + self.table["extra"]

    scaler = Scaler()

    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        return scaler.scaled(x) * factor * SCALE

    one = tw.ones(1)
    for _ in range(2):
        assert function(one).item() == 36.0
    monkeypatch.setitem(globals(), "SCALE", 10.0)
    assert function(one).item() == 180.0
    factor = 1.0
    assert function(one).item() == 60.0
    scaler.by = 0.0
    assert function(one).item() == 10.0
    scaler.table["extra"] = 2.0
    assert function(one).item() == 20.0
    assert len(function.graphs) == 5


def test_parameters_whose_data_is_exchanged_are_looked_at_again() -> None:
    class Model(tw.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tw.nn.Parameter(tw.ones(2, 3))

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return x @ self.weight.t() if self.weight.shape[0] == 2 else x.sum()

    model = Model()
    compiled = tw.compile(model)
    x = tw.ones(3)
    with tw.no_grad():
        for rows, shape in ((2, (2,)), (2, (2,)), (4, ()), (4, ()), (2, (2,))):
            model.weight.data = tw.ones(rows, 3)
            assert compiled(x).shape == shape
    assert len(compiled.graphs) == 2


def test_contents_of_lists_that_are_read_are_looked_at_again() -> None:
    factors = [2.0, 3.0]
    weights = {"a": tw.ones(2)}

    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        for factor in factors:
            x = x * factor
        return x * weights["a"]

    x = tw.ones(2)
    assert function(x).tolist() == [6.0, 6.0]
    assert function(x).tolist() == [6.0, 6.0]
    factors[1] = 5.0
    assert function(x).tolist() == [10.0, 10.0]
    weights["a"] = tw.zeros(2)
    assert function(x).tolist() == [0.0, 0.0]
    assert len(function.graphs) == 3


SETTINGS = SimpleNamespace(model=SimpleNamespace(scale=2.0, unused=0), names=["a", "b"])


def times_scale(x: tw.Tensor, settings: SimpleNamespace) -> tw.Tensor:
    return x * settings.scale + len(SETTINGS.names)


def test_attributes_of_objects_that_are_read_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        return times_scale(x, SETTINGS.model)

    x = tw.ones(1)
    assert [function(x).item() for _ in range(3)] == [4.0] * 3
    monkeypatch.setattr(SETTINGS.model, "unused", 1)
    assert function(x).item() == 4.0
    assert len(function.graphs) == 1
    monkeypatch.setattr(SETTINGS.model, "scale", 5.0)
    assert [function(x).item() for _ in range(3)] == [7.0] * 3
    monkeypatch.setattr(SETTINGS, "names", ["a"])
    assert function(x).item() == 6.0
    SETTINGS.names.append("b")
    assert function(x).item() == 7.0


def test_what_helpers_close_over_is_looked_at_again() -> None:
    state = {"by": 2.0}

    def scaled(function: Callable[[tw.Tensor], tw.Tensor]) -> Callable[[tw.Tensor], tw.Tensor]:
        return lambda x: function(x) * state["by"]

    helper = scaled(tw.relu)

    @tw.compile
    def function(x: tw.Tensor) -> tw.Tensor:
        return helper(x) + 1

    x = tw.ones(1)
    assert [function(x).item() for _ in range(3)] == [3.0] * 3
    state["by"] = 3.0
    assert [function(x).item() for _ in range(3)] == [4.0] * 3


class Holder:
    def __init__(self) -> None:
        self.first, self.second = 2.0, 3.0
        self.items = [1.0]
        self.table: dict[str, float] = {}

    def total(self, x: tw.Tensor) -> tw.Tensor:
        extra = sum(self.items) + sum(self.table.values()) + getattr(self, "third", 0.0)
        return x * self.first + self.second + extra


def test_environments_are_followed_object_by_object() -> None:
    holder = Holder()
    total = tw.compile(holder.total)
    x = tw.ones(1)

    def check() -> None:
        want = holder.total(x).item()
        assert [total(x).item() for _ in range(3)] == [want] * 3

    check()
    holder.first, holder.second = holder.second, holder.first  # the same objects at other places
    check()
    holder.items.append(5.0)
    check()
    holder.items[0] = 7.0
    check()
    holder.table["a"] = 1.5
    check()
    holder.third = 4.0  # type: ignore[attr-defined]
    check()
    del holder.third  # type: ignore[attr-defined]
    check()
    graphs = len(total.graphs)
    for _ in range(12):  # equal, but another object each time
        holder.first = float(str(holder.first))
        check()
    assert len(total.graphs) == graphs


def check(compiled: Callable[[tw.Tensor], tw.Tensor], function: Callable[[tw.Tensor], tw.Tensor]) -> None:
    """Recorded, found again and replayed: always what the function gives now."""
    x = tw.ones(1)
    want = function(x).item()
    assert [compiled(x).item() for _ in range(3)] == [want] * 3


class Defaults:
    width = 2.0
    sizes: ClassVar[list[float]] = [1.0]


class Layer(Defaults):
    bias = 0.5

    def shifted(self, x: tw.Tensor) -> tw.Tensor:
        return x * self.width + self.bias + sum(self.sizes)


def test_attributes_of_classes_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer()

    def function(x: tw.Tensor) -> tw.Tensor:
        return layer.shifted(x) + Defaults.width

    compiled = tw.compile(function)
    check(compiled, function)
    monkeypatch.setattr(Layer, "bias", 7.0)
    check(compiled, function)
    monkeypatch.setattr(Defaults, "width", 3.0)  # of a base
    check(compiled, function)
    monkeypatch.setattr(Defaults, "sizes", [4.0])
    check(compiled, function)
    Defaults.sizes.append(5.0)
    check(compiled, function)
    monkeypatch.setattr(Layer, "shifted", lambda self, x: x - self.width)  # a method
    check(compiled, function)
    assert len(compiled.graphs) == 6


@dataclasses.dataclass(slots=True)
class Slotted:
    by: float
    unused: float = 0.0


class Pair(tuple[Any, ...]):
    pass


def test_slots_and_kinds_of_containers_are_looked_at_again() -> None:
    slotted, table = Slotted(2.0), collections.OrderedDict(a=1.0)
    queue, pair = collections.deque([3.0]), Pair(([1.0],))

    def function(x: tw.Tensor) -> tw.Tensor:
        return x * slotted.by + sum(table.values()) + sum(queue) + sum(pair[0])

    compiled = tw.compile(function)
    check(compiled, function)
    slotted.unused = 1.0
    check(compiled, function)
    assert len(compiled.graphs) == 1
    slotted.by = 3.0
    check(compiled, function)
    table["a"] = 5.0
    check(compiled, function)
    queue.append(7.0)
    check(compiled, function)
    pair[0].append(9.0)
    check(compiled, function)
    assert len(compiled.graphs) == 5


def test_numbers_that_compare_as_equal_are_told_apart() -> None:
    numbers = {"by": 0.0}
    members = {1}

    def function(x: tw.Tensor) -> tw.Tensor:
        return x / numbers["by"] + sum(isinstance(member, bool) for member in members)

    compiled = tw.compile(function)
    check(compiled, function)
    numbers["by"] = -0.0
    check(compiled, function)
    members.clear()
    members.add(True)
    check(compiled, function)
    assert compiled(tw.ones(1)).item() == -math.inf
    graphs = len(compiled.graphs)
    for _ in range(3):  # no number equals NaN, and yet it is the one that it was
        numbers["by"] = float("nan")
        assert math.isnan(compiled(tw.ones(1)).item())
    assert len(compiled.graphs) == graphs + 1


def test_dicts_are_walked_in_their_order() -> None:
    terms = {"a": 2.0, "b": 3.0}

    def function(x: tw.Tensor) -> tw.Tensor:
        for term in terms.values():
            x = x * term + 1
        return x

    compiled = tw.compile(function)
    check(compiled, function)
    terms["a"] = terms.pop("a")
    check(compiled, function)
    assert len(compiled.graphs) == 2
