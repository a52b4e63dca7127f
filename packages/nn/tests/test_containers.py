"""Sequential, ModuleList, ModuleDict behave as the containers whose names they bear."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import tensorwright as tw
from tensorwright import nn


def test_sequential_calls_in_order():
    model = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Identity())
    assert model(tw.tensor([[[-1.0], [2.0]]])).tolist() == [[0.0, 2.0]]


def test_sequential_from_names():
    model = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh()))
    assert [name for name, _ in model.named_children()] == ["first", "second"]
    assert isinstance(model.second, nn.Tanh)


def test_sequential_edits():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    model = nn.Sequential(a, b)
    model.append(c)
    assert list(model) == [a, b, c]
    assert model[-1] is c
    assert list(model[1:]) == [b, c]
    model.insert(0, c)
    assert list(model) == [c, a, b, c]
    del model[0]
    model[0] = b
    assert list(model) == [b, b, c]
    assert model.pop(2) is c
    assert len(model + nn.Sequential(a)) == 3
    with pytest.raises(IndexError, match="insert"):
        model.insert(9, a)


def test_module_list_is_a_list():
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    layers += [nn.Sigmoid()]
    assert [type(layer).__name__ for layer in layers] == ["ReLU", "Tanh", "Sigmoid"]
    assert isinstance(layers[-1], nn.Sigmoid)
    assert len(layers[:2]) == 2
    layers[0] = nn.Identity()
    del layers[1]
    assert [name for name, _ in layers.named_children()] == ["0", "1"]
    with pytest.raises(IndexError, match="out of range for 2 modules"):
        layers[2]


def test_none_keeps_the_place_of_a_module():
    layers = nn.ModuleList([nn.ReLU(), None, nn.Linear(1, 1)])
    first, second, third = layers
    assert (type(first), second, type(third)) == (nn.ReLU, None, nn.Linear)
    assert layers[1] is None
    assert len(layers[:2]) == len(list(layers[:2])) == 2
    assert list(layers.state_dict()) == ["2.weight", "2.bias"]
    assert "(1): None" in repr(layers)
    assert [name for name, _ in layers.named_children()] == ["0", "2"]
    layers.insert(0, None)
    assert list(layers.state_dict()) == ["3.weight", "3.bias"]
    heads = nn.ModuleDict({"a": None, "b": nn.ReLU()})
    assert heads["a"] is None
    assert [type(head) for head in heads.values()] == [type(None), nn.ReLU]
    with pytest.raises(TypeError, match="NoneType"):
        nn.Sequential(nn.ReLU(), None)(tw.ones(1))


def test_module_dict_is_a_dict():
    heads = nn.ModuleDict({"a": nn.ReLU()})
    heads["b"] = nn.Tanh()
    heads.update([("c", nn.Sigmoid())])
    assert list(heads) == ["a", "b", "c"]
    assert "b" in heads
    assert isinstance(heads.pop("b"), nn.Tanh)
    assert [type(layer).__name__ for layer in heads.values()] == ["ReLU", "Sigmoid"]
    heads.clear()
    assert len(heads) == 0


def test_sequential_is_added_and_repeated_like_a_list():
    a, b = nn.ReLU(), nn.Tanh()
    model = nn.Sequential(a, b)
    assert list(model * 2) == [a, b, a, b]
    assert list(3 * nn.Sequential(a)) == [a, a, a]
    assert list(model) == [a, b]
    model += nn.Sequential(a)
    assert list(model) == [a, b, a]
    model *= 2
    assert list(model) == [a, b, a] * 2
    with pytest.raises(ValueError, match="at least once, got 0"):
        model * 0
    with pytest.raises(TypeError, match="an int, got float"):
        model * 1.5
