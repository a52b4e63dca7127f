"""The core runs in a process that has no Python: a C program opens it and calls ops."""

from __future__ import annotations

import subprocess
from pathlib import Path

from abi_layout import INCLUDE
from tensorwright import _C

PACKAGE = Path(_C.__file__).parent


def test_a_c_program_calls_ops(tmp_path: Path) -> None:
    program = tmp_path / "add"
    source = Path(__file__).parent / "add.c"
    subprocess.run(
        ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", str(source), "-o", str(program), "-ldl"],
        check=True,
    )
    done = subprocess.run([str(program), str(PACKAGE / "_lib" / "libtensorwright.so")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0.5 1.5 2.5 add: missing argument 'other'\n"
