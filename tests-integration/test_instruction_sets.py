"""Code compiled for AVX2 or AVX-512 must not leak into what runs on a machine without them.

The linker keeps one copy of an inline function or template that several objects define. If one of them was compiled
for AVX-512, that copy may be the one every caller gets. So a kernel object may share no such symbol: each must carry
the name of its instruction set.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

OTHERS = ["optim"]  # packages with kernels of their own; their build folders lie beside the core's
SHARED = {"W", "V", "u"}  # symbol types of which the linker keeps one: weak, weak object, unique


def object_files(isa: str) -> list[Path]:
    folder = os.environ.get("TENSORWRIGHT_BUILD", "")
    if not folder:
        pytest.skip("needs the build folder: run `nox -s integration`")
    core = Path(folder)
    folders = [core, *(core.with_name(core.name.replace("tensor-core", name)) for name in OTHERS)]
    return [path for each in folders for path in sorted(each.glob(f"CMakeFiles/*_{isa}.dir/**/*.o"))]


def shared_symbols(objects: list[Path]) -> set[str]:
    listing = subprocess.run(
        ["nm", "-C", "--defined-only", *objects], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=2) for line in listing.splitlines()]
    return {row[2] for row in rows if len(row) == 3 and row[1] in SHARED}


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_kernels_share_no_code_with_the_baseline(isa: str) -> None:
    objects = object_files(isa)
    if not objects:
        pytest.skip(f"this machine's kernels are not compiled for {isa}")
    leaks = sorted(name for name in shared_symbols(objects) if isa not in name)
    assert not leaks, f"compiled for {isa}, but the linker may give them to every caller: {leaks}"
