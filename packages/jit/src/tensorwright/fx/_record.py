"""Reading and writing a node's call as the graph stores it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tensorwright.fx import _arena, _targets
from tensorwright.fx._control import ControlFlow, Unresolved, check_that
from tensorwright.fx.node import Call, Node

_FROM_IR = {
    "placeholder": "placeholder",
    "get_attr": "get_attr",
    "py.method": "call_method",
    "py.module": "call_module",
}
_KINDS = {**_FROM_IR, "return": "output"}
_TO_IR = {kind: op for op, kind in _FROM_IR.items()}
_REGIONS = frozenset({"if", "while", "for", "call", "yield"})


def _is_node(value: Any) -> bool:
    return isinstance(value, Node)


class Record:
    """Reads and writes the calls of one graph's nodes."""

    def __init__(self, native: Any, number: Callable[[Node], int], handle: Callable[[int], Node]) -> None:
        self._native = native
        self._number = number
        self._handle = handle

    def read(self, number: int) -> Call:
        """The call of a node."""
        op, target, marked, marked_keywords, _ = self._native("record", number)
        args = tuple(_arena.decode_items(marked, self._handle))
        flat = _arena.decode_items(marked_keywords, self._handle) if len(marked_keywords) > 1 else []
        keywords = dict(zip(flat[::2], flat[1::2], strict=True))
        if op in _FROM_IR:
            return Call(_FROM_IR[op], target, args, keywords)
        if op == "return":
            return Call("output", "output", args, keywords)
        if op == "py.call":
            return Call("call_function", self._callable(target), args, keywords)
        if op == "tuple.get":
            return Call("call_function", operator.getitem, args, keywords)
        if op == "assert":
            return Call("call_function", check_that, args, keywords)
        if op in _REGIONS:
            return Call("call_function", ControlFlow(op, target), args, keywords)
        function, kwargs = _targets.callable_of(op, args, keywords)
        args, named = _targets.split_positional(op, args)
        return Call("call_function", function, args, {**named, **kwargs})

    def kind(self, number: int) -> str:
        """The kind of a node."""
        return _KINDS.get(self._native("op", number), "call_function")

    def write(self, call: Call) -> tuple[str, str | None, tuple[Any, ...], tuple[Any, ...]]:
        """(op, target, args, keywords) of the graph."""
        op, target, keywords = self._op(call)
        args = tuple(_arena.encode(arg, self._number) for arg in call.args)
        flat = tuple(part for name, value in keywords.items() for part in (name, _arena.encode(value, self._number)))
        return op, target, args, flat

    def _op(self, call: Call) -> tuple[str, str | None, dict[str, Any]]:
        kwargs = dict(call.kwargs)
        if call.op in _TO_IR:
            return _TO_IR[call.op], call.target, kwargs
        if call.op == "output":
            return "return", None, kwargs
        if isinstance(call.target, ControlFlow):
            return call.target.op, call.target.name, kwargs
        if call.target is check_that and len(call.args) == 2:
            return "assert", None, kwargs
        if call.target is operator.getitem and not kwargs and self._takes_part(call.args):
            return "tuple.get", None, kwargs
        found = _targets.op_of_call(call.target, call.args, kwargs, _is_node)
        if found is not None:
            return found[0], None, found[1]
        return "py.call", self._name(call.target), kwargs

    def _takes_part(self, args: tuple[Any, ...]) -> bool:
        """Whether this is a part, at a constant position, of a value that is known to be a tuple."""
        if len(args) != 2 or not _is_node(args[0]) or type(args[1]) is not int or args[1] < 0:
            return False
        op = self._native("op", self._number(args[0]))
        schema = _targets.schema_of(op)
        return op in ("if", "while", "for") or (schema is not None and args[1] < schema.results > 1)

    # ---- what py.call calls ------------------------------------------------------------------------------

    def _callable(self, name: str) -> Any:
        found = self._native("callable", name)
        if found is None:
            found = _targets.known_callable(name)
        return Unresolved(name) if found is None else found.value if isinstance(found, _arena.Kept) else found

    def _name(self, target: Any) -> str:
        """The name under which the graph keeps a callable: its own, with a number where another has that."""
        if isinstance(target, Unresolved):
            return target.name
        qualified = name = _targets.qualified_name(target)
        if _targets.known_callable(name) is target:
            return name
        number = 1
        while (kept := self._native("callable", name)) is not None:
            if kept.value is target:
                return name
            number += 1
            name = f"{qualified}#{number}"
        self._native("set_callable", name, _arena.Kept(target))
        return name
