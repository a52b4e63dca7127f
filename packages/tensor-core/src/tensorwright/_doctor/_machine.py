"""What the machine has, and what this process may use of it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tensorwright import _C

# Of the flags in /proc/cpuinfo, those that decide how fast kernels are.
_FEATURES = (
    "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
    "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "asimdhp", "asimddp", "bf16", "i8mm",
    "sve",
)  # fmt: skip
_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # what version 1 of cgroups writes for no limit is a little less than 2^63
_VARIABLES = (
    "TENSORWRIGHT_NUM_THREADS", "TENSORWRIGHT_ISA", "TENSORWRIGHT_PLUGINS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
)  # fmt: skip


def processor() -> dict[str, Any]:
    """Name, features, and the instruction set that the kernels use."""
    fields = _cpu_fields()
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    return {
        "name": fields.get("model name", platform.processor() or platform.machine()),
        "architecture": platform.machine(),
        "features": [name for name in _FEATURES if name in flags],
        "instruction_set": _C.isa_name(),
    }


def _cpu_fields() -> dict[str, str]:
    """Of the first processor."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def threads() -> dict[str, Any]:
    """How many there are, may be used, and are."""
    return {
        "used": _C.get_num_threads(),
        "allowed": _C.available_cpus(),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "processors": os.cpu_count(),
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def limits() -> dict[str, Any]:
    """Of the cgroup, of the process, of the disks; bytes unless the name says otherwise, None for no limit."""
    return {
        "cgroup": _cgroup_limits(),
        "process": _process_limits(),
        "memory": _memory(),
        "temporary_folder_free": shutil.disk_usage(tempfile.gettempdir()).free,
        "shared_memory_free": shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else None,
    }


def _process_limits() -> dict[str, int | None]:
    import resource

    names = {
        "open_files": "RLIMIT_NOFILE", "address_space": "RLIMIT_AS", "data": "RLIMIT_DATA", "stack": "RLIMIT_STACK",
        "locked_memory": "RLIMIT_MEMLOCK", "processes": "RLIMIT_NPROC", "file_size": "RLIMIT_FSIZE",
    }  # fmt: skip
    soft = {
        name: resource.getrlimit(getattr(resource, key))[0] for name, key in names.items() if hasattr(resource, key)
    }
    return {name: None if value == resource.RLIM_INFINITY else value for name, value in soft.items()}


def _memory() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    fields = {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines)}
    return {"total": fields["MemTotal"], "available": fields["MemAvailable"]}


def _cgroup_limits() -> dict[str, float | int | None]:
    """The tightest from this process's group to the root; of both versions."""
    found: dict[str, float | int | None] = {"processors": None, "memory": None, "memory_used": None}
    for folder in _group_folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            _tighten(found, "memory", _number(folder / name))
        if found["memory_used"] is None:
            found["memory_used"] = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
    for folder in _group_folders("cpu"):
        _tighten(found, "processors", _quota(folder))
    return found


def _group_folders(controller: str) -> list[Path]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUP / controllers if controllers else _CGROUP
        group = root / path.lstrip("/")
        folders += [group, *(parent for parent in group.parents if root in (parent, *parent.parents))]
    return folders


def _tighten(found: dict[str, float | int | None], name: str, value: float | int | None) -> None:
    before = found[name]
    if value is not None and value < _UNLIMITED and (before is None or value < before):
        found[name] = value


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        return quota_us / period_us if quota_us and period_us else None


def system() -> dict[str, str]:
    """Python and what it runs on."""
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "libc": " ".join(platform.libc_ver()).strip(),
    }
