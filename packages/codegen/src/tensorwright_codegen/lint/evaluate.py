"""Expressions of a function: how free they are, what arithmetic they do, and whom they hand numbers to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .conditions import NOT_MINUS_ONE, Bounds, bounds_when, key_of
from .declarations import Function, Struct, Variable, is_integer
from .expression import Node
from .facts import FREE, HIGH, LOW, Facts
from .source import split_arguments
from .vocabulary import ADJUSTING, BOUNDING, CASTS, FILLING, FOREIGN, GROWING, PASSING, READING, WIDE

SIDES = {LOW: "below", HIGH: "above"}


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


@dataclass(frozen=True)
class Value:
    bits: int = 0
    struct: Struct | None = None
    key: str = ""  # what it is called in conditions: `n`, `axis.stride`
    plain: bool = True  # an integer, as far as is known
    foreign: bool = False  # of a type from elsewhere, whose fields are bounded
    body: Node | None = None  # of a lambda


NOTHING = Value()


class Evaluator(ABC):
    """Knows the local variables of a function and what conditions say of them."""

    def __init__(self, function: Function, facts: Facts) -> None:
        self.function, self.facts, self.tokens = function, facts, function.body
        self.findings: set[Finding] = set()
        self.bounds: Bounds = {}
        self.depths: dict[str, int] = {}  # of the block that declares a variable
        self.depth = 0
        self.result: object = function  # whose result `return` gives
        self.owner = facts.struct_in(function.owner, function.path) if function.owner else None
        self.locals = {p.name: self._parameter(function, p) for p in function.parameters}

    @abstractmethod
    def _block(self, begin: int, end: int) -> None:
        """Goes through the statements there."""

    def _parameter(self, owner: object, variable: Variable) -> Value:
        struct = self.facts.struct_in(variable.type, self.function.path)
        return Value(self.facts.free(owner, variable.name), struct, variable.name, foreign=self._is_foreign(variable))

    @staticmethod
    def _is_foreign(variable: Variable) -> bool:
        return "auto" not in variable.type.split()

    @contextmanager
    def _given(self, bounds: Bounds) -> Iterator[None]:
        before = dict(self.bounds)
        self._bound(bounds)
        yield
        self.bounds = before

    def _bound(self, bounds: Bounds) -> None:
        for key, sides in bounds.items():
            self.bounds[key] = self.bounds.get(key, 0) | sides

    # ---- expressions ----------------------------------------------------------------------------------------------

    def _bits(self, node: Node) -> int:
        return self._value(node).bits

    def _union(self, nodes: Sequence[Node]) -> int:
        bits = 0
        for node in nodes:
            bits |= self._bits(node)
        return bits

    def _value(self, node: Node) -> Value:
        method = getattr(self, f"_{node.kind}")
        value: Value = method(node)
        if value.key and value.bits & self.bounds.get(value.key, 0):
            return replace(value, bits=value.bits & ~self.bounds[value.key])
        return value

    def _number(self, node: Node) -> Value:
        return Value(plain="." not in node.text)

    def _name(self, node: Node) -> Value:
        if node.text in self.locals:
            return self.locals[node.text]
        if node.text == "this":
            return Value(0, self.owner)
        if self.owner and "::" not in node.text and (found := self.facts.field_of(self.owner, node.text)):
            return self._field(*found, node.text, node.text)
        return NOTHING

    def _field(self, struct: Struct, type_: str, name: str, key: str) -> Value:
        wide = bool(set(type_.split()) & WIDE) and not is_integer(type_)
        bits = self.facts.free(struct, name)
        return Value(bits, self.facts.struct_in(type_, self.function.path), key, not wide, foreign=True)

    def _member(self, node: Node) -> Value:
        of = self._value(node.parts[0])
        key = f"{of.key}.{node.text}" if of.key else ""
        if of.struct:
            found = self.facts.field_of(of.struct, node.text)
            return self._field(*found, node.text, key) if found else NOTHING
        if of.bits or of.foreign:
            return replace(of, key=key)  # `slice->start` of an optional
        values = [self._field(*found, node.text, key) for found in self.facts.fields_named(node.text)]
        bits = 0
        for value in values:
            bits |= value.bits
        return Value(bits, values[0].struct if values else None, key)

    def _index(self, node: Node) -> Value:
        self._union(node.parts[1:])
        return replace(self._value(node.parts[0]), key="")

    def _brace(self, node: Node) -> Value:
        struct = self.facts.struct_in(node.text, self.function.path) if node.text else None
        if struct:
            self._make(struct, node.parts)
            return Value(0, struct)
        return Value(self._union(node.parts))

    def _lambda(self, node: Node) -> Value:
        owner = (self.function, node.begin)
        saved = dict(self.locals), dict(self.bounds), self.result
        for parameter in self._lambda_parameters(node):
            self.locals[parameter.name] = self._parameter(owner, parameter)
        self.result = owner
        self._block(node.begin, node.end)
        self.locals, self.bounds, self.result = saved
        return Value(body=node)

    @staticmethod
    def _lambda_parameters(node: Node) -> list[Variable]:
        parts = split_arguments(node.inner)
        return [Variable(part[-1].text, " ".join(t.text for t in part[:-1])) for part in parts]

    def _ternary(self, node: Node) -> Value:
        condition, yes, no = node.parts
        self._value(condition)
        with self._given(bounds_when(condition, True, self._bits)):
            first = self._value(yes)
        with self._given(bounds_when(condition, False, self._bits)):
            second = self._value(no)
        return Value(first.bits | second.bits, first.struct or second.struct, plain=first.plain and second.plain)

    def _prefix(self, node: Node) -> Value:
        of = self._value(node.parts[0])
        if node.text == "-":
            if of.bits & LOW:
                self._report(node, of.bits)
                return NOTHING
            return Value(LOW if of.bits else 0, plain=of.plain)
        if node.text in ("++", "--"):
            return self._postfix(node)
        return NOTHING if node.text == "!" else of

    def _postfix(self, node: Node) -> Value:
        of = self._value(node.parts[0])
        if of.bits & (HIGH if node.text == "++" else LOW):
            self._report(node, of.bits)
        return of

    def _binary(self, node: Node) -> Value:
        left = self._value(node.parts[0])
        if node.text in ("&&", "||"):
            with self._given(bounds_when(node.parts[0], node.text == "&&", self._bits)):
                self._value(node.parts[1])
            return NOTHING
        right = self._value(node.parts[1])
        if not (left.plain and right.plain):
            return Value(plain=False)
        if node.text in ("/", "%") and self.bounds.get(key_of(node.parts[1]), 0) & NOT_MINUS_ONE:
            return Value(left.bits if node.text == "/" else right.bits)
        return Value(self._arithmetic(node, node.text, left.bits, right.bits))

    def _arithmetic(self, node: Node, operator: str, left: int, right: int) -> int:
        both = left | right
        if operator == "-" and both == HIGH:  # of what is bounded below
            return (left and HIGH) | (right and LOW)
        if operator == "+" and both == LOW and not left & right:  # a negative index and a size
            return LOW
        if operator in ("+", "-", "*", "<<"):
            if both:
                self._report(node, both)
            return 0
        if operator in ("/", "%") and left & LOW and right & LOW:  # -2^63 / -1
            self._report(node, both)
        if operator == "/":
            return 0 if node.parts[1].kind == "number" else left
        return right if operator == "%" else left & right if operator == "&" else both if operator in "|^" else 0

    def _assign(self, node: Node) -> Value:
        target, source = node.parts
        if target.kind == "binary":  # `a ? b : c = d` and other things that are not understood
            return NOTHING
        old = self._value(target)
        if source.kind == "brace" and not source.text and old.struct:
            self._make(old.struct, source.parts)
            return NOTHING
        value = self._value(source)
        if node.text == "=":
            self._write(target, value)
        elif old.plain and value.plain:
            self._write(target, Value(self._arithmetic(node, node.text[:-1], old.bits, value.bits)), adding=True)
        return value

    def _write(self, target: Node, value: Value, adding: bool = False) -> None:
        if target.kind in ("index", "prefix"):
            self._write(target.parts[0], value, True)
        elif target.kind == "name" and target.text in self.locals:
            old = self.locals[target.text]
            keeps = adding or self.depths.get(target.text, 0) < self.depth
            self.locals[target.text] = replace(old, bits=(value.bits if old.plain else 0) | (old.bits if keeps else 0))
            self.bounds.pop(target.text, None)
        elif target.kind == "name" and self.owner:
            self.facts.write(self.owner, target.text, value.bits)
        elif target.kind == "member":
            of = self._value(target.parts[0])
            if of.struct:
                self.facts.write(of.struct, target.text, value.bits)

    # ---- calls ----------------------------------------------------------------------------------------------------

    def _call(self, node: Node) -> Value:
        callee, arguments = node.parts[0], node.parts[1:]
        if callee.kind == "member":
            return self._method(callee, arguments)
        if callee.kind != "name":
            self._value(callee)
            self._union(arguments)
            return NOTHING
        name, scope = callee.text.rpartition("::")[2], callee.text.rpartition("::")[0]
        if name in CASTS:
            return self._cast(callee, arguments)
        if scope == "ops":  # ops check what they are given
            self._union(arguments)
            return NOTHING
        if callee.text in self.locals and (body := self.locals[callee.text].body):
            return self._call_lambda(body, arguments)
        if scope.endswith("checked") and name != "within":
            return Value(FREE if self._union(arguments) else 0)
        if name in FOREIGN:
            return Value(FREE)
        if name in READING or callee.text in READING:
            return self._reading(callee, arguments)
        return self._by_name(name, arguments)

    def _reading(self, callee: Node, arguments: Sequence[Node]) -> Value:
        bits = self._union(arguments)
        return Value(FREE if is_integer(callee.template) else bits)

    def _by_name(self, name: str, arguments: Sequence[Node]) -> Value:
        if name in ("min", "max"):
            return self._extreme(name, arguments)
        if name in BOUNDING:
            self._union(arguments)
            return NOTHING
        if name in PASSING:
            return Value(self._union(arguments))
        if name in self.facts.structs:
            struct = self.facts.struct_in(name, self.function.path)
            assert struct is not None
            self._make(struct, arguments)
            return Value(0, struct)
        if name in FILLING or name in ADJUSTING:
            for argument in arguments:
                if argument.kind == "prefix" and argument.text == "&":
                    self._write(argument.parts[0], Value(FREE if name in FILLING else 0), name in FILLING)
            return NOTHING
        return self._hand_on(name, "", arguments)

    def _cast(self, callee: Node, arguments: Sequence[Node]) -> Value:
        bits = self._union(arguments)
        words = set(callee.template.split())
        integer = is_integer(callee.template) or words & {"int", "long", "size_t", "int32_t"}
        return Value(bits if integer else 0, plain=bool(integer))

    def _extreme(self, name: str, arguments: Sequence[Node]) -> Value:
        """The smaller of what is free and what is not is bounded above."""
        each = [self._bits(argument) for argument in arguments]
        bits = 0
        for value in each:
            bits |= value
        side = HIGH if name == "min" else LOW
        return Value(bits if len(each) > 1 and all(value & side for value in each) else bits & ~side)

    def _method(self, callee: Node, arguments: Sequence[Node]) -> Value:
        of, name = self._value(callee.parts[0]), callee.text
        if name in GROWING:
            return self._grow(callee.parts[0], of, arguments)
        if name in READING and is_integer(callee.template):
            self._union(arguments)
            return Value(FREE)
        if name in PASSING:
            return Value(of.bits | self._union(arguments), of.struct)
        if of.foreign and not of.struct:
            self._union(arguments)
            return Value(foreign=True)
        return self._hand_on(name, of.struct.name if of.struct else "", arguments)

    def _grow(self, target: Node, of: Value, arguments: Sequence[Node]) -> Value:
        bits = 0
        for argument in arguments:
            if argument.kind == "brace" and not argument.text and of.struct:
                self._make(of.struct, argument.parts)
            else:
                bits |= self._bits(argument)
        self._write(target, Value(bits), adding=True)
        return NOTHING

    def _call_lambda(self, body: Node, arguments: Sequence[Node]) -> Value:
        owner = (self.function, body.begin)
        for parameter, argument in zip(self._lambda_parameters(body), arguments, strict=False):
            bits = self._bits(argument)
            if is_integer(parameter.type):
                self.facts.add(owner, parameter.name, bits)
        return Value(self.facts.free(owner, "return"))

    def _make(self, struct: Struct, arguments: Sequence[Node]) -> None:
        """An object of it: by its constructor, or field by field."""
        if any(function.owner == struct.name for function in self.facts.named.get(struct.name, ())):
            self._hand_on(struct.name, struct.name, arguments)
            return
        for variable, argument in zip(struct.fields, arguments, strict=False):
            inner = self.facts.struct_in(variable.type, self.function.path)
            if argument.kind == "brace" and not argument.text and inner:
                self._make(inner, argument.parts)
            elif argument.kind == "assign":  # .field = value
                self._value(argument)
            else:
                self.facts.write(struct, variable.name, self._bits(argument))
        for argument in arguments[len(struct.fields) :]:
            self._value(argument)

    def _hand_on(self, name: str, owner: str, arguments: Sequence[Node]) -> Value:
        values = [self._value(argument) for argument in arguments]
        bits, struct = 0, None
        for callee in self.facts.callees(name, owner, len(arguments), self.function.path):
            for parameter, argument, value in zip(callee.parameters, arguments, values, strict=False):
                if is_integer(parameter.type):
                    self.facts.add(callee, parameter.name, value.bits)
                elif argument.kind == "brace" and not argument.text:
                    made = self.facts.struct_in(parameter.type, callee.path)
                    if made:
                        self._make(made, argument.parts)
            bits |= self.facts.free(callee, "return")
            struct = struct or self.facts.struct_in(callee.result, callee.path)
        return Value(bits, struct)

    def _report(self, node: Node, bits: int) -> None:
        text = " ".join(token.text for token in self.tokens[node.begin : node.end])
        line = self.tokens[node.begin].line
        sides = SIDES.get(bits, "on both sides")
        self.findings.add(Finding(self.function.path, line, self.function.name, text, sides))
