"""Peak memory of whole training steps beside PyTorch's: what three steps add to a process that imported the library.

`python benchmarks/peak_memory.py` prints the table; as `peak_memory.py LIBRARY NETWORK` it measures one, in bytes.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import networks

NETWORKS = {"MLP": networks.mlp, "ResNet-18": networks.resnet18, "GPT": networks.gpt, "LSTM": networks.lstm}
BAR = 0.8
STEPS = 3


def resident(field: str) -> int:
    """VmRSS, what is resident now, or VmHWM, the most that was."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


def grown(library: str, network: str) -> int:
    """Bytes that the steps added at their peak; a small product before them loads what any program needs."""
    lib = importlib.import_module(library)
    lib.set_num_threads(1)
    lib.ones(64, 64) @ lib.ones(64, 64)
    before = resident("VmRSS")
    step = networks.training_step(lib, NETWORKS[network])
    for _ in range(STEPS):
        step()
    return resident("VmHWM") - before


def in_process(library: str, network: str) -> int:
    result = subprocess.run([sys.executable, __file__, library, network], check=True, capture_output=True, text=True)
    return int(json.loads(result.stdout))


def report() -> list[dict[str, Any]]:
    """A row for each network."""
    rows = []
    for name in NETWORKS:
        ours, theirs = in_process("tensorwright", name), in_process("torch", name)
        rows.append({"network": name, "ours": ours, "torch": theirs, "ratio": ours / theirs, "bar": BAR})
    return rows


def text(rows: list[dict[str, Any]]) -> str:
    """The report as lines."""
    lines = [f"{'peak memory of a step':30} {'ours':>10} {'torch':>10} {'ratio':>7} {'bar':>5}"]
    lines += [
        f"{row['network']:30} {row['ours'] / 1e6:>7.1f} MB {row['torch'] / 1e6:>7.1f} MB {row['ratio']:>7.3f} "
        f"{row['bar']:>5.2f}  {'met' if row['ratio'] <= row['bar'] else 'MISSED'}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(grown(*sys.argv[1:])) if len(sys.argv) == 3 else text(report()))
