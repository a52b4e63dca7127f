"""C++ as far as the checks need it: tokens and brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SKIPPED = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#[^\n]*', re.DOTALL | re.MULTILINE
)
_TOKEN = re.compile(r"\"\"|[A-Za-z_]\w*|\.?\d[\w.']*|->|::|<<=|<<|\+\+|--|[-+*/%&|^=!<>]=|&&|\|\||\S")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    text: str
    line: int

    @property
    def is_name(self) -> bool:
        return self.text[0].isalpha() or self.text[0] == "_"


def tokens_of(text: str) -> list[Token]:
    """Without comments and preprocessor lines; a literal is an empty string."""
    plain = _SKIPPED.sub(lambda m: '""' if m[0][0] in "\"'" else "\n" * m[0].count("\n"), text)
    found, line, at = [], 1, 0
    for match in _TOKEN.finditer(plain):
        line += plain.count("\n", at, match.start())
        at = match.start()
        found.append(Token(match[0], line))
    return found


def closing(tokens: Sequence[Token], opening: int) -> int:
    """The index of the bracket that closes the one at `opening`."""
    left, right, depth = tokens[opening].text, _CLOSING[tokens[opening].text], 0
    for i in range(opening, len(tokens)):
        depth += (tokens[i].text == left) - (tokens[i].text == right)
        if depth == 0:
            return i
    return len(tokens) - 1


def opening(tokens: Sequence[Token], closed: int) -> int:
    """The index of the bracket that the one at `closed` closes."""
    right = tokens[closed].text
    left = next(a for a, b in _CLOSING.items() if b == right)
    depth = 0
    for i in range(closed, -1, -1):
        depth += (tokens[i].text == right) - (tokens[i].text == left)
        if depth == 0:
            return i
    return 0


def split_arguments(tokens: Sequence[Token]) -> list[list[Token]]:
    """What commas outside of brackets separate. The angles of template arguments count as brackets where they pair."""
    parts: list[list[Token]] = [[]]
    depth = angles = 0
    for token in tokens:
        depth += (token.text in _CLOSING) - (token.text in _CLOSING.values())
        if depth == 0:
            angles = max(0, angles + (token.text == "<") - (token.text == ">"))
        if token.text == "," and depth == 0 and angles == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]
