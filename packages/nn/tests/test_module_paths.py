"""Modules under the paths where PyTorch has them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from tensorwright import nn
from tensorwright.nn import modules
from tensorwright.nn.modules.utils import _pair, consume_prefix_in_state_dict_if_present

ALIASES = {"NonDynamicallyQuantizableLinear": "Linear"}
FILES = [name for name in modules._FILES if name != "utils"]


@pytest.mark.parametrize("file", FILES)
def test_a_path_leads_to_the_class_itself(file: str) -> None:
    place = import_module(f"tensorwright.nn.modules.{file}")
    public = [name for name in vars(place) if name[0].isupper()]
    assert public
    for name in public:
        ours = ALIASES.get(name, name)
        assert getattr(place, name) is getattr(nn, ours)
        assert getattr(modules, ours) is getattr(nn, ours)


def test_every_module_has_a_path() -> None:
    found = {name for file in FILES for name in vars(import_module(f"tensorwright.nn.modules.{file}"))}
    classes = [name for name in modules.__all__ if isinstance(getattr(nn, name), type)]
    layers = {name for name in classes if issubclass(getattr(nn, name), nn.Module)}
    assert layers - found == {"DataParallel"}  # PyTorch has it in nn.parallel
    assert {"Conv2d", "MultiheadAttention", "LSTM", "CrossEntropyLoss"} <= found


def test_bases_are_those_of_the_layers() -> None:
    from tensorwright.nn.modules.batchnorm import _BatchNorm
    from tensorwright.nn.modules.conv import _ConvNd
    from tensorwright.nn.modules.loss import _Loss

    assert issubclass(nn.BatchNorm2d, _BatchNorm)
    assert not issubclass(nn.InstanceNorm2d, _BatchNorm)
    assert issubclass(nn.ConvTranspose1d, _ConvNd)
    assert issubclass(nn.CrossEntropyLoss, _Loss)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Conv9d'"):
        modules.Conv9d  # noqa: B018
    with pytest.raises(ModuleNotFoundError):
        import_module("tensorwright.nn.modules.nothing")


def test_prefixes_are_taken_off_in_place() -> None:
    state = nn.Sequential(nn.Linear(2, 2)).state_dict()
    consume_prefix_in_state_dict_if_present(state, "0.")
    assert sorted(state) == ["bias", "weight"]
    assert _pair(3) == (3, 3)
    assert _pair([1, 2]) == (1, 2)


def test_paths_cost_nothing_until_they_are_used() -> None:
    code = "import sys, tensorwright.nn; print('tensorwright.nn.modules' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True).stdout == "False\n"
