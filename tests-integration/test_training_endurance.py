"""Some thousand of the million steps of `training_endurance.py`."""

from __future__ import annotations

import sys

import pytest
from training_endurance import ALLOWED, growth


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_training_leaves_no_memory_behind() -> None:
    assert growth(10_000) < ALLOWED  # a leak of 100 bytes a step would take as much
