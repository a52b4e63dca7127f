"""The headers compile, without a warning, as every dialect a plugin may be written in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INCLUDE = Path(__file__).parents[2] / "include"
C_HEADERS = ("tw_abi.h", "tw_abi_device.h", "tw_abi_autograd.h", "tw_abi_jit.h", "tw_abi_profile.h", "tw_abi_kernels.h")
C_COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
CXX_COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]
STRICT = ("-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only")


def compiled(compiler: str, standard: str, language: str, source: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [compiler, f"-std={standard}", *STRICT, *flags, f"-I{INCLUDE}", "-x", language, "-"]
    return subprocess.run(command, input=source, text=True, capture_output=True, check=False)


@pytest.mark.parametrize("header", C_HEADERS)
@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
@pytest.mark.parametrize("compiler", C_COMPILERS)
def test_c(compiler: str, standard: str, header: str) -> None:
    result = compiled(compiler, standard, "c", f"#include <tensorwright/{header}>\nint main(void) {{ return 0; }}\n")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("header", C_HEADERS)
@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
@pytest.mark.parametrize("compiler", CXX_COMPILERS)
def test_cxx(compiler: str, standard: str, header: str) -> None:
    result = compiled(compiler, standard, "c++", f"#include <tensorwright/{header}>\nint main() {{ return 0; }}\n")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
@pytest.mark.parametrize("compiler", CXX_COMPILERS)
def test_helpers(compiler: str, standard: str) -> None:
    source = "#include <tensorwright/tw.hpp>\nnamespace tw { const tw_host* g_host; }\nint main() { return 0; }\n"
    result = compiled(compiler, standard, "c++", source)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("compiler", C_COMPILERS)
def test_a_target_beyond_the_header_is_refused(compiler: str) -> None:
    result = compiled(compiler, "c99", "c", "#include <tensorwright/tw_abi.h>\nint x;\n", "-DTW_ABI_TARGET_MINOR=99")
    assert "TW_ABI_TARGET_MINOR is newer than this header" in result.stderr
