"""Expressions of C++ as trees. What is not understood is skipped: the checks lose sight of it, but do not fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .declarations import template_end
from .source import Token, closing

BINARY = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8, ">>": 8,
    "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip
ASSIGNING = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "<<=", "|=", "&=", "^="})
PREFIX = frozenset({"-", "+", "!", "~", "*", "&", "++", "--"})


@dataclass(frozen=True)
class Node:
    """A part of an expression. Its kind says what the other fields hold.

    `number`, `name` (text: with its scope), `member` (parts: of what; text: which), `index` (parts: of what, at),
    `call` (parts: callee, arguments), `brace` (text: type), `prefix`, `postfix`, `binary`, `assign` (text: operator),
    `ternary`, `lambda` (inner: parameters; begin, end: body).
    """

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()
    template: str = ""
    begin: int = 0
    end: int = 0
    inner: tuple[Token, ...] = field(default=(), repr=False)


class Parser:
    """Reads the tokens from `begin` to `end` - 1."""

    def __init__(self, tokens: Sequence[Token], begin: int, end: int) -> None:
        self.tokens, self.at, self.end = tokens, begin, end

    @property
    def text(self) -> str:
        return self.tokens[self.at].text if self.at < self.end else ""

    def list(self) -> tuple[Node, ...]:
        """What commas separate; tokens that begin no expression are passed over."""
        found = []
        while self.at < self.end:
            before = self.at
            found.append(self.expression())
            if self.at < self.end and self.text != ",":
                self.at = max(self.at, before + 1)
                continue
            self.at += 1
        return tuple(found)

    def expression(self) -> Node:
        begin = self.at
        left = self.binary(1)
        if self.text == "?":
            self.at += 1
            middle = self.expression()
            if self.text == ":":
                self.at += 1
            return Node("ternary", "?", (left, middle, self.expression()), begin=begin, end=self.at)
        if self.text in ASSIGNING:
            operator = self.text
            self.at += 1
            return Node("assign", operator, (left, self.expression()), begin=begin, end=self.at)
        return left

    def binary(self, level: int) -> Node:
        begin = self.at
        left = self.unary()
        while (operator := self._operator()) and BINARY[operator] >= level:
            self.at += 2 if operator == ">>" else 1
            right = self.binary(BINARY[operator] + 1)
            left = Node("binary", operator, (left, right), begin=begin, end=self.at)
        return left

    def _operator(self) -> str:
        if self.text == ">" and self.at + 1 < self.end and self.tokens[self.at + 1].text == ">":
            return ">>"
        return self.text if self.text in BINARY else ""

    def unary(self) -> Node:
        begin = self.at
        if self.text in PREFIX:
            operator = self.text
            self.at += 1
            return Node("prefix", operator, (self.unary(),), begin=begin, end=self.at)
        if self.text in ("new", "throw", "delete", "typename", "sizeof", "return"):
            self.at += 1
            return self.unary()
        return self.postfix(self.primary())

    def primary(self) -> Node:
        begin, text = self.at, self.text
        if text == "(":
            inner = self._bracket()
            return inner[-1] if inner else Node("number")
        if text == "[":
            return self._lambda()
        if text == "{":
            return Node("brace", "", self._bracket(), begin=begin, end=self.at)
        if text and self.tokens[begin].is_name:
            return self._name()
        if text not in (")", "]", "}", ",", ";", ":", "?"):
            self.at += 1
        return Node("number", text, begin=begin, end=self.at)

    def _bracket(self) -> tuple[Node, ...]:
        stop = closing(self.tokens, self.at)
        inner = Parser(self.tokens, self.at + 1, min(stop, self.end)).list()
        self.at = stop + 1
        return inner

    def _name(self) -> Node:
        begin, words, template = self.at, [self.text], ""
        self.at += 1
        while self.at < self.end:
            if self.text == "<" and (stop := template_end(self.tokens, self.at, self.end)) > 0:
                after = self.tokens[stop].text if stop < self.end else ""
                if after not in ("(", "{", "::", ")", ",", "", ";", "&", "&&"):
                    break
                template = " ".join(token.text for token in self.tokens[self.at + 1 : stop - 1])
                self.at = stop
            elif self.text == "::" and self.at + 1 < self.end and self.tokens[self.at + 1].is_name:
                words.append(self.tokens[self.at + 1].text)
                self.at += 2
            else:
                break
        node = Node("name", "::".join(words), template=template, begin=begin, end=self.at)
        if self.text == "{":
            return Node("brace", f"{node.text} {template}".strip(), self._bracket(), begin=begin, end=self.at)
        return node

    def _lambda(self) -> Node:
        begin = self.at
        self.at = closing(self.tokens, self.at) + 1
        parameters: tuple[Token, ...] = ()
        if self.text == "(":
            stop = closing(self.tokens, self.at)
            parameters = tuple(self.tokens[self.at + 1 : stop])
            self.at = stop + 1
        while self.at < self.end and self.text != "{":  # mutable, noexcept, -> type
            self.at += 1
        if self.at >= self.end:
            return Node("number")
        opening = self.at
        self.at = closing(self.tokens, opening) + 1
        return Node("lambda", str(begin), begin=opening + 1, end=self.at - 1, inner=parameters)

    def postfix(self, node: Node) -> Node:
        begin = node.begin
        while self.at < self.end:
            text = self.text
            if text == "(":
                node = Node("call", "", (node, *self._bracket()), begin=begin, end=self.at)
            elif text == "[":
                node = Node("index", "", (node, *self._bracket()), begin=begin, end=self.at)
            elif text in (".", "->") and self.at + 1 < self.end:
                self.at += 1
                if self.text == "template":
                    self.at += 1
                member = self._name() if self.tokens[self.at].is_name else Node("number")
                self.at = max(self.at, member.end)
                node = Node("member", member.text, (node,), member.template, begin=begin, end=self.at)
            elif text in ("++", "--"):
                self.at += 1
                node = Node("postfix", text, (node,), begin=begin, end=self.at)
            else:
                break
        return node
