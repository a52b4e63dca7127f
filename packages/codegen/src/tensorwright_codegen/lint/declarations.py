"""The functions and structs that a file of C++ defines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .source import Token, closing, split_arguments, tokens_of

QUALIFIERS = frozenset(
    {"const", "static", "constexpr", "inline", "thread_local", "mutable", "volatile", "typename", "explicit", "virtual"}
)
NO_TYPES = frozenset(
    {"return", "throw", "delete", "else", "case", "goto", "break", "continue", "using", "new", "default", "typedef",
     "static_assert", "public", "private", "protected", "friend", "operator", "template", "extern", "namespace"}
)  # fmt: skip


@dataclass(frozen=True)
class Variable:
    """A parameter, a field or a local variable."""

    name: str
    type: str  # words with spaces between them
    begin: int = -1  # of what it starts with: the place of `=`, `(`, `{` or `:`; -1 without that
    end: int = -1


@dataclass(frozen=True)
class Struct:
    path: Path
    name: str
    bases: tuple[str, ...]
    fields: tuple[Variable, ...]


@dataclass(frozen=True)
class Function:
    path: Path
    name: str
    owner: str  # the struct that it is a method of
    result: str
    parameters: tuple[Variable, ...]
    body: tuple[Token, ...]  # with the member initializers of a constructor in front
    is_local: bool = False  # to its file: in an anonymous namespace


def is_integer(type_: str) -> bool:
    """Whether a type holds signed 64-bit numbers, one or many."""
    return re.search(r"\b(int64_t|ptrdiff_t|Py_ssize_t|IntList|Sizes)\b", type_) is not None and "*" not in type_


def template_end(tokens: Sequence[Token], begin: int, end: int) -> int:
    """Behind the `>` of the template arguments that begin at `<`; -1 if that is a comparison."""
    depth, i = 0, begin
    while i < end:
        text = tokens[i].text
        if text == "(":  # a function type, decltype(...)
            i = closing(tokens, i)
        elif text in ("<", ">"):
            depth += 1 if text == "<" else -1
            if depth == 0:
                return i + 1
        elif not (tokens[i].is_name or text in ("::", ",", "*", "&", "&&", "...", ".", "+") or text[0].isdigit()):
            return -1
        i += 1
    return -1


def _type_end(tokens: Sequence[Token], begin: int, end: int) -> int:
    """Behind a type with its `const`, `*` and `&`; `begin` if there is none."""
    i, named = begin, False
    while i < end:
        text = tokens[i].text
        if text in QUALIFIERS or (text in ("unsigned", "long", "short", "struct", "enum")):
            named = named or text in ("unsigned", "long", "short")
        elif text in ("*", "&", "&&") and named:
            pass
        elif tokens[i].is_name and not named and text not in NO_TYPES:
            named = True
            while True:
                if i + 1 < end and tokens[i + 1].text == "<":
                    stop = template_end(tokens, i + 1, end)
                    if stop < 0:
                        return begin
                    i = stop - 1
                if i + 2 < end and tokens[i + 1].text == "::" and tokens[i + 2].is_name:
                    i += 2
                else:
                    break
        else:
            break
        i += 1
    return i if named else begin


def declared(tokens: Sequence[Token], begin: int, end: int) -> list[Variable]:
    """The variables that a statement or a parameter declares; none if it is no declaration."""
    stop = _type_end(tokens, begin, end)
    if stop == begin or stop >= end:
        return []
    words = " ".join(token.text for token in tokens[begin:stop])
    if tokens[stop].text == "[" and "auto" in words:  # auto [a, b] = ...
        close = closing(tokens, stop)
        names = [token.text for token in tokens[stop + 1 : close] if token.is_name]
        return [Variable(name, "auto", close + 1, end) for name in names]
    found: list[Variable] = []
    i = stop
    while i < end and tokens[i].is_name:
        name, after = tokens[i].text, i + 1
        while after < end and tokens[after].text == "[":
            after = closing(tokens, after) + 1
        if after < end and tokens[after].text not in ("=", "(", "{", ",", ";", ":"):
            return []
        limit = after
        while limit < end and tokens[limit].text != ",":
            limit = closing(tokens, limit) + 1 if tokens[limit].text in "([{" else _past(tokens, limit, end)
        starts = after < limit
        found.append(Variable(name, words, after if starts else -1, limit if starts else -1))
        i = limit + 1
        while i < end and tokens[i].text in ("*", "&"):
            i += 1
    return found


def _past(tokens: Sequence[Token], i: int, end: int) -> int:
    if tokens[i].text == "<" and i and tokens[i - 1].is_name and (stop := template_end(tokens, i, end)) > 0:
        return stop
    return i + 1


def structs_of(path: Path, text: str) -> Iterator[Struct]:
    """The structs and classes that a file defines, those inside of others too."""
    tokens = tokens_of(text)
    for name, bases, begin, end in _struct_bodies(tokens):
        yield Struct(path, name, bases, tuple(_fields(tokens, begin, end)))


def _struct_bodies(tokens: Sequence[Token]) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
    for i, token in enumerate(tokens):
        if token.text not in ("struct", "class") or (i and tokens[i - 1].text in ("enum", "<", ",")):
            continue
        opening = next((k for k in range(i, len(tokens)) if tokens[k].text in ("{", ";", "(", "=", ")", ">")), i)
        if tokens[opening].text == "{" and tokens[i + 1].is_name:
            bases = tuple(t.text for t in tokens[i + 2 : opening] if t.is_name)
            yield tokens[i + 1].text, bases, opening + 1, closing(tokens, opening)


def _fields(tokens: Sequence[Token], begin: int, end: int) -> Iterator[Variable]:
    i = start = begin
    while i < end:
        text = tokens[i].text
        if text == "{" and any(t.text in ("(", "struct", "class", "enum", "union") for t in tokens[start:i]):
            i = closing(tokens, i)  # a method or a type
            start = i + 1
        elif text in ("{", "("):
            i = closing(tokens, i)
        elif text == ":" and tokens[i - 1].text in ("public", "private", "protected"):
            start = i + 1
        elif text == ";":
            if not any(t.text == "(" for t in tokens[start:i]):
                yield from declared(tokens, start, i)
            start = i + 1
        i += 1


def functions_of(path: Path, text: str) -> Iterator[Function]:
    """The functions that are defined at the level of namespaces and classes."""
    tokens = tokens_of(text)
    classes = [(begin, end, name) for name, _, begin, end in _struct_bodies(tokens)]
    anonymous = [(i, closing(tokens, i + 1)) for i in range(len(tokens) - 1) if _is_anonymous(tokens, i)]
    i = 0
    while i < len(tokens):
        if tokens[i].text == "(" and i and tokens[i - 1].is_name and tokens[i - 1].text not in ("if", "for", "while"):
            end = closing(tokens, i)
            body = _body_after(tokens, end)
            if body is not None:
                stop = closing(tokens, body)
                inside = [name for begin, last, name in classes if begin <= i < last]
                scope = tokens[i - 3].text if i >= 3 and tokens[i - 2].text == "::" else ""
                parameters = tuple(map(_parameter, split_arguments(tokens[i + 1 : end])))
                owner = scope or (inside[-1] if inside else "")
                result = _result_before(tokens, i - 1)
                is_local = any(a < i < b for a, b in anonymous)
                code = tuple(tokens[end + 1 : stop + 1])
                yield Function(path, tokens[i - 1].text, owner, result, parameters, code, is_local)
                i = stop
            else:
                i = end
        i += 1


def _is_anonymous(tokens: Sequence[Token], i: int) -> bool:
    return tokens[i].text == "namespace" and tokens[i + 1].text == "{"


def _result_before(tokens: Sequence[Token], name: int) -> str:
    first = name
    while first and tokens[first - 1].text not in (";", "{", "}", ")", ":"):
        first -= 1
    return " ".join(token.text for token in tokens[first:name])


def _parameter(tokens: list[Token]) -> Variable:
    default = next((i for i, token in enumerate(tokens) if token.text == "="), len(tokens))
    texts = [token.text for token in tokens[:default]]
    while texts and texts[-1] == "]":  # an array
        del texts[max(i for i, text in enumerate(texts) if text == "[") :]
    return Variable(texts[-1], " ".join(texts[:-1])) if texts else Variable("", "")


def _body_after(tokens: Sequence[Token], end: int) -> int | None:
    """The brace that begins the body of the function whose parameters end there."""
    i = end + 1
    while i < len(tokens) and tokens[i].text in ("const", "noexcept", "override", "final"):
        i += 1
    if i < len(tokens) and tokens[i].text == ":":  # member initializers
        i += 1
        while i + 1 < len(tokens):
            while i < len(tokens) and tokens[i].text not in ("(", "{"):
                i += 1
            if i >= len(tokens):
                return None
            i = closing(tokens, i) + 1
            if i >= len(tokens) or tokens[i].text != ",":
                break
            i += 1
    return i if i < len(tokens) and tokens[i].text == "{" else None
