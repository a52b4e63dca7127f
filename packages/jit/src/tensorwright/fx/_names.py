"""Names of nodes: identifiers, each once in a graph, made from what the node does."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Any

# What generated code needs for itself.
CODE_NAMES = frozenset({"self", "tw", "operator", "math", "inf", "nan", "device"})
_RESERVED = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | CODE_NAMES
_NUMBERED = re.compile(r"(.*?)_(\d+)$")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Namespace:
    """The names in use."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._last: dict[str, int] = {}  # by stem

    def create(self, wanted: str) -> str:
        """A free name like the one that is wanted, and take it."""
        name = re.sub(r"\W+", "_", wanted, flags=re.ASCII) or "_"
        name = f"_{name}" if name[0].isdigit() else name
        numbered = _NUMBERED.fullmatch(name)
        stem, number = (numbered[1], int(numbered[2])) if numbered else (name, self._last.get(name, 0))
        while name in self.used or name in _RESERVED:
            number += 1
            name = f"{stem}_{number}"
        self._last[stem] = number
        self.used.add(name)
        return name

    def release(self, name: str) -> None:
        """Let the name be taken again."""
        self.used.discard(name)


def name_of_target(target: Any) -> str:
    """What a node is called after: ``relu`` for ``tw.relu``, ``layer_0`` for the module ``layer.0``."""
    word = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
    if word.startswith("__") and word.endswith("__") and len(word) > 4:
        word = word[2:-2]
    return _WORD_START.sub("_", word.replace(".", "_")).lower() if any(c.isupper() for c in word) else word
