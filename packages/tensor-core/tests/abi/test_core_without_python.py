"""The core runs in a process that has no Python: a C program opens it and calls ops."""

from __future__ import annotations

import subprocess
from pathlib import Path

from abi_layout import INCLUDE
from tensorwright import _C

PACKAGE = Path(_C.__file__).parent


def output_of(name: str, folder: Path) -> str:
    """What the C program prints that is given the core library."""
    program, source = folder / name, Path(__file__).parent / f"{name}.c"
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", str(source), "-o", str(program), "-ldl"],
        check=True,
    )
    done = subprocess.run([str(program), str(PACKAGE / "_lib" / "libtensorwright.so")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_c_program_calls_ops(tmp_path: Path) -> None:
    assert output_of("add", tmp_path) == "0.5 1.5 2.5 add: missing argument 'other'\n"


def test_an_allocator_of_the_program(tmp_path: Path) -> None:
    assert output_of("allocator", tmp_path) == "1 taken, 4000000 bytes\n1 given, 0 bytes\n"
