"""For the API pages: what a package's `__init__` imports from its own modules is public."""

from __future__ import annotations

from typing import Any

import griffe


class Exports(griffe.Extension):
    """Give every `__init__` without `__all__` the list of exports that its imports amount to."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Walk the package once it is loaded."""
        modules = [pkg]
        while modules:
            module = modules.pop()
            modules += [member for member in module.members.values() if isinstance(member, griffe.Module)]
            if module.is_init_module and module.exports is None:
                inside = module.imports.items()
                own = [name for name, path in inside if path.startswith(f"{module.path}.") and name[0] != "_"]
                module.exports = own or None
