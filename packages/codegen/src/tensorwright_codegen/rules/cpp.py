"""Rules to C++ over the functions of csrc/dispatch/rules.h."""

from __future__ import annotations

import json

from .functions import FUNCTIONS
from .tree import (
    Attribute,
    Binary,
    Call,
    Compare,
    Comprehension,
    Conditional,
    Constant,
    Index,
    IsNone,
    ListTerm,
    Logical,
    Name,
    Negate,
    Not,
    RuleType,
    Slice,
    Term,
)

_DTYPE_PREFIXES = (("bfloat", "BFloat"), ("uint", "UInt"), ("int", "Int"), ("float", "Float"), ("complex", "Complex"))
_KEYWORDS = frozenset(
    {"and", "or", "not", "xor", "default", "this", "new", "delete", "operator", "register", "signed", "template"}
)
_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "//": "floor_div", "%": "floor_mod"}


def cpp_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def cpp_name(name: str) -> str:
    """An argument's name in C++."""
    return name + "_" if name in _KEYWORDS else name


def cpp_dtype(name: str) -> str:
    if name == "bool":
        return "kBool"
    prefix, word = next(pair for pair in _DTYPE_PREFIXES if name.startswith(pair[0]))
    return f"k{word}{name[len(prefix) :]}"


def emit(term: Term) -> str:
    """A C++ expression of the term's value."""
    result: str = globals()[f"_{type(term).__name__.lower()}"](term)
    return result


def emit_number(term: Term) -> str:
    """A number that C++ may compare and calculate with."""
    return f"{emit(term)}.real()" if term.type is RuleType.SCALAR else emit(term)


def _constant(term: Constant) -> str:
    if term.type is RuleType.DTYPE:
        return cpp_dtype(str(term.value))
    if term.type is RuleType.STR:
        return f"std::string_view({cpp_string(str(term.value))})"
    if isinstance(term.value, bool):
        return "true" if term.value else "false"
    if isinstance(term.value, int):
        return f"int64_t{{{term.value}}}"
    return repr(term.value)


def _name(term: Name) -> str:
    name = cpp_name(term.name)
    return f"(*{name})" if term.optional and term.type is not RuleType.TENSOR else name


def _attribute(term: Attribute) -> str:
    return f"rules::{term.name}_of({emit(term.value)})"


def _index(term: Index) -> str:
    return f"rules::at({emit(term.value)}, {emit(term.index)}, {cpp_string(term.text)})"


def _slice(term: Slice) -> str:
    start = "int64_t{0}" if term.start is None else emit(term.start)
    stop = "rules::kEnd" if term.stop is None else emit(term.stop)
    return f"rules::slice({emit(term.value)}, {start}, {stop})"


def _listterm(term: ListTerm) -> str:
    return f"Dims{{{', '.join(map(emit, term.items))}}}"


def _call(term: Call) -> str:
    if term.function in ("min", "max") and len(term.args) > 1:
        return _extremum(term)
    optional = FUNCTIONS[term.function].optional if term.function in FUNCTIONS else ()
    promoted = term.function == "promote"
    args = [emit_optional(arg) if promoted or i in optional else emit(arg) for i, arg in enumerate(term.args)]
    return f"rules::{term.function}({', '.join(args)})"


def _extremum(term: Call) -> str:
    result, *rest = map(emit_number, term.args)
    kind = "double" if term.type is RuleType.FLOAT else "int64_t"
    for item in rest:
        result = f"rules::{term.function}<{kind}>({result}, {item})"
    return result


def emit_optional(term: Term) -> str:
    """An optional argument handed on as it is."""
    return cpp_name(term.name) if isinstance(term, Name) and term.optional else emit(term)


def _binary(term: Binary) -> str:
    if term.type is RuleType.INTS:
        return f"rules::{'concat' if term.operator == '+' else 'repeated'}({emit(term.left)}, {emit(term.right)})"
    left, right = emit_number(term.left), emit_number(term.right)
    if term.type is RuleType.INT:
        return f"rules::{_ARITHMETIC[term.operator]}({left}, {right})"
    if term.operator in ("//", "%"):
        return f"rules::{_ARITHMETIC[term.operator]}(double({left}), double({right}))"
    return f"(double({left}) {term.operator} double({right}))"


def _negate(term: Negate) -> str:
    return f"(-{emit_number(term.value)})"


def _not(term: Not) -> str:
    return f"!({emit(term.value)})"


def _logical(term: Logical) -> str:
    joined = (" && " if term.operator == "and" else " || ").join(map(emit, term.items))
    return f"({joined})"


def _isnone(term: IsNone) -> str:
    name = cpp_name(term.value.name)
    return f"rules::has_value({name})" if term.negated else f"!rules::has_value({name})"


def _compare(term: Compare) -> str:
    lefts = (term.left, *term.rights[:-1])
    pairs = [_comparison(left, op, right) for left, op, right in zip(lefts, term.operators, term.rights, strict=True)]
    return pairs[0] if len(pairs) == 1 else f"({' && '.join(pairs)})"


def _comparison(left: Term, symbol: str, right: Term) -> str:
    if symbol in ("in", "not in"):
        return _membership(left, symbol == "not in", right)
    if left.type is RuleType.INTS:
        return f"{'' if symbol == '==' else '!'}rules::equal({emit(left)}, {emit(right)})"
    a, b = emit_number(left), emit_number(right)
    if RuleType.INT in (left.type, right.type) and RuleType.BOOL in (left.type, right.type):
        a, b = f"int64_t({a})", f"int64_t({b})"
    elif left.type.is_number and left.type is not right.type:
        a, b = f"double({a})", f"double({b})"
    return f"({a} {symbol} {b})"


def _membership(left: Term, negated: bool, right: Term) -> str:
    if isinstance(right, ListTerm):
        tests = " || ".join(f"{emit_number(left)} == {emit(item)}" for item in right.items)
        return f"{'!' if negated else ''}({tests or 'false'})"
    return f"{'!' if negated else ''}rules::contains({emit(right)}, {emit(left)})"


def _conditional(term: Conditional) -> str:
    then, otherwise = emit(term.then), emit(term.otherwise)
    if term.type is RuleType.INTS:
        then, otherwise = f"Dims({then})", f"Dims({otherwise})"
    elif term.type.is_number:
        kind = {RuleType.INT: "int64_t", RuleType.FLOAT: "double", RuleType.BOOL: "bool"}[term.type]
        then, otherwise = f"{kind}({emit_number(term.then)})", f"{kind}({emit_number(term.otherwise)})"
    return f"({emit(term.condition)} ? {then} : {otherwise})"


def _comprehension(term: Comprehension) -> str:
    item = "TensorRef" if term.source.type is RuleType.TENSORS else "int64_t"
    variable = cpp_name(term.variable)
    condition = "true" if term.condition is None else emit(term.condition)
    name = {"list": "collect", "all": "all_of", "any": "any_of"}.get(term.function, f"{term.function}_of")
    element = f"[&]([[maybe_unused]] {item} {variable}) {{ return {emit(term.element)}; }}"
    filter_ = f", [&]([[maybe_unused]] {item} {variable}) {{ return {condition}; }}" if term.condition else ""
    return f"rules::{name}({emit(term.source)}, {element}{filter_})"
