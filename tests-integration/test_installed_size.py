"""An inference host installs little: what the distributions may weigh on disk."""

from __future__ import annotations

from importlib.metadata import Distribution, distribution

import pytest


def installed_bytes(dist: Distribution) -> int:
    """Sum of the files a distribution brings, byte code apart: whether that is written is the installer's choice."""
    files = [file for file in dist.files or () if file.suffix != ".pyc"]
    return sum(file.locate().stat().st_size for file in files)


@pytest.mark.parametrize(("name", "limit"), [("tensor-core", 10_000_000), ("autograd", 3_000_000), ("jit", 3_000_000)])
def test_distribution_stays_small(name: str, limit: int) -> None:
    size = installed_bytes(distribution(f"tensorwright-{name}"))
    assert 0 < size <= limit, f"tensorwright-{name} takes {size / 1e6:.1f} MB"
