"""Arguments of functions that scripts know by themselves."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _types as t
from ._values import Thing, Value, constant

if TYPE_CHECKING:
    from ._compiler import Compiler

Args = list[Thing]
Kwargs = dict[str, Thing]
Function = Callable[["Compiler", Args, Kwargs, ast.AST], Thing]


def take(c: Compiler, name: str, args: Args, kwargs: Kwargs, names: str, node: ast.AST, least: int = 0) -> Args:
    """Arguments in the order of the names, None constants for those left out."""
    order = names.split()
    bound = dict(zip(order, args, strict=False))
    for keyword, thing in kwargs.items():
        if keyword not in order:
            raise c.error(f"{name}() takes no argument '{keyword}' in a script", node)
        bound[keyword] = thing
    if len(args) > len(order) or any(n not in bound for n in order[:least]):
        raise c.error(f"{name}() takes {least} to {len(order)} arguments, got {len(args) + len(kwargs)}", node)
    return [bound.get(n, constant(None)) for n in order]


def given(thing: Thing) -> bool:
    """Whether an argument is not None."""
    return not (isinstance(thing, Value) and thing.type == t.NONE and thing.arg is None)
