"""A program's results have the same bits on every instruction set and with any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

ELSEWHERE = [("baseline", 3), ("avx2", 1), ("avx2", 3), ("avx512", 1), ("avx512", 2), ("avx512", 8)]

BEFORE = """
import hashlib, itertools
import numpy as np, tensorwright as tw
random, digest = np.random.default_rng(9), hashlib.sha256()
"""
BEHIND = """
assert results
for result in results:
    digest.update(result.contiguous().numpy().tobytes())
print(digest.hexdigest())
"""


def digest(program: str, isa: str, threads: int) -> str:
    """Of the tensors that the program leaves in `results`; it finds NumPy as np, tensorwright as tw and `random`."""
    environment = os.environ | {"TENSORWRIGHT_ISA": isa, "TENSORWRIGHT_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", BEFORE + program + BEHIND]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert len(run.stdout.strip()) == 64
    return run.stdout.strip()


def same_bits_everywhere(program: str) -> None:
    reference = digest(program, "baseline", 1)
    for isa, threads in ELSEWHERE:
        assert digest(program, isa, threads) == reference, (isa, threads)
