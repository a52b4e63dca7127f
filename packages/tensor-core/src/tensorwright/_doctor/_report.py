"""The report, for people and for programs, and what in it is a problem."""

from __future__ import annotations

import importlib
from typing import Any

from tensorwright import _C, _siblings
from tensorwright._config import version_of
from tensorwright._plugins import plugins

from . import _machine, _selftest


def examine() -> dict[str, Any]:
    """Everything, as JSON can hold it; ``problems`` says in sentences what is wrong, ``advice`` what is merely slow."""
    report: dict[str, Any] = {
        "distributions": _distributions(),
        "abi": ".".join(map(str, _C.ABI_VERSION)),
        "compiler": _C.COMPILER,
        "blas": _C.blas_description(),
        "system": _machine.system(),
        "parts": _parts(),
        "plugins": _plugins(),
        "processor": _machine.processor(),
        "threads": _machine.threads(),
        "limits": _machine.limits(),
        "self_test": _selftest.run(),
    }
    return {**report, "problems": _problems(report), "advice": _advice(report)}


def _distributions() -> dict[str, str | None]:
    names = ["tensorwright-tensor-core", *dict.fromkeys(_siblings.DISTRIBUTIONS.values()), "numpy", "scipy-openblas64"]
    return {name: version_of(name) for name in names}


def _parts() -> dict[str, str | None]:
    """By part that is there: why it cannot be imported, or None."""
    found: dict[str, str | None] = {}
    for part in _siblings.DISTRIBUTIONS:
        try:
            importlib.import_module(f"tensorwright.{part}")
            found[part] = None
        except _siblings.PartNotInstalledError as error:
            if error.name != _siblings.DISTRIBUTIONS[part]:
                found[part] = str(error)
        except Exception as error:  # a library that does not load is what the doctor is asked for
            found[part] = f"{type(error).__name__}: {error}"
    return found


def _plugins() -> list[dict[str, Any]]:
    return [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "declared": {key: str(value) for key, value in plugin.declared.items()},
            "library": plugin.library,
            "loaded": plugin.loaded,
            "error": plugin.error,
        }
        for plugin in plugins(load=True)
    ]


def _problems(report: dict[str, Any]) -> list[str]:
    problems = [f"tensorwright.{part} cannot be imported: {error}" for part, error in report["parts"].items() if error]
    problems += [
        f"plugin {plugin['name']} ({plugin['distribution']}) failed: {plugin['error']}"
        for plugin in report["plugins"]
        if plugin["error"]
    ]
    return problems + [
        f"self-test of {check['op']}: {check['error']}" for check in report["self_test"] if check["error"]
    ]


def _advice(report: dict[str, Any]) -> list[str]:
    threads, limits, advice = report["threads"], report["limits"], []
    if threads["used"] > threads["allowed"]:
        advice.append(
            f"{threads['used']} threads share {threads['allowed']} processors; tw.set_num_threads({threads['allowed']})"
        )
    open_files = limits["process"].get("open_files")
    if open_files is not None and open_files < 1024:
        advice.append(f"{open_files} open files are few for a data loader with workers; `ulimit -n 4096`")
    memory, used = limits["cgroup"]["memory"], limits["cgroup"]["memory_used"]
    if memory and used and used > 0.9 * memory:
        advice.append(f"the cgroup uses {used / 1e9:.1f} of {memory / 1e9:.1f} GB; above that the kernel kills")
    if report["processor"]["instruction_set"] == "baseline" and "avx2" in report["processor"]["features"]:
        advice.append("kernels for AVX2 are there and not used; is TENSORWRIGHT_ISA set?")
    return advice


# ---- for people ------------------------------------------------------------------------------------------


def text(report: dict[str, Any]) -> str:
    """The report as lines."""
    sections = [
        ("installed", [(name, version or "not installed") for name, version in report["distributions"].items()]),
        ("built", [("C ABI", report["abi"]), ("compiler", report["compiler"]), ("BLAS", report["blas"])]),
        ("system", list(report["system"].items())),
        ("parts", [(part, error or "good") for part, error in report["parts"].items()] or [("", "none")]),
        ("plugins", [(p["name"], p["error"] or p["library"]) for p in report["plugins"]] or [("", "none")]),
        ("processor", [(name, _words(value)) for name, value in report["processor"].items()]),
        ("threads", [(name, _words(value)) for name, value in report["threads"].items()]),
        ("limits", _limit_lines(report["limits"])),
    ]
    lines = []
    for title, pairs in sections:
        lines.append(title)
        width = max(len(name) for name, _ in pairs)
        lines += [f"  {name.ljust(width)}  {value}".rstrip() for name, value in pairs]
    checks = report["self_test"]
    good = sum(check["error"] is None for check in checks)
    lines.append(f"self-test\n  {good} of {len(checks)} ops: " + " ".join(check["op"] for check in checks))
    lines += [f"advice: {sentence}" for sentence in report["advice"]]
    lines += [f"PROBLEM: {sentence}" for sentence in report["problems"]]
    return "\n".join([*lines, *([] if report["problems"] else ["no problems found"])])


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in value.items()) or "nothing set"
    return "none" if value is None else str(value)


_COUNTS = ("open_files", "processes", "processors")


def _limit_lines(limits: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    for name, value in limits.items():
        for part, amount in value.items() if isinstance(value, dict) else [("", value)]:
            shown = "unlimited" if amount is None else f"{amount:g}" if part in _COUNTS else f"{amount / 1e9:.2f} GB"
            lines.append((f"{name} {part}".replace("_", " ").strip(), shown))
    return lines
