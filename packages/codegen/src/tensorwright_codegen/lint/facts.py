"""What is known of the functions and structs of a package: which of their numbers are free."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from .declarations import Function, Struct, functions_of, is_integer, structs_of

LOW, HIGH = 1, 2  # the sides on which a number is free
FREE = LOW | HIGH


class Facts:
    """Bits only ever come to what is free; `changed` tells whether any have."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.functions: list[Function] = []
        self.structs: dict[str, list[Struct]] = defaultdict(list)
        for path in sorted(paths):
            text = path.read_text()
            self.functions += functions_of(path, text)
            for struct in structs_of(path, text):
                self.structs[struct.name].append(struct)
        self.named: dict[str, list[Function]] = defaultdict(list)
        for function in self.functions:
            self.named[function.name].append(function)
        self._free: dict[tuple[object, str], int] = defaultdict(int)
        self.changed = False

    def free(self, owner: object, name: str) -> int:
        """Of a parameter of a function or lambda, a field of a struct, or, under the name "return", a result."""
        return self._free.get((owner, name), 0)

    def add(self, owner: object, name: str, bits: int) -> None:
        if bits & ~self._free[owner, name]:
            self._free[owner, name] |= bits
            self.changed = True

    # ---- structs --------------------------------------------------------------------------------------------------

    def struct_in(self, type_: str, path: Path) -> Struct | None:
        """The struct that a type names, be it behind a pointer or in a vector: the one of the same file first."""
        for word in reversed(re.findall(r"[A-Za-z_]\w*", type_)):
            if word in self.structs:
                same = [struct for struct in self.structs[word] if struct.path == path]
                return (same or self.structs[word])[0]
        return None

    def field_of(self, struct: Struct, name: str) -> tuple[Struct, str] | None:
        """The struct that brings a field, itself or one that it is derived from, and the field's type."""
        for variable in struct.fields:
            if variable.name == name:
                return struct, variable.type
        for base in struct.bases:
            for candidate in self.structs.get(base, ()):
                if candidate is not struct and (found := self.field_of(candidate, name)):
                    return found
        return None

    def fields_named(self, name: str) -> Iterator[tuple[Struct, str]]:
        """Where the struct is not known: the fields of that name in all of them."""
        for structs in self.structs.values():
            for struct in structs:
                for variable in struct.fields:
                    if variable.name == name:
                        yield struct, variable.type

    def write(self, struct: Struct, name: str, bits: int) -> None:
        if (found := self.field_of(struct, name)) and is_integer(found[1]):
            self.add(found[0], name, bits)

    # ---- functions ------------------------------------------------------------------------------------------------

    def callees(self, name: str, owner: str, count: int, path: Path) -> list[Function]:
        """The functions that a call in a file may reach; by owner if one of them has it."""
        fitting = [
            function
            for function in self.named.get(name, ())
            if len(function.parameters) >= count and (function.path == path or not function.is_local)
        ]
        own = [function for function in fitting if owner and function.owner == owner]
        return own or fitting
