"""What cannot be compiled, said with its place in the source."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a construct stands in its file; columns count characters from 0, as ``ast`` does."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str  # the line itself

    def shown(self) -> str:
        """The line with a caret under each character of the construct that stands on it."""
        end = self.end_column if self.end_line == self.line else len(self.text)
        indent = len(self.text) - len(self.text.lstrip())
        carets = "^" * max(1, end - self.column)
        return f"    {self.text.strip()}\n    {' ' * (self.column - indent)}{carets}"


def place_of(node: ast.AST, file: str, lines: list[str]) -> Place:
    """The place of a node of the syntax tree."""
    line: int = getattr(node, "lineno", 1)
    text = lines[line - 1].rstrip("\n") if line <= len(lines) else ""

    def column(offset: int, of: str) -> int:
        return len(of.encode()[:offset].decode(errors="ignore"))

    end_line: int = getattr(node, "end_lineno", line) or line
    end_text = lines[end_line - 1] if end_line <= len(lines) else ""
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    return Place(file, line, column(start, text), end_line, column(end, end_text), text)


class FrontendError(RuntimeError):
    """A construct that scripts cannot hold, or types that do not fit.

    Attributes:
        filename: the file.
        lineno: the line, from 1.
        offset: the column, from 1.
        suggestion: what to write instead; may be empty.
    """

    filename: str
    lineno: int
    offset: int

    def __init__(self, problem: str, place: Place, suggestion: str = "", callers: tuple[Place, ...] = ()) -> None:
        """The message is the problem, its place with a caret, the suggestion, and the calls that led there."""
        text = f"{problem}\n  {place.file}:{place.line}:{place.column + 1}\n{place.shown()}"
        if suggestion:
            text += f"\n  help: {suggestion}"
        for caller in reversed(callers):
            text += f"\n  called from {caller.file}:{caller.line}:{caller.column + 1}\n{caller.shown()}"
        super().__init__(text)
        self.problem = problem
        self.filename, self.lineno, self.offset = place.file, place.line, place.column + 1
        self.suggestion = suggestion
