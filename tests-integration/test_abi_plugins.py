"""A plugin in plain C99 does its work: built today, and as the library that was built when the ABI was released."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).with_name("plugins")
INCLUDE = Path(__file__).parents[1] / "packages" / "tensor-core" / "include"
STRICT = ("-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-O2", "-fvisibility=hidden")
FROZEN = sorted(PLUGINS.glob(f"*-{sys.platform}-{platform.machine()}.so"))


def check(library: Path) -> None:
    command = [sys.executable, str(PLUGINS / "check_toy_device.py"), str(library)]
    result = subprocess.run(command, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "ok\n"


@pytest.fixture(scope="module")
def toy_device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    library = tmp_path_factory.mktemp("plugin") / "toy_device.so"
    source = str(PLUGINS / "toy_device.c")
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", f"-I{INCLUDE}", source, "-o", str(library)], check=True)
    return library


def test_abi_plugin_of_today(toy_device: Path) -> None:
    check(toy_device)


@pytest.mark.parametrize("library", FROZEN, ids=lambda path: path.name)
def test_abi_plugin_of_an_earlier_release(library: Path) -> None:
    check(library)


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")
def test_abi_plugin_exports_one_symbol_and_imports_none_of_ours(toy_device: Path) -> None:
    listing = subprocess.run(["nm", "-D", str(toy_device)], text=True, capture_output=True, check=True).stdout
    rows = [line.split()[-2:] for line in listing.splitlines()]
    exported = {name for kind, name in rows if kind in "TDBR"}
    needed = {name.partition("@")[0] for kind, name in rows if kind == "U"}
    assert exported == {"tw_plugin_entry_1"}
    assert not {name for name in needed if name.startswith(("tw", "_Z", "Py"))}
