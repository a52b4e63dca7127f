"""Packages whose public names are listed once, in their stub, and loaded when they are first used."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module


def lazy_exports(package: str, file: str) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package, from the stub beside its ``__init__.py``.

    The stub, ``__init__.pyi``, is what type checkers read. Here only its lines ``from a.b import c as c`` count: they
    say where each name lies.

    Args:
        package: the package's ``__name__``.
        file: its ``__file__``.

    Example::

        __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
    """
    with open(os.path.join(os.path.dirname(file), "__init__.pyi"), encoding="utf-8") as stub:
        places = _places(stub)
    namespace = sys.modules[package].__dict__

    def load(name: str) -> object:
        place = places.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = import_module(f"{package}.{name}") if place == package else getattr(import_module(place), name)
        namespace[name] = value
        return value

    return load, lambda: sorted({*namespace, *places}), list(places)


def _places(stub: Iterable[str]) -> dict[str, str]:
    """The module of each name."""
    words = (line.split() for line in stub if line.startswith("from "))
    return {line[3]: line[1] for line in words if len(line) == 6 and line[2] == "import" and line[3] == line[5]}
