"""What happens when a part of tensorwright is asked for whose distribution is not installed."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
import tensorwright as tw
from tensorwright import _siblings

SENTENCE = "tensorwright.ghost is not installed; pip install tensorwright-ghost"


@pytest.fixture(autouse=True)
def _a_part_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_siblings.DISTRIBUTIONS, "ghost", "tensorwright-ghost")


@pytest.mark.parametrize("statement", ["import tensorwright.ghost", "from tensorwright import ghost"])
def test_importing_an_absent_part_says_what_to_install(statement: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"^{SENTENCE}$"):
        exec(statement, {})


def test_the_attribute_of_an_absent_part_is_an_attribute_error() -> None:
    assert not hasattr(tw, "ghost")
    with pytest.raises(AttributeError, match=f"^{SENTENCE}$"):
        _ = tw.ghost


def test_a_part_that_lacks_another_part_names_the_one_that_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_siblings.DISTRIBUTIONS, "medium", "tensorwright-medium")
    (tmp_path / "medium.py").write_text("import tensorwright.ghost\n")
    monkeypatch.setattr(tw, "__path__", [*tw.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match=f"^{SENTENCE}$"):
        _ = tw.medium


def test_an_unknown_name_is_a_plain_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'tensorwright' has no attribute 'nope'$"):
        _ = tw.nope


def test_the_parts_are_listed() -> None:
    assert set(_siblings.DISTRIBUTIONS) <= set(dir(tw))


def test_the_finder_is_installed_once() -> None:
    before = list(sys.meta_path)
    _siblings.install_finder()
    assert sys.meta_path == before


def test_module_that_a_part_brings_to_a_package_of_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_siblings.SUBMODULES, "utils.ghost", "tensorwright-ghost")
    with pytest.raises(
        ModuleNotFoundError, match=r"tensorwright\.utils\.ghost is not installed; pip install"
    ) as caught:
        import_module("tensorwright.utils.ghost")
    assert caught.value.name == "tensorwright-ghost"
    assert not hasattr(tw.utils, "ghost")
    with pytest.raises(AttributeError, match="tensorwright-ghost"):
        _ = tw.utils.ghost
    with pytest.raises(AttributeError, match=r"module 'tensorwright\.utils' has no attribute 'nothing'"):
        _ = tw.utils.nothing
