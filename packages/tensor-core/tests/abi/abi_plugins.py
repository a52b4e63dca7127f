"""Plugins in C, compiled for a test."""

from __future__ import annotations

import subprocess
from pathlib import Path

INCLUDE = Path(__file__).parents[2] / "include"
STRICT = ("-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-O1", "-fvisibility=hidden")


def build(source: Path, library: Path, *flags: str) -> str:
    """Compile a plugin as strict C99 and return the library's path."""
    command = ["gcc", *STRICT, "-shared", "-fPIC", f"-I{INCLUDE}", *flags, str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return str(library)
