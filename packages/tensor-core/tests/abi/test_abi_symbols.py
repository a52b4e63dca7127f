"""What the two libraries export and need: no name that another library could pick up, and no Python in the core."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sanitized import is_sanitized
from tensorwright import _C

pytestmark = pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")

CORE = next(path for path in (Path(_C.__file__).parent / "_lib").iterdir() if path.stem == "libtensorwright")


def symbols(path: object, *flags: str) -> set[str]:
    output = subprocess.run(["nm", "-D", *flags, str(path)], text=True, capture_output=True, check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in output.splitlines()}


def test_the_module_exports_its_entry_point_alone() -> None:
    if is_sanitized():
        pytest.skip("a sanitizer build exports more")
    assert symbols(_C.__file__, "--defined-only") == {"PyInit__C"}


def test_the_core_exports_its_entry_point_and_names_of_its_namespace() -> None:
    if is_sanitized():
        pytest.skip("a sanitizer build exports more")
    exported = symbols(CORE, "--defined-only")
    assert "tw_core_1" in exported
    assert not {name for name in exported - {"tw_core_1"} if not re.match(r"_ZN?K?2tw", name)}


def test_the_core_knows_no_python() -> None:
    assert not [name for name in symbols(CORE, "--undefined-only") if name.startswith(("Py", "_Py"))]


def test_neither_needs_blas_at_load() -> None:
    for library in (_C.__file__, CORE):
        assert not [name for name in symbols(library, "--undefined-only") if "gemm" in name]
