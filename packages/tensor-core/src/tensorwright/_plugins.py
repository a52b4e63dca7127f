"""Native plugins, found by the entry point group ``tensorwright.plugins`` and loaded at first need.

An entry point names a plain dict, read before any native code::

    PLUGIN = {"abi": "1.0", "library": "_onednn.so", "devices": ["npu"], "ops": ["my"], "provides": ["kernels:cpu"]}

``library`` is a path relative to the module that holds the dict. ``devices`` and ``ops`` (namespaces) say for which
requests the plugin is loaded; a plugin that offers kernels for devices of others loads with ``plugins(load=True)``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from tensorwright import _C

GROUP = "tensorwright.plugins"


@dataclass
class Plugin:
    """A plugin that is installed: what it declares, and what became of loading it."""

    name: str
    distribution: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    library: str | None = None
    loaded: bool = False
    error: str | None = None


_found: dict[str, Plugin] | None = None


def _enabled(name: str) -> bool:
    """``TENSORWRIGHT_PLUGINS`` is "off", or a list of the only names to use."""
    chosen = os.environ.get("TENSORWRIGHT_PLUGINS")
    if chosen is None:
        return True
    return name in {part.strip() for part in chosen.split(",")}


def _read(entry: metadata.EntryPoint) -> Plugin:
    plugin = Plugin(entry.name, entry.dist.name if entry.dist is not None else "unknown")
    try:
        declared = entry.load()
        if not isinstance(declared, Mapping):
            raise TypeError(f"{entry.value} must be a dict, it is a {type(declared).__name__}")
        plugin.declared = declared
        _check_abi(declared)
        home = Path(sys.modules[entry.module].__file__ or "").parent
        plugin.library = str(home / declared["library"])
    except KeyError as error:
        plugin.error = f"{entry.value} has no key {error}"
    except Exception as error:  # whatever a plugin's module does, tensorwright goes on without it
        plugin.error = f"{type(error).__name__}: {error}"
    return plugin


def _check_abi(declared: Mapping[str, Any]) -> None:
    wanted = tuple(int(part) for part in str(declared["abi"]).split("."))
    ours = tuple(_C.ABI_VERSION)
    if wanted[0] != ours[0] or wanted > ours:
        raise _C.AbiError(f"it needs tensorwright ABI {declared['abi']}; this core provides {ours[0]}.{ours[1]}")


def _all() -> dict[str, Plugin]:
    global _found
    if _found is None:
        entries = sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
        _found = {entry.name: _read(entry) for entry in entries if _enabled(entry.name)}
    return _found


def _load(plugin: Plugin) -> bool:
    if plugin.loaded or plugin.error is not None or plugin.library is None:
        return plugin.loaded
    try:
        _C.load_plugin(plugin.library)
        plugin.loaded = True
    except Exception as error:  # kept, and shown when it is asked for
        plugin.error = str(error)
    return plugin.loaded


def _load_declaring(key: str, value: str) -> bool:
    """Load the plugins that declare ``value`` under ``key``; a failure of theirs is the answer to the request."""
    wanted = [plugin for plugin in _all().values() if value in plugin.declared.get(key, ())]
    for plugin in wanted:
        if not _load(plugin):
            raise RuntimeError(
                f"plugin '{plugin.name}' ({plugin.distribution}) brings {value!r}, but failed: {plugin.error}"
            )
    return bool(wanted)


def load_for_device(device: str) -> bool:
    """Load the plugin that declares a device such as "npu:1"."""
    return _load_declaring("devices", device.partition(":")[0])


def load_for_op(name: str) -> bool:
    """Load the plugin that declares the namespace of an op such as "my::op"."""
    return _load_declaring("ops", name.partition("::")[0])


def plugins(*, load: bool = False) -> list[Plugin]:
    """The plugins that are installed, each with its state; with ``load=True`` after loading all of them.

    A plugin that failed is listed with its ``error``; it never keeps tensorwright from being imported.

    Example:
        >>> import tensorwright as tw
        >>> [plugin.name for plugin in tw.plugins() if plugin.error]
        []
    """
    found = list(_all().values())
    if load:
        for plugin in found:
            _load(plugin)
    return found
