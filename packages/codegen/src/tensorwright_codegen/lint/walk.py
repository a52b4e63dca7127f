"""The statements of a function in their order: declarations, conditions, loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .conditions import bounds_when
from .declarations import Function, Variable, declared, is_integer
from .evaluate import Evaluator, Value
from .expression import Node, Parser
from .facts import Facts
from .source import closing
from .vocabulary import WIDE

LEAVING = frozenset({"throw", "return", "refuse", "continue", "break", "overflow"})


class Walk(Evaluator):
    """Which of a function's numbers are free, what it does with them, whom it hands them to."""

    def __init__(self, function: Function, facts: Facts) -> None:
        super().__init__(function, facts)
        self._initializers_and_body()

    # ---- statements -----------------------------------------------------------------------------------------------

    def _initializers_and_body(self) -> None:
        i = next((k for k, token in enumerate(self.tokens) if token.text in (":", "{")), 0)
        if self.tokens[i].text == ":":  # of a constructor
            i += 1
            while i < len(self.tokens) and self.tokens[i].text != "{":
                name, opening = self.tokens[i].text, i + 1
                while self.tokens[opening].text not in ("(", "{"):
                    opening += 1
                stop = closing(self.tokens, opening)
                self._construct(name, Parser(self.tokens, opening + 1, stop).list())
                i = stop + 1
                if self.tokens[i].text == ",":
                    i += 1
        self._block(i + 1, len(self.tokens) - 1)

    def _construct(self, name: str, arguments: Sequence[Node]) -> None:
        """A member initializer."""
        if self.owner and (found := self.facts.field_of(self.owner, name)):
            if struct := self.facts.struct_in(found[1], self.function.path):
                self._make(struct, arguments)
            else:
                self.facts.write(self.owner, name, self._union(arguments))
        else:
            self._hand_on(name, "", arguments)

    def _block(self, begin: int, end: int) -> None:
        self.depth += 1
        i = begin
        while i < end:
            i = self._statement(i, end)
        self.depth -= 1

    def _statement(self, i: int, end: int) -> int:
        """Where the next one begins."""
        text = self.tokens[i].text
        if text == "{":
            stop = closing(self.tokens, i)
            self._block(i + 1, stop)
            return stop + 1
        if text in ("if", "while", "switch", "for"):
            return self._controlled(i, end)
        if text in (";", "else", "do", "try", "}"):
            return i + 1
        if text in ("case", "default", "public", "private"):
            return next((k + 1 for k in range(i, end) if self.tokens[k].text == ":"), end)
        stop = self._statement_end(i, end)
        self._simple(i, stop)
        return stop + 1

    def _statement_end(self, i: int, end: int) -> int:
        while i < end and self.tokens[i].text != ";":
            i = closing(self.tokens, i) + 1 if self.tokens[i].text in "([{" else i + 1
        return min(i, end)

    def _controlled(self, i: int, end: int) -> int:
        word = self.tokens[i].text
        opening = next(k for k in range(i, end) if self.tokens[k].text == "(")
        stop = closing(self.tokens, opening)
        condition = self._head(word, opening + 1, stop)
        body = stop + 1
        with self._given(bounds_when(condition, True, self._bits) if condition else {}):
            after = self._statement(body, end) if body < end else end
        if word == "if" and condition:
            otherwise = bounds_when(condition, False, self._bits)
            if after < end and self.tokens[after].text == "else":
                with self._given(otherwise):
                    after = self._statement(after + 1, end)
            if self._leaves(body):
                self._bound(otherwise)
        return after

    def _head(self, word: str, begin: int, end: int) -> Node | None:
        """What stands in the brackets; the condition among it."""
        parts, start, i = [], begin, begin
        while i < end:
            if self.tokens[i].text == ";":
                parts.append((start, i))
                start = i + 1
            i = closing(self.tokens, i) + 1 if self.tokens[i].text in "([{" else i + 1
        parts.append((start, end))
        if word == "for" and len(parts) == 1:
            self._range_for(begin, end)
            return None
        for a, b in parts[:-1] if word != "for" else parts[:1]:
            self._simple(a, b)
        a, b = parts[1] if word == "for" else parts[-1]
        variables = declared(self.tokens, a, b)
        self._simple(a, b)
        condition = None if variables or a >= b else Parser(self.tokens, a, b).expression()
        if word == "for" and len(parts) > 2:
            with self._given(bounds_when(condition, True, lambda _: 0) if condition else {}):
                self._simple(*parts[2])  # i + 1 is at most n where i < n, whatever n is
        return condition

    def _leaves(self, body: int) -> bool:
        """Whether a statement ends with leaving the function or the loop."""
        if self.tokens[body].text != "{":
            return self.tokens[body].text in LEAVING
        stop = closing(self.tokens, body)
        last = body + 1
        i = body + 1
        while i < stop:
            last, i = i, max(self._skip(i, stop), i + 1)
        return self.tokens[last].text in LEAVING

    def _skip(self, i: int, end: int) -> int:
        return closing(self.tokens, i) + 1 if self.tokens[i].text == "{" else self._statement_end(i, end) + 1

    def _range_for(self, begin: int, end: int) -> None:
        for variable in declared(self.tokens, begin, end):
            if variable.begin >= 0 and self.tokens[variable.begin].text == ":":
                over = self._value(Parser(self.tokens, variable.begin + 1, end).expression())
                self._declare(variable, replace(over, key=variable.name))

    def _simple(self, begin: int, end: int) -> None:
        """A declaration or an expression."""
        if begin >= end:
            return
        variables = declared(self.tokens, begin, end)
        for variable in variables:
            self._declare(variable, self._initial(variable))
        if variables:
            return
        returns = self.tokens[begin].text == "return"
        nodes = Parser(self.tokens, begin + returns, end).list()
        for node in nodes:
            value = self._value(node)
            if returns:
                self._return(node, value)

    def _return(self, node: Node, value: Value) -> None:
        result = self.result.result if isinstance(self.result, Function) else ""
        struct = self.facts.struct_in(result, self.function.path)
        if node.kind == "brace" and not node.text and struct:
            self._make(struct, node.parts)
        elif isinstance(self.result, Function) and not is_integer(result) and result != "auto":
            return
        else:
            self.facts.add(self.result, "return", value.bits)

    def _initial(self, variable: Variable) -> Value:
        struct = self.facts.struct_in(variable.type, self.function.path)
        if variable.begin < 0:
            return Value(0, struct)
        opens = self.tokens[variable.begin].text
        if opens == "=":
            node = Parser(self.tokens, variable.begin + 1, variable.end).expression()
            if node.kind == "brace" and not node.text and struct:
                self._make(struct, node.parts)
                return Value(0, struct)
            value = self._value(node)
            return replace(value, struct=struct or value.struct)
        if opens not in ("(", "{"):
            return Value(0, struct)
        arguments = Parser(self.tokens, variable.begin + 1, closing(self.tokens, variable.begin)).list()
        if struct and not is_integer(variable.type):
            self._make(struct, arguments)
            return Value(0, struct)
        return Value(self._union(arguments), struct)

    def _declare(self, variable: Variable, value: Value) -> None:
        words = set(variable.type.split())
        wide = bool(words & WIDE) and not is_integer(variable.type)
        bits = 0 if wide else value.bits
        foreign = value.foreign or self._is_foreign(variable)
        self.locals[variable.name] = replace(value, bits=bits, key=variable.name, plain=not wide, foreign=foreign)
        self.depths[variable.name] = self.depth
        for key in [key for key in self.bounds if key.partition(".")[0] == variable.name]:
            del self.bounds[key]
