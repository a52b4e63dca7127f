"""YAML read with line numbers: every value knows its place, so that every error can name it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from .errors import FacetError, Location


@dataclass(frozen=True)
class Node:
    """A YAML value with its location; the accessors check what it is.

    >>> entry = parse_yaml("- op: exp\\n  aliases: [e]\\n", "x.yaml").items()[0]
    >>> entry.get("op").text(), entry.get("aliases").texts(), entry.get("op").location.line
    ('exp', ('e',), 1)
    """

    raw: yaml.Node
    file: str

    @property
    def location(self) -> Location:
        return Location(self.file, self.raw.start_mark.line + 1)

    def error(self, message: str) -> FacetError:
        return FacetError(self.location, message)

    def is_text(self) -> bool:
        return isinstance(self.raw, yaml.ScalarNode)

    def is_list(self) -> bool:
        return isinstance(self.raw, yaml.SequenceNode)

    def is_mapping(self) -> bool:
        return isinstance(self.raw, yaml.MappingNode)

    def text(self) -> str:
        """A scalar as it was written (numbers and booleans stay text)."""
        if not isinstance(self.raw, yaml.ScalarNode):
            raise self.error(f"expected text, got {self._what()}")
        return str(self.raw.value)

    def items(self) -> tuple[Node, ...]:
        if not isinstance(self.raw, yaml.SequenceNode):
            raise self.error(f"expected a list, got {self._what()}")
        return tuple(Node(item, self.file) for item in self.raw.value)

    def texts(self) -> tuple[str, ...]:
        """A list of texts; one text alone is a list of one."""
        return (self.text(),) if self.is_text() else tuple(item.text() for item in self.items())

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        if not isinstance(self.raw, yaml.MappingNode):
            raise self.error(f"expected `key: value` lines, got {self._what()}")
        seen: set[str] = set()
        for key, value in self.raw.value:
            name = Node(key, self.file)
            if name.text() in seen:
                raise name.error(f"key {name.text()!r} is given twice")
            seen.add(name.text())
            yield name, Node(value, self.file)

    def find(self, key: str) -> Node | None:
        return next((value for name, value in self.pairs() if name.text() == key), None)

    def get(self, key: str) -> Node:
        found = self.find(key)
        if found is None:
            raise self.error(f"missing key {key!r}; keys here are {', '.join(n.text() for n, _ in self.pairs())}")
        return found

    def only(self, allowed: frozenset[str]) -> None:
        """Refuses keys that nobody reads, so that a typing error is not silently ignored."""
        for name, _ in self.pairs():
            if name.text() not in allowed:
                raise name.error(f"unknown key {name.text()!r}; expected one of {', '.join(sorted(allowed))}")

    def _what(self) -> str:
        if isinstance(self.raw, yaml.ScalarNode):
            return f"the text {self.raw.value!r}"
        return "a list" if self.is_list() else "a mapping"


def parse_yaml(text: str, file: str) -> Node:
    try:
        raw = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FacetError(Location(file, line), f"not valid YAML: {error.problem}") from None
    if raw is None:
        raise FacetError(Location(file, 1), "the file is empty; expected a list of entries")
    return Node(raw, file)


def read_entries(path: Path) -> tuple[Node, ...]:
    """The entries of a facet file, which is a list of mappings."""
    return parse_yaml(path.read_text(encoding="utf-8"), str(path)).items()
