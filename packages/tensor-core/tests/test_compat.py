"""``as_torch``: other people's imports, and what is left of them."""

from __future__ import annotations

import importlib
import sys
import types

import pytest
import tensorwright as tw
from tensorwright.compat import as_torch

THIRD_PARTY = """
import torch
import torch.linalg
from torch.special import erf

def double(x):
    return torch.add(x, x)
"""


def names() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "torch"]


def test_other_peoples_modules_import_it(tmp_path, monkeypatch):
    (tmp_path / "written_for_torch.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(tmp_path)
    with as_torch():
        module = importlib.import_module("written_for_torch")
    monkeypatch.delitem(sys.modules, "written_for_torch")
    assert module.torch.Tensor is tw.Tensor
    assert module.torch.linalg is tw.linalg
    assert module.erf is tw.special.erf
    assert module.double(tw.ones(1)).item() == 2.0


def test_nothing_is_left_behind():
    before = list(sys.meta_path)
    with as_torch():
        importlib.import_module("torch.linalg")
        assert sys.modules["torch.linalg"] is tw.linalg
    assert names() == []
    assert sys.meta_path == before
    assert tw.linalg.__name__ == tw.linalg.__spec__.name == "tensorwright.linalg"


def test_nothing_is_left_behind_after_an_error():
    with pytest.raises(ModuleNotFoundError), as_torch():
        importlib.import_module("torch.nonsense")
    assert names() == []


def test_an_imported_torch_is_hidden_only_inside(monkeypatch):
    real, part = types.ModuleType("torch"), types.ModuleType("torch.nn")
    monkeypatch.setitem(sys.modules, "torch", real)
    monkeypatch.setitem(sys.modules, "torch.nn", part)
    with as_torch(), as_torch():
        assert importlib.import_module("torch").Tensor is tw.Tensor
    assert importlib.import_module("torch") is real
    assert sys.modules["torch.nn"] is part


def test_contexts_nest():
    with as_torch():
        with as_torch():
            pass
        assert importlib.import_module("torch").Tensor is tw.Tensor
    assert names() == []


def test_the_version_is_that_of_the_names():
    with as_torch():
        torch = importlib.import_module("torch")
    assert torch.__version__ == "2.13.0"
    assert torch.__version__ != tw.__version__
    assert {"Tensor", "relu", "float32"} <= set(dir(torch))
    torch.of_its_own = 1
    assert not hasattr(tw, "of_its_own")
    with pytest.raises(AttributeError, match="nonsense"):
        _ = torch.nonsense


def test_importing_tensorwright_alone_shadows_nothing():
    assert names() == []


def test_a_part_that_is_not_there_is_named():
    with as_torch(), pytest.raises(ModuleNotFoundError, match=r"'torch.tensorrt': there is no tensorwright.tensorrt"):
        importlib.import_module("torch.tensorrt")
    assert names() == []


def test_a_part_that_is_not_installed_says_what_to_install(monkeypatch):
    def missing(name):
        if name == "tensorwright.nn":
            raise ModuleNotFoundError("tensorwright.nn is not installed", name="tensorwright-nn")
        return original(name)

    original = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", missing)
    with as_torch(), pytest.raises(ModuleNotFoundError, match="not installed"):
        __import__("torch.nn")


def test_there_is_no_accelerator():
    assert not tw.accelerator.is_available()
    assert tw.accelerator.device_count() == 0
    assert tw.accelerator.current_accelerator() is None
    assert not tw.cuda.is_available()
    assert tw.cuda.device_count() == 0
    tw.cuda.manual_seed_all(3)
    tw.cuda.empty_cache()
    with pytest.raises(RuntimeError, match="no CUDA device"):
        tw.cuda.synchronize()
    assert not tw.backends.cudnn.is_available()
    assert not tw.backends.mps.is_available()
    tw.backends.cudnn.deterministic = True
    tw.backends.cuda.matmul.allow_tf32 = True
