"""What the extension module exports: its entry point, and nothing that another library could pick up."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tensorwright import _C

pytestmark = pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")


def symbols(path: str, *flags: str) -> set[str]:
    output = subprocess.run(["nm", "-D", *flags, path], text=True, capture_output=True, check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in output.splitlines()}


def test_the_module_exports_its_entry_point_alone() -> None:
    exported = symbols(_C.__file__, "--defined-only")
    if any("asan" in name for name in symbols(_C.__file__, "--undefined-only")):
        pytest.skip("a sanitizer build exports more")
    assert exported == {"PyInit__C"}


def test_the_module_needs_no_blas_at_load() -> None:
    assert not [name for name in symbols(_C.__file__, "--undefined-only") if "gemm" in name]
