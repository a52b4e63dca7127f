"""Update rules read from YAML.

An entry has a name (`update`), `doc`, the names of the numbers it takes (`scalars`) and of the tensors that are kept
for each parameter (`state`), lines of assignments (`let`), and an expression for each new value (`new`). Expressions
are those of docs/expression-language.md; they see `param`, `grad`, the state and the scalars.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..facets.errors import FacetError
from ..facets.nodes import Node, read_entries
from .model import GRAD, PARAM, Update

_KEYS = frozenset({"update", "doc", "scalars", "state", "let", "new"})


def load_updates(folder: Path) -> tuple[Update, ...]:
    """The rules of all files in a folder. Raises FacetError naming file and line."""
    found: dict[str, Update] = {}
    for update in (_read(node) for path in sorted(folder.glob("*.yaml")) for node in read_entries(path)):
        other = found.setdefault(update.name, update)
        if other is not update:
            raise FacetError(update.location, f"the update {update.name!r} is already at {other.location}")
    return tuple(found.values())


def _read(node: Node) -> Update:
    node.only(_KEYS)
    state = _names(node, "state")
    let = node.find("let")
    return Update(
        name=node.get("update").text(),
        doc=node.get("doc").text().strip(),
        state=state,
        scalars=_names(node, "scalars"),
        texts=tuple(_texts(let.text() if let else "", node.get("new"), (PARAM, *state))),
        location=node.location,
    )


def _names(node: Node, key: str) -> tuple[str, ...]:
    found = node.find(key)
    names = found.texts() if found else ()
    for name in names:
        if found and (name in (PARAM, GRAD) or names.count(name) > 1):
            raise found.error(f"{name!r} is given twice; every rule has `param` and `grad`")
    return names


def _texts(let: str, new: Node, written: tuple[str, ...]) -> Iterable[str]:
    """The assignments before each of the new values: what several share is computed once."""
    given = tuple(name.text() for name, _ in new.pairs())
    if given != written:
        raise new.error(f"expected new values of {', '.join(written)}, in this order, got {', '.join(given)}")
    return [let + value.text() for _, value in new.pairs()]
