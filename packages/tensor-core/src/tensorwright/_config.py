"""Threads, and what this installation consists of."""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib import metadata
from pathlib import Path

from tensorwright import _C, _siblings


def get_num_threads() -> int:
    """How many threads an op uses, the calling one included.

    At start ``TENSORWRIGHT_NUM_THREADS``, or as many as affinity and the cgroup's quota allow.
    """
    return _C.get_num_threads()


def set_num_threads(n: int) -> None:
    """Choose how many threads an op uses. Results do not depend on it.

    Raises:
        ValueError: unless 1 <= n <= 1024.

    Example:
        >>> import tensorwright as tw
        >>> before = tw.get_num_threads()
        >>> tw.set_num_threads(1)
        >>> tw.get_num_threads()
        1
        >>> tw.set_num_threads(before)
    """
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads(): argument 'n' must be int, got {type(n).__name__}")
    if not 1 <= n <= 1024:
        raise ValueError(f"set_num_threads(): n must lie between 1 and 1024, got {n}")
    _C.set_num_threads(n)


def blas_library() -> str:
    """The path of the OpenBLAS library that the scipy-openblas64 distribution brings.

    The distribution's module is not imported: it would load the library before its settings are made, which then starts
    threads and chooses kernels by itself.
    """
    spec = importlib.util.find_spec("scipy_openblas64")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("there is no scipy_openblas64; pip install scipy-openblas64")
    folder = Path(spec.submodule_search_locations[0]) / "lib"
    for path in sorted(folder.glob("libscipy_openblas64_*")):
        if path.suffix in (".so", ".dylib", ".dll"):
            return str(path)
    raise ImportError(f"no OpenBLAS library in {folder}; pip install --force-reinstall scipy-openblas64")


def version_of(distribution: str) -> str | None:
    """Of an installed distribution; None if it is absent."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


__version__ = version_of("tensorwright-tensor-core") or "0"


def _config_lines() -> list[tuple[str, str]]:
    lines = [("tensorwright-tensor-core", version_of("tensorwright-tensor-core") or "not installed as a distribution")]
    lines += [(name, version_of(name) or "not installed") for name in _siblings.DISTRIBUTIONS.values()]
    lines += [
        ("python", f"{platform.python_version()} ({platform.machine()}, {sys.platform})"),
        ("C ABI", ".".join(str(part) for part in _C.ABI_VERSION)),
        ("compiler", _C.COMPILER),
        ("instruction set", _C.isa_name()),
        ("threads", f"{_C.get_num_threads()} of {_C.available_cpus()} CPUs"),
        ("BLAS", _C.blas_description()),
        ("default dtype", _C.get_default_dtype().name),
    ]
    return lines


def show_config() -> None:
    """Print versions, instruction set, threads, BLAS and plugins; put it into bug reports.

    Example:
        >>> import tensorwright as tw
        >>> tw.show_config()  # doctest: +ELLIPSIS
        tensorwright-tensor-core ...
    """
    from tensorwright._plugins import plugins

    lines = _config_lines()
    for plugin in plugins():
        state = "loaded" if plugin.loaded else f"failed: {plugin.error}" if plugin.error else "not loaded yet"
        lines.append((f"plugin {plugin.name}", state))
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name.ljust(width)}  {value}" for name, value in lines))
