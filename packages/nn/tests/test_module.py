"""The module tree: registration, traversal, hooks, state, modes, text. Runs without autograd too."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import Tensor, nn


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.scale = nn.Parameter(tw.full((4,), 2.0))
        self.register_buffer("steps", tw.tensor(7))
        self.register_buffer("scratch", tw.zeros(2), persistent=False)

    def forward(self, x: tw.Tensor) -> tw.Tensor:
        return self.second(self.first(x)) * self.scale


def test_members_are_found_by_dotted_name_in_order_of_definition():
    block = Block()
    names = ["scale", "first.weight", "first.bias", "second.0.weight", "second.0.bias"]
    assert [name for name, _ in block.named_parameters()] == names
    assert [name for name, _ in block.named_buffers()] == ["steps", "scratch"]
    assert [name for name, _ in block.named_modules()] == ["", "first", "second", "second.0", "second.1"]
    assert [name for name, _ in block.named_children()] == ["first", "second"]
    assert block.get_submodule("second.0") is block.second[0]
    assert block.get_parameter("second.0.bias") is block.second[0].bias
    assert block.get_buffer("steps").item() == 7


def test_a_shared_parameter_is_given_once():
    pair = nn.ModuleList([nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)])
    pair[1].weight = pair[0].weight
    assert len(list(pair.parameters())) == 1
    assert len(list(pair.named_parameters(remove_duplicate=False))) == 2
    assert sorted(pair.state_dict()) == ["0.weight", "1.weight"]


def test_a_module_shared_by_two_parents_is_visited_once():
    layer = nn.Linear(2, 2)
    both = nn.Sequential(layer, layer)
    assert len(list(both.modules())) == 2
    assert len(both.state_dict()) == 4


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (lambda m: m.register_parameter("a.b", None), KeyError, "without dots"),
        (lambda m: m.register_parameter("", None), KeyError, "non-empty"),
        (lambda m: m.register_parameter("w", tw.ones(1)), TypeError, "must be a Parameter"),
        (lambda m: m.register_buffer("first", tw.ones(1)), KeyError, "already has an attribute 'first'"),
        (lambda m: m.register_buffer("b", 3), TypeError, "must be a Tensor or None, got int"),
        (lambda m: m.add_module("x", 3), TypeError, "must be a Module or None, got int"),
        (lambda m: setattr(m, "scale", tw.ones(4)), TypeError, "registered parameter"),
        (lambda m: setattr(m, "first", 3), TypeError, "registered module"),
        (lambda m: m.get_submodule("second.9"), AttributeError, "no module '9'"),
        (lambda m: m.get_parameter("first.nope"), AttributeError, "no parameter 'nope'"),
        (lambda m: m.nope, AttributeError, "has no attribute 'nope'"),
        (lambda m: m.train("yes"), ValueError, "must be a bool, got str"),
        (lambda m: m.to(tw.int64), TypeError, "floating point"),
        (lambda m: m.load_state_dict(3), TypeError, "mapping"),
        (lambda m: nn.Module()(1), NotImplementedError, "defines no forward"),
    ],
)
def test_misuse_is_told(action, error, words):
    with pytest.raises(error, match=words):
        action(Block())


def test_assigning_before_init_is_told():
    class Early(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Early()


def test_assignment_moves_a_name_between_registries():
    module = nn.Module()
    module.x = 3
    module.x = nn.Parameter(tw.ones(1))
    assert "x" not in module.__dict__
    module.x = None
    assert module.x is None
    del module.x
    assert not hasattr(module, "x")


def test_hooks_run_in_order_change_values_and_can_be_removed():
    layer, calls = nn.ReLU(), []
    layer.register_forward_pre_hook(lambda m, args: calls.append("before"))
    layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,), prepend=True)
    handle = layer.register_forward_hook(lambda m, args, out: out * 10)
    assert layer(tw.tensor([1.0])).tolist() == [20.0]
    handle.remove()
    assert layer(tw.tensor([1.0])).tolist() == [2.0]
    with layer.register_forward_hook(lambda m, args, kwargs, out: out * 3, with_kwargs=True):
        assert layer(tw.tensor([1.0])).tolist() == [6.0]
    assert layer(tw.tensor([1.0])).tolist() == [2.0]
    assert calls == ["before"] * 4


def test_a_hook_may_watch_calls_that_fail():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="linear"):
        layer(tw.ones(3))
    assert seen == [None]


def test_state_dict_names_and_shares_memory():
    block = Block()
    state = block.state_dict()
    names = ["scale", "steps", "first.weight", "first.bias", "second.0.weight", "second.0.bias"]
    assert list(state) == names
    state["scale"].fill_(5.0)
    assert block.scale.tolist() == [5.0] * 4


def test_load_state_dict_copies_values():
    one, other = Block(), Block()
    result = other.load_state_dict(one.state_dict())
    assert result == ([], [])
    x = tw.randn(5, 3)
    assert one(x).tolist() == other(x).tolist()
    assert one.scale.data_ptr() != other.scale.data_ptr()


@pytest.mark.parametrize("assign", [False, True])
def test_load_state_dict_takes_numbers_with_a_dimension(assign):
    layer = nn.BatchNorm1d(2)
    state = layer.state_dict() | {"num_batches_tracked": tw.tensor([7])}
    layer.load_state_dict(state, assign=assign)
    assert layer.num_batches_tracked.shape == ()
    assert layer.num_batches_tracked.item() == 7
    with pytest.raises(RuntimeError, match="num_batches_tracked: the module has shape"):
        layer.load_state_dict(layer.state_dict() | {"num_batches_tracked": tw.tensor([7, 7])})
    with pytest.raises(RuntimeError, match=r"weight: the module has shape \[2\], the state \[1\]"):
        layer.load_state_dict(layer.state_dict() | {"weight": tw.ones(1)})


def test_load_state_dict_lists_every_difference_and_changes_nothing():
    block = Block()
    state = block.state_dict()
    del state["first.bias"]
    state["extra"] = tw.ones(1)
    state["scale"] = tw.ones(5)
    state["steps"] = 3
    state["second.0.bias"] = tw.full((4,), 9.0)
    with pytest.raises(RuntimeError) as caught:
        block.load_state_dict(state)
    text = str(caught.value)
    assert "missing: first.bias" in text
    assert "unexpected: extra" in text
    assert "scale: the module has shape [4], the state [5]" in text
    assert "steps: expected a Tensor, got int" in text
    assert block.second[0].bias.tolist() != [9.0] * 4


def test_load_state_dict_not_strict_returns_the_differences():
    state = Block().state_dict()
    del state["first.bias"]
    state["extra"] = tw.ones(1)
    assert Block().load_state_dict(state, strict=False) == (["first.bias"], ["extra"])


def test_load_state_dict_assign_takes_the_tensors_over():
    layer = nn.Linear(2, 2)
    state = {"weight": tw.ones(2, 2, dtype=tw.float64), "bias": tw.zeros(2, dtype=tw.float64)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight.dtype == tw.float64
    assert layer.weight.data_ptr() == state["weight"].data_ptr()


def test_state_survives_a_file(tmp_path):
    one, other = Block(), Block()
    tw.save(one.state_dict(), tmp_path / "block.safetensors")
    other.load_state_dict(tw.load(tmp_path / "block.safetensors"))
    assert all(a.tolist() == b.tolist() for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_state_dict_hooks():
    block = Block()
    block.register_state_dict_post_hook(lambda m, state, prefix, meta: state.pop("steps"))
    block.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    assert "steps" not in block.state_dict()
    assert block.load_state_dict(block.state_dict(), strict=False).missing_keys == []


def test_train_eval_and_apply_reach_all_modules():
    block, seen = Block(), []
    assert block.eval() is block
    assert not any(module.training for module in block.modules())
    block.train()
    assert all(module.training for module in block.modules())
    block.apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "Linear", "ReLU", "Sequential", "Block"]


def test_to_converts_floating_members_only():
    block = Block()
    weight = block.first.weight
    block.to(tw.float64)
    assert block.first.weight is weight
    assert weight.dtype == tw.float64
    assert block.scratch.dtype == tw.float64
    assert block.steps.dtype == tw.int64
    assert block.half().scale.dtype == tw.float16
    assert block.bfloat16().scale.dtype == tw.bfloat16
    assert block.float().scale.dtype == tw.float32


def test_repr_shows_the_tree():
    assert repr(nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU())) == (
        "Sequential(\n  (0): Linear(in_features=3, out_features=4, bias=False)\n  (1): ReLU()\n)"
    )
    assert repr(nn.Dropout(0.25)) == "Dropout(p=0.25, inplace=False)"
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_repr_shows_equal_neighbours_of_a_list_once():
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 2), nn.ReLU()])
    assert repr(layers) == (
        "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Linear(in_features=1, out_features=2, bias=True)\n  (3): ReLU()\n)"
    )


def test_deepcopy_and_pickle_are_independent():
    block = Block()
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert isinstance(twin.scale, nn.Parameter)
        twin.scale.data.fill_(0.0)
        assert block.scale.tolist() == [2.0] * 4
        assert twin.first.weight.tolist() == block.first.weight.tolist()


def test_parameters_of_an_inference_host_are_inert():
    if nn._parameter.AUTOGRAD_IS_INSTALLED:
        pytest.skip("autograd is installed: parameters record operations")
    layer = nn.Linear(2, 2)
    assert layer.weight.requires_grad is False
    assert layer.weight.grad is None
    layer.zero_grad()


# ---- public names ----------------------------------------------------------------------------------------


def test_every_name_of_the_stub_is_there() -> None:
    assert len(nn.__all__) > 170
    for name in nn.__all__:
        assert getattr(nn, name).__name__.endswith(name), name
    assert {"Linear", "functional", "summary"} <= set(dir(nn))


def test_names_load_when_they_are_first_used() -> None:
    code = "import sys, tensorwright.nn as nn; print('tensorwright.nn._conv' in sys.modules); nn.Conv2d; "
    code += "print('tensorwright.nn._conv' in sys.modules, nn.Conv2d is nn._conv.Conv2d)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False", "True", "True"]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match=r"module 'tensorwright\.nn' has no attribute 'Linera'"):
        nn.Linera  # noqa: B018


# ---- state beside tensors, and hooks on states ---------------------------------------------------------------


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tw.zeros(1))
        self.count = 5

    def get_extra_state(self) -> dict[str, int]:
        return {"count": self.count}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.count = state["count"]


def test_extra_state() -> None:
    model = nn.Sequential(Counting())
    state = model.state_dict()
    assert list(state) == ["0.weight", "0._extra_state"]
    state["0._extra_state"] = {"count": 9}
    assert repr(model.load_state_dict(state)) == "<All keys matched successfully>"
    assert model[0].count == 9
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r"missing: 0\._extra_state"):
        model.load_state_dict(state)
    assert model.load_state_dict(state, strict=False).missing_keys == ["0._extra_state"]
    with pytest.raises(RuntimeError, match=r"unexpected: _extra_state"):
        nn.ReLU().load_state_dict({"_extra_state": 1})


def test_hooks_before_loading_see_a_copy_of_the_state() -> None:
    def rename(module: nn.Module, state: dict[str, Tensor], prefix: str, *found: object) -> None:
        if prefix + "old" in state:
            state[prefix + "weight"] = state.pop(prefix + "old")

    def refuse(module: nn.Module, state: dict[str, Tensor], prefix: str, *found: Any) -> None:
        found[-1].append(f"{prefix} is too old")

    model = nn.Sequential(nn.Linear(1, 1))
    handle = model[0].register_load_state_dict_pre_hook(rename)
    state = {"0.old": tw.ones(1, 1), "0.bias": tw.ones(1)}
    model.load_state_dict(state)
    assert model[0].weight.tolist() == [[1.0]]
    assert sorted(state) == ["0.bias", "0.old"]
    handle.remove()
    model[0].register_load_state_dict_pre_hook(refuse)
    with pytest.raises(RuntimeError, match=r"0\. is too old"):
        model.load_state_dict(model.state_dict())


def test_set_submodule() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    model.set_submodule("1.0", nn.Tanh(), strict=True)
    assert type(model.get_submodule("1.0")) is nn.Tanh
    with pytest.raises(AttributeError, match="has no module '7'"):
        model.set_submodule("1.7", nn.Tanh(), strict=True)
    with pytest.raises(TypeError, match="expected a Module, got int"):
        model.set_submodule("1.0", 3)  # type: ignore[arg-type]


def test_to_empty_gives_members_of_meta_modules_memory() -> None:
    layer = nn.BatchNorm1d(3, device="meta").to_empty(device="cpu")
    assert all(str(t.device) == "cpu" for t in (*layer.parameters(), *layer.buffers()))
    assert layer.weight.requires_grad is nn.BatchNorm1d(3).weight.requires_grad
    outer = nn.Sequential(nn.Linear(1, 1, device="meta"))
    assert str(outer.to_empty(device="cpu", recurse=False)[0].weight.device) == "meta"


def test_hooks_on_gradients_change_no_value() -> None:
    layer = nn.Linear(2, 3)
    x = tw.ones(1, 2)
    expected = layer(x)
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    layer.register_full_backward_pre_hook(lambda module, grad_output: None)
    assert (layer(x) == expected).all()
