"""Whole modules in files: what comes back computes the same, ties stay ties, and no code runs."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
from typing import Any

import pytest
import tensorwright as tw
from tensorwright import Tensor, nn, serialization
from tensorwright._object_reading import decode
from tensorwright.utils import hooks


class Net(nn.Module):
    """A module of a program, with what modules of programs have."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.body = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.Tanh())
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", tw.tensor(2.0))
        self.register_buffer("scratch", tw.zeros(3), persistent=False)
        self.absent: nn.Module | None = None
        self.options = {"kind": "tied", "rates": [0.1, 0.2]}
        self.act = nn.functional.gelu

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.head(self.body(self.embed(x)) * self.scale))


def again(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    tw.save(value, file)
    file.seek(0)
    return tw.load(file, **options)


def same_state(a: nn.Module, b: nn.Module) -> bool:
    one, two = a.state_dict(), b.state_dict()
    return list(one) == list(two) and all(one[name].equal(two[name]) for name in one)


def test_a_module_of_a_program() -> None:
    model = Net()
    model(tw.tensor([1, 2, 3]))
    model.eval()
    with serialization.safe_globals([Net]):
        loaded = again(model)
    assert type(loaded) is Net
    assert same_state(model, loaded)
    assert not loaded.training
    assert repr(loaded) == repr(model)
    x = tw.tensor([0, 5, 6])
    assert loaded(x).equal(model(x))
    assert loaded.head.weight is loaded.embed.weight
    assert isinstance(loaded.head.weight, nn.Parameter)
    assert "scratch" not in loaded.state_dict()
    assert loaded.scratch.shape == (3,)
    assert loaded.options == model.options
    assert loaded.act is nn.functional.gelu


def test_what_is_loaded_can_be_trained_and_saved_again() -> None:
    loaded = again(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)))
    before = [p.tolist() for p in loaded.parameters()]
    for p in loaded.parameters():
        with tw.no_grad():
            p.add_(1.0)
    assert [p.tolist() for p in loaded.parameters()] != before
    assert same_state(loaded, again(loaded))


def test_classes_of_a_program_need_permission() -> None:
    file = io.BytesIO()
    tw.save(Net(), file)
    file.seek(0)
    with pytest.raises(serialization.UnsafeFileError, match=r"add_safe_globals\(\[Net\]\), or load"):
        tw.load(file)
    file.seek(0)
    assert serialization.get_unsafe_globals_in_checkpoint(file) == [f"{__name__}.Net"]
    file.seek(0)
    assert type(tw.load(file, weights_only=False)) is Net


def test_the_tensors_have_the_names_of_the_state_dict() -> None:
    model, file = Net(), io.BytesIO()
    tw.save(model, file)
    file.seek(0)
    names = set(tw.load(file, lazy=True))
    assert names >= set(model.state_dict()) - {"head.weight"}  # which is the embedding's


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(3, 4, 2, bidirectional=True), nn.MultiheadAttention(8, 2), nn.Transformer(8, 2, 1, 1, 16),
        nn.ParameterList([nn.Parameter(tw.ones(2))]), nn.ModuleDict({"a": nn.Conv2d(1, 2, 3, padding="same")}),
        nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10]), nn.CrossEntropyLoss(weight=tw.ones(3)),
        nn.utils.spectral_norm(nn.Linear(3, 3)), nn.Hardtanh(-2, 2),
    ],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_layers(model: nn.Module) -> None:
    loaded = again(model)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert same_state(model, loaded)


def test_hooks_of_a_program_need_permission_and_lambdas_have_no_name() -> None:
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda *_: None)
    with pytest.raises(TypeError, match=r"_forward_hooks.* needs .*<lambda>, which has no name"):
        again(layer)


def test_hooks_added_later_do_not_take_the_place_of_loaded_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_ids", itertools.count(5))
    file = io.BytesIO()
    tw.save(nn.utils.spectral_norm(nn.Linear(2, 2)), file)
    file.seek(0)
    monkeypatch.setattr(hooks, "_ids", itertools.count())  # as in another process
    loaded = tw.load(file)
    for count in range(2, 12):
        loaded.register_forward_pre_hook(lambda *_: None)
        assert len(loaded._forward_pre_hooks) == count


def test_lazy_modules_have_nothing_to_save_yet() -> None:
    with pytest.raises(ValueError, match="has no shape and no data yet"):
        again(nn.LazyLinear(3))


def test_parametrized_modules_are_saved_by_their_state() -> None:
    layer = nn.Linear(2, 2)
    nn.utils.parametrizations.orthogonal(layer)
    with pytest.raises(TypeError, match="no name to be found by again"):
        again(layer)


def test_hostile_attributes_of_a_module_cannot_crash() -> None:
    entry = {"$kind": "entry", "number": 0}
    for registry in ("_modules", "_parameters", "_buffers", "_forward_hooks", "_backward_hooks", "training"):
        for value in (None, 3, "x", entry):
            model = loaded_from({registry: value})
            for use in (repr, nn.Module.state_dict, nn.Module.eval, lambda m: m(tw.ones(2))):
                with contextlib.suppress(Exception):
                    use(model)


def loaded_from(attributes: dict[str, Any]) -> Any:
    entry = {"$kind": "object", "class": "tensorwright.nn.Linear", "attributes": list(attributes.items())}
    text = json.dumps({"version": 1, "value": {"$kind": "entry", "number": 0}, "entries": [entry]})
    return decode(text, {}, of_the_program=False)
