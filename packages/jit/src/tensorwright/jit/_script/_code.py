"""Graphs as lines that read like Python."""

from __future__ import annotations

from typing import Any

from tensorwright.jit._program import Program

from ._values import MARK_DICT, MARK_ELLIPSIS, MARK_LIST, MARK_NODE, MARK_TUPLE

_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "and": "and",
    "or": "or",
}


class _Printer:
    def __init__(self, program: Program) -> None:
        self.native = program.native
        self.names: dict[int, str] = {}
        self.taken: set[str] = set()
        self.lines: list[str] = []

    def name(self, node: int) -> str:
        if node not in self.names:
            stem = self.native("label", node) or f"v{len(self.names)}"
            stem = "".join(letter if letter.isalnum() else "_" for letter in stem)
            name, k = stem, 0
            while name in self.taken:
                k += 1
                name = f"{stem}_{k}"
            self.names[node] = name
            self.taken.add(name)
        return self.names[node]

    def argument(self, arg: Any) -> str:
        if not isinstance(arg, tuple):
            return repr(arg)
        mark, *items = arg
        if mark == MARK_NODE:
            return self.name(items[0])
        if mark == MARK_ELLIPSIS:
            return "..."
        parts = [self.argument(item) for item in items]
        if mark == MARK_DICT:
            return "{" + ", ".join(f"{k}: {v}" for k, v in zip(parts[::2], parts[1::2], strict=True)) + "}"
        if mark == MARK_TUPLE:
            return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
        return f"[{', '.join(parts)}]" if mark == MARK_LIST else f"slice({', '.join(parts)})"

    def arguments(self, node: int) -> list[str]:
        return [self.argument(arg) for arg in self.native("args", node)[1:]]

    def region(self, region: int, depth: int, ends: list[str]) -> None:
        """The nodes of a region; `ends` are the names that take what it yields."""
        count = len(self.lines)
        node = self.native("first", region)
        while node is not None:
            self.node(node, depth, ends)
            node = self.native("next", node)
        if len(self.lines) == count:
            self.line(depth, "pass")

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def node(self, node: int, depth: int, ends: list[str]) -> None:
        op = self.native("op", node)
        if op == "placeholder":
            return
        if op == "return":
            self.line(depth, f"return {self.arguments(node)[0]}")
        elif op == "yield":
            values = self.arguments(node)
            if ends:
                self.line(depth, f"{', '.join(ends)} = {', '.join(values)}")
        elif op in ("if", "while", "for"):
            self.control(op, node, depth)
        elif op == "assert":
            condition, message, *exception = self.arguments(node)
            self.line(depth, f"assert {condition}, {message}" + (f"  # {exception[0]}" if exception else ""))
        else:
            text = self.call(op, node)
            used = self.native("users", node)
            self.line(depth, f"{self.name(node)} = {text}" if used else text)

    def call(self, op: str, node: int) -> str:
        args, target = self.arguments(node), self.native("target", node)
        if op == "get_attr":
            return f"self.{target}"
        if op == "tuple.get":
            return f"{args[0]}[{args[1]}]"
        if op in ("builtin", "effect"):
            if target in _INFIX and len(args) == 2:
                return f"{args[0]} {_INFIX[target]} {args[1]}"
            return f"{args[0]}[{args[1]}]" if target == "getitem" else f"{target}({', '.join(args)})"
        args = args[1:] if op == "py.call" else args  # without the function itself
        flat = self.native("keywords", node)[1:]
        args += [f"{name}={self.argument(arg)}" for name, arg in zip(flat[::2], flat[1::2], strict=True)]
        return f"{target if op in ('call', 'py.call') else op.replace('::', '.')}({', '.join(args)})"

    def parameters(self, region: int) -> list[str]:
        names = []
        node = self.native("first", region)
        while node is not None and self.native("op", node) == "placeholder":
            names.append(self.name(node))
            node = self.native("next", node)
        return names

    def control(self, op: str, node: int, depth: int) -> None:
        regions = self.native("regions", node)
        args = self.arguments(node)
        if op == "if":
            results = self.results(node)
            self.line(depth, f"if {args[0]}:")
            self.region(regions[0], depth + 1, results)
            self.line(depth, "else:")
            self.region(regions[1], depth + 1, results)
            return
        names = self.parameters(regions[-1])
        turn, names = (names[0], names[1:]) if op == "for" else ("", names)
        initial = args[1:] if op == "for" else args
        if names:
            self.line(depth, f"{', '.join(names)} = {', '.join(initial)}")
        if op == "for":
            self.line(depth, f"for {turn} in range({args[0]}):")
        else:
            self.line(depth, "while True:")
            for name, placeholder in zip(names, self._placeholders(regions[0]), strict=True):
                self.names[placeholder] = name
            self.region(regions[0], depth + 1, ["goes_on"])
            self.line(depth + 1, "if not goes_on: break")
        self.region(regions[-1], depth + 1, names)
        self.results(node, names)

    def _placeholders(self, region: int) -> list[int]:
        found = []
        node = self.native("first", region)
        while node is not None and self.native("op", node) == "placeholder":
            found.append(node)
            node = self.native("next", node)
        return found

    def results(self, node: int, names: list[str] | None = None) -> list[str]:
        """Names for what a node with regions gives; its ``tuple.get`` nodes bear them."""
        if names is not None:
            self.names[node] = f"({', '.join(names)},)" if names else "()"
            return names
        region = self.native("regions", node)[0]
        last = self.native("last", region)
        count = len(self.native("args", last)) - 1
        fresh = [f"r{node}_{k}" for k in range(count)]
        self.names[node] = f"({', '.join(fresh)},)" if fresh else "()"
        return fresh


def code_of(program: Program, function: str) -> str:
    """A function of the program as lines that read like Python."""
    printer = _Printer(program)
    body = program.native("body", function)
    printer.line(0, f"def {function}({', '.join(printer.parameters(body))}):")
    printer.region(body, 1, [])
    return "\n".join(printer.lines) + "\n"
