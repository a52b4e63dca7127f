"""Functions as syntax trees, with what their names mean."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

_files: dict[tuple[str, int], ast.Module] = {}

FunctionNode = ast.FunctionDef | ast.Lambda


class NoSourceError(Exception):
    """The source of a function cannot be found."""


@dataclass(frozen=True)
class Source:
    """A function of Python: its tree, its file, and its globals, closure and defaults; what its decorators enter."""

    function: FunctionType
    tree: FunctionNode
    file: str
    lines: list[str]
    modes: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        return self.function.__name__ if self.function.__name__ != "<lambda>" else "lambda"

    @property
    def body(self) -> list[ast.stmt]:
        """Its statements; a lambda returns its expression."""
        if isinstance(self.tree, ast.Lambda):
            return [ast.copy_location(ast.Return(self.tree.body), self.tree.body)]
        return self.tree.body

    def lookup(self, name: str) -> Any:
        """What a name that is not local means; KeyError if nothing."""
        cells = inspect.getclosurevars(self.function).nonlocals if self.function.__closure__ else {}
        for scope in (cells, self.function.__globals__, vars(builtins)):
            if name in scope:
                return scope[name]
        raise KeyError(name)

    def annotation(self, expression: ast.expr | None) -> Any:
        """The value of an annotation's expression; NameError and the like pass through."""
        if expression is None:
            return inspect.Parameter.empty
        text = expression.value if isinstance(expression, ast.Constant) else None
        code = text if isinstance(text, str) else ast.unparse(expression)
        cells = inspect.getclosurevars(self.function).nonlocals if self.function.__closure__ else {}
        return eval(code, self.function.__globals__, dict(cells))  # the annotation, as Python evaluates it


def _tree_of(file: str) -> tuple[ast.Module, list[str]]:
    lines = linecache.getlines(file)
    if not lines:
        raise NoSourceError(f"the source file {file} cannot be read")
    key = (file, hash(tuple(lines)))
    if key not in _files:
        _files[key] = ast.parse("".join(lines))
    return _files[key], lines


def _first_line(node: FunctionNode) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min(node.lineno, *(d.lineno for d in decorators), node.lineno)


def source_of(function: Callable[..., Any]) -> Source:
    """The source of a function.

    Raises:
        NoSourceError: if it is not Python's, or its file is gone.
    """
    modes = _modes_of(function)
    function = inspect.unwrap(function)
    if not isinstance(function, FunctionType):
        raise NoSourceError(f"{function!r} is no function written in Python")
    code = function.__code__
    tree, lines = _tree_of(code.co_filename)
    found: list[FunctionNode] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) and _first_line(node) == code.co_firstlineno
    ]
    if code.co_name == "<lambda>":
        found = _of_same_code([node for node in found if isinstance(node, ast.Lambda)], function)
    else:
        found = [node for node in found if isinstance(node, ast.FunctionDef) and node.name == code.co_name]
    if not found:
        raise NoSourceError(f"{function.__qualname__} is not found in {code.co_filename}")
    return Source(function, found[0], code.co_filename, lines, modes)


def _modes_of(function: Any) -> tuple[Any, ...]:
    """The contexts that decorators of the function enter around it, as ``@tw.no_grad()`` does; outer ones first."""
    modes: list[Any] = []
    while function is not None:
        mode = getattr(function, "__tensorwright_mode__", None)
        if mode is not None and not any(mode is known for known in modes):  # wrappers take it over from what they wrap
            modes.append(mode)
        function = getattr(function, "__wrapped__", None)
    return tuple(modes)


def _of_same_code(found: list[ast.Lambda], function: FunctionType) -> list[FunctionNode]:
    """Of several lambdas of one line, those whose body starts where the code's does."""
    starts = [p[2] for p in function.__code__.co_positions() if p[2] is not None and p[3] != p[2]]

    def holds(node: ast.Lambda) -> bool:
        last = node.body.end_col_offset or 0
        return bool(starts) and all(node.body.col_offset <= start <= last for start in starts)

    if len(found) < 2:
        return [*found]
    return [node for node in found if holds(node)] or [*found]
