"""For the API pages: what a package's `__init__` imports from its own modules is public; `Example:` is a section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe


class Exports(griffe.Extension):
    """Adapt what griffe has read to the way this project writes."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Walk the package once it is loaded."""
        for item in _walk(pkg):
            if isinstance(item, griffe.Module) and item.is_init_module and item.exports is None:
                item.exports = _own_names(item) or None
            if item.docstring:  # griffe knows the plural only, and would quote the >>> of an example
                item.docstring.value = re.sub(r"(?m)^Example:$", "Examples:", item.docstring.value)


def _walk(item: griffe.Object) -> Iterator[griffe.Object]:
    yield item
    for member in item.members.values():
        if isinstance(member, griffe.Object):
            yield from _walk(member)


def _own_names(module: griffe.Module) -> list[str | griffe.ExprName]:
    inside = module.imports.items()
    return [name for name, path in inside if path.startswith(f"{module.path}.") and not name.startswith("_")]
