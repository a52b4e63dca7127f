"""What does not belong to one part: modules that other distributions bring, under one name."""

from importlib import import_module
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

_MODULES = ("checkpoint", "data")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"tensorwright.utils.{name}")
    raise AttributeError(f"module 'tensorwright.utils' has no attribute {name!r}")
