"""Parameters of a traced function: which are symbolic, and what is known of the others."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import Any

from tensorwright._tree import Structure, flatten
from tensorwright.fx._code import CodeGen


class Placeholder:
    """``fx.PH``: among the values of ``concrete_args``, what stays symbolic."""

    def __repr__(self) -> str:
        return "PH"


PH = Placeholder()


class TreeCodeGen(CodeGen):
    """Takes nested arguments apart: the code has the function's own parameters, the graph their leaves."""

    def __init__(self, names: list[str], structure: Structure) -> None:
        super().__init__()
        self._names = names
        self._structure = structure

    def process_inputs(self, *args: Any) -> Any:
        """The leaves of the arguments."""
        leaves, structure = flatten(args)
        if structure != self._structure:
            raise TypeError(
                "forward: the arguments are nested in another way than the concrete_args it was traced with"
            )
        return leaves

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The function's own parameters, and a line that takes them apart."""
        head = super().gen_fn_def(self._names, maybe_return_annotation)
        leaves = [re.split(r"[\s:=]", name)[0] for name in free_vars]
        return f"{head}\n    {', '.join(leaves)}, = _flatten_inputs({', '.join(self._names)})"

    def additional_globals(self) -> list[tuple[str, Any]]:
        """What the line calls."""
        return [("_flatten_inputs", self.process_inputs)]


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those that take one argument each, then those with stars.

    Raises:
        TypeError: if Python cannot say what they are.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError as error:
        raise TypeError(f"symbolic_trace: the parameters of {function!r} are not known: {error}") from None
    stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in parameters if p.kind not in stars] + [p for p in parameters if p.kind in stars]


def without_stars(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with one plain parameter for each of its own, ``*args`` and ``**kwargs`` included, in the order of
    :func:`parameters_of`, so that a symbolic value can be either.

    Raises:
        TypeError: if it is not written in Python.
    """
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    if code is None:
        raise TypeError(f"symbolic_trace: *args and **kwargs of {function!r} can only be traced of a plain function")
    stars = sum(bool(code.co_flags & flag) for flag in (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS))
    count = code.co_argcount + code.co_kwonlyargcount + stars
    flat = code.replace(
        co_flags=code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS),
        co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0,
    )  # fmt: skip
    made = FunctionType(flat, plain.__globals__, plain.__name__, None, plain.__closure__)
    return made if plain is function else MethodType(made, function.__self__)  # type: ignore[attr-defined]


def known_values(concrete_args: Any, parameters: list[inspect.Parameter]) -> Mapping[str, Any]:
    """The concrete arguments by name.

    Raises:
        ValueError: for a name that no parameter has.
    """
    names = [p.name for p in parameters]
    if concrete_args is None:
        return {}
    if isinstance(concrete_args, tuple):
        if len(concrete_args) != len(names):
            raise ValueError(f"concrete_args: expected {len(names)} values for {', '.join(names)}")
        return dict(zip(names, concrete_args, strict=True))
    unknown = [name for name in concrete_args if name not in names]
    if unknown:
        raise ValueError(f"concrete_args: there is no parameter '{unknown[0]}'; there are {', '.join(names)}")
    return dict(concrete_args)
