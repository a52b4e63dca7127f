"""Finds arithmetic that could overflow: sums, products and negations of numbers that a caller gives.

An integer of a call, or an element of a list of them, is *free*: any of 2^64 values. So is what is computed from it,
until something bounds it: a constraint of the op's facet, `std::clamp`, `std::min` and `std::max` with what is not
free, a comparison that leaves the function, or a function of BOUNDING. Each side is bounded by itself. Arithmetic on a
number that is free on either side must be written with `checked::` (tensorwright/checked.hpp). Numbers are followed
through variables and into the functions of the same package that they are handed to; ops check what they are given.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..facets import Kind, Op, OpSet, Type
from .source import Function, Token, closing, functions_of, opening, split_arguments

LOW, HIGH = 1, 2  # the sides on which a number is free
FREE = LOW | HIGH
ARITHMETIC = frozenset({"+", "-", "*", "<<", "+=", "-=", "*=", "<<=", "++", "--"})
# Their result is bounded whatever they are given, or they refuse it.
BOUNDING = frozenset({"normalized_dim", "normalize_dim", "clamp"})
# `batch.get<int64_t>(1)`, `From<IntList>::get(value)`: what the arguments of a call hold.
READING = frozenset({"get", "From", "plain"})
# Their result is as free as what they are given.
PASSING = frozenset({"static_cast", "move", "value_or", "vec", "abs", "value", "front", "back", "IntList", "Sizes"})
WIDE = (
    "__int128",
    "double",
    "float",
    "bool",
    "T",
    "uint64_t",
    "size_t",
)  # variables of these types cannot overflow, or are no sizes


@dataclass(frozen=True)
class Finding:
    path: Path
    line: int
    function: str
    text: str
    sides: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: {self.function}()"
        return f"{place}: `{self.text}` may overflow (free {self.sides}); use checked::, or bound it first"


def find_unchecked(paths: Iterable[Path], ops: OpSet | Sequence[Op], entries: Iterable[str] = ()) -> list[Finding]:
    """What the files of one package do with the arguments of ops, and with those of the functions `entries`."""
    functions = [function for path in sorted(paths) for function in functions_of(path, path.read_text())]
    named: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        named[function.name].append(function)
    free: dict[int, dict[str, int]] = {id(f): {} for f in functions}
    by_symbol = {op.symbol: op for op in ops}
    every = frozenset(entries)
    for function in functions:
        op = by_symbol.get(function.name)
        if op is not None:
            free[id(function)] |= free_arguments(op, function)
        if function.name in every:
            free[id(function)] |= {p.name: FREE for p in function.parameters if is_integer(p.type)}
    while True:  # until nobody hands on anything new
        walks = [Walk(function, free[id(function)]) for function in functions]
        changed = False
        for walk in walks:
            for name, position, count, bits in walk.handed_on:
                for callee in named.get(name, ()):
                    if position >= len(callee.parameters) or count > len(callee.parameters):
                        continue
                    parameter = callee.parameters[position]
                    known = free[id(callee)]
                    if is_integer(parameter.type) and known.get(parameter.name, 0) | bits != known.get(
                        parameter.name, 0
                    ):
                        known[parameter.name] = known.get(parameter.name, 0) | bits
                        changed = True
        if not changed:
            return sorted({f for walk in walks for f in walk.findings}, key=lambda f: (f.path, f.line, f.text))


def is_integer(type_: str) -> bool:
    return re.search(r"(?<!u)int64_t|IntList|Sizes", type_) is not None and "*" not in type_


def free_arguments(op: Op, function: Function) -> dict[str, int]:
    """The integers of an op, as its constraints leave them. A kernel's result exists: so do the sizes in its shape."""
    rules = [constraint.rule.text for constraint in op.where]
    sizes = " ".join(rule.text for rule in op.shape) if op.kind is Kind.KERNEL else ""
    found = {}
    for arg, parameter in zip(op.schema.args, function.parameters, strict=False):
        same_kind = (arg.type is Type.INTS) == ("int64_t" not in parameter.type)
        if is_integer(parameter.type) and same_kind and not is_size(arg.name, sizes):
            found[parameter.name] = FREE & ~bounded_sides(arg.name, rules)
    return {name: bits for name, bits in found.items() if bits}


def is_size(name: str, shapes: str) -> bool:
    """Whether it is a shape itself, or an element of a list that is one."""
    return re.search(rf"(^|[\[,+] ?){name}( ?[\],+]|$)", shapes) is not None


