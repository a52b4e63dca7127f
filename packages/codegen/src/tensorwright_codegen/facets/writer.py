"""Ops back to facet text: `read_op(parse_yaml(write_op(op))) == op`."""

from __future__ import annotations

from typing import Any

import yaml

from .model import Expression, Kind, Op, Rule


def write_op(op: Op) -> str:
    """The facet entry of an op."""
    entry: dict[str, Any] = {"op": op.name, "schema": str(op.schema), "kind": op.kind.value}
    optional: dict[str, Any] = {
        "variants": list(op.variants),
        "operator": op.operator,
        "where": [_constraint(c.rule, c.sentence) for c in op.where],
        "shape": _texts(op.shape),
        "dtype": _texts(op.dtype),
        **(_expression(op.expression, op.kind) if op.expression else {}),
        "doc": op.doc,
        "formula": op.formula,
        "example": op.example,
        "varargs": op.varargs,
        "aliases": list(op.aliases),
        "tags": list(op.tags),
        "revision": op.revision,
        "samples": [dict(sample.args) for sample in op.samples],
    }
    entry |= {key: value for key, value in optional.items() if value not in (None, [], 0)}
    text: str = yaml.safe_dump([entry], sort_keys=False, width=100000, allow_unicode=True)
    return text


def _constraint(rule: Rule, sentence: str | None) -> Any:
    return rule.text if sentence is None else {rule.text: sentence}


def _texts(rules: tuple[Rule, ...]) -> Any:
    texts = [rule.text for rule in rules]
    return texts[0] if len(texts) == 1 else texts


def _expression(expression: Expression, kind: Kind) -> dict[str, Any]:
    return {
        "map" if kind is Kind.REDUCTION else "expression": _texts(expression.results),
        "combine": expression.combine,
        "compute": list(expression.compute),
        "operand_types": dict(expression.operand_types) or None,
        "result": list(expression.result_types) if set(expression.result_types) != {"T"} else None,
    }
