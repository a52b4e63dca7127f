"""Constraints to C++ statements that refuse a call with a message naming every value that matters."""

from __future__ import annotations

from collections.abc import Iterator

from ..facets import Constraint, Op
from .cpp import cpp_name, cpp_string, emit
from .parse import parse_rule
from .tree import (
    Attribute,
    Call,
    Compare,
    Comprehension,
    Conditional,
    Constant,
    Index,
    IsNone,
    Logical,
    Name,
    RuleType,
    Term,
)

_PRINTABLE = frozenset(RuleType) - {RuleType.NONE, RuleType.STRS, RuleType.DTYPES, RuleType.OBJECT, RuleType.OPERAND}


def emit_check(op: Op, constraint: Constraint) -> list[str]:
    """Statements of one constraint; each part of an `and` is checked on its own, so that the message is about it."""
    term = parse_rule(constraint.rule, op.schema)
    parts = term.items if isinstance(term, Logical) and term.operator == "and" else (term,)
    return [_statement(op, constraint, part) for part in parts]


def _statement(op: Op, constraint: Constraint, part: Term) -> str:
    sentence = constraint.sentence or f"expected {part.text}"
    details = "".join(_details(part))
    refusal = f"Refusal({cpp_string(op.display_name)}, {_status(part)}, {cpp_string(sentence)}){details}.error()"
    return f"if (__builtin_expect(!({emit(part)}), 0)) throw {refusal};"


def _status(part: Term) -> str:
    attributes = {term.name for term in part.walk() if isinstance(term, Attribute)}
    attributes |= {"dtype" for term in part.walk() if term.type is RuleType.DTYPE}
    if "dtype" in attributes:
        return "TW_E_TYPE"
    return "TW_E_SHAPE" if attributes & {"shape", "ndim", "numel"} else "TW_E_VALUE"


def _details(part: Term) -> Iterator[str]:
    evaluated = list(_evaluated(part))
    tensors: dict[str, str] = {}
    for term in evaluated:
        for inner in term.walk():
            if isinstance(inner, Attribute) and inner.name in ("shape", "ndim", "numel"):
                owner = inner.value
                if isinstance(owner, Name) and not owner.bound:
                    tensors[owner.name] = f".tensor({cpp_string(owner.name)}, {cpp_name(owner.name)})"
    yield from tensors.values()
    seen: set[str] = set()
    for term in evaluated:
        if term.text in seen or _is_shown(term, tensors) or not _is_free(term):
            continue
        seen.add(term.text)
        yield f".term({cpp_string(term.text)}, {emit(term)})"


def _is_shown(term: Term, tensors: dict[str, str]) -> bool:
    """`self.shape` when the message already says `self is [2, 3]`."""
    return (
        isinstance(term, Attribute) and term.name == "shape" and isinstance(term.value, Name)
        and term.value.name in tensors
    )  # fmt: skip


def _is_free(term: Term) -> bool:
    return not any(isinstance(inner, Name) and inner.bound for inner in term.walk())


def _evaluated(term: Term) -> Iterator[Term]:
    """The printable terms that have certainly been evaluated once the rule is false."""
    if isinstance(term, (Constant, IsNone)):
        return
    if isinstance(term, (Attribute, Index, Name)):
        if term.type in _PRINTABLE:
            yield term
    elif isinstance(term, Call):
        if term.type in _PRINTABLE and term.type is not RuleType.BOOL and term.function != "range":
            yield term
        else:
            yield from _children(term)
    elif isinstance(term, Logical) and term.operator == "and":
        yield from _evaluated(term.items[0])
    elif isinstance(term, Conditional):
        yield from _evaluated(term.condition)
    elif isinstance(term, Comprehension):
        yield from _evaluated(term.source)
    elif isinstance(term, Compare) and len(term.operators) > 1:
        yield from _evaluated(term.left)
        yield from _evaluated(term.rights[0])
    else:
        yield from _children(term)


def _children(term: Term) -> Iterator[Term]:
    for child in term.children():
        yield from _evaluated(child)