def bounded_sides(name: str, rules: Sequence[str]) -> int:
    """What constraints say of an integer, or of each element of a list `... for x in name`."""
    bits = 0
    for rule in rules:
        names = {name, *re.findall(rf"for (\w+) in {name}\b", rule)}
        for word in names:
            w = rf"(?<![\w.]){word}(?![\w.(\[])"
            if re.search(rf"normalize_dims?\({word}\b", rule) or re.search(rf"{w} in \[", rule):
                bits |= FREE
            if re.search(rf"{w} (>=?|==) |(<=?|==) {w}", rule):
                bits |= LOW
            if re.search(rf"{w} (<=?|==) |(>=?|==) {w}", rule):
                bits |= HIGH
    return bits


class Walk:
    """One function, with what is free among its parameters: what it hands on, and its findings."""

    def __init__(self, function: Function, parameters: Mapping[str, int]) -> None:
        self.function, self.tokens = function, function.body
        self.free = dict(parameters)
        self.handed_on: set[tuple[str, int, int, int]] = set()
        self.findings: set[Finding] = set()
        if self.free or any(token.text in READING for token in self.tokens):
            for begin, end in self._statements():
                self._statement(begin, end)

    def _statements(self) -> Iterator[tuple[int, int]]:
        """Runs of tokens between semicolons, braces and the parts of `for (...)`, in their order."""
        begin = 0
        for i, token in enumerate(self.tokens):
            if token.text in (";", "{", "}"):
                if i > begin:
                    yield begin, i
                begin = i + 1

    def _statement(self, begin: int, end: int) -> None:
        self._guards(begin, end)
        self._range_for(begin, end)
        for i in range(begin, end):
            token = self.tokens[i]
            if token.is_name and self._is_use(i) and (bits := self.free.get(token.text, 0)):
                self._use(i, end, bits)
        self._assignments(begin, end)

    def _is_use(self, i: int) -> bool:
        return i == 0 or self.tokens[i - 1].text not in (".", "->", "::")

    def _guards(self, begin: int, end: int) -> None:
        """`if (n < 0 || n > limit) throw ...` bounds n behind it."""
        if self.tokens[begin].text != "if" or begin + 1 >= end or self.tokens[begin + 1].text != "(":
            return
        stop = closing(self.tokens, begin + 1)
        follows = self.tokens[stop + 1].text if stop + 1 < len(self.tokens) else ""
        if follows not in ("throw", "return", "refuse", "continue", "overflow"):
            return
        for i in range(begin + 2, stop):
            name = self.tokens[i].text
            if self.free.get(name) and self._is_use(i):
                after, before = self.tokens[i + 1].text, self.tokens[i - 1].text
                if after in (">", ">=", "!=") or before in ("<", "<="):
                    self.free[name] &= ~HIGH
                if after in ("<", "<=", "!=") or before in (">", ">="):
                    self.free[name] &= ~LOW

    def _value_end(self, i: int, end: int) -> int:
        """Behind `x[i]`, `x.value()`, `x->first`; -1 where what is read is no element, as in `x.size()`."""
        i += 1
        while i < end:
            text = self.tokens[i].text
            if text == "[":
                i = closing(self.tokens, i) + 1
            elif text in (".", "->") and i + 1 < end:
                member, called = self.tokens[i + 1].text, i + 2 < end and self.tokens[i + 2].text == "("
                if called and member not in PASSING:
                    return -1
                i = closing(self.tokens, i + 2) + 1 if called else i + 2
            else:
                break
        return i

    def _use(self, at: int, end: int, bits: int) -> None:
        """Reports arithmetic on what is read there, and hands it on to the call that it is an argument of."""
        first, last = at, self._value_end(at, end)
        if last < 0:
            return
        if first and self.tokens[first - 1].text == "*" and not self._is_operand(first - 2):
            first -= 1  # what an optional holds
        while True:
            before = self.tokens[first - 1].text if first else ""
            after = self.tokens[last].text if last < len(self.tokens) else ""
            if self._is_checked(at) or (after == "=" and first == at):
                return
            if before in ("/", "%") or after == "%" or (after == "/" and self._is_number(last + 1)):
                return  # what is left is far from the limits
            if (before in ARITHMETIC and (before in ("++", "--") or before == "-" or self._is_operand(first - 2))) or (
                after in ARITHMETIC
            ):
                if not self._is_harmless(first, after, bits):
                    self._report(first - (before in ARITHMETIC), last + (after in ARITHMETIC), bits)
                return
            if after not in (")", ",", "}") or before not in ("(", ",", "{"):
                return
            call = self._enclosing(first - 1)
            if call is None:
                return
            bits = self._through(call, first, bits)
            if not bits:
                return
            first, last = self._call_begin(call), closing(self.tokens, call) + 1

    def _is_number(self, i: int) -> bool:
        return i < len(self.tokens) and self.tokens[i].text.isdigit()

    def _is_harmless(self, first: int, after: str, bits: int) -> bool:
        """A difference with what is bounded below: neither `n - 1` nor `1 - n` nor `-n` leaves 64 bits then."""
        before = self.tokens[first - 1].text if first else ""
        around = {text for text in (before, after) if text in ARITHMETIC}
        return bits == HIGH and around <= {"-", "-=", "--"}

    def _is_operand(self, i: int) -> bool:
        return i >= 0 and (
            (self.tokens[i].is_name and self.tokens[i].text != "return")
            or self.tokens[i].text in (")", "]")
            or self.tokens[i].text[0].isdigit()
        )

    def _is_checked(self, i: int) -> bool:
        """Whether it is an argument of `checked::f(...)`, however deep."""
        while (call := self._enclosing(i - 1)) is not None:
            if call >= 3 and self.tokens[call - 2].text == "::" and self.tokens[call - 3].text == "checked":
                return True
            i = call
        return False

    def _enclosing(self, i: int) -> int | None:
        """The bracket that is open at a place, within its statement."""
        depth = 0
        while i >= 0:
            text = self.tokens[i].text
            if text in (")", "]", "}"):
                i = opening(self.tokens, i)
            elif text in ("(", "{"):
                return i
            elif text == ";":
                return None
            i -= 1
            depth += 1
        return None

    def _call_begin(self, call: int) -> int:
        """Where `std::max(` or `static_cast<int>(` begins."""
        i = call - 1
        if i >= 0 and self.tokens[i].text == ">":
            while i > 0 and self.tokens[i].text != "<":
                i -= 1
            i -= 1
        while i >= 2 and self.tokens[i].is_name and self.tokens[i - 1].text == "::":
            i -= 2
        return i if i >= 0 and self.tokens[i].is_name and self.tokens[i].text not in ("return", "if") else call

    def _callee(self, call: int) -> str:
        begin = self._call_begin(call)
        names = [t.text for t in self.tokens[begin:call] if t.is_name]
        angle = next((i for i in range(begin, call) if self.tokens[i].text == "<"), call)
        plain = [t.text for t in self.tokens[begin:angle] if t.is_name]
        if not names:
            return ""
        if "static_cast" in names:
            return names[0] if any(word in names for word in ("int64_t", "size_t", "int")) else "double"
        scope = [t.text for t in self.tokens[begin:call] if t.text != "::"]
        return "ops" if scope[0] == "ops" else plain[-1]

    def _through(self, call: int, argument: int, bits: int) -> int:
        """What remains free of an argument behind its call."""
        callee = self._callee(call)
        arguments = split_arguments(self.tokens[call + 1 : closing(self.tokens, call)])
        if callee in ("min", "max"):
            others_free = sum(bool(self._bits(part)) for part in arguments) > 1
            return bits if others_free else bits & ~(HIGH if callee == "min" else LOW)
        if callee in PASSING or callee == "":
            return bits
        position = 0
        at = call + 1
        for k, part in enumerate(arguments):
            if at <= argument < at + len(part) + 1:
                position = k
                break
            at += len(part) + 1
        if callee not in BOUNDING and callee != "ops":
            self.handed_on.add((callee, position, len(arguments), bits))
            begin = self._call_begin(call)
            if begin and self.tokens[begin - 1].is_name and self.tokens[begin - 1].text not in ("return", "else"):
                self.handed_on.add((self.tokens[begin - 1].text, position, len(arguments), bits))  # Type name(...)
        return 0

    def _bits(self, tokens: Sequence[Token]) -> int:
        """How free an expression is."""
        bits = i = 0
        while i < len(tokens):
            token = tokens[i]
            if token.text in (".", "->") and i + 2 < len(tokens) and tokens[i + 2].text == "(":
                i = closing(tokens, i + 2) + 1  # what a method is asked for
                continue
            if token.text in READING and i + 3 < len(tokens) and tokens[i + 1].text == "<":
                stop = next((k for k in range(i, len(tokens)) if tokens[k].text == ">"), i)
                if is_integer("".join(t.text for t in tokens[i + 2 : stop])):
                    bits |= FREE
            if token.is_name and (i == 0 or tokens[i - 1].text not in (".", "->", "::")):
                if (i + 1 < len(tokens) and tokens[i + 1].text in ("(", "<")) or (
                    i + 2 < len(tokens) and tokens[i + 1].text == "::"
                ):
                    name_end, callee = i, token.text
                    while name_end + 2 < len(tokens) and tokens[name_end + 1].text == "::":
                        name_end += 2
                        callee = tokens[name_end].text
                    begin = name_end + 1
                    if begin < len(tokens) and tokens[begin].text == "<":
                        while begin < len(tokens) and tokens[begin].text != ">":
                            begin += 1
                        begin += 1
                    if begin < len(tokens) and tokens[begin].text in ("(", "{"):
                        stop = closing(tokens, begin)
                        inner = [self._bits(part) for part in split_arguments(tokens[begin + 1 : stop])]
                        if callee in ("min", "max"):
                            free = [b for b in inner if b]
                            side = HIGH if callee == "min" else LOW
                            for b in free:
                                bits |= b if len(free) > 1 else b & ~side
                        elif callee in PASSING:
                            for b in inner:
                                bits |= b
                        i = stop + 1
                        continue
                if token.text in self.free:
                    end, plain = i + 1, True
                    while end + 1 < len(tokens) and tokens[end].text in (".", "->"):
                        called = end + 2 < len(tokens) and tokens[end + 2].text == "("
                        plain = plain and not (called and tokens[end + 1].text not in PASSING)
                        end = closing(tokens, end + 2) + 1 if called else end + 2
                    follows = tokens[end].text if end < len(tokens) else ""
                    halved = follows == "/" and end + 1 < len(tokens) and tokens[end + 1].text.isdigit()
                    plain = plain and not halved and not (i and tokens[i - 1].text in ("/", "%"))
                    if plain and follows not in ("<", ">", "<=", ">=", "==", "!=", "%", "?"):
                        own = self.free[token.text]
                        swapped = i > 0 and tokens[i - 1].text == "-" and own in (LOW, HIGH)
                        bits |= FREE & ~own if swapped else own
            elif token.text in ("==", "!=", "<=", ">=", "&&", "||"):
                if "?" not in [t.text for t in tokens[i:]]:
                    return 0
                bits = 0
            i += 1
        return bits

    def _range_for(self, begin: int, end: int) -> None:
        """`for (const int64_t n : size)`."""
        for i in range(begin, end):
            if self.tokens[i].text == "for" and i + 1 < end and self.tokens[i + 1].text == "(":
                stop = closing(self.tokens, i + 1)
                colon = next((k for k in range(i + 2, stop) if self.tokens[k].text == ":"), None)
                if colon is not None:
                    self.free[self.tokens[colon - 1].text] = self._bits(self.tokens[colon + 1 : stop])

    def _assignments(self, begin: int, end: int) -> None:
        """`int64_t n = ..., m = ...` and `n = ...`; `Sizes sizes(...)`."""
        types = [t.text for t in self.tokens[begin:end]]
        if any(word in types[:3] for word in WIDE):
            return
        i = begin
        while i < end:
            if self.tokens[i].text == "=" and i > begin and self.tokens[i - 1].is_name and self._is_use(i - 1):
                stop, depth = i + 1, 0
                while stop < end and not (depth == 0 and self.tokens[stop].text == ","):
                    depth += (self.tokens[stop].text in "([{") - (self.tokens[stop].text in ")]}")
                    if depth < 0:
                        break
                    stop += 1
                self.free[self.tokens[i - 1].text] = self._bits(self.tokens[i + 1 : stop])
                i = stop
            elif (
                self.tokens[i].text in ("(", "{")
                and i - 2 >= begin
                and self.tokens[i - 1].is_name
                and (
                    self.tokens[i - 2].text in ("Sizes", "IntList")
                    or (types[:2] == ["std", "::"] and "int64_t" in types[:6])
                )
                and self.tokens[i - 2].is_name | (self.tokens[i - 2].text == ">")
            ):
                self.free[self.tokens[i - 1].text] = self._bits(self.tokens[i + 1 : closing(self.tokens, i)])
            i += 1

    def _report(self, first: int, last: int, bits: int) -> None:
        first, last = max(first - 1, 0), min(last + 1, len(self.tokens))
        text = " ".join(token.text for token in self.tokens[first:last])
        sides = {LOW: "below", HIGH: "above"}.get(bits, "on both sides")
        self.findings.add(Finding(self.function.path, self.tokens[first].line, self.function.name, text, sides))


def check_packages(packages: Path, ops: OpSet) -> list[Finding]:
    """The findings in all native packages; what is written for single processors (isa, simd) walks over memory."""
    found = []
    for folder in sorted(path for path in packages.glob("*/csrc") if path.is_dir()):
        files = [path for path in folder.rglob("*") if path.suffix in (".cpp", ".h")]
        paths = [path for path in files if not {"isa", "simd", "python"} & set(path.relative_to(folder).parts)]
        formulas = [path.read_text() for path in paths if path.name.endswith("formulas.h")]
        entries = {name for text in formulas for name in re.findall(r"(\w+)\(", text)}
        found += find_unchecked(paths, ops if folder.parent.name == "tensor-core" else (), entries)
    return found
