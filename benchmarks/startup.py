"""Import time beside `import numpy`, and the size of what is installed."""

from __future__ import annotations

import importlib.metadata
import statistics
import subprocess
import sys
import time
from typing import Any

WITH_NUMPY = "numpy, tensorwright.nn, tensorwright.optim"


def import_seconds(module: str) -> float:
    """Wall time of a fresh interpreter that imports `module`, without that of one that imports nothing."""
    return process_seconds(f"import {module}") - process_seconds("pass")


def process_seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def installed_bytes(distribution: str) -> int:
    """Bytes of the files that `distribution` installed, compiled caches left out; 0 if it runs from a checkout."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return 0
    paths = [file.locate() for file in files if "__pycache__" not in str(file)]
    return sum(path.stat().st_size for path in map(_as_path, paths) if path.is_file())


def _as_path(path: Any) -> Any:
    from pathlib import Path

    return Path(str(path))


def report(rounds: int) -> dict[str, Any]:
    """Medians over interleaved rounds, in seconds, and sizes in bytes."""
    modules = ("numpy", "tensorwright", WITH_NUMPY, "torch")
    process_seconds(f"import {', '.join(modules)}")  # warms the page cache
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(rounds):
        for module in modules:
            times[module].append(import_seconds(module))
    sizes = {
        name: installed_bytes(name)
        for name in ("tensorwright-tensor-core", "tensorwright-autograd", "numpy", "scipy-openblas64", "torch")
    }
    return {"import": {module: statistics.median(values) for module, values in times.items()}, "bytes": sizes}


def text(result: dict[str, Any]) -> str:
    """The report as lines."""
    if not result:
        return ""
    numpy = result["import"]["numpy"]
    lines = [f"import {module:44} {s * 1e3:8.1f} ms {s / numpy:7.2f} x numpy" for module, s in result["import"].items()]
    beyond = 1e3 * (result["import"][WITH_NUMPY] - numpy)
    lines.append(f"tensorwright.nn and tensorwright.optim beyond numpy: {beyond:.1f} ms")
    lines += [f"installed {name:26} {size / 1e6:8.2f} MB" for name, size in result["bytes"].items() if size]
    return "\n" + "\n".join(lines)
